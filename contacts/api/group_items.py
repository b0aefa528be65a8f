"""How may members be brought into a group by the API? An item names one person and says when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from contacts import validation
from contacts.api.naming import UNKNOWN, contact_ids, userids
from contacts.groups import membership, people
from contacts.groups.membership import Move, Who
from contacts.models import Group, GroupWay
from contacts.models.groups import JOIN_WAYS, QUIT_WAYS
from contacts.upserts import Outcome, Status, refused
from contacts.validation import Invalid
from tenants.rest.serializers import StrictSerializer

_WHO = ("contact", "staff", "external")
_FIELDS = frozenset(
    {*_WHO, "joined_at", "join_way", "invited_by", "state", "left_at", "quit_way", "name"}
)


class GroupMemberItemSerializer(StrictSerializer):
    """One stay of one person: `joined_at`, `left_at` or both; and exactly one name of them."""

    contact = serializers.CharField(required=False, help_text="external_id or id of a contact")
    staff = serializers.CharField(required=False, help_text="userid or id; an unknown one is made")
    external = serializers.CharField(
        required=False, help_text="external_userid of somebody who may be no contact yet"
    )
    name = serializers.CharField(required=False, max_length=100, help_text="With external.")
    joined_at = serializers.DateTimeField(required=False)
    join_way = serializers.ChoiceField([way.value for way in JOIN_WAYS], required=False)
    invited_by = serializers.CharField(required=False, help_text="userid or id of staff")
    state = serializers.CharField(required=False, max_length=64)
    left_at = serializers.DateTimeField(required=False)
    quit_way = serializers.ChoiceField([way.value for way in QUIT_WAYS], required=False)

    class Meta:
        ref_name = "GroupMemberItem"


class _Refused(Exception):  # noqa: N818 - carries an outcome
    def __init__(self, field: str, error: Invalid) -> None:
        super().__init__(field)
        self.outcome = refused(error, field)


@dataclass
class _Item:
    values: dict[str, str]
    joined_at: datetime | None
    left_at: datetime | None
    who: Who | None = None


def bring(group: Group, items: Sequence[object]) -> list[Outcome]:
    """Record what the items say; one outcome each. The id is the member's."""
    outcomes: dict[int, Outcome] = {}
    good: dict[int, _Item] = {}
    for place, item in enumerate(items):
        try:
            good[place] = _read(item)
        except _Refused as refusal:
            outcomes[place] = refusal.outcome
    inviters = _identify(good, outcomes)
    moves = {place: list(_moves(item, inviters)) for place, item in good.items()}
    flat = [(place, move) for place, found in moves.items() for move in found]
    told = membership.record(group, [move for _place, move in flat]) if flat else []
    statuses: dict[int, set[Status]] = {}
    for (place, _move), status in zip(flat, told, strict=True):
        statuses.setdefault(place, set()).add(status)
    members = membership.find(group, {move.who for _place, move in flat})
    for place, found in statuses.items():
        most = next(each for each in (Status.CREATED, Status.UPDATED, Status.UNCHANGED)
                    if each in found)  # fmt: skip
        outcomes[place] = Outcome(most, members[moves[place][0].who].pk)
    return [outcomes[place] for place in range(len(items))]


def _read(item: object) -> _Item:
    if not isinstance(item, dict):
        raise _Refused("", Invalid("invalid", _("Write an object.")))
    values: dict[str, str] = {}
    for name, value in item.items():
        if name not in _FIELDS:
            raise _Refused(str(name)[:100], Invalid("unknown_field", _("Unknown field.")))
        if value not in (None, ""):
            values[name] = _clean(name, value)
    named = [name for name in _WHO if name in values]
    if len(named) != 1:
        field = named[1] if named else "contact"
        raise _Refused(field, Invalid("one", _("Name one of contact, staff and external.")))
    return _with_times(values)


