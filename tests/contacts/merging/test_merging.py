"""Two records of one person become one through the API, and two again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from analytics import facts
from contacts import search, timeline
from contacts.merging import duplicates
from contacts.models import Contact, Event, Follow, Identity, Merge, MergedRows, Order, ReachSpell
from tenants import ids
from tenants.models import AuditEntry
from tests.conftest import Business

URL = "/api/v1/contacts"
SPRING, SUMMER = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC)


def make(
    business: Business, external_id: str | None, at: datetime | None = None, **values: Any
) -> str:
    body = {**values, **({"external_id": external_id} if external_id else {})}
    if at is not None:
        body |= {"acquired_at": at.isoformat(), "owner": values.get("owner", "sales1")}
    answer = business.api().post(URL, body, format="json")
    assert answer.status_code == 201, answer.json()
    return str(answer.json()["id"])


def merge(business: Business, survivor: str, absorbed: str, **body: Any) -> dict[str, Any]:
    answer = business.api().post(
        f"{URL}/{survivor}/merge", {"with": absorbed, **body}, format="json"
    )
    assert answer.status_code == 200, answer.json()
    return dict(answer.json())


def unmerge(business: Business, survivor: str, **body: Any) -> dict[str, Any]:
    answer = business.api().post(f"{URL}/{survivor}/unmerge", body, format="json")
    assert answer.status_code == 200, answer.json()
    return dict(answer.json())


def get(business: Business, contact: str) -> dict[str, Any]:
    answer = business.api().get(f"{URL}/{contact}")
    assert answer.status_code == 200, answer.content
    return dict(answer.json())


def steady(contact: dict[str, Any]) -> dict[str, Any]:
    """Without what changes by waiting, and by what came since."""
    moving = {"updated_at", "score", "engagement", "predicted_ltv", "p_alive", "lifecycle"}
    return {name: value for name, value in contact.items() if name not in moving}


def order(business: Business, contact: str, order_id: str, paid_at: datetime = SUMMER) -> None:
    item = {
        "order_id": order_id,
        "contact": contact,
        "amount": "100.00",
        "paid_at": paid_at.isoformat(),
    }
    answer = business.api().post("/api/v1/orders/bulk", {"items": [item]}, format="json").json()
    assert [each["status"] for each in answer["results"]] == ["created"], answer


def event(business: Business, contact: str, event_id: str, kind: str = "price.asked") -> int:
    body = {
        "event_id": event_id,
        "contact": contact,
        "kind": kind,
        "at": timezone.now().isoformat(),
    }
    return business.api().post("/api/v1/events", body, format="json").status_code


def settle(business: Business) -> None:
    with business.scope():
        timeline.drain_all()
    duplicates.work(business.pk)
    with business.scope():
        timeline.drain_all()


@pytest.fixture
def pair(business: Business) -> tuple[str, str]:
    """Known to the shop since summer; met at the fair in spring, by another name."""
    shop = make(
        business, "shop-1", SUMMER, name="张欣怡", channel="Shop", tags=["VIP", "buyer"],
        custom={"size": "M"}, owner="sales1",
    )  # fmt: skip
    fair = make(
        business, "fair-1", SPRING, name="欣怡", phone="13800138000", channel="Fair",
        tags=["fair", "VIP"], custom={"size": "L", "city": "上海"}, owner="operator1",
        consent=[{"purpose": "marketing", "granted": True}],
    )  # fmt: skip
    order(business, "shop-1", "o-1")
    order(business, "fair-1", "o-2", SPRING)
    assert event(business, "fair-1", "e-1") == 201
    settle(business)
    return shop, fair


def test_a_preview_says_all_and_changes_nothing(business: Business, pair: tuple[str, str]) -> None:
    shop, fair = pair
    before = [steady(get(business, each)) for each in pair]

    preview = merge(business, shop, fair, dry_run=True)

    assert [steady(get(business, each)) for each in pair] == before
    fields = {each["field"]: each for each in preview["fields"]}
    assert fields["phone"] == {
        "field": "phone", "survivor": "", "absorbed": "138****8000", "kept": "138****8000",
        "disagree": False,
    }  # fmt: skip
    assert (fields["name"]["kept"], fields["channel"]["kept"]) == ("张欣怡", "Fair")
    assert preview["disagree"] == ["external_id"]
    assert preview["moves"]["order"] == 1
    assert (preview["moves"]["contacttag"], preview["drops"]) == (1, {"contacttag": 1})
    assert (preview["dry_run"], preview["merge"]) == (True, None)
    with business.scope():
        assert Merge.objects.count() == 0


def test_all_moves_and_the_earliest_source_wins(business: Business, pair: tuple[str, str]) -> None:
    shop, fair = pair

    done = merge(business, shop, fair, reason="same phone in the shop")
    settle(business)

    now = get(business, shop)
    assert (now["external_id"], now["name"], now["phone"]) == ("shop-1", "张欣怡", "+8613800138000")
    assert (now["channel"], now["source"]) == ("Fair", "api")
    assert datetime.fromisoformat(now["acquired_at"]) == SPRING
    assert sorted(now["tags"]) == ["VIP", "buyer", "fair"]
    assert now["custom"] == {"size": "M", "city": "上海"}
    assert [each["purpose"] for each in now["consent"]] == ["marketing"]
    assert now["stage"] == "won"
    with business.scope():
        contact = Contact.objects.get()
        assert contact.sourced_at == SPRING
        assert Order.objects.filter(contact=contact).count() == 2
        assert Follow.objects.filter(contact=contact, ended_at=None).count() == 2
        assert ReachSpell.objects.filter(contact=contact).count() == 2
        assert [c.pk for c in search.filter(Contact.objects.all(), "8000")] == [contact.pk]
        entry = AuditEntry.objects.get(action="contact.merged")
        assert entry.target == f"contacts.contact:{shop}"
        assert entry.detail["absorbed"] == f"contacts.contact:{fair}"
        assert entry.reason == "same phone in the shop"
        assert Merge.objects.get().reason == "same phone in the shop"
        assert facts.prove() == []
    told = business.api().get(f"{URL}/{shop}/timeline?kind=contact.merged").json()["results"]
    assert [(e["properties"]["contact"], e["properties"]["by"]) for e in told] == [(fair, "api")]
    assert ids.decode(done["merge"])


def test_old_ids_lead_to_the_survivor(business: Business, pair: tuple[str, str]) -> None:
    shop, fair = pair
    merge(business, shop, fair)
    api = business.api()

    for path in ("", "/timeline", "/score", "/merges", "?reveal=true"):
        answer = api.get(f"{URL}/{fair}{path}")
        assert (answer.status_code, answer["Location"]) == (308, f"{URL}/{shop}{path}")
    sent_on = api.patch(f"{URL}/{fair}", {"name": "Li"}, format="json")
    changed = api.patch(sent_on["Location"], {"name": "Li"}, format="json")
    assert (changed.status_code, changed.json()["id"]) == (200, shop)
    assert api.delete(f"{URL}/{fair}")["Location"] == f"{URL}/{shop}"
    assert get(business, shop)["name"] == "Li"
    unknown = api.get(f"{URL}/{ids.encode(2**40 - 7)}")
    assert unknown.status_code == 404
    other = business.as_role("sales").get(f"{URL}/{fair}")
    assert other.status_code in (308, 404)


def test_whatever_names_the_old_record_reaches_the_survivor(
    business: Business, pair: tuple[str, str]
) -> None:
    shop, fair = pair
    merge(business, shop, fair)
    api = business.api()

    assert event(business, "fair-1", "e-2") == 201
    assert event(business, fair, "e-3") == 201
    assert event(business, "fair-1", "e-1") in (200, 409)  # told before: the moment differs
    order(business, fair, "o-3")
    items = [
        {"external_id": "fair-1", "email": "z@example.com", "tags": ["late"]},
        {"external_id": "new", "referrer": "fair-1"},
    ]
    answer = api.post(f"{URL}/bulk", {"items": items}, format="json").json()

    assert [each["status"] for each in answer["results"]] == ["updated", "created"]
    assert get(business, shop)["email"] == "z@example.com"
    assert "late" in get(business, shop)["tags"]
    assert get(business, answer["results"][1]["id"])["referrer"] == shop
    assert len(api.get("/api/v1/events?contact=fair-1&kind=price.asked").json()["results"]) == 3
    assert api.get(f"{URL}?external_id=fair-1").json()["results"][0]["id"] == shop
    taken = api.post(URL, {"external_id": "fair-1"}, format="json")
    assert (taken.status_code, list(taken.json()["error"]["fields"])) == (400, ["external_id"])
    with business.scope():
        assert Contact.objects.count() == 2


def test_undoing_puts_everything_back(business: Business, pair: tuple[str, str]) -> None:
    shop, fair = pair
    before = [get(business, each) for each in pair]
    merge(business, shop, fair)
    order(business, "fair-1", "o-late")
    settle(business)

    ahead = unmerge(business, shop, dry_run=True)
    assert (ahead["restored"], ahead["orders_stay"], ahead["back"]["order"]) == (fair, 1, 1)
    undone = unmerge(business, shop, contact="fair-1")
    settle(business)

    assert undone["restored"] == fair
    after = [get(business, each) for each in pair]
    for was, now in zip(before, after, strict=True):
        assert steady(now) == steady(was)
        assert now["engagement"] == pytest.approx(was["engagement"], rel=1e-3)
    with business.scope():
        assert set(
            Order.objects.filter(contact__external_id="shop-1").values_list("order_id", flat=True)
        ) == {"o-1", "o-late"}
        told = Event.objects.filter(kind="contact.unmerged")
        assert {e.contact_id for e in told} == {ids.decode(shop), ids.decode(fair)}
        assert facts.prove() == []
    assert business.api().post(f"{URL}/{shop}/unmerge", {}, format="json").status_code == 400
    with business.scope():
        assert AuditEntry.objects.filter(action="contact.unmerged").count() == 1


def test_a_merge_is_undone_within_thirty_days(business: Business, pair: tuple[str, str]) -> None:
    shop, fair = pair
    merge(business, shop, fair)
    with business.scope():
        Merge.objects.update(at=timezone.now() - timedelta(days=30, seconds=1))

    answer = business.api().post(f"{URL}/{shop}/unmerge", {}, format="json")

    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "too_late")
    assert business.api().get(f"{URL}/{fair}").status_code == 308


def test_a_chain_leads_to_the_last_survivor_and_is_undone_in_any_order(business: Business) -> None:
    a, b, c = (make(business, name, tags=[name, "all"]) for name in "abc")
    order(business, "a", "o-a")
    order(business, "b", "o-b")

    merge(business, b, a)
    merge(business, c, b)

    for old in (a, b):
        assert business.api().get(f"{URL}/{old}")["Location"] == f"{URL}/{c}"
    assert event(business, "a", "e-a") == 201
    with business.scope():
        assert set(Order.objects.values_list("contact_id", flat=True)) == {ids.decode(c)}

    unmerge(business, c, contact="a")  # beneath the merge of b and c

    assert sorted(get(business, a)["tags"]) == ["a", "all"]
    assert sorted(get(business, c)["tags"]) == ["all", "b", "c"]
    assert business.api().get(f"{URL}/{b}")["Location"] == f"{URL}/{c}"
    with business.scope():
        owners = dict(Order.objects.values_list("order_id", "contact_id"))
        assert owners == {"o-a": ids.decode(a), "o-b": ids.decode(c)}
    unmerge(business, c)
    assert sorted(get(business, b)["tags"]) == ["all", "b"]
    assert sorted(get(business, c)["tags"]) == ["all", "c"]


def test_nobody_brings_themselves(business: Business) -> None:
    first = make(business, "first", SPRING)
    second = make(business, "second", SUMMER, referrer="first")
    third = make(business, "third", SUMMER, referrer="second")

    merge(business, first, second)
    assert get(business, first)["referrer"] is None
    assert get(business, third)["referrer"] == first

    unmerge(business, first)
    assert get(business, second)["referrer"] == first
    assert get(business, third)["referrer"] == second


def test_who_may_and_what_is_refused(
    business: Business, other_business: Business, pair: tuple[str, str]
) -> None:
    shop, fair = pair
    theirs = make(other_business, "theirs")
    api = business.api()

    def post(client: Any, **body: Any) -> Any:
        return client.post(f"{URL}/{shop}/merge", body, format="json")

    assert post(business.as_role("viewer"), **{"with": fair}).status_code == 403
    assert post(business.as_role("sales"), **{"with": fair}).status_code == 403
    for wrong in (theirs, "nobody", shop, "shop-1", 7, None):
        answer = post(api, **{"with": wrong})
        assert (answer.status_code, list(answer.json()["error"]["fields"])) == (400, ["with"])
    assert post(api).status_code == 400
    assert post(api, **{"with": fair, "extra": 1}).status_code == 400
    assert api.post(f"{URL}/{theirs}/merge", {"with": fair}, format="json").status_code == 404


def test_the_same_request_twice_merges_once(business: Business, pair: tuple[str, str]) -> None:
    shop, fair = pair
    url, body, once = f"{URL}/{shop}/merge", {"with": fair}, {"Idempotency-Key": "once"}

    first = business.api().post(url, body, format="json", headers=once)
    again = business.api().post(url, body, format="json", headers=once)
    without = business.api().post(f"{URL}/{shop}/merge", {"with": fair}, format="json")

    assert (first.status_code, again.content) == (200, first.content)
    assert without.status_code == 400  # it is the same contact by now


def test_an_identity_is_shown_under_its_old_name(business: Business, pair: tuple[str, str]) -> None:
    merge(business, *pair)
    with business.scope():
        assert Identity.objects.get().value == "fair-1"
    history = business.api().get(f"{URL}/{pair[0]}/merges").json()
    assert [(each["external_id"], each["undoable"]) for each in history] == [("fair-1", True)]


def test_after_thirty_days_what_was_moved_is_forgotten(
    business: Business, pair: tuple[str, str]
) -> None:
    shop, fair = pair
    merge(business, shop, fair)
    duplicates.work(business.pk)
    with business.scope():
        due = Merge.objects.get().at + timedelta(days=30)
        assert duplicates.next_due() == due
        assert Merge.objects.get().record["name"] == "欣怡"
        Merge.objects.update(at=timezone.now() - timedelta(days=30, seconds=1))

    duplicates.work(business.pk)

    with business.scope():
        assert not MergedRows.objects.exists()
        assert Merge.objects.get().record == {}
        assert duplicates.next_due() is None
    assert business.api().get(f"{URL}/{fair}")["Location"] == f"{URL}/{shop}"


def test_a_deleted_survivor_takes_its_old_ids_along(business: Business) -> None:
    a, b = make(business, "a"), make(business, "b")
    merge(business, a, b)

    assert business.api().delete(f"{URL}/{a}").status_code == 204

    assert business.api().get(f"{URL}/{b}").status_code == 404
    with business.scope():
        assert not Merge.objects.exists()
        assert not MergedRows.objects.exists()
    assert make(business, "b")


def test_the_old_external_id_is_found(business: Business, pair: tuple[str, str]) -> None:
    merge(business, *pair)
    found = business.api().get(f"{URL}?q=fair-1").json()["results"]
    assert [each["id"] for each in found] == [pair[0]]
