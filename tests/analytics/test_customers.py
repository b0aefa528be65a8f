"""Cohorts, concentration and RFM: equal the reference on made-up worlds, and by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from analytics import facts
from contacts import orders
from contacts.merging import merge
from contacts.models import Channel, Contact
from tests.analytics import seeds
from tests.analytics.reference_customers import Shop
from tests.analytics.test_reports import NOW, Maker, ask, narrowed, questions
from tests.conftest import Business

REPORTS = "/api/v1/reports/"


def check(business: Business, question: dict[str, str]) -> None:
    days = date.fromisoformat(question["from"]), date.fromisoformat(question["to"])
    for path, more in [
        ("cohorts", {"value": "retention"}),
        ("cohorts", {"value": "revenue"}),
        ("cohorts", {"value": "margin"}),
        ("concentration", {}),
        ("rfm", {}),
    ]:
        answer = ask(business, path, **question, **more)
        as_of = datetime.fromisoformat(answer.pop("as_of"))
        with business.scope():
            shop = Shop(business.tenant, as_of, **narrowed(question))
        wanted = wanted_of(shop, path, days, more) | {"compared": None}
        wanted |= {"period_from": question["from"], "period_to": question["to"]}
        assert answer == wanted, (path, more, question)


def wanted_of(
    shop: Shop, path: str, days: tuple[date, date], more: dict[str, str]
) -> dict[str, Any]:
    if path == "cohorts":
        return {"rows": shop.cohorts(*days, more["value"])}
    return shop.concentration(*days) if path == "concentration" else {"cells": shop.rfm(*days)}


@pytest.mark.parametrize(("seed", "zone"), seeds.in_zones(11, 12, 13))
def test_reports_equal_the_reference(business: Business, seed: int, zone: str) -> None:
    business.move_to(zone)
    with business.scope():
        maker = Maker(business, seed)
        for _ in range(140):
            maker.step()

    for question in questions(maker.dice, 8):
        check(business, question)

    with business.scope():
        for _ in range(60):
            maker.step()
        one, two = maker.contacts[:2]
        merge.merge(one.pk, two.pk, by="api")
    for question in questions(maker.dice, 5):
        check(business, question)
    today = NOW.astimezone(business.tenant.tz).date()
    for span in (1, 3650):
        check(business, {"from": f"{today - timedelta(days=span)}", "to": f"{today}"})
    with business.scope():
        assert facts.prove() == []


# --- by hand ---


def buy(name: str, *bought: tuple[str, int, int], status: str = "paid") -> None:
    """`bought`: when, fen, cost."""
    contact, _new = Contact.objects.get_or_create(external_id=name, defaults={"name": name})
    orders.upsert(
        [
            orders.Row(
                f"{name}-{when}", contact.pk, fen, datetime.fromisoformat(when), cost, status
            )
            for when, fen, cost in bought
        ]
    )


@pytest.fixture
def shop(business: Business) -> Business:
    """Asia/Shanghai. Anna and Ben come in January, Cleo in February's first second."""
    with business.scope():
        buy("anna", ("2026-01-05T10:00+08:00", 10_000, 4_000),
            ("2026-03-01T00:00+08:00", 20_000, 5_000))  # fmt: skip
        buy("ben", ("2026-01-31T23:59:59.999999+08:00", 5_000, 0),
            ("2026-02-03T10:00+08:00", 1_000, 0))  # fmt: skip
        buy("cleo", ("2026-02-01T00:00+08:00", 4_000, 5_000))
        buy("dora", ("2026-02-02T10:00+08:00", 9_900, 0), status="refunded")
    return business


def test_cohorts_by_hand(shop: Business) -> None:
    asked = {"from": "2026-01-01", "to": "2026-03-01", "as_of": "2026-03-20"}

    retention = ask(shop, "cohorts", **asked)["rows"]
    margin = ask(shop, "cohorts", value="margin", **asked)["rows"]

    assert retention == [
        {"cohort": "2026-01", "size": 2, "cells": [
            {"month": 0, "value": 1}, {"month": 1, "value": 0.5}, {"month": 2, "value": None}]},
        {"cohort": "2026-02", "size": 1, "cells": [
            {"month": 0, "value": 1}, {"month": 1, "value": None}]},
    ]  # fmt: skip
    assert [cell["value"] for cell in margin[0]["cells"]] == ["110.00", "10.00", None]
    assert [cell["value"] for cell in margin[1]["cells"]] == ["-10.00", None]


def test_a_cohort_is_clipped_to_the_period_its_months_are_not(shop: Business) -> None:
    rows = ask(
        shop, "cohorts", value="revenue",
        **{"from": "2026-01-10", "to": "2026-02-01", "as_of": "2026-04-01"},
    )["rows"]  # fmt: skip

    # Ben alone; March is over with the first moment of April, of which nothing is known.
    assert rows == [
        {"cohort": "2026-01", "size": 1, "cells": [
            {"month": 0, "value": "50.00"}, {"month": 1, "value": "10.00"},
            {"month": 2, "value": "0.00"}]},
    ]  # fmt: skip


