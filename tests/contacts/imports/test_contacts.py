"""Files of contacts (FIGURES R8–R11, R24, R39, R44, R45)."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.db import connection

from contacts import reach, search
from contacts.imports import attempt
from contacts.imports.rows import Batch
from contacts.models import (
    Channel,
    Contact,
    ContactTag,
    ContactToken,
    Event,
    Follow,
    ReachSpell,
    Tag,
)
from tenants.models import Staff
from tests.conftest import Business
from tests.contacts.imports.conftest import Load, counts, reasons

HEAD = "external_id,name,phone,email,gender,birthday,channel,acquired_at,owner,tags,referrer,city\n"
FULL = (
    HEAD + "C1,张欣怡,13800138000,a@b.cn,女,1990-01-02,抖音,2024-01-05 09:00,zhang,VIP;老客,,北京\n"
)


def test_a_whole_row(business: Business, load: Load) -> None:
    job = load("contacts", FULL)

    assert counts(job) == (1, 0, 0, 0)
    at = datetime(2024, 1, 5, 1, 0, tzinfo=UTC)  # 09:00 in Shanghai
    with business.scope():
        contact = Contact.objects.select_related("owner", "channel").get()
        assert contact.channel and contact.owner
        assert (contact.external_id, contact.name, contact.phone) == (
            "C1",
            "张欣怡",
            "+8613800138000",
        )
        assert (contact.email, contact.gender, str(contact.birthday)) == (
            "a@b.cn",
            "female",
            "1990-01-02",
        )
        assert (contact.channel.name, contact.owner.userid) == ("抖音", "zhang")
        assert (contact.source, contact.sourced_at, contact.acquired_at) == ("import", at, at)
        assert contact.custom == {"city": "北京"}
        taggings = ContactTag.objects.select_related("tag")
        assert {(t.tag.name, t.by) for t in taggings} == {
            ("VIP", f"import:{job.pk}"), ("老客", f"import:{job.pk}"),
        }  # fmt: skip
        follow, spell, event = Follow.objects.get(), ReachSpell.objects.get(), Event.objects.get()
        assert (follow.staff.userid, follow.opened_at, follow.ended_at) == ("zhang", at, None)
        assert (spell.staff_id, spell.opened_at, spell.ended_at) == (follow.staff_id, at, None)
        assert (event.kind, event.at, event.properties) == ("follow.opened", at, {"staff": "zhang"})
        tokens = set(ContactToken.objects.values_list("token", flat=True))
        assert tokens == set(search.tokens_of("张欣怡", "+8613800138000"))


def test_the_same_file_again_rewrites_nothing(business: Business, load: Load) -> None:
    load("contacts", FULL)
    before = _versions(business)

    assert counts(load("contacts", FULL)) == (0, 0, 1, 0)
    assert _versions(business) == before


def _versions(business: Business) -> list[object]:
    """Where each row lies and which transaction wrote it."""
    models = (Contact, ContactTag, ContactToken, Event, Follow, ReachSpell, Channel, Staff, Tag)
    found: list[object] = []
    with business.scope(), connection.cursor() as cursor:
        for model in models:
            table = model._meta.db_table
            cursor.execute(f"SELECT %s, ctid::text, xmin::text FROM {table}", [table])
            found += cursor.fetchall()
    return found


def test_blank_cells_keep_what_is_stored(business: Business, load: Load) -> None:
    load("contacts", FULL)

    assert counts(load("contacts", HEAD + "C1,,,,,,,,,,,\n")) == (0, 0, 1, 0)
    assert counts(load("contacts", HEAD + "C1,张三,,,,,,,,新,,\n")) == (0, 1, 0, 0)

    with business.scope():
        contact = Contact.objects.get()
        assert (contact.name, contact.phone, contact.custom) == (
            "张三",
            "+8613800138000",
            {"city": "北京"},
        )
        assert set(contact.tags.values_list("name", flat=True)) == {"VIP", "老客", "新"}
        tokens = set(ContactToken.objects.values_list("token", flat=True))
        assert tokens == set(search.tokens_of("张三", "+8613800138000"))
        kinds = list(Event.objects.order_by("kind").values_list("kind", flat=True))
        assert kinds == ["contact.changed", "follow.opened", "tag.added"]
        assert Event.objects.get(kind="contact.changed").properties == {"fields": ["name"]}


def test_owner_and_time_only_together_open_a_route(business: Business, load: Load) -> None:
    load("contacts", HEAD + "A,甲,,,,,,2024-01-05,,,,\nB,乙,,,,,,,li,,,\n")

    with business.scope():
        a, b = Contact.objects.order_by("external_id")
        assert (a.owner_id, a.acquired_at) == (None, None)
        assert b.owner and (b.owner.userid, b.acquired_at) == ("li", None)
        assert not Follow.objects.exists() and not ReachSpell.objects.exists()
        assert set(Event.objects.values_list("kind", flat=True)) == {"contact.created"}


def test_a_later_file_opens_the_route_of_a_known_contact(business: Business, load: Load) -> None:
    load("contacts", HEAD + "A,甲,,,,,,,,,,\n")

    assert counts(load("contacts", HEAD + "A,,,,,,,2024-03-01,li,,,\n")) == (0, 1, 0, 0)
    assert counts(load("contacts", HEAD + "A,,,,,,,2024-02-01,wang,,,\n")) == (0, 1, 0, 0)
    assert counts(load("contacts", HEAD + "A,,,,,,,2024-02-01,wang,,,\n")) == (0, 0, 1, 0)

    with business.scope():
        contact = Contact.objects.get()
        assert contact.owner and contact.owner.userid == "wang"
        assert contact.acquired_at == datetime(2024, 1, 31, 16, tzinfo=UTC)
        assert set(Follow.objects.values_list("staff__userid", flat=True)) == {"li", "wang"}


def test_what_is_written_is_what_reach_derives(business: Business, load: Load) -> None:
    load("contacts", FULL + "C2,李四,,,,,,2024-02-01,li,,,\n")
    before = _versions(business)

    with business.scope():
        reach.rebuild(Contact.objects.values_list("id", flat=True))
        search.reindex(Contact.objects.values_list("id", flat=True))

    assert _versions(business) == before


def test_unknown_staff_channels_and_tags_are_made_once(business: Business, load: Load) -> None:
    with business.scope():
        Channel.objects.create(name="抖音")
        staff = Staff.objects.count()

    load("contacts", "external_id,channel,owner,tags\nA, 抖音 ,x1,a；b;a\nB,微博,x1,b\nC,,,;\n")

    with business.scope():
        assert set(Channel.objects.values_list("name", flat=True)) == {"抖音", "微博"}
        assert Staff.objects.count() == staff + 1
        assert Contact.objects.get(external_id="A").tags.count() == 2
        assert Contact.objects.get(external_id="C").channel_id is None


def test_a_later_file_never_changes_the_channel(business: Business, load: Load) -> None:
    load("contacts", "external_id,channel\nA,one\nB,\n")

    assert counts(load("contacts", "external_id,channel\nA,two\nB,two\n")) == (0, 0, 2, 0)

    with business.scope():
        names = Contact.objects.order_by("external_id").values_list("channel__name", flat=True)
        assert list(names) == ["one", None]


def test_referrers(business: Business, load: Load) -> None:
    job = load("contacts", "external_id,referrer\nA,B\nB,\nC,C\nD,nobody\nE,D\nF,G\nG,F\n")

    assert counts(job) == (4, 0, 0, 3)
    assert reasons(job) == [
        (4, "referrer", "self_referrer"),
        (5, "referrer", "unknown_referrer"),
        (6, "referrer", "unknown_referrer"),
    ]
    with business.scope():
        found = Contact.objects.order_by("external_id")
        assert list(found.values_list("external_id", "referrer__external_id", "source")) == [
            ("A", "B", "referral"), ("B", None, "import"), ("F", "G", "referral"),
            ("G", "F", "referral"),
        ]  # fmt: skip


def test_a_referrer_named_in_a_later_batch(
    business: Business, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempt, "BATCH", 2)

    job = load("contacts", "external_id,referrer\nA,F\nB,A\nC,X\nD,E\nE,\nF,B\nX,nobody\n")

    assert counts(job) == (5, 0, 0, 2)
    assert {line for line, _column, _code in reasons(job)} == {4, 8}
    with business.scope():
        referrer = Contact.objects.get(external_id="A").referrer
        assert referrer is not None and referrer.external_id == "F"


def test_a_referrer_is_set_once(business: Business, load: Load) -> None:
    load("contacts", "external_id,referrer\nA,\nB,\nC,\n")

    assert counts(load("contacts", "external_id,referrer\nA,B\n")) == (0, 1, 0, 0)
    assert counts(load("contacts", "external_id,referrer\nA,C\n")) == (0, 0, 1, 0)

    with business.scope():
        names = Contact.objects.filter(external_id="A").values_list("referrer__external_id")
        assert list(names) == [("B",)]


@pytest.mark.parametrize("batch", [1, 2, 20_000])
def test_the_later_row_of_a_key_wins(
    business: Business, load: Load, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    monkeypatch.setattr(attempt, "BATCH", batch)
    text = (
        "external_id,name,email,tags,acquired_at,owner,city\n"
        "A,one,a@b.cn,x,2024-01-01,li,北京\nB,other,,,,,\nA,two,,y,2024-02-01,wang,\nA,,,,,,上海\nA,,,,,,\n"
    )

    assert counts(load("contacts", text)) == (2, 2, 1, 0)
    assert counts(load("contacts", text)) == (0, 0, 5, 0)

    with business.scope():
        contact = Contact.objects.get(external_id="A")
        assert (contact.name, contact.email, contact.custom) == ("two", "a@b.cn", {"city": "上海"})
        assert set(contact.tags.values_list("name", flat=True)) == {"x", "y"}
        assert Follow.objects.count() == 2
        assert contact.acquired_at == datetime(2023, 12, 31, 16, tzinfo=UTC)


def test_a_bad_later_row_does_not_spoil_the_earlier_one(business: Business, load: Load) -> None:
    job = load("contacts", "external_id,name,referrer\nA,one,\nA,two,nobody\nA,three,A\nA,'=4,\n")

    assert counts(job) == (1, 1, 0, 2)
    assert {line for line, _c, _r in reasons(job)} == {3, 4}
    with business.scope():
        assert Contact.objects.get().name == "=4"


def test_a_phone_that_two_have_merges_nobody(business: Business, load: Load) -> None:
    assert counts(load("contacts", "external_id,phone\nA,13800138000\nB,13800138000\n"))[0] == 2


@pytest.mark.parametrize(
    ("column", "cell", "code"),
    [
        ("phone", "12345", "phone"),
        ("phone", "138\u200b00138000", "phone"),
        ("phone", "1" * 30, "phone"),
        ("email", "a@b", "email"),
        ("email", "a@@b.cn", "email"),
        ("gender", "x", "gender"),
        ("birthday", "1990/1/2", "date"),
        ("birthday", "2999-01-01", "future"),
        ("acquired_at", "2024/1/5", "time"),
        ("acquired_at", "45296", "time"),
        ("acquired_at", "2999-01-01", "future"),
        ("name", "x" * 101, "too_long"),
        ("name", "a\x00b", "control_character"),
        ("name", "a\x1bb", "control_character"),
        ("owner", "x" * 65, "too_long"),
        ("channel", "x" * 101, "too_long"),
        ("tags", "x" * 61, "too_long"),
    ],
)
def test_bad_cells(load: Load, column: str, cell: str, code: str) -> None:
    job = load("contacts", f"external_id,{column}\nA,{cell}\nB,\n")

    assert counts(job) == (1, 0, 0, 1)
    assert reasons(job) == [(2, column, code)]


@pytest.mark.parametrize(
    ("cell", "stored"),
    [
        ("138 0013-8000", "+8613800138000"),
        ("008613800138000", "+8613800138000"),
        ("１３８００１３８０００", "+8613800138000"),
        ("(010) 12345678", "+861012345678"),
        ("+44 20 7946 0958", "+442079460958"),
        ("'+8613800138000", "+8613800138000"),
    ],
)
def test_phones(business: Business, load: Load, cell: str, stored: str) -> None:
    load("contacts", f"external_id,phone\nA,{cell}\n")

    with business.scope():
        assert Contact.objects.get().phone == stored


@pytest.mark.parametrize(
    ("cell", "stored"),
    [
        ("女", "female"),
        ("male", "male"),
        ("Female", "female"),
        ("男", "male"),
        ("未知", ""),
        ("", ""),
    ],
)
def test_genders(business: Business, load: Load, cell: str, stored: str) -> None:
    load("contacts", f"external_id,gender\nA,{cell}\n")

    with business.scope():
        assert Contact.objects.get().gender == stored


def test_text_is_stored_as_typed(business: Business, load: Load) -> None:
    load(
        "contacts", 'external_id,name,备注\nA, 🎉 =SUM(A1) עברית\\N ,"two\nlines, ""quoted""\t\\"\n'
    )

    with business.scope():
        contact = Contact.objects.get()
        assert contact.name == " 🎉 =SUM(A1) עברית\\N "
        assert contact.custom == {"备注": 'two\nlines, "quoted"\t\\'}


def test_who_came_or_went_since_the_look_ahead_is_seen(
    business: Business, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    load("contacts", "external_id,phone\nA,13800000001\nB,13800000002\n")
    look_ahead = attempt.Attempt._prepare

    def and_then_it_changes(self: attempt.Attempt, batch: Batch) -> None:
        look_ahead(self, batch)
        with business.scope():
            Contact.objects.filter(external_id="A").delete()
            Contact.objects.create(external_id="C", name="quick")

    monkeypatch.setattr(attempt.Attempt, "_prepare", and_then_it_changes)

    again = load("contacts", "external_id,phone\nA,13800000011\nB,13800000012\nC,13800000013\n")

    assert counts(again) == (1, 2, 0, 0)
    with business.scope():
        phones = {each.external_id: each.phone for each in Contact.objects.all()}
        assert phones == {"A": "+8613800000011", "B": "+8613800000012", "C": "+8613800000013"}
        for name, digits in (("A", "0011"), ("B", "0012"), ("C", "0013")):
            found = search.filter(Contact.objects.all(), digits)
            assert [each.external_id for each in found] == [name]
        assert list(search.filter(Contact.objects.all(), "0002")) == []
