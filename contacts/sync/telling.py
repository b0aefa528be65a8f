"""How is WeCom told something about one member's customer?"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from django.utils.translation import gettext as _

from tenants.scope import scope
from tenants.wechat import accounts
from tenants.wechat.client import WeComClient
from tenants.wechat.credentials import Credentials
from tenants.wechat.errors import NotACustomer, Terminal, Unauthorised, WeChatError


def tell(
    tenant_id: int,
    credentials: Credentials,
    external_userids: Iterable[str],
    call: Callable[[WeComClient, str], object],
    settle: Callable[[WeChatError | None], object],
) -> None:
    """Outside any scope: `call` for the customer; then `settle`, in a scope, with what went wrong.

    A person may have several accounts: the first that is this member's customer is meant. Without
    any account nothing was told: it was merged or deleted since it was asked for.
    """
    known = list(external_userids)
    error: WeChatError | None = None
    try:
        if not known:
            raise Terminal(_("We know no WeCom account of this customer."))
        with accounts.wecom_client_for(credentials) as client:
            for external_userid in known:
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