def test_concentration_by_hand(shop: Business) -> None:
    found = ask(shop, "concentration", **{"from": "2026-01-01", "to": "2026-04-01"})

    # 300, 60, 40 yuan; ceil(20 % of three) is one.
    assert found["top"] == {"0.1": 0.75, "1": 0.75, "10": 0.75, "20": 0.75}
    assert found["gini"] == pytest.approx((-2 * 40 + 0 * 60 + 2 * 300) / (3 * 400))
    assert found["existing_share"] == pytest.approx(210 / 400)
    february = ask(shop, "concentration", **{"from": "2026-02-01", "to": "2026-03-01"})
    assert february["existing_share"] == 0.2


def test_of_two_orders_at_one_moment_the_smaller_id_is_the_first(business: Business) -> None:
    with business.scope():
        contact = Contact.objects.create(external_id="x", name="X")
        at = datetime(2026, 1, 5, tzinfo=UTC)
        orders.upsert([orders.Row("b", contact.pk, 100, at), orders.Row("B", contact.pk, 300, at)])

    found = ask(business, "concentration", **{"from": "2026-01-01", "to": "2026-02-01"})

    assert found["existing_share"] == 0.25


def test_rfm_by_hand(shop: Business) -> None:
    cells = ask(shop, "rfm", **{"from": "2026-01-01", "to": "2026-04-01"})["cells"]

    # Anna bought last, Cleo first and once; Anna and Ben bought twice each.
    assert cells == [
        {"r": 1, "f": 1, "m": 1, "contacts": 1, "revenue": "40.00"},
        {"r": 2, "f": 2, "m": 2, "contacts": 1, "revenue": "60.00"},
        {"r": 4, "f": 2, "m": 4, "contacts": 1, "revenue": "300.00"},
    ]


def test_nothing_is_told_where_there_is_nothing(business: Business) -> None:
    assert ask(business, "cohorts")["rows"] == []
    assert ask(business, "rfm")["cells"] == []
    found = ask(business, "concentration")
    assert found["top"] == {"0.1": None, "1": None, "10": None, "20": None}
    assert (found["gini"], found["existing_share"]) == (None, None)


def test_one_customer_who_paid_nothing(business: Business) -> None:
    with business.scope():
        buy("x", ("2026-01-05T10:00+08:00", 0, 0))
    year = {"from": "2026-01-01", "to": "2027-01-01", "as_of": "2026-03-01"}

    assert ask(business, "concentration", **year)["gini"] is None
    assert ask(business, "rfm", **year)["cells"] == [
        {"r": 1, "f": 1, "m": 1, "contacts": 1, "revenue": "0.00"}
    ]
    assert ask(business, "cohorts", value="revenue", **year)["rows"] == [
        {"cohort": "2026-01", "size": 1,
         "cells": [{"month": 0, "value": "0.00"}, {"month": 1, "value": "0.00"}]}
    ]  # fmt: skip


@pytest.mark.parametrize("path", ["cohorts", "concentration", "rfm"])
@pytest.mark.parametrize(
    "given",
    [
        {"from": "1970-01-02", "to": "2200-01-01"},
        {"from": "2190-01-01", "to": "2200-01-01"},
        {"from": "2190-01-01", "to": "2200-01-01", "as_of": "2195-05-05"},
        {"as_of": "1970-01-02"},
        {"from": "2026-01-01", "to": "2026-01-02", "as_of": "2025-01-01"},
    ],
)
def test_any_period_is_answered(shop: Business, path: str, given: dict[str, str]) -> None:
    assert shop.api().get(REPORTS + path, given).status_code == 200


@pytest.mark.parametrize(
    ("path", "given", "field"),
    [
        ("cohorts", {"value": "heads"}, "value"),
        ("cohorts", {"group": "month"}, "group"),
        ("rfm", {"value": "revenue"}, "value"),
        ("concentration", {"channel": "nowhere"}, "channel"),
        ("rfm", {"from": "2026-02-01", "to": "2026-02-01"}, "from"),
    ],
)
def test_what_means_nothing_is_refused(
    business: Business, path: str, given: dict[str, str], field: str
) -> None:
    response = business.api().get(REPORTS + path, given)

    assert response.status_code == 400
    assert list(response.json()["error"]["fields"]) == [field]


def test_filters_mean_the_contacts(shop: Business) -> None:
    with shop.scope():
        channel = Channel.objects.create(name="Fair")
        Contact.objects.filter(external_id="anna").update(channel=channel)

    found = ask(shop, "concentration", channel="Fair", **{"from": "2026-01-01", "to": "2026-04-01"})

    assert found["top"]["0.1"] == 1
    assert found["existing_share"] == pytest.approx(2 / 3)


def test_a_kept_answer_is_told_only_while_it_holds(business: Business) -> None:
    def revenue(**asked: str) -> list[str]:
        return [cell["revenue"] for cell in ask(business, "rfm", **asked)["cells"]]

    with business.scope():
        contact = Contact.objects.create(external_id="x", name="X")
        early, late = (NOW - timedelta(hours=n) for n in (3, 1))
        orders.upsert(
            [orders.Row("1", contact.pk, 100, early), orders.Row("2", contact.pk, 300, late)]
        )

    assert [revenue(), revenue()] == [["4.00"], ["4.00"]]
    assert revenue(as_of=(NOW - timedelta(hours=2)).isoformat()) == ["1.00"]
    assert revenue(as_of=(NOW - timedelta(minutes=50)).isoformat()) == ["4.00"]
    assert revenue(as_of=early.isoformat()) == []
    with business.scope():
        orders.upsert([orders.Row("2", contact.pk, 300, late, status="refunded")])
    assert revenue() == ["1.00"]
