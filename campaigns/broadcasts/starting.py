"""May this broadcast go out, and what can be done with one that is under way?"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _

from campaigns.broadcasts import personal, standing
from campaigns.broadcasts.audience import Audience
from campaigns.models import (
    Broadcast,
    BroadcastBatch,
    BroadcastGroup,
    BroadcastRecipient,
    BroadcastShare,
    BroadcastStaff,
    BroadcastTag,
)
from contacts import attachments, media
from contacts.models import MediaFile, Segment, Tag, UploadedMedia
from contacts.models.sync import TagLink
from tenants import doorbell
from tenants.models import User, WeChatAccount
from tenants.wechat import moments
from tenants.wechat.mass_sends import REMINDERS_A_DAY

QUEUE: Final = "broadcasts"  # what is told to the platform
TEXT_BYTES: Final = 4000
A_DAY: Final = timedelta(days=1)
PAST: Final = timedelta(minutes=5)  # a form that was open for a while is no mistake
Route, State = Broadcast.Route, Broadcast.State


def check(broadcast: Broadcast, audience: Audience) -> None:
    """Inside a scope: can it be started? Raises ValidationError by field, each saying what to do.

    The row need not be stored.
    """
    wrong: dict[str, str] = {}
    account = broadcast.account
    if account.kind != WeChatAccount.Kind.WECOM or not account.active:
        wrong["account"] = _("Choose a WeCom account that is switched on.")
    _check_content(broadcast, wrong)
    wrong |= personal.faults(broadcast)
    if audience.empty:
        wrong["everyone"] = _("Choose whom it is for, or tick everybody.")
    _check_audience(audience, wrong)
    if broadcast.send_at is not None and broadcast.send_at < timezone.now() - PAST:
        wrong["send_at"] = _("This moment is over: choose a later one, or leave it blank.")
    if wrong:
        raise ValidationError(wrong)


def start(broadcast: Broadcast, user: User | None = None) -> None:
    """Inside a scope: on its way, now or at its time. Raises ValidationError."""
    row = Broadcast.objects.select_for_update(of=("self",)).get(pk=broadcast.pk)
    if row.state != State.DRAFT:
        raise ValidationError(_("It was started already."))
    audience = Audience.of(row)
    if audience.sizes != row.chosen:
        raise ValidationError(_("A tag, group or member that was chosen is gone: save it anew."))
    check(row, audience)
    now = timezone.now()
    use = UploadedMedia.Use.MOMENT if row.route == Route.MOMENT else UploadedMedia.Use.MESSAGE
    for file in MediaFile.objects.filter(pk__in=attachments.media_ids(row.attachments)):
        media.want(file, row.account, use)
    row.state, row.user, row.started_at = State.SCHEDULED, user, now
    row.due_at = max(now, row.send_at or now)
    row.segment_name = row.segment.name if row.segment else ""
    row.save(update_fields=["state", "user", "started_at", "due_at", "segment_name"])
    broadcast.refresh_from_db()
    doorbell.ring(QUEUE, row.due_at)


def cancel(broadcast: Broadcast) -> None:
    """Inside a scope: nobody more gets it. What members confirmed already is sent."""
    now = timezone.now()
    # Batches before their broadcast: so do those who work on them.
    batches = BroadcastBatch.objects.filter(broadcast=broadcast)
    held = list(batches.select_for_update(no_key=True).order_by("id"))
    row = Broadcast.objects.select_for_update(of=("self",)).get(pk=broadcast.pk)
    if not row.going or row.outside or row.state == State.CANCELLED:
        raise ValidationError(_("There is nothing left to cancel."))
    row.state, row.due_at = State.CANCELLED, None
    row.save(update_fields=["state", "due_at"])
    planned = [one.pk for one in held if one.state == BroadcastBatch.State.PLANNED]
    batches.filter(pk__in=planned).update(state=BroadcastBatch.State.CANCELLED, due_at=None)
    recipients = BroadcastRecipient.objects.filter(
        batch_id__in=planned, state=BroadcastRecipient.State.PLANNED
    )
    recipients.update(state=BroadcastRecipient.State.CANCELLED, settled_at=now)
    told = (BroadcastBatch.State.ASKED, BroadcastBatch.State.PREPARING)
    batches.filter(state__in=told).update(wants_cancel=True)
    waiting = batches.filter(state=BroadcastBatch.State.WAITING)
    if waiting.update(wants_cancel=True, due_at=now):
        doorbell.ring(QUEUE)
    standing.review(row.pk)
    broadcast.refresh_from_db()


def reminders_left(broadcast: Broadcast) -> int:
    """How often members may be reminded still, in this period of 24 hours."""
    since = timezone.now() - A_DAY
    return max(0, REMINDERS_A_DAY - sum(at > since for at in broadcast.reminded))


def can_remind(broadcast: Broadcast) -> bool:
    """The platform reminds of mass messages only, and three times in 24 hours."""
    waiting = broadcast.state == State.WAITING and broadcast.route != Route.MOMENT
    return waiting and not broadcast.outside and reminders_left(broadcast) > 0


def remind(broadcast: Broadcast) -> int:
    """Inside a scope: tell the members who have not confirmed once more. Answers how many."""
    shares = BroadcastShare.objects.filter(
        batch__broadcast=broadcast, state=BroadcastShare.State.WAITING
    )
    batch_ids = set(shares.values_list("batch_id", flat=True))
    batches = BroadcastBatch.objects.filter(pk__in=batch_ids, state=BroadcastBatch.State.WAITING)
    list(batches.select_for_update(no_key=True).order_by("id").values_list("id"))
    row = Broadcast.objects.select_for_update(of=("self",)).get(pk=broadcast.pk)
    if row.route == Route.MOMENT or row.outside or row.state != State.WAITING:
        raise ValidationError(_("There is nobody to remind."))
    now = timezone.now()
    if not reminders_left(row):
        text = _("WeCom takes %(n)d reminders in 24 hours; the next one is possible at %(at)s.")
        first = timezone.localtime(_first_of_day(row, now) + A_DAY)
        raise ValidationError(text % {"n": REMINDERS_A_DAY, "at": f"{first:%Y-%m-%d %H:%M}"})
    count: int = batches.update(wants_reminder=True, due_at=now)
    if not count:
        raise ValidationError(_("There is nobody to remind."))
    row.reminded = [*(at for at in row.reminded if at > now - A_DAY), now]
    row.save(update_fields=["reminded"])
    broadcast.refresh_from_db()
    doorbell.ring(QUEUE)
    return count


def copy(broadcast: Broadcast) -> Broadcast:
    """Inside a scope: a draft that says the same to whoever belongs to the audience then.

    Raises ValidationError where its segment was deleted: the rest would be more people.
    """
    if broadcast.segment_name and broadcast.segment_id is None:
        raise ValidationError(
            _("The segment “%(name)s” was deleted: write a new broadcast.")
            % {"name": broadcast.segment_name}
        )
    name = f"{broadcast.name[:90]} · {_('copy')}"
    names = ("route", "kind", "account", "everyone", "segment", "text", "content",
             "attachments")  # fmt: skip
    values = {each: getattr(broadcast, each) for each in names}
    if broadcast.outside:  # its files are at WeCom only
        values["attachments"] = [one for one in broadcast.attachments if one["type"] == "link"]
    made = Broadcast.objects.create(name=name[:100], **values)
    put_audience(made, Audience.of(broadcast))
    return made


def put_audience(broadcast: Broadcast, wanted: Audience) -> None:
    """Inside a scope: tags, groups and staff of a stored draft; the rest is in its columns."""
    parts: list[tuple[Any, str, frozenset[int]]] = [
        (BroadcastTag, "tag_id", wanted.tag_ids),
        (BroadcastGroup, "group_id", wanted.group_ids),
        (BroadcastStaff, "staff_id", wanted.staff_ids),
    ]
    for model, column, ids in parts:
        rows = model.objects.filter(broadcast=broadcast)
        rows.exclude(**{f"{column}__in": ids}).delete()
        there = set(rows.values_list(column, flat=True))
        model.objects.bulk_create(
            [model(broadcast=broadcast, **{column: pk}) for pk in sorted(ids - there)]
        )
    broadcast.chosen = wanted.sizes
    broadcast.save(update_fields=["chosen"])


def used_media(file_ids: object) -> set[int]:
    """Which files broadcasts that are under way or being written attach (media.used_by)."""
    rows = Broadcast.objects.filter(finished_at=None).exclude(attachments=[])
    found: set[int] = set()
    for stored in rows.values_list("attachments", flat=True):
        found |= attachments.media_ids(stored)
    return found


def _first_of_day(row: Broadcast, now: datetime) -> datetime:
    return min(at for at in row.reminded if at > now - A_DAY)


def _check_content(broadcast: Broadcast, wrong: dict[str, str]) -> None:
    text, attached = broadcast.text, broadcast.attachments
    if not text.strip() and not attached and broadcast.content_id is None:
        wrong["text"] = _("Write a text or attach something.")
    if broadcast.route != Route.MOMENT:
        if len(personal.longest(broadcast).encode()) > TEXT_BYTES:
            wrong["text"] = _("The platform takes at most %(n)d bytes.") % {"n": TEXT_BYTES}
        return
    if len(text) > moments.TEXT_LIMIT:
        limit = {"n": moments.TEXT_LIMIT}
        wrong["text"] = _("A moment has at most %(n)d characters.") % limit
    kinds = [one["type"] for one in attached]
    most = {
        "image": moments.IMAGES_LIMIT, "video": moments.VIDEOS_LIMIT, "link": moments.LINKS_LIMIT,
    }  # fmt: skip
    if set(kinds) - set(most) or len(set(kinds)) > 1:
        wrong["attachments"] = _("A moment shows pictures, one video or one link, nothing else.")
    elif kinds and len(kinds) > most[kinds[0]]:
        limit = {"n": moments.IMAGES_LIMIT}
        text = _("A moment shows at most %(n)d pictures, or one video, or one link.")
        wrong["attachments"] = text % limit
    elif kinds == ["link"]:
        _check_link(attached[0], wrong)


def _check_link(link: dict[str, Any], wrong: dict[str, str]) -> None:
    if "media" not in link:
        wrong["attachments"] = _("A link in a moment needs a cover picture.")
    elif len(str(link["title"]).encode()) > moments.LINK_TITLE_BYTES:
        limit = {"n": moments.LINK_TITLE_BYTES}
        wrong["attachments"] = _("The title of a link in a moment has at most %(n)d bytes.") % limit


def _check_audience(audience: Audience, wrong: dict[str, str]) -> None:
    if audience.segment_id is not None:
        segment = Segment.objects.filter(pk=audience.segment_id).first()
        if audience.route != Route.MASS_TASK:
            wrong["segment"] = _("Segments are of customers: choose none for this route.")
        elif segment is None or segment.state == Segment.State.BROKEN:
            wrong["segment"] = _("This segment needs repair before it can be written to.")
        elif segment.evaluated_at is None:
            wrong["segment"] = _("This segment is still being counted: try again in a moment.")
    if audience.route == Route.MOMENT:
        if audience.group_ids:
            wrong["groups"] = _("Nobody posts moments for groups: choose none for this route.")
        _check_tags(audience, wrong)


def _check_tags(audience: Audience, wrong: dict[str, str]) -> None:
    """Of a moment the platform judges who sees it, by its own tags."""
    linked = TagLink.objects.filter(account=audience.account_id, tag__in=audience.tag_ids)
    unknown = Tag.objects.filter(pk__in=audience.tag_ids).exclude(pk__in=linked.values("tag_id"))
    names = ", ".join(unknown.order_by("name").values_list("name", flat=True)[:5])
    if names:
        wrong["tags"] = _("WeCom does not know these tags, and so cannot show a moment by them:"
                          " %(names)s.") % {"names": names}  # fmt: skip
