"""contacts: what goes in, what comes out, who sees what."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from contacts.models import Consent, Contact, Event, Follow, ReachSpell
from tenants import auth, ids
from tenants.models import AuditEntry, Staff
from tenants.roles import Can
from tests.conftest import Business

URL = "/api/v1/contacts"


def make(business: Business, **values: Any) -> dict[str, Any]:
    answer = business.api().post(URL, values, format="json")
    assert answer.status_code == 201, answer.json()
    found: dict[str, Any] = answer.json()
    return found


def test_a_contact_is_made_shown_changed_and_deleted(business: Business) -> None:
    api = business.api()
    made = make(
        business,
        external_id="c-1",
        name="张欣怡",
        phone="138 0013 8000",
        email="a@example.com",
        gender="female",
        birthday="1990-05-01",
        channel="抖音",
        owner="sales1",
        tags=["VIP", "上海"],
        custom={"city": "上海"},
    )

    assert made["id"].isalnum()
    assert made["phone"] == "+8613800138000"  # this key may reveal
    assert (made["channel"], made["owner"], made["source"]) == ("抖音", "sales1", "api")
    assert sorted(made["tags"]) == ["VIP", "上海"]
    assert made["acquired_at"] is None  # an owner alone opens nothing (R8)
    assert api.get(f"{URL}/{made['id']}").json() == made

    changed = api.patch(
        f"{URL}/{made['id']}",
        {"name": "张欣", "phone": None, "tags": ["上海"], "custom": {"city": None, "job": "x"}},
        format="json",
    )
    assert changed.status_code == 200
    assert changed.json()["name"] == "张欣"
    assert changed.json()["phone"] is None
    assert changed.json()["tags"] == ["上海"]
    assert changed.json()["custom"] == {"job": "x"}
    assert changed.json()["email"] == "a@example.com"

    assert api.delete(f"{URL}/{made['id']}").status_code == 204
    assert api.get(f"{URL}/{made['id']}").status_code == 404
    with business.scope():
        assert AuditEntry.objects.filter(action="contact.deleted").count() == 1


def test_owner_with_acquired_at_opens_a_follow(business: Business) -> None:
    made = make(
        business, external_id="c-1", owner="guide-9", acquired_at="2025-03-01T10:00:00+08:00"
    )

    assert made["acquired_at"] == "2025-03-01T10:00:00+08:00"
    with business.scope():
        follow = Follow.objects.get()
        assert follow.staff.userid == "guide-9"
        assert follow.opened_at == datetime(2025, 3, 1, 2, tzinfo=UTC)
        assert ReachSpell.objects.count() == 1


def test_a_time_without_offset_is_of_the_tenants_zone(business: Business) -> None:
    made = make(business, external_id="c-1", owner="guide-9", acquired_at="2025-03-01 10:00")

    assert made["acquired_at"] == "2025-03-01T10:00:00+08:00"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("phone", "12345"),
        ("phone", 13800138000),
        ("email", "nobody"),
        ("gender", "other"),
        ("birthday", "1990/05/01"),
        ("birthday", "2190-05-01"),
        ("name", "x" * 101),
        ("name", "a\tb"),
        ("external_id", "x" * 65),
        ("external_id", ""),
        ("tags", "VIP"),
        ("tags", [1]),
        ("custom", []),
        ("custom", {"a": "x" * 20_000}),
        ("excluded", "yes"),
        ("acquired_at", "2025/03/01"),
        ("acquired_at", "2999-01-01"),
        ("balance", 1),
        ("tenant", 1),
        ("consent", [{"purpose": "spam", "granted": True}]),
    ],
)
def test_a_bad_value_is_named(business: Business, field: str, value: object) -> None:
    answer = business.api().post(URL, {"external_id": "c-1", field: value}, format="json")

    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["code"] == "invalid"
    assert [name.partition(".")[0] for name in error["fields"]] == [field]
    assert error["request_id"] == answer["X-Request-ID"]
    with business.scope():
        assert not Contact.objects.exists()


def test_nobody_sets_what_is_not_theirs(business: Business, other_business: Business) -> None:
    made = make(business, name="A")
    sent = {**made, "source": "live_code", "id": "x", "created_at": "2001-01-01T00:00:00Z"}
    del sent["acquired_at"]
    answer = business.api().patch(f"{URL}/{made['id']}", sent, format="json")

    assert answer.status_code == 200, answer.json()
    shown = answer.json()
    assert (shown["id"], shown["source"], shown["created_at"]) == (
        made["id"],
        "api",
        made["created_at"],
    )


def test_an_external_id_is_taken_once(business: Business) -> None:
    make(business, external_id="c-1")
    answer = business.api().post(URL, {"external_id": "c-1"}, format="json")

    assert answer.status_code == 409
    assert answer.json()["error"]["code"] == "duplicate"


def test_the_channel_of_the_first_touch_stays(business: Business) -> None:
    made = make(business, channel="抖音")
    api = business.api()

    refused = api.patch(f"{URL}/{made['id']}", {"channel": "小红书"}, format="json")
    assert refused.status_code == 400
    assert list(refused.json()["error"]["fields"]) == ["channel"]
    same = api.patch(f"{URL}/{made['id']}", {"channel": "抖音"}, format="json")
    assert same.status_code == 200


def test_consent_is_a_record_of_its_own(business: Business) -> None:
    made = make(business, name="A", consent=[{"purpose": "marketing", "granted": True}])
    assert [(c["purpose"], c["granted"]) for c in made["consent"]] == [("marketing", True)]

    withdrawn = business.api().patch(
        f"{URL}/{made['id']}",
        {"consent": [{"purpose": "marketing", "granted": False}]},
        format="json",
    )

    assert [(c["purpose"], c["granted"]) for c in withdrawn.json()["consent"]] == [
        ("marketing", False)
    ]
    with business.scope():
        assert Consent.objects.count() == 2


def test_phones_are_masked_without_the_scope_and_reveals_are_audited(business: Business) -> None:
    made = make(business, name="A", phone="13800138000")
    with business.scope():
        _key, plain = auth.make_key("plain", [Can.READ])
        before = AuditEntry.objects.filter(action="contact.revealed").count()

    assert business.api(plain).get(f"{URL}/{made['id']}").json()["phone"] == "138****8000"
    assert business.as_role("owner").get(f"{URL}/{made['id']}").json()["phone"] == "138****8000"
    revealed = business.as_role("owner").get(f"{URL}/{made['id']}?reveal=true")
    assert revealed.json()["phone"] == "+8613800138000"
    asked = business.as_role("operator").get(f"{URL}?reveal=true").json()
    assert asked["results"][0]["phone"] == "138****8000"

    with business.scope():
        seen = AuditEntry.objects.filter(action="contact.revealed")
        assert seen.count() == before + 1


def test_sales_see_their_own_customers_only(business: Business) -> None:
    mine = make(business, name="mine", owner="sales1")
    other = make(business, name="other", owner="admin1")
    business.api().post(
        "/api/v1/events",
        {"event_id": "e1", "contact": other["id"], "kind": "x.done", "at": "2025-01-01"},
        format="json",
    )
    sales = business.as_role("sales")

    assert [each["id"] for each in sales.get(URL).json()["results"]] == [mine["id"]]
    assert sales.get(f"{URL}/{other['id']}").status_code == 404
    assert sales.get(f"{URL}/{other['id']}/timeline").status_code == 404
    assert "x.done" not in {e["kind"] for e in sales.get("/api/v1/events").json()["results"]}
    assert sales.post(URL, {"name": "x"}, format="json").status_code == 403


def test_filters(business: Business) -> None:
    one = make(business, external_id="1", name="王伟", phone="13800131234", channel="抖音",
               owner="sales1", tags=["a", "b"], acquired_at="2025-01-10")  # fmt: skip
    two = make(business, external_id="2", name="李娜", tags=["b"], owner="admin1",
               acquired_at="2025-02-10")  # fmt: skip
    three = make(business, external_id="3", name="无名", tags=["c"], excluded=True)
    api = business.api()

    def ids_of(query: str) -> list[str]:
        answer = api.get(f"{URL}?{query}")
        assert answer.status_code == 200, answer.json()
        return [each["external_id"] for each in answer.json()["results"]]

    with business.scope():
        staff = ids.encode(Staff.objects.get(userid="sales1").pk)
    assert ids_of("") == ["2", "1", "3"]
    assert ids_of("ordering=acquired_at") == ["1", "2", "3"]
    assert ids_of("ordering=created_at") == ["1", "2", "3"]
    assert ids_of("tag=b") == ["2", "1"]
    assert ids_of("tag=a&tag=b") == ["1"]
    assert ids_of("any_tag=a,c") == ["1", "3"]
    assert ids_of("owner=sales1") == ids_of(f"owner={staff}") == ["1"]
    assert ids_of("owner=") == ["3"]
    assert ids_of("channel=抖音") == ["1"]
    assert ids_of("acquired_after=2025-02-01") == ["2"]
    assert ids_of("acquired_before=2025-02-10") == ["1"]
    assert ids_of("q=王伟") == ["1"]
    assert ids_of("q=1234") == ["1"]
    assert ids_of("excluded=true") == ["3"]
    assert ids_of("external_id=2") == ["2"]
    assert ids_of("tag=nothing") == []
    assert ids_of("segment=nothing") == []
    assert one["id"] != two["id"] != three["id"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("colour=red", "colour"),
        ("segments=x", "segments"),
        ("limit=0", "limit"),
        ("limit=x", "limit"),
        ("ordering=phone", "ordering"),
        ("cursor=abc", "cursor"),
        ("acquired_after=yesterday", "acquired_after"),
        ("owner=a&owner=b", "owner"),
        ("q=%00", "q"),
    ],
)
def test_a_bad_query_is_named(business: Business, query: str, field: str) -> None:
    answer = business.api().get(f"{URL}?{query}")

    assert answer.status_code == 400
    assert list(answer.json()["error"]["fields"]) == [field]


def test_unknown_and_foreign_ids_get_the_same_answer(
    business: Business, other_business: Business
) -> None:
    foreign = make(other_business, name="theirs")["id"]
    unknown = ids.encode(2**39)

    def answers(one: str) -> list[tuple[int, dict[str, Any]]]:
        api = business.api()
        got = [
            api.get(f"{URL}/{one}"),
            api.patch(f"{URL}/{one}", {"name": "x"}, format="json"),
            api.delete(f"{URL}/{one}"),
            api.get(f"{URL}/{one}/timeline"),
            api.post(URL, {"referrer": one}, format="json"),
            api.post(URL, {"owner": one}, format="json"),
            api.post(URL, {"channel": one}, format="json"),
            api.post(URL, {"tags": [one]}, format="json"),
            api.get(f"{URL}?owner={one}"),
        ]
        bodies = [each.json() for each in got]
        for body in bodies:
            body.get("error", {}).pop("request_id", None)
        return [(each.status_code, body) for each, body in zip(got, bodies, strict=True)]

    found = answers(foreign)
    assert found == answers(unknown)
    assert [number for number, _body in found] == [404, 404, 404, 404, 400, 400, 400, 400, 200]
    with other_business.scope():
        assert Contact.objects.get().name == "theirs"


def test_the_timeline_tells_the_story(business: Business) -> None:
    made = make(business, name="A", owner="sales1", acquired_at="2025-01-10", tags=["VIP"])
    api = business.api()
    first = api.get(f"{URL}/{made['id']}/timeline?limit=2").json()
    rest = api.get(f"{URL}/{made['id']}/timeline?limit=2&cursor={first['next']}").json()

    kinds = [each["kind"] for each in first["results"] + rest["results"]]
    assert sorted(kinds) == ["contact.created", "follow.opened", "tag.added"]
    assert kinds[0] == "tag.added"
    assert rest["next"] is None
    assert all(each["text"] for each in first["results"])
    only = api.get(f"{URL}/{made['id']}/timeline?kind=follow.opened").json()["results"]
    assert [each["properties"] for each in only] == [{"staff": "sales1"}]


def test_a_referrer_named_later_becomes_the_source_once(business: Business) -> None:
    make(business, external_id="bringer")
    make(business, external_id="other")
    make(business, external_id="brought")

    def bring(referrer: str) -> str:
        items = [{"external_id": "brought", "referrer": referrer}]
        answer = business.api().post(f"{URL}/bulk", {"items": items}, format="json").json()
        return str(answer["results"][0]["status"])

    assert [bring("bringer"), bring("bringer"), bring("other")] == [
        "updated", "unchanged", "unchanged",
    ]  # fmt: skip
    with business.scope():
        contact = Contact.objects.get(external_id="brought")
        assert (contact.source, contact.referrer) == (
            "referral", Contact.objects.get(external_id="bringer"),
        )  # fmt: skip
        changes = Event.objects.filter(contact=contact, kind="contact.changed")
        assert [each.properties for each in changes] == [{"fields": ["referrer"]}]


def test_a_contact_with_orders_is_not_deleted(business: Business) -> None:
    made = make(business, external_id="c-1")
    api = business.api()
    order = {"order_id": "o1", "contact": "c-1", "amount": "5", "paid_at": "2025-01-01"}
    api.post("/api/v1/orders/bulk", {"items": [order]}, format="json")

    answer = api.delete(f"{URL}/{made['id']}")

    assert answer.status_code == 409
    assert answer.json()["error"]["code"] == "in_use"
    assert api.get(f"{URL}/{made['id']}").status_code == 200


def test_a_page_takes_a_fixed_number_of_statements(
    business: Business, django_assert_max_num_queries: Any
) -> None:
    with business.scope():
        _key, reader = auth.make_key("reader", [Can.READ])
    api = business.api(reader)
    assert api.get(URL).status_code == 200  # whose first use is noted
    items: list[dict[str, object]] = [
        {"external_id": f"x{n}", "name": f"N {n}", "tags": ["t", f"t{n % 3}"], "owner": "g1",
         "phone": f"138001380{n:02}", "acquired_at": "2025-01-01", "channel": "c"}
        for n in range(50)
    ]  # fmt: skip

    for number in (2, 50):
        business.api().post(f"{URL}/bulk", {"items": items[:number]}, format="json")
        # BEGIN, scope, key, ids, rows, facets, scoring, scores, COMMIT
        with django_assert_max_num_queries(9):
            shown = api.get(URL, {"limit": str(number - 1)}).json()["results"]

    assert len(shown) == 49
    assert {each["phone"][:7] for each in shown} == {"138****"}
    assert {tuple(each["tags"]) for each in shown} == {("t", "t0"), ("t", "t1"), ("t", "t2")}
