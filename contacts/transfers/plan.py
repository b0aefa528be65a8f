"""Who of a member's customers and groups can be handed over at WeCom, and why not the others?

What is known to be refused is not asked: WeCom counts two transfers of a customer in 90 days.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from contacts import kinds
from contacts.models import (
    Contact,
    Event,
    Follow,
    Group,
    Identity,
    TransferBatch,
    TransferItem,
    Unassigned,
)
from contacts.models.transfers import UNSETTLED
from contacts.transfers import completing
from tenants import doorbell
from tenants.models import Staff, User, WeChatAccount
from tenants.wechat.errors import CHINA
from tenants.wechat.transfers import MESSAGE_LIMIT

QUEUE: Final = "transfers"
MOST: Final = 20_000  # customers of one transfer
MOST_TAKERS: Final = 50
SHOWN: Final = 20  # of those who cannot be moved, for one reason
NATURAL_DAYS: Final = 90
MOST_IN_90_DAYS: Final = 2
_SLICE: Final = 5000
Kind = TransferBatch.Kind


class Refused(ValueError):  # noqa: N818 - reads as what happened
    """This cannot be planned; `field` says which part of the wish is meant."""

    def __init__(self, field: str, message: object) -> None:
        self.field = field
        super().__init__(str(message))


class Why(models.TextChoices):
    """Why a customer or a group stays."""

    NOT_THEIRS = "not_theirs", gettext_lazy("no customer of this member now")
    NO_ACCOUNT = "no_account", gettext_lazy("no account at WeCom is known")
    UNDER_WAY = "under_way", gettext_lazy("on the way to somebody already")
    TOO_OFTEN = "too_often", gettext_lazy("handed over twice in 90 days already")
    NOT_OWNED = "not_owned", gettext_lazy("no group of this member now")
    NO_CHAT_ID = "no_chat_id", gettext_lazy("the group has no chat id")
    GROUP_TOO_OFTEN = "group_too_often", gettext_lazy("group handed on twice in 90 days already")


@dataclass(frozen=True)
class Wish:
    """Inside a scope. None of `contact_ids` or `group_ids` means all of the giver's."""

    account: WeChatAccount
    giver: Staff
    takers: Sequence[Staff]
    contact_ids: Collection[int] | None = ()
    group_ids: Collection[int] | None = ()
    message: str = ""
    resigned: bool | None = None  # None: as the corporation's list of staff says

    @property
    def kind(self) -> Kind:
        gone = self.giver.left_at is not None if self.resigned is None else self.resigned
        return Kind.RESIGNED if gone else Kind.ON_JOB


@dataclass
class Plan:
    """Who can be moved, as (id of the row, id at the platform), and who cannot, by reason."""

    wish: Wish
    customers: list[tuple[int, str]] = field(default_factory=list)
    groups: list[tuple[int, str]] = field(default_factory=list)
    stay: dict[Why, list[int]] = field(default_factory=dict)

    @property
    def movable(self) -> int:
        return len(self.customers) + len(self.groups)

    @property
    def staying(self) -> list[tuple[str, int]]:
        return [(str(why.label), len(found)) for why, found in self.stay.items()]

    def keep(self, why: Why, ids: Collection[int]) -> None:
        if ids:
            self.stay[why] = self.stay.get(why, []) + sorted(ids)


def account_for_transfers() -> WeChatAccount | None:
    """The corporation through which customers are handed over; None: only our own books are."""
    rows = WeChatAccount.objects.filter(kind=WeChatAccount.Kind.WECOM, active=True)
    return rows.order_by("id").first()


def look(wish: Wish) -> Plan:
    """Inside a scope: what would be asked, without asking. Raises Refused."""
    _check(wish)
    plan = Plan(wish)
    _choose_customers(plan)
    _choose_groups(plan)
    if len(plan.customers) > MOST:
        raise Refused("contacts", _("At most %(n)d customers at once: choose fewer.") % {"n": MOST})
    return plan


def start(plan: Plan, user: User | None = None) -> TransferBatch:
    """Inside a scope: put it on the way, spread evenly over the takers. Raises Refused."""
    wish = plan.wish
    if not plan.movable:
        raise Refused("contacts", _("Nobody of these can be handed over."))
    batch = TransferBatch.objects.create(
        account=wish.account, giver=wish.giver, kind=wish.kind,
        message=wish.message if wish.kind == Kind.ON_JOB else "", user=user,
        due_at=timezone.now(),
    )  # fmt: skip
    takers = list(wish.takers)
    items = [
        TransferItem(batch=batch, contact_id=pk, target=target, taker=takers[number % len(takers)])
        for number, (pk, target) in enumerate(plan.customers)
    ]
    items += [
        TransferItem(batch=batch, group_id=pk, target=target, taker=takers[number % len(takers)])
        for number, (pk, target) in enumerate(plan.groups)
    ]
    TransferItem.objects.bulk_create(items, batch_size=2000)
    doorbell.ring(QUEUE)
    return batch


def cancel(batch: TransferBatch) -> int:
    """Inside a scope: what was not asked yet is not asked; what WeCom was told goes on."""
    rows = TransferItem.objects.filter(batch=batch, state=TransferItem.State.PLANNED)
    count: int = rows.update(state=TransferItem.State.CANCELLED, settled_at=timezone.now())
    completing.hurry({batch.pk})
    return count


