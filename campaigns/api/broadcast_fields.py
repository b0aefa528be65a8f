"""How does a broadcast look in the API, and how is one written?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers

from campaigns.broadcasts import audience, personal, standing, starting
from campaigns.broadcasts.audience import Audience
from campaigns.models import (
    Broadcast,
    BroadcastGroup,
    BroadcastRecipient,
    BroadcastShare,
    BroadcastStaff,
    BroadcastTag,
)
from contacts import validation
from contacts.api.live_code_fields import Attachments
from contacts.api.naming import UNKNOWN, tag_names, userids
from contacts.api.shown import moment
from contacts.groups import people as group_people
from contacts.models import Group, Segment, Tag
from journeys.models import Content, TouchKind
from tenants import ids
from tenants.models import Staff, WeChatAccount
from tenants.rest.fields import Moment, Reference, StrictBoolean, Text
from tenants.rest.serializers import StrictSerializer

TEXT_LENGTH = 4000


def _accounts() -> Any:
    return WeChatAccount.objects.filter(kind=WeChatAccount.Kind.WECOM)


def _names(most: int, length: int, help_text: str) -> serializers.ListField:
    return serializers.ListField(
        child=serializers.CharField(max_length=length), max_length=most, required=False,
        help_text=help_text,
    )  # fmt: skip


class BroadcastSerializer(StrictSerializer):
    """A message to many. `everyone`, `segment`, `tags`, `groups`, `staff` are its audience: all
    that is given must hold, and with nothing given it is nobody. Only a draft can be changed.

    `counts` are recipients by state, `left_out` those of the audience who get nothing, by reason;
    `parts` are what members have to confirm. Of a moment `seen_by`, `likes`, `comments` count.

    What was made at WeCom itself (`origin` wecom: by the business; member: a member's own) can be
    looked at and copied; its `recipients` are those whom WeCom told of, `counts` those known here.
    """

    id = serializers.CharField(read_only=True)
    origin = serializers.ChoiceField(Broadcast.Origin.choices, read_only=True)
    creator = serializers.CharField(
        read_only=True, allow_null=True, help_text="userid of who made it at WeCom"
    )
    name = Text(validation.name, max_length=validation.NAME_LENGTH)
    route = serializers.ChoiceField(Broadcast.Route.choices, required=False)
    kind = serializers.ChoiceField(
        TouchKind.choices,
        required=False,
        help_text="What counts against a customer's pace of touches; promotion if left out.",
    )
    account = Reference(_accounts, required=False)
    everyone = StrictBoolean(required=False)
    segment = Reference(Segment.objects.all, required=False, allow_null=True)
    segment_name = serializers.CharField(
        read_only=True, help_text="As of the start; it stays when the segment is deleted later."
    )
    tags = _names(100, validation.TAG_LENGTH, "names or ids; one of them is enough")
    groups = _names(2000, 64, "chat ids or ids")
    staff = _names(1000, 64, "userids or ids of those who send")
    text = Text(
        lambda text: validation.text(text, TEXT_LENGTH, breaks=True),
        max_length=TEXT_LENGTH, required=False, allow_blank=True,
        help_text="To customers it may hold {name}, {staff} and {link}.",
    )  # fmt: skip
    content = Reference(
        Content.objects.all, required=False, allow_null=True,
        help_text="Where {link} leads: each customer gets a link of their own, by a task of its "
        "own. A survey goes only to those who have not answered it. By mass_task only.",
    )  # fmt: skip
    attachments = Attachments(required=False)
    send_at = Moment(required=False, allow_null=True, help_text="Left out: once it is started.")
    state = serializers.ChoiceField(Broadcast.State.choices, read_only=True)
    problem = serializers.CharField(read_only=True)
    recipients = serializers.IntegerField(read_only=True)
    counts = serializers.DictField(child=serializers.IntegerField(), read_only=True)
    left_out = serializers.DictField(child=serializers.IntegerField(), read_only=True)
    parts = serializers.IntegerField(read_only=True)
    confirmed = serializers.IntegerField(read_only=True)
    seen_by = serializers.IntegerField(read_only=True)
    likes = serializers.IntegerField(read_only=True)
    comments = serializers.IntegerField(read_only=True)
    created_at = serializers.DateTimeField(read_only=True)
    started_at = serializers.DateTimeField(read_only=True, allow_null=True)
    audience_as_of = serializers.DateTimeField(read_only=True, allow_null=True)
    finished_at = serializers.DateTimeField(read_only=True, allow_null=True)

    class Meta:
        ref_name = "Broadcast"

    def validate_tags(self, texts: list[str]) -> list[int]:
        return _rows(texts, tag_names(texts), Tag, "name")

    def validate_staff(self, texts: list[str]) -> list[int]:
        return _rows(texts, userids(texts), Staff, "userid")

    def validate_groups(self, texts: list[str]) -> list[int]:
        known: dict[str, Group] = group_people.by_name(texts) if texts else {}
        _refuse_unknown(texts, known)
        return sorted({group.pk for group in known.values()})


class BroadcastPreviewSerializer(serializers.Serializer):
    """Whom it would reach now, through how many members; `as_of` is null while the segment was
    never counted. Of `personal` words each customer's is a task of its own: members confirm
    `tasks` in all, one of them `most_tasks`."""

    reached = serializers.IntegerField()
    senders = serializers.IntegerField()
    personal = serializers.BooleanField()
    tasks = serializers.IntegerField()
    most_tasks = serializers.IntegerField()
    left_out = serializers.DictField(child=serializers.IntegerField())
    as_of = serializers.DateTimeField(allow_null=True)

    class Meta:
        ref_name = "BroadcastPreview"


class BroadcastRecipientSerializer(serializers.Serializer):
    """A customer or a group; the other is null."""

    id = serializers.CharField()
    contact = serializers.CharField(allow_null=True)
    group = serializers.CharField(allow_null=True)
    staff = serializers.CharField(help_text="userid")
    state = serializers.ChoiceField(BroadcastRecipient.State.choices)
    settled_at = serializers.DateTimeField(allow_null=True)

    class Meta:
        ref_name = "BroadcastRecipient"


class BroadcastPartSerializer(serializers.Serializer):
    """What one member has to confirm."""

    id = serializers.CharField()
    staff = serializers.CharField(help_text="userid")
    state = serializers.ChoiceField(BroadcastShare.State.choices)
    confirmed_at = serializers.DateTimeField(allow_null=True)
    recipients = serializers.IntegerField()
    seen_by = serializers.IntegerField()
    likes = serializers.IntegerField()
    comments = serializers.IntegerField()

    class Meta:
        ref_name = "BroadcastPart"


def write(broadcast: Broadcast, given: dict[str, Any]) -> None:
    """Inside a scope: store what was sent; parts that were not keep what they are."""
    for name in ("name", "route", "kind", "account", "everyone", "segment", "text", "content",
                 "attachments", "send_at"):  # fmt: skip
        if name in given:
            setattr(broadcast, name, given[name])
    broadcast.save()
    now = Audience.of(broadcast)
    starting.put_audience(
        broadcast,
        Audience(
            route=now.route,
            account_id=now.account_id,
            tag_ids=frozenset(given.get("tags", now.tag_ids)),
            group_ids=frozenset(given.get("groups", now.group_ids)),
            staff_ids=frozenset(given.get("staff", now.staff_ids)),
        ),
    )


def unstored(given: dict[str, Any]) -> Broadcast:
    """What a body would say, and by which route."""
    names = ("route", "text", "content")
    return Broadcast(**{name: given[name] for name in names if name in given})


def wish(given: dict[str, Any], account: WeChatAccount) -> Audience:
    """The audience of a body that is not stored."""
    segment = given.get("segment")
    row = unstored(given)
    return Audience(
        route=row.route,
        survey_id=personal.survey_id(row),
        account_id=given.get("account", account).pk,
        everyone=given.get("everyone", False),
        segment_id=segment.pk if segment else None,
        tag_ids=frozenset(given.get("tags", ())),
        group_ids=frozenset(given.get("groups", ())),
        staff_ids=frozenset(given.get("staff", ())),
    )


def shown(rows: Sequence[Broadcast]) -> list[dict[str, object]]:
    """A page of them, in a fixed number of queries."""
    keys = [row.pk for row in rows]
    found = standing.of(keys)
    tags = _named(BroadcastTag, keys, "tag__name")
    staff = _named(BroadcastStaff, keys, "staff__userid")
    groups = _named(BroadcastGroup, keys, "group_id")
    return [
        {
            "id": ids.encode(row.pk),
            "origin": row.origin,
            "creator": row.maker.userid if row.maker else None,
            "name": row.name,
            "route": row.route,
            "kind": row.kind,
            "account": ids.encode(row.account_id),
            "everyone": row.everyone,
            "segment": ids.encode(row.segment_id) if row.segment_id else None,
            "segment_name": row.segment_name,
            "tags": tags.get(row.pk, []),
            "groups": [ids.encode(int(str(pk))) for pk in groups.get(row.pk, [])],
            "staff": staff.get(row.pk, []),
            "text": row.text,
            "content": ids.encode(row.content_id) if row.content_id else None,
            "attachments": Attachments().to_representation(row.attachments),
            "send_at": moment(row.send_at),
            "state": row.state,
            "problem": row.problem,
            "recipients": row.total,
            "counts": found[row.pk].counts,
            "left_out": row.left_out,
            "parts": found[row.pk].shares,
            "confirmed": found[row.pk].confirmed,
            "seen_by": found[row.pk].seen_by,
            "likes": found[row.pk].likes,
            "comments": found[row.pk].comments,
            "created_at": moment(row.created_at),
            "started_at": moment(row.started_at),
            "audience_as_of": moment(row.frozen_at),
            "finished_at": moment(row.finished_at),
        }
        for row in rows
    ]


def shown_count(found: audience.Count, *, own: bool) -> dict[str, object]:
    """`own`: each customer has words of their own."""
    return {
        "reached": found.reached,
        "senders": found.senders,
        "personal": own,
        "tasks": found.reached if own else found.senders,
        "most_tasks": found.most if own else min(found.senders, 1),
        "left_out": found.left_out,
        "as_of": moment(found.as_of),
    }


def shown_recipient(row: BroadcastRecipient) -> dict[str, object]:
    return {
        "id": ids.encode(row.pk),
        "contact": ids.encode(row.contact_id) if row.contact_id else None,
        "group": ids.encode(row.group_id) if row.group_id else None,
        "staff": row.staff.userid,
        "state": row.state,
        "settled_at": moment(row.settled_at),
    }


def shown_part(row: BroadcastShare) -> dict[str, object]:
    return {
        "id": ids.encode(row.pk),
        "staff": row.staff.userid,
        "state": row.state,
        "confirmed_at": moment(row.confirmed_at),
        "recipients": row.batch.size if row.size is None else row.size,
        "seen_by": row.seen_by,
        "likes": row.likes,
        "comments": row.comments,
    }


def _named(model: Any, keys: Sequence[int], column: str) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = {}
    rows = model.objects.filter(broadcast_id__in=keys).order_by("id")
    for broadcast_id, value in rows.values_list("broadcast_id", column):
        found.setdefault(broadcast_id, []).append(value)
    return found


def _rows(texts: list[str], names: dict[str, str | None], model: Any, column: str) -> list[int]:
    wanted = {text: name for text, name in names.items() if name}
    rows = model.objects.filter(**{f"{column}__in": set(wanted.values())})
    known = dict(rows.values_list(column, "pk"))
    _refuse_unknown(texts, {text: 1 for text, name in wanted.items() if name in known})
    return sorted({known[wanted[text]] for text in texts})


def _refuse_unknown(texts: Sequence[str], known: Any) -> None:
    unknown = [text for text in texts if text not in known]
    if unknown:
        raise serializers.ValidationError(f"{UNKNOWN} ({unknown[0][:64]})")


def no_account() -> str:
    return _("No WeCom account is connected.")
