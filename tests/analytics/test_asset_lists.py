"""Who stands behind the numbers of the statement of user assets that count heads?"""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from analytics import behind
from analytics.pages.tables import Counted
from contacts import timeline
from contacts.models import Channel, Contact
from tests.analytics.test_assets import Life
from tests.conftest import Business

TURNED = {"Returned", "Lost: by the customer", "Lost: by staff"}


def query_of(url: str) -> str:
    return parse_qs(urlsplit(url).query)[behind.NAME][0]


@pytest.mark.parametrize("as_of", ["", "2026-03-25"])
def test_who_returned_or_was_lost_is_listed_where_each_is_one_head(
    business: Business, as_of: str
) -> None:
    """Of Red one went and came back; of Blue one did so twice. As of a moment rows are read."""
    with business.scope():
        red, blue = (Channel.objects.create(name=name) for name in ("Red", "Blue"))
        Life("once", channel=red).opens(-9, "amy").ends(3, "amy").opens(5, "amy")
        twice = Life("twice", channel=blue).opens(-9, "amy")
        for day in (3, 13):
            twice.ends(day, "amy").opens(day + 2, "amy")
        Life("gone", channel=blue).opens(-9, "amy").ends(7, "amy", by="staff")
        Life("later").opens(26, "amy")  # than as_of: the facts know too much
        timeline.drain_all()
    browser = business.browser("viewer")

    def listed(group: str) -> dict[str, dict[str, list[str]]]:
        """By row and column: the texts of cells that are links, and whom they list."""
        days = {"from": "2026-03-01", "through": "2026-03-31", "group": group, "as_of": as_of}
        table = browser.get("/dashboards/assets/", days).context["table"]
        found: dict[str, dict[str, list[str]]] = {}
        for cells in [*table.rows, table.total]:
            for column, cell in zip(table.columns, cells, strict=True):
                if column.title in TURNED and isinstance(cell, Counted):
                    with business.scope():
                        ids = behind.read(query_of(cell.url), business.tenant).ids()
                        people = Contact.objects.filter(pk__in=ids).order_by("name")
                        names = list(people.values_list("name", flat=True))
                    found.setdefault(cells[0], {})[column.title] = [str(cell), *names]
        return found

    assert listed("channel") == {
        "Red": {"Returned": ["+1", "once"], "Lost: by the customer": ["−1", "once"]},
        "Blue": {"Lost: by staff": ["−1", "gone"]},  # "twice" is two heads of the other lines
        "Total": {"Lost: by staff": ["−1", "gone"]},
    }
    levels = listed("ownership")
    assert levels["Total"] == {"Lost: by staff": ["−1", "gone"]}
    assert [row for row in levels.values() if row] == [
        {"Lost: by staff": ["−1", "gone"]},
        {"Lost: by staff": ["−1", "gone"]},
    ]