def _check(wish: Wish) -> None:
    if not wish.takers:
        raise Refused("to", _("Choose who takes over."))
    if len(wish.takers) > MOST_TAKERS:
        raise Refused("to", _("At most %(n)d members take over.") % {"n": MOST_TAKERS})
    for taker in wish.takers:
        if taker.pk == wish.giver.pk:
            raise Refused("to", _("Choose another member of staff."))
        if not taker.active or taker.left_at is not None:
            raise Refused("to", _("This member of staff is not active."))
    if len(wish.message) > MESSAGE_LIMIT:
        text = _("The message has at most %(n)d characters.") % {"n": MESSAGE_LIMIT}
        raise Refused("message", text)


# --- customers ---


def _choose_customers(plan: Plan) -> None:
    wish = plan.wish
    if wish.contact_ids is not None and not wish.contact_ids:
        return
    theirs = _customers_of(wish)
    wanted = set(theirs) if wish.contact_ids is None else set(wish.contact_ids)
    plan.keep(Why.NOT_THEIRS, wanted - theirs.keys())
    wanted &= theirs.keys()
    accounts = _accounts(wanted) | {pk: text for pk, text in theirs.items() if text}
    plan.keep(Why.NO_ACCOUNT, wanted - accounts.keys())
    wanted &= accounts.keys()
    going = _going(wish.giver, wanted)
    plan.keep(Why.UNDER_WAY, going)
    wanted -= going
    if wish.kind == Kind.ON_JOB:
        often = {pk for pk, n in _handed(wanted).items() if n >= MOST_IN_90_DAYS}
        plan.keep(Why.TOO_OFTEN, often)
        wanted -= often
    plan.customers = [(pk, accounts[pk]) for pk in sorted(wanted)]


def _customers_of(wish: Wish) -> dict[int, str]:
    """Contact → external_userid where that is known from the list of those left behind."""
    open_now = Follow.objects.filter(staff=wish.giver, ended_at=None)
    found = dict.fromkeys(open_now.values_list("contact_id", flat=True), "")
    if wish.kind == Kind.RESIGNED:
        left = Unassigned.objects.filter(staff=wish.giver, account=wish.account)
        rows = left.exclude(contact=None).values_list("contact_id", "external_userid")
        found |= {pk: text for pk, text in rows if pk is not None}
    return found


def _accounts(contact_ids: Collection[int]) -> dict[int, str]:
    """The latest account of each; one who has several was merged."""
    rows = Identity.objects.filter(
        contact_id__in=contact_ids, kind=Identity.Kind.EXTERNAL_USERID
    ).order_by("id")
    return dict(rows.values_list("contact_id", "value"))


def _going(giver: Staff, contact_ids: Collection[int]) -> set[int]:
    rows = TransferItem.objects.filter(
        contact_id__in=contact_ids, batch__giver=giver, state__in=UNSETTLED
    )
    return {pk for pk in rows.values_list("contact_id", flat=True) if pk is not None}


def since_90_days(now: datetime) -> datetime:
    """Natural days of China, today included."""
    today = now.astimezone(CHINA).replace(hour=0, minute=0, second=0, microsecond=0)
    return today - timedelta(days=NATURAL_DAYS - 1)


def _handed(contact_ids: Collection[int]) -> Counter[int]:
    """How often each was transferred between members who stay, in the last 90 days."""
    ids, since = sorted(contact_ids), since_90_days(timezone.now())
    found: Counter[int] = Counter()
    for start_at in range(0, len(ids), _SLICE):
        rows = Event.objects.filter(
            contact_id__in=ids[start_at : start_at + _SLICE],
            kind=kinds.FOLLOW_ENDED,
            at__gte=since,
            source__in=(completing.SOURCE, "wecom"),  # not: our own books only
        )
        for contact_id, told in rows.values_list("contact_id", "properties"):
            if told.get("by") == "transfer" and not told.get("resigned"):
                found[contact_id] += 1
    return found


# --- groups ---


def _choose_groups(plan: Plan) -> None:
    wish = plan.wish
    if wish.group_ids is not None and not wish.group_ids:
        return
    owned = {
        row.pk: row.chat_id for row in Group.objects.filter(owner=wish.giver, dismissed_at=None)
    }
    wanted = set(owned) if wish.group_ids is None else set(wish.group_ids)
    plan.keep(Why.NOT_OWNED, wanted - owned.keys())
    wanted &= owned.keys()
    plan.keep(Why.NO_CHAT_ID, {pk for pk in wanted if not owned[pk]})
    wanted = {pk for pk in wanted if owned[pk]}
    rows = TransferItem.objects.filter(group_id__in=wanted)
    going = set(rows.filter(state__in=UNSETTLED).values_list("group_id", flat=True))
    plan.keep(Why.UNDER_WAY, {pk for pk in going if pk is not None})
    wanted -= going
    if wish.kind == Kind.ON_JOB:
        done = rows.filter(
            batch__kind=Kind.ON_JOB,
            state=TransferItem.State.DONE,
            settled_at__gte=since_90_days(timezone.now()),
        )
        counts = Counter(done.values_list("group_id", flat=True))
        often = {pk for pk in wanted if counts[pk] >= MOST_IN_90_DAYS}
        plan.keep(Why.GROUP_TOO_OFTEN, often)
        wanted -= often
    plan.groups = [(pk, owned[pk] or "") for pk in sorted(wanted)]


def people_of(plan: Plan, why: Why) -> list[Contact]:
    """Some of those who stay for this reason, to show."""
    return list(Contact.objects.filter(pk__in=plan.stay.get(why, [])[:SHOWN]).order_by("id"))
