"""Finding people by half a name, pinyin, or the end of a phone number."""

from __future__ import annotations

import pytest

from contacts import search
from contacts.models import Contact, ContactToken
from tenants.models import Tenant
from tests.conftest import Business


@pytest.mark.parametrize(
    ("name", "tokens"),
    [
        ("张欣怡", ["张欣", "欣怡", "zhangxinyi", "xinyi", "zxy"]),
        ("曾伟", ["曾伟", "zengwei", "wei", "zw"]),
        ("李", ["李", "li"]),
        ("Tom O'Neil", ["tom", "o", "neil"]),
        ("Amy 王", ["amy", "王", "wang"]),
        ("ＡＢＣ有限", ["abc", "有限", "youxian", "xian", "yx"]),
        ("🌹小雨~", ["小雨", "xiaoyu", "yu", "xy"]),
        ("吕布", ["吕布", "lvbu", "bu", "lb"]),
        ("", []),
        ("😀", []),
    ],
)
def test_tokens(name: str, tokens: list[str]) -> None:
    assert search.tokens_of(name) == tokens


def test_tokens_stay_few_and_short() -> None:
    tokens = search.tokens_of("word " * 20 + "长" * 100)

    assert len(tokens) <= search.MOST
    assert max(len(token) for token in tokens) <= search.LONGEST


def test_the_end_of_a_phone_is_a_token_that_only_the_tenant_can_make(
    business: Business, other_business: Business
) -> None:
    with business.scope():
        (token,) = search.tokens_of("", "+8613812345678")
        assert search.tokens_of("", "+862087655678") == [token]
        assert search.tokens_of("", "+8613812345679") != [token]
        assert search.tokens_of("", "123") == []
    with other_business.scope():
        assert search.tokens_of("", "+8613812345678") != [token]

    assert "5678" not in token
    assert len(token) <= search.LONGEST


@pytest.fixture
def people(tenant: Tenant) -> dict[str, Contact]:
    rows = {
        "zhang": Contact(name="张欣怡", phone="+8613812345678", external_id="C-1"),
        "ouyang": Contact(name="欧阳欣怡", phone="+8613900005678"),
        "wang": Contact(name="王伟", phone="+862087654321"),
        "tom": Contact(name="Tom Zhang", external_id="5678"),
    }
    for row in rows.values():
        row.save()
    search.reindex([row.pk for row in rows.values()])
    return rows


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("欣怡", ["ouyang", "zhang"]),
        ("张欣怡", ["zhang"]),
        ("欧阳欣", ["ouyang"]),
        ("张", ["zhang"]),
        ("王伟", ["wang"]),
        ("怡欣", []),
        ("zhangxinyi", ["zhang"]),
        ("ZhangXin", ["zhang"]),
        ("zxy", ["zhang"]),
        ("zhang", ["tom", "zhang"]),
        ("xinyi", ["zhang"]),
        ("tom", ["tom"]),
        ("tom zhang", ["tom"]),
        ("5678", ["ouyang", "tom", "zhang"]),
        ("13812345678", ["zhang"]),
        ("+86 138 1234 5678", ["zhang"]),
        ("020-87654321", ["wang"]),
        ("C-1", ["zhang"]),
        ("c-1", []),
        ("%", []),
        ("'; DROP TABLE", []),
        (" ", ["ouyang", "tom", "wang", "zhang"]),
    ],
)
def test_search_finds(people: dict[str, Contact], text: str, found: list[str]) -> None:
    ids = set(search.filter(Contact.objects.all(), text).values_list("id", flat=True))

    assert sorted(name for name, row in people.items() if row.pk in ids) == found


def test_search_narrows_a_list_that_is_narrowed_already(people: dict[str, Contact]) -> None:
    only = Contact.objects.filter(external_id="C-1")

    assert list(search.filter(only, "欣怡")) == [people["zhang"]]


def test_a_new_name_replaces_the_old_tokens(people: dict[str, Contact]) -> None:
    contact = people["zhang"]
    contact.name, contact.phone = "张小雨", None
    contact.save()

    search.reindex([contact.pk])

    tokens = ContactToken.objects.filter(contact=contact).values_list("token", flat=True)
    assert sorted(tokens) == ["xiaoyu", "zhangxiaoyu", "zxy", "小雨", "张小"]
