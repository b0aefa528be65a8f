"""Who is ripe for sales, who works on them, and what came of it?

A contact in a stage that makes leads, whose score reached the threshold and who is not excluded,
becomes a lead: once, and again only when it comes back after a lead was closed. Verbs here are one
transaction each: a conditional UPDATE that one caller wins, and a line on the timeline.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from contacts import timeline
from contacts.models import Contact, Event
from journeys import scoring, webhook_events
from journeys.models import FollowUp, Lead
from tenants.models import Staff, User
from tenants.scope import current_tenant_id


class Taken(Exception):  # noqa: N818 - reads as what happened
    """Another was quicker, or the lead is closed."""


_OPEN = """
INSERT INTO journeys_lead (tenant_id, contact_id, state, key, score_at_start, reason, created_at)
SELECT %(tenant)s, s.contact_id, 'open', s.key, s.key / %(growth)s, '', %(now)s
FROM unnest(%(ids)s::bigint[]) AS one(contact_id)
CROSS JOIN LATERAL (
  SELECT s.contact_id, s.key, s.crossed_at FROM journeys_score s
  WHERE s.tenant_id = %(tenant)s AND s.model_id = %(model)s AND s.contact_id = one.contact_id
    AND (s.key >= %(threshold)s OR s.contact_id = ANY(%(by_hand)s)) LIMIT 1) s
CROSS JOIN LATERAL (
  SELECT FROM journeys_contactstage p JOIN journeys_stage g
    ON g.tenant_id = %(tenant)s AND g.id = p.stage_id AND g.makes_leads
  WHERE p.tenant_id = %(tenant)s AND p.contact_id = one.contact_id LIMIT 1) place
CROSS JOIN LATERAL (
  SELECT FROM contacts_contact c
  WHERE c.tenant_id = %(tenant)s AND c.id = one.contact_id AND NOT c.excluded LIMIT 1) contact
LEFT JOIN LATERAL (
  SELECT l.state, l.closed_at FROM journeys_lead l
  WHERE l.tenant_id = %(tenant)s AND l.contact_id = one.contact_id
  ORDER BY l.id DESC LIMIT 1) last ON true
WHERE last.state IS NULL OR last.state IN ('won', 'lost')
  AND (last.closed_at < s.crossed_at OR s.contact_id = ANY(%(by_hand)s))
ORDER BY s.contact_id
ON CONFLICT DO NOTHING
RETURNING id
"""

_FOLLOW = """
UPDATE journeys_lead l SET key = s.key FROM journeys_score s
WHERE l.tenant_id = %(tenant)s AND l.state IN ('open', 'claimed') {of}
  AND s.tenant_id = %(tenant)s AND s.model_id = %(model)s AND s.contact_id = l.contact_id
  AND l.key <> s.key