def _clean(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise _Refused(name, Invalid("invalid", _("Write text.")))
    try:
        if name in {*_WHO, "invited_by"}:
            return validation.identifier(value)
        if name == "join_way":
            return validation.choice(value, JOIN_WAYS, code="way")
        if name == "quit_way":
            return validation.choice(value, QUIT_WAYS, code="way")
        if name in {"name", "state"}:
            return validation.text(value, 100 if name == "name" else 64)
    except Invalid as error:
        raise _Refused(name, error) from None
    return value


def _with_times(values: dict[str, str]) -> _Item:
    zone, now = timezone.get_current_timezone(), timezone.now()
    times: dict[str, datetime] = {}
    for name in ("joined_at", "left_at"):
        if name in values:
            try:
                times[name] = validation.moment(values[name], zone, now)
            except Invalid as error:
                raise _Refused(name, error) from None
    if not times:
        raise _Refused("joined_at", Invalid("blank", _("Say when: joined_at, left_at or both.")))
    for name, needs in (("join_way", "joined_at"), ("invited_by", "joined_at"),
                        ("state", "joined_at"), ("quit_way", "left_at")):  # fmt: skip
        if name in values and needs not in times:
            words = {"name": needs}
            raise _Refused(name, Invalid("alone", _("This goes with %(name)s.") % words))
    if len(times) == 2 and times["left_at"] <= times["joined_at"]:
        raise _Refused("left_at", Invalid("order", _("Nobody leaves before joining.")))
    return _Item(values, times.get("joined_at"), times.get("left_at"))


def _identify(good: dict[int, _Item], outcomes: dict[int, Outcome]) -> Mapping[str, int]:
    """Find out who is meant; items that name nobody are refused. Answers inviters by name."""
    items = list(good.values())
    contacts = contact_ids(_named(items, "contact"))
    staff = userids({*_named(items, "staff"), *_named(items, "invited_by")})
    numbers = people.members_of_staff(userid for userid in staff.values() if userid)
    outside = people.customers(_named(items, "external"))
    for place, item in list(good.items()):
        try:
            item.who = _who(item.values, contacts, staff, numbers, outside)
            if "invited_by" in item.values and staff[item.values["invited_by"]] is None:
                raise _Refused("invited_by", Invalid("does_not_exist", UNKNOWN))
        except _Refused as refusal:
            outcomes[place] = refusal.outcome
            del good[place]
    return {
        text: number
        for text, userid in staff.items()
        if userid and (number := numbers[userid].staff_id) is not None
    }


def _named(items: Sequence[_Item], field: str) -> set[str]:
    return {item.values[field] for item in items if field in item.values}


def _who(
    values: Mapping[str, str],
    contacts: Mapping[str, int],
    staff: Mapping[str, str | None],
    numbers: Mapping[str, Who],
    outside: Mapping[str, Who],
) -> Who:
    if "contact" in values:
        if values["contact"] not in contacts:
            error = Invalid("unknown_contact", _("There is no such contact."))
            raise _Refused("contact", error)
        return Who(contact_id=contacts[values["contact"]])
    if "staff" in values:
        userid = staff[values["staff"]]
        if userid is None:
            raise _Refused("staff", Invalid("does_not_exist", UNKNOWN))
        return numbers[userid]
    return outside[values["external"]]


def _moves(item: _Item, inviters: Mapping[str, int]) -> Sequence[Move]:
    values, who = item.values, item.who or Who()
    found = []
    if item.joined_at is not None:
        found.append(
            Move(
                who, item.joined_at, joins=True, way=values.get("join_way", ""),
                invited_by=inviters.get(values.get("invited_by", "")),
                state=values.get("state", ""), name=values.get("name", ""),
            )
        )  # fmt: skip
    if item.left_at is not None:
        way = values.get("quit_way", GroupWay.UNKNOWN)
        found.append(Move(who, item.left_at, joins=False, way=way, name=values.get("name", "")))
    return found
