"""What does erasing a person do to each table? Every app says so of its own, in apps.py.

Money and figures stay, without a name: orders, reachability, moves through stages, heads in groups.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from django.db.models import QuerySet

from contacts import models as m
from contacts.privacy import properties
from contacts.privacy.person import Person
from tenants.scope import TenantModel

Model = type[TenantModel]
Rewrite = Callable[[QuerySet[Any], Person], int]


class Fate(StrEnum):
    DELETED = "deleted"
    CLEARED = "cleared"
    KEPT = "kept"


@dataclass(frozen=True)
class Decision:
    """`why` is for people who ask what is left, and why."""

    fate: Fate
    why: str
    values: Mapping[str, Any] = field(default_factory=dict)
    rewrite: Rewrite | None = None


of_tables: dict[Model, Decision] = {}
before: list[Callable[[int], object]] = []
after: list[Callable[[int], object]] = []


def deleted(why: str, *models: Model) -> None:
    for model in models:
        of_tables[model] = Decision(Fate.DELETED, why)


def cleared(why: str, model: Model, *, rewrite: Rewrite | None = None, **values: object) -> None:
    """The rows stay, these columns get these values; or `rewrite` does what columns cannot."""
    of_tables[model] = Decision(Fate.CLEARED, why, values, rewrite)


def kept(why: str, *models: Model) -> None:
    for model in models:
        of_tables[model] = Decision(Fate.KEPT, why)


def first(hook: Callable[[int], object]) -> None:
    """Before anything goes: end what is running for the person. Gets the contact's id."""
    before.append(hook)


def last(hook: Callable[[int], object]) -> None:
    """When only the shell is left: bring what follows from it up to date."""
    after.append(hook)


def register() -> None:
    """What contacts decide of their own tables. Contact itself is erasing.py's."""
    cleared("the shell: source, channel and first moment, for figures", m.Contact)
    deleted("names the person", m.Identity, m.ContactToken)
    deleted("says who they are", m.ContactTag, m.TagRuleMatch, m.PreTag,
            m.ContactValue)  # fmt: skip
    deleted("holds copies of records", m.Merge, m.MergedRows, m.Duplicate)
    cleared("what happened, when and by which staff; nothing that was said", m.Event,
            rewrite=properties.forget)  # fmt: skip
    cleared("a friendship, its times and live code", m.Follow, rewrite=properties.forget_in_follows)
    cleared("that a welcome was sent, and when", m.Welcome, rewrite=properties.forget_in_welcomes)
    cleared("proof of what was agreed to", m.Consent, channel="")
    cleared("a loss and its times", m.FollowLoss, tags=[])
    cleared("that somebody was handed over", m.TransferItem, target="", problem="")
    cleared("that staff were told of a loss", m.LossNotice, request=None, problem="",
            withdrawn=True)  # fmt: skip
    deleted("says who they are, at WeCom", m.PairTag, m.RemarkPush, m.Unassigned)
    cleared("that a friendship differed at WeCom", m.Drift, detail="")
    kept("found by rules over what is left", m.SegmentMember)  # segments/upkeep.py sees to that
    kept("pseudonymous money", m.Order, m.OrderItem)
    kept("when they could be reached, without a name", m.ReachSpell)
    cleared("that somebody came by a live code", m.LiveCodeAdd, remark_due_at=None,
            remark_problem="")  # fmt: skip
    cleared("a head in a group, without a name", m.GroupMember, name="")
    kept("when a head came and went, by which invitation", m.GroupMove, m.GroupSpell, m.GroupJoin)
    kept("the proof of the erasure itself", m.Erasure, m.ErasedKey)


def undecided(models: Sequence[Model]) -> list[Model]:
    return [model for model in models if model not in of_tables]