"""
_FOLLOW_SOME = _FOLLOW.format(of="AND l.contact_id = ANY(%(ids)s)")
_FOLLOW_ALL = _FOLLOW.format(of="")


def on_events(events: Sequence[Event]) -> None:
    """Timeline listener, after score and stage: new leads, and the keys of the active ones."""
    by_hand = {e.contact_id for e in events if e.kind == "stage.moved"}
    review({e.contact_id for e in events}, by_hand=by_hand)


def review(contact_ids: Iterable[int], *, by_hand: Iterable[int] = ()) -> None:
    """Make leads of the ripe, close those of the excluded and the served, keep keys in step.

    Whom a person put into a stage that makes leads (`by_hand`) becomes one whatever the score.
    """
    ids = sorted(contact_ids)
    model = scoring.live()
    now = timezone.now()
    values: dict[str, Any] = {
        "tenant": current_tenant_id(),
        "model": model.pk,
        "ids": ids,
        "by_hand": sorted(by_hand),
        "now": now,
        "growth": scoring.growth(model, now),
        "threshold": scoring.key_of(model.lead_threshold, model, now),
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_FOLLOW_SOME, values)
        cursor.execute(_OPEN, values)
        new = [pk for (pk,) in cursor.fetchall()]
        _note("lead.created", Lead.objects.filter(id__in=new))
        _close_passed(ids)


def follow_scores() -> None:
    """The keys of all active leads from the live version of the scores."""
    with connection.cursor() as cursor:
        cursor.execute(_FOLLOW_ALL, {"tenant": current_tenant_id(), "model": scoring.live().pk})


def _close_passed(contact_ids: Sequence[int]) -> None:
    """The excluded are no leads; nobody calls a stranger who has just bought."""
    active = Lead.objects.active().filter(contact_id__in=contact_ids)
    excluded = list(active.filter(contact__excluded=True))
    bought = list(active.filter(state=Lead.State.OPEN).bought_since())
    for leads, state, reason in (
        (excluded, Lead.State.INVALID, "excluded"),
        (bought, Lead.State.WON, "order"),
    ):
        for lead in leads:
            _close(lead, state, reason, {"by": ""})


def _close(lead: Lead, state: Lead.State, reason: str, properties: dict[str, object]) -> bool:
    now = timezone.now()
    closed = (
        Lead.objects.active()
        .filter(pk=lead.pk, owner_id=lead.owner_id)
        .update(state=state, reason=reason[:200], closed_at=now, next_at=None)
    )
    if closed:
        lead.refresh_from_db()
        _note(f"lead.{state.value}", [lead], {"reason": reason, **properties}, at=now)
    return bool(closed)


def _note(
    kind: str,
    leads: Iterable[Lead],
    properties: dict[str, object] | None = None,
    at: datetime | None = None,
) -> None:
    """Write on the timeline. The moment is in the key: a lead may be claimed more than once."""
    now = at or timezone.now()
    leads = list(leads)
    timeline.record(
        timeline.NewEvent(
            contact_id=lead.contact_id,
            kind=kind,
            at=now,
            source="journeys",
            key=f"lead:{lead.pk}:{kind}:{now.timestamp()}",
            properties=properties or {},
        )
        for lead in leads
    )
    webhook_events.leads(kind, leads, now)


# -- what sales does ------------------------------------------------------------------------------


def claim(lead: Lead, staff: Staff) -> Lead:
    """Take an open lead; raises Taken when it is no longer open. One's own stays one's own."""
    with transaction.atomic():
        now = timezone.now()
        won = Lead.objects.filter(pk=lead.pk, state=Lead.State.OPEN).update(
            state=Lead.State.CLAIMED, owner=staff, claimed_at=now
        )
        lead.refresh_from_db()
        if won:
            # Who works a lead looks after the contact, unless somebody does already.
            Contact.objects.filter(pk=lead.contact_id, owner=None).update(owner=staff)
            _note("lead.claimed", [lead], {"staff": str(staff)}, at=now)
        elif lead.state != Lead.State.CLAIMED or lead.owner_id != staff.pk:
            raise Taken
    return lead


def claim_next(staff: Staff) -> Lead | None:
    """Take the best open lead, if there is one. Callers at the same time get different ones."""
    with transaction.atomic():
        best = Lead.objects.open_queue().select_for_update(skip_locked=True, of=("self",)).first()
        return claim(best, staff) if best is not None else None


def release(lead: Lead, by: User | None = None) -> Lead:
    """Put a claimed lead back into the queue."""
    with transaction.atomic():
        changed = Lead.objects.filter(
            pk=lead.pk, state=Lead.State.CLAIMED, owner_id=lead.owner_id
        ).update(state=Lead.State.OPEN, owner=None, claimed_at=None)
        if not changed:
            raise Taken
        _note("lead.released", [lead], {"staff": str(lead.owner or ""), "by": str(by or "")})
        lead.refresh_from_db()
        review([lead.contact_id])
    return lead


def on_resigned(staff_ids: Sequence[int]) -> None:
    """Those who left the corporation work at no lead: what they had claimed waits for others."""
    for lead in Lead.objects.filter(owner__in=staff_ids, state=Lead.State.CLAIMED).order_by("id"):
        release(lead)


def transfer(lead: Lead, staff: Staff, by: User | None = None) -> Lead:
    """Hand an active lead to another staff member."""
    with transaction.atomic():
        now = timezone.now()
        changed = (
            Lead.objects.active()
            .filter(pk=lead.pk, owner_id=lead.owner_id)
            .update(state=Lead.State.CLAIMED, owner=staff, claimed_at=now)
        )
        if not changed:
            raise Taken
        properties: dict[str, object] = {"from": str(lead.owner or ""), "to": str(staff)}
        _note("lead.transferred", [lead], properties | {"by": str(by or "")}, at=now)
        Contact.objects.filter(pk=lead.contact_id, owner=None).update(owner=staff)
        lead.refresh_from_db()
    return lead


def follow_up(
    lead: Lead,
    *,
    staff: Staff | None,
    user: User | None = None,
    kind: str = FollowUp.Kind.NOTE,
    note: str = "",
    need_confirmed: bool = False,
    next_at: datetime | None = None,
) -> FollowUp:
    """Note what was done about a claimed lead, and when to come back to it."""
    with transaction.atomic():
        now = timezone.now()
        changed = Lead.objects.filter(pk=lead.pk, state=Lead.State.CLAIMED).update(next_at=next_at)
        if not changed:
            raise Taken
        done = FollowUp.objects.create(
            lead=lead,
            staff=staff,
            user=user,
            kind=kind,
            note=note,
            need_confirmed=need_confirmed,
            at=now,
            next_at=next_at,
        )
        properties: dict[str, object] = {"staff": str(staff or user or ""), "kind": kind}
        _note("lead.followed_up", [lead], properties | {"need_confirmed": need_confirmed}, at=now)
        lead.refresh_from_db()
    return done


def close(
    lead: Lead, outcome: Lead.State, reason: str = "", by: Staff | User | None = None
) -> Lead:
    """Say what came of a lead: won, lost or invalid. Twice is fine, a change of mind is not."""
    with transaction.atomic():
        if not _close(lead, outcome, reason, {"by": str(by or "")}):
            lead.refresh_from_db()
            if lead.state != outcome:
                raise Taken
    return lead


def follow_ups_of(lead: Lead) -> QuerySet[FollowUp]:
    """The follow-ups of a lead, newest first."""
    return FollowUp.objects.filter(lead=lead).select_related("staff", "user").order_by("-at", "-id")
