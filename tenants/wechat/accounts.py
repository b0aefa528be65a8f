"""How does a stored account become credentials, callback keys and a client?"""

from datetime import UTC, datetime
from functools import lru_cache
from typing import cast

from django.conf import settings
from redis import Redis
from redis.exceptions import RedisError

from tenants.models import WeChatAccount
from tenants.scope import scope
from tenants.wechat import breaker
from tenants.wechat.breaker import Standing
from tenants.wechat.callback import CallbackKeys
from tenants.wechat.client import Client, WeComClient, connect
from tenants.wechat.credentials import Credentials, Kind


def credentials_of(account: WeChatAccount) -> Credentials:
    """Needs the account's scope open, for the secret is sealed; the result does not."""
    return Credentials(
        kind=cast(Kind, account.kind),
        app_id=account.app_id,
        secret=account.secret,
        agent_id=account.agent_id or None,
        tenant_id=account.tenant_id,
        account_id=account.pk,
    )


def callback_keys_of(account: WeChatAccount) -> CallbackKeys:
    """Needs the account's scope open."""
    return CallbackKeys(
        kind=cast(Kind, account.kind),
        token=account.callback_token,
        aes_key=account.callback_aes_key,
        receive_id=account.app_id,
    )


def note(account_id: int, problem: str) -> None:
    """Inside the account's scope: why it cannot call, for the operator; "" when it can again."""
    rows = WeChatAccount.objects.filter(pk=account_id).exclude(problem=problem[:200])
    rows.update(problem=problem[:200])


def client_for(credentials: Credentials, *, always: bool = False) -> Client:
    """A client for one task; close it. Call it outside any scope: a scope is a transaction.

    What refuses the account as a whole is noted at the account. `always` goes past an open breaker:
    for checks that a person asked for.
    """

    def alert(problem: str) -> None:
        with scope(credentials.tenant_id):
            note(credentials.account_id, problem)

    return connect(
        credentials,
        shared_redis(),
        base_url=settings.WECHAT_BASE_URL,
        alert=alert,
        always=always,
    )


def standing(tenant_id: int, account_id: int) -> Standing:
    """Is the account to be left alone, and for how long? Not, as far as anybody knows, while Redis
    is away."""
    try:
        key = breaker.key(tenant_id, account_id)
        return breaker.look(shared_redis(), key, datetime.now(UTC))
    except RedisError:
        return Standing()


def wecom_client_for(credentials: Credentials) -> WeComClient:
    client = client_for(credentials)
    if not isinstance(client, WeComClient):
        raise TypeError("not a WeCom account")
    return client


@lru_cache(maxsize=1)
def shared_redis() -> Redis:
    return Redis.from_url(settings.REDIS_URL, socket_timeout=5, socket_connect_timeout=2)
