"""What upper apps add to the page and the list of contacts in the admin.

Contacts know nothing of stages or scores; journeys register panels, filters and columns here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from django.http import HttpRequest

from contacts.models import Contact


@dataclass(frozen=True)
class Panel:
    """A card on a contact's page, in one of its panes: who they are, or what comes next.

    A card that is not `aside` stands under the timeline, in the wide pane.
    """

    title: str
    icon: str
    template: str
    context: Mapping[str, object] = field(default_factory=dict)
    aside: bool = True
    pane: Literal["who", "next"] = "next"


Show = Callable[[HttpRequest, Contact], Panel | None]
Load = Callable[[Sequence[int]], Mapping[int, object]]

panels: list[Show] = []
filters: list[type] = []
order_filters: list[type] = []
columns: list[tuple[str, Load]] = []


def panel(show: Show) -> None:
    """Add a card; `show` may answer None to leave it out."""
    panels.append(show)


def list_filter(filter_class: type) -> None:
    filters.append(filter_class)


def order_list_filter(filter_class: type) -> None:
    """The same for the list of orders."""
    order_filters.append(filter_class)


def column(name: str, load: Load) -> None:
    """Fill the column `stage` or `score` of the list: one query a page."""
    columns.append((name, load))
