"""Behind each figure stand exactly those whom it counts: every link of every dashboard."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from analytics import behind, facts
from contacts import orders
from contacts.merging.merge import merge
from contacts.models import Channel, Contact, Order, Product
from contacts.validation import Item
from journeys.models import Content, Link, SurveyAnswer
from tests.analytics.test_reports import NOW, Maker
from tests.conftest import Business, make_business

COUNTED = re.compile(r'<a class="behind" href="([^"]+)">[+−]?([\d,]+)</a>')
# A share of a cohort: its words say of how many.
BOUGHT = re.compile(r'title="[^":]+: (\d+) of [^"]+"><a class="behind" href="([^"]+)">')
YEAR = f"from={NOW.date() - timedelta(days=330)}&through={NOW.date()}"
PAGES = [
    "overview/?", "value/?", "value/?group=month&", "funnel/?", "funnel/?mode=snapshot&", "rates/?",
    "assets/?", "attribution/?", "attribution/?group=content&days=90&", "losses/?days=90&",
    "losses/?group=staff&days=30&", "step-roi/?", "trust/?", "satisfaction/?", "rfm/?",
    "assets/?group=channel&", "formula/?", "concentration/?", "concentration/?view=months&",
    "cohorts/?", "kpis/?", "baselines/?metric=new_contacts&", "baselines/?metric=orders&",
]  # fmt: skip
SIGNS = ["livecode.scanned", "message.received", "message.sent", "touch.delivered"]


class Livelier(Maker):
    """Scans and talks as well; in the end some turn out to be the same person."""

    def sign(self) -> None:
        contact = self.dice.choice(self.contacts)
        at = self.when(contact.acquired_at) + timedelta(hours=self.dice.randrange(40))
        self.event(contact, self.dice.choice(SIGNS), min(at, NOW), staff="g1")

    def step(self) -> None:
        super().step()
        self.sign()
        if self.dice.random() < 0.3:
            self.befriend()

    def befriend(self) -> None:
        """From the scan to the order, as far as it goes."""
        channel, owner = self.dice.choice([*self.channels, None]), self.dice.choice(self.staff)
        contact, at = Contact.objects.create(name="李", channel=channel, owner=owner), self.when()
        steps = ["livecode.scanned", "follow.opened", "message.received", "message.sent"]
        for kind in steps[: self.dice.randrange(2, 6)]:
            self.event(contact, kind, at, staff="g2")
            at += timedelta(hours=self.dice.randrange(60))
        items = (Item("tea", 1),) if len(self.orders) % 2 else ()
        row = orders.Row(f"o{len(self.orders)}", contact.pk, 25_000, at, 9_000, "paid", items=items)
        self.orders[row.order_id] = row
        orders.upsert([row])

    def come_and_go(self) -> None:
        """Friends leave, by themselves or by staff, some come back, some of these leave again; and
        they read.
        """
        for contact in self.dice.sample(self.contacts, len(self.contacts) // 2):
            at, staff = self.when(), self.dice.choice(self.staff).userid
            for kind in ["opened", "ended"] * self.dice.randrange(1, 4):
                by = self.dice.choice(["customer", "staff"])
                self.event(contact, f"follow.{kind}", min(at, NOW), staff=staff, by=by)
                at += timedelta(hours=self.dice.choice([20, 24, 200, 700]))
            title = self.dice.choice(["Guide", "Menu", "Offer"])
            self.event(contact, "content.read", self.when(), content=title)

    def survey(self) -> None:
        """Most were asked how it was, some of them answered, some not gladly."""
        survey = Content.objects.create(
            title="Visit", body="How was it?", kind="survey", purpose="advocacy", scale=5
        )
        for contact in self.contacts:
            if self.dice.random() < 0.2:
                continue
            at = self.when(contact.acquired_at)
            link = Link.objects.create(content=survey, contact=contact)
            Link.objects.filter(pk=link.pk).update(created_at=at)
            if self.dice.random() < 0.6:
                SurveyAnswer.objects.create(
                    content=survey, contact=contact, scale=5, score=self.dice.randrange(1, 6),
                    answered_at=min(NOW, at + timedelta(hours=self.dice.randrange(90))),
                )  # fmt: skip

    def write_to(self) -> None:
        """Week by week to somebody, for more than a year."""
        for week in range(70):
            kind = self.dice.choice(["service", "greeting", "promotion"])
            at = NOW - timedelta(days=7 * week)
            contact = self.dice.choice(self.contacts)
            self.event(contact, "touch.delivered", at, touch_kind=kind, staff="g1")

    def unite(self, times: int) -> None:
        for _ in range(times):
            kept, gone = self.dice.sample(self.contacts, 2)
            self.contacts.remove(gone)
            merge(kept.pk, gone.pk, by="api")


@pytest.fixture(scope="module")
def crowd() -> Business:
    """Read-only for tests."""
    business = make_business()
    with business.scope():
        Product.objects.create(sku="tea", name="Tea", role="hit")
        maker = Livelier(business, 11)
        Channel.objects.filter(name="Offline").update(kind=Channel.Kind.PRIVATE)
        for _ in range(130):
            maker.step()
        maker.come_and_go()
        maker.survey()
        maker.write_to()
        maker.unite(4)
        facts.catch_up()
    return business


def links(business: Business, page: str) -> list[tuple[str, int]]:
    answer = business.browser("viewer").get(f"/dashboards/{page}")
    assert answer.status_code == 200, page
    found = COUNTED.findall(answer.content.decode())
    found += [(url, heads) for heads, url in BOUGHT.findall(answer.content.decode())]
    return [(html.unescape(url), int(text.replace(",", ""))) for url, text in found]


@pytest.mark.parametrize("page", PAGES)
def test_as_many_are_listed_as_are_counted(crowd: Business, page: str) -> None:
    past = (NOW - timedelta(days=40, seconds=777)).isoformat().replace("+", "%2B")
    month = f"from={NOW.date() - timedelta(days=200)}&through={NOW.date() - timedelta(days=160)}"
    addresses = set[tuple[str, int]]()
    narrow = (f"{YEAR}&staff=g1", f"{YEAR}&product_role=hit")
    for query in (YEAR, f"{YEAR}&as_of={past}", f"{month}&channel=Red", *narrow):
        addresses.update(links(crowd, page + query))
    assert len(addresses) > 2
    # No buyer of the role was lost, or sent too little service.
    of_role = not page.startswith(("losses/", "trust/"))
    assert any("product_role" in url for url, _number in addresses) == of_role

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
        shown = 0
        while shown < number:
            answer = window.get(f"{url}&p={shown // 50 + 1}")
            assert answer.status_code == 200, kind
            shown += (here := len(answer.context["cl"].result_list))
            assert here in (50, number % 50), kind
            assert "Behind the figure" in answer.content.decode()
        assert shown == number, kind


@pytest.mark.parametrize(
    "asked",
    ["", "figure=all", "figure=orders", "figure=new-contacts&from=May", "figure=closing&x=1",
     "figure=new-contacts&channel=Nowhere", "figure=orders&product_role=hits", "\x00",
     "figure=%00", "figure=standing&stage=%00"],
)  # fmt: skip
def test_an_address_that_means_nothing_lists_nobody(crowd: Business, asked: str) -> None:
    answer = crowd.browser("viewer").get("/admin/contacts/contact/", {"of": asked})

    if not asked:
        assert answer.status_code == 200
    elif answer.status_code != 400:
        assert answer.headers["Location"] == "/admin/contacts/contact/?e=1"


@pytest.mark.parametrize(
    "asked",
    ["contact/?of=figure=came-back&month=May", "contact/?of=figure=came-back&month=9999-12",
     "contact/?of=figure=lost-follows&days=x&group=y&key=z",
     "contact/?of=figure=lost-follows&group=live_code&key=z",
     "contact/?of=figure=survey-low&survey=99999999999999999999",
     "contact/?of=figure=survey-asked", "contact/?of=figure=standing&stage=gone",
     "contact/?of=figure=passed-step", "contact/?of=figure=opening&level=L9",
     "contact/?of=figure=returned&level=L9",
     "order/?of=figure=attributed-orders&group=campaign&key=sop:x"],
)  # fmt: skip
def test_of_a_part_that_there_is_not_nobody_is_listed(crowd: Business, asked: str) -> None:
    path, _of, query = asked.partition("of=")
    answer = crowd.browser("viewer").get(f"/admin/contacts/{path}", {"of": query})

    assert answer.status_code == 200
    assert list(answer.context["cl"].result_list) == []
