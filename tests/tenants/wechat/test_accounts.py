"""A stored account becomes credentials inside its scope and a client outside."""

import uuid

import pytest
from pytest_django import Settings

from tenants.models import Tenant, WeChatAccount
from tenants.scope import scope
from tenants.wechat.accounts import credentials_of, wecom_client_for

from .conftest import SECRET, Provider


@pytest.fixture
def shop() -> Tenant:
    name = f"account-{uuid.uuid4().hex[:12]}"
    return Tenant.objects.create(name=name, slug=name)


def test_an_account_calls_where_the_settings_point(
    shop: Tenant, provider: Provider, settings: Settings
) -> None:
    settings.WECHAT_BASE_URL = provider.url
    with scope(shop):
        account = WeChatAccount.objects.create(
            kind="wecom", name="corp", app_id="wwcorp", agent_id="5", secret=SECRET
        )
        credentials = credentials_of(account)

    with wecom_client_for(credentials) as client:
        client.call("get", "externalcontact/get_follow_user_list", repeatable=True)

    (fetched,) = provider.calls("gettoken")
    assert fetched.query == {"corpid": "wwcorp", "corpsecret": SECRET}
    assert credentials.redis_prefix == f"scrm:t{shop.pk}:wechat:{account.pk}"
    assert SECRET not in repr(credentials)


def test_an_official_account_is_no_wecom_account(shop: Tenant) -> None:
    with scope(shop):
        account = WeChatAccount.objects.create(kind="oa", name="oa", app_id="wx", secret=SECRET)
        credentials = credentials_of(account)

    with pytest.raises(TypeError):
        wecom_client_for(credentials)
