"""Behind each figure stand exactly those whom it counts: every link of every dashboard."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from analytics import behind, facts
from contacts.merging.merge import merge
from contacts.models import Contact, Order
from tests.analytics.test_reports import NOW, Maker
from tests.conftest import Business, make_business

COUNTED = re.compile(r'<a class="behind" href="([^"]+)">([\d,]+)</a>')
YEAR = f"from={NOW.date() - timedelta(days=330)}&through={NOW.date()}"
PAGES = [
    "overview/?", "value/?", "value/?group=month&", "funnel/?", "rates/?", "assets/?",
    "assets/?group=channel&", "formula/?", "concentration/?", "concentration/?view=months&",
    "cohorts/?", "kpis/?", "baselines/?metric=new_contacts&", "baselines/?metric=orders&",
]  # fmt: skip
SIGNS = ["livecode.scanned", "message.received", "message.sent", "touch.delivered"]


class Livelier(Maker):
    """Scans, talks and merges as well."""

    def sign(self) -> None:
        contact = self.dice.choice(self.contacts)
        at = self.when(contact.acquired_at) + timedelta(hours=self.dice.randrange(40))
        self.event(contact, self.dice.choice(SIGNS), min(at, NOW), staff="g1")

    def step(self) -> None:
        super().step()
        for _ in range(3):
            self.sign()
        if len(self.contacts) > 12 and self.dice.random() < 0.06:
            kept, gone = self.dice.sample(self.contacts, 2)
            merge(kept.pk, gone.pk, by="api")
            self.contacts = list(Contact.objects.order_by("id"))
            stored = Order.objects.values_list("order_id", "contact_id")
            for order_id, contact_id in stored:
                old = self.orders[order_id]
                fields = {name: getattr(old, name) for name in old.__slots__}
                self.orders[order_id] = type(old)(**fields | {"contact_id": contact_id})


@pytest.fixture(scope="module")
def crowd() -> Business:
    """Read-only for tests."""
    business = make_business()
    with business.scope():
        maker = Livelier(business, 11)
        for _ in range(170):
            maker.step()
        facts.catch_up()
    return business


def links(business: Business, page: str) -> list[tuple[str, int]]:
    answer = business.browser("viewer").get(f"/dashboards/{page}")
    assert answer.status_code == 200, page
    found = COUNTED.findall(answer.content.decode())
    return [(html.unescape(url), int(text.replace(",", ""))) for url, text in found]


@pytest.mark.parametrize("page", PAGES)
def test_as_many_are_listed_as_are_counted(crowd: Business, page: str) -> None:
    past = (NOW - timedelta(days=40, seconds=777)).isoformat().replace("+", "%2B")
    month = f"from={NOW.date() - timedelta(days=200)}&through={NOW.date() - timedelta(days=160)}"
    addresses = {}
    for query in (YEAR, f"{YEAR}&as_of={past}", f"{month}&channel=Red", f"{YEAR}&staff=g1"):
        for url, number in links(crowd, page + query):
            addresses.setdefault((url, number))
    assert len(addresses) > 3

    with crowd.scope():
        for url, number in addresses:
            (query,) = parse_qs(urlsplit(url).query)[behind.NAME]
            counted = behind.read(query, crowd.tenant)
            if counted.figure.orders:
                rows = Order.objects.filter(id__in=counted.ids()).count()
            else:
                people = Contact.objects.filter(id__in=counted.ids())
                alone = "no_channel" in counted.given
                rows = (people.filter(channel=None) if alone else people).count()
            assert rows == number, query


def test_the_lists_of_the_admin_show_them(crowd: Business) -> None:
    """One of each figure, as a person who follows the link sees it."""
    of: dict[str, tuple[str, int]] = {}
    for page in PAGES:
        for url, number in links(crowd, page + YEAR):
            (query,) = parse_qs(urlsplit(url).query)[behind.NAME]
            kind = parse_qs(query)["figure"][0] + str("no_channel" in query)
            of.setdefault(kind, (url, number))
    assert {name.removesuffix("False") for name in of} >= set(behind.FIGURES)

    window = crowd.browser("viewer")
    for kind, (url, number) in of.items():
        answer = window.get(url)
        assert answer.status_code == 200, kind
        assert len(answer.context["cl"].result_list) == number, kind
        assert "Behind the figure" in answer.content.decode()


@pytest.mark.parametrize(
    "asked",
    ["", "figure=all", "figure=orders", "figure=new-contacts&from=May", "figure=closing&x=1",
     "figure=new-contacts&channel=Nowhere", "\x00", "figure=%00"],
)  # fmt: skip
def test_an_address_that_means_nothing_lists_nobody(crowd: Business, asked: str) -> None:
    answer = crowd.browser("viewer").get("/admin/contacts/contact/", {"of": asked})

    if asked:
        assert (answer.status_code, answer.headers["Location"]) == (302, "?e=1") or (
            answer.status_code == 400
        )
    else:
        assert answer.status_code == 200
