"""How is WeCom told something about one member's customer?"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from tenants.scope import scope
from tenants.wechat import accounts
from tenants.wechat.client import WeComClient
from tenants.wechat.credentials import Credentials
from tenants.wechat.errors import NotACustomer, Unauthorised, WeChatError


def tell(
    tenant_id: int,
    credentials: Credentials,
    external_userids: Iterable[str],
    call: Callable[[WeComClient, str], object],
    settle: Callable[[WeChatError | None], object],
) -> None:
    """Outside any scope: `call` for the customer; then `settle`, in a scope, with what went wrong.

    A person may have several accounts: the first that is this member's customer is meant.
    """
    error: WeChatError | None = None
    try:
        with accounts.wecom_client_for(credentials) as client:
            for external_userid in external_userids:
                try:
                    call(client, external_userid)
                    error = None
                    break
                except NotACustomer as stranger:
                    error = stranger
    except WeChatError as failure:
        error = failure
    with scope(tenant_id):
        if isinstance(error, Unauthorised):
            accounts.note(credentials.account_id, error.message)
        settle(error)
