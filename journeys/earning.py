"""What do events earn? One statement counts new events, late ones, and a whole recompute alike."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from django.db import connection, transaction

from contacts import kinds
from contacts.models import Event
from journeys import fit, scoring, unscored
from journeys.models import Score, ScoreModel
from tenants.models import Tenant
from tenants.scope import current_tenant_id

# Events that tell nothing new about who a person is: their fit stays as it is.
_PLAIN = kinds.INBOUND - {"form.answered", "quiz.answered"} | {
    kinds.MESSAGE_SENT,
    "order.paid",
    "order.refunded",
    "order.cancelled",
    "order.changed",
    "touch.sent",
    kinds.TOUCH_DELIVERED,
}


# `GROWTH` is the forward decay of a time column.
_GROWTH = (
    "power(2.0::float8, greatest(-1000, least(1000,"
    " extract(epoch FROM {at} - %(epoch)s::timestamptz)::float8 / 86400 / %(half_life)s)))"
)

# Caps hold in the order of `at`, so the order of arrival does not matter: the pool of a
# capped (contact, rule) is what it earned before and what is new; the earliest ones win.
_EARN = f"""
WITH rule AS MATERIALIZED (
  SELECT id, kind, COALESCE(condition -> 'properties', jsonb_build_object()) AS wanted,
         points, daily_times, total_points,
         daily_times IS NOT NULL OR total_points IS NOT NULL AS capped
  FROM jsonb_to_recordset(%(rules)s::jsonb)
    AS r(id bigint, kind text, condition jsonb, points int, daily_times int, total_points int)
), match AS MATERIALIZED (
  SELECT e.id AS event_id, r.id AS rule_id, e.contact_id, e.at, r.points, r.capped
  FROM contacts_event e JOIN rule r ON r.kind = e.kind AND e.properties @> r.wanted
  WHERE e.tenant_id = %(tenant)s AND {{events}}
), pair AS MATERIALIZED (
  SELECT DISTINCT contact_id, rule_id FROM match WHERE capped
), held AS MATERIALIZED (
  SELECT p.event_id, p.rule_id, p.contact_id, p.at, p.points, p.place
  FROM pair CROSS JOIN LATERAL (
    -- ordered as the index of contacts is: for a tenant that the statistics do not know yet, any
    -- index that begins with the tenant looks as good, and reads it all for each contact
    SELECT *, p.ctid AS place FROM journeys_scorepoint p
    WHERE p.tenant_id = %(tenant)s AND p.model_id = %(model)s
      AND p.contact_id = pair.contact_id AND p.rule_id = pair.rule_id
    ORDER BY p.at OFFSET 0) p
), pool AS (
  SELECT event_id, rule_id, contact_id, at, max(held) AS held, max(place) AS place FROM (
    SELECT event_id, rule_id, contact_id, at, NULL::int AS held, NULL::tid AS place
    FROM match WHERE capped
    UNION ALL SELECT event_id, rule_id, contact_id, at, points, place FROM held) both_ways
  GROUP BY event_id, rule_id, contact_id, at
), of_day AS (
  SELECT pool.*, r.points, r.total_points,
    r.daily_times IS NULL OR r.daily_times >= row_number() OVER (PARTITION BY contact_id, rule_id,
      (at AT TIME ZONE %(zone)s)::date ORDER BY at, event_id) AS counts
  FROM pool JOIN rule r ON r.id = pool.rule_id
), in_all AS (
  SELECT *, count(*) FILTER (WHERE counts) OVER (
    PARTITION BY contact_id, rule_id ORDER BY at, event_id ROWS UNBOUNDED PRECEDING) AS nr
  FROM of_day
), wanted AS MATERIALIZED (
  SELECT event_id, rule_id, contact_id, at, held, place, CASE WHEN counts
    THEN sign(points)::int * greatest(0, least(abs(points),
      COALESCE(total_points, 2147483647) - abs(points) * (nr - 1)))::int
    ELSE 0 END AS points
  FROM in_all
  UNION ALL SELECT event_id, rule_id, contact_id, at, NULL, NULL, points FROM match WHERE NOT capped
), lost AS (
  DELETE FROM journeys_scorepoint p WHERE p.tenant_id = %(tenant)s
    AND p.ctid = ANY(ARRAY(SELECT place FROM wanted WHERE points = 0 AND held IS NOT NULL))
  RETURNING p.contact_id, p.at, -p.points AS points
), won AS (
  INSERT INTO journeys_scorepoint AS p
    (tenant_id, model_id, event_id, rule_id, contact_id, points, at)
  SELECT %(tenant)s, %(model)s, event_id, rule_id, contact_id, points, at FROM wanted
  WHERE points <> 0 AND points IS DISTINCT FROM held
  ON CONFLICT (tenant_id, model_id, event_id, rule_id) DO UPDATE SET points = EXCLUDED.points
    WHERE p.points <> EXCLUDED.points
  RETURNING p.contact_id, p.at, new.points - COALESCE(old.points, 0) AS points
), change AS MATERIALIZED (
  SELECT contact_id, sum(points * {_GROWTH.format(at="at")}) AS amount, max(at) AS last_at
  FROM (SELECT * FROM won UNION ALL SELECT * FROM lost) changes GROUP BY contact_id
)
UPDATE journeys_score s SET
  engagement_key = s.engagement_key + change.amount,
  key = greatest(0, s.engagement_key + change.amount) * (%(weights)s::jsonb ->> s.grade)::float8,
  last_at = greatest(s.last_at, change.last_at),
  crossed_at = CASE WHEN s.key < %(threshold)s AND greatest(0, s.engagement_key + change.amount)
    * (%(weights)s::jsonb ->> s.grade)::float8 >= %(threshold)s THEN now() ELSE s.crossed_at END
FROM change CROSS JOIN LATERAL (
  SELECT o.ctid AS place FROM journeys_score o WHERE o.tenant_id = %(tenant)s
    AND o.model_id = %(model)s AND o.contact_id = change.contact_id LIMIT 1) row
WHERE s.tenant_id = %(tenant)s AND s.ctid = row.place
"""  # noqa: S608 - made of constants
_EARN_EVENTS = _EARN.format(events="e.id = ANY(%(ids)s)")
_EARN_CONTACTS = _EARN.format(events="e.contact_id = ANY(%(ids)s)")

_REFIT = """
INSERT INTO journeys_score AS s (tenant_id, model_id, contact_id, engagement_key, key, fit, grade)
SELECT %(tenant)s, %(model)s, f.contact_id, 0, 0, f.fit, f.grade
FROM unnest(%(ids)s::bigint[], %(fits)s::int[], %(grades)s::text[]) AS f(contact_id, fit, grade)
ON CONFLICT (tenant_id, model_id, contact_id) DO UPDATE SET
  fit = EXCLUDED.fit, grade = EXCLUDED.grade,
  key = greatest(0, s.engagement_key) * (%(weights)s::jsonb ->> EXCLUDED.grade)::float8,
  crossed_at = CASE WHEN s.key < %(threshold)s AND greatest(0, s.engagement_key)
    * (%(weights)s::jsonb ->> EXCLUDED.grade)::float8 >= %(threshold)s
    THEN now() ELSE s.crossed_at END
WHERE s.fit <> EXCLUDED.fit OR s.grade <> EXCLUDED.grade
"""


def on_events(events: Sequence[Event]) -> None:
    """Timeline listener: who did these things becomes known to the score, and earns points."""
    models = list(
        ScoreModel.objects.filter(state__in=[ScoreModel.State.LIVE, ScoreModel.State.BUILDING])
    ) or [scoring.begin()]
    silent = unscored.among({e.contact_id for e in events})
    events = [e for e in events if e.contact_id not in silent]
    zone = Tenant.objects.values_list("zone", flat=True).get(pk=current_tenant_id())
    for model in models:
        # The builder takes contacts in the order of ids: those beyond it are still to come.
        due = [
            e
            for e in events
            if model.state == ScoreModel.State.LIVE or e.contact_id <= model.done_to
        ]
        if not due:
            continue
        refit(model, _unknown_or_changed(model, due))
        scored = {rule["kind"] for rule in scoring.engagement_rules(model)}
        ids = [e.pk for e in due if e.kind in scored]
        if ids:
            _earn(_EARN_EVENTS, model, ids, zone)


def _unknown_or_changed(model: ScoreModel, events: Sequence[Event]) -> set[int]:
    everybody = {e.contact_id for e in events}
    known = set(
        Score.objects.filter(model=model, contact_id__in=everybody).values_list(
            "contact_id", flat=True
        )
    )
    return everybody - known | {e.contact_id for e in events if e.kind not in _PLAIN}


def refit(model: ScoreModel, contact_ids: Iterable[int]) -> None:
    """Grade these contacts by who they are now; makes their score rows where there are none."""
    points = fit.points_of(scoring.fit_rules(model), contact_ids)
    if not points:
        return
    ids = sorted(points)
    with connection.cursor() as cursor:
        cursor.execute(
            _REFIT,
            {
                "tenant": current_tenant_id(),
                "model": model.pk,
                "ids": ids,
                "fits": [points[pk] for pk in ids],
                "grades": [scoring.grade_of(points[pk], model) for pk in ids],
                "weights": json.dumps(model.grade_weights),
                "threshold": scoring.key_of(model.lead_threshold, model),
            },
        )


def _earn(statement: str, model: ScoreModel, ids: Sequence[int], zone: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            statement,
            {
                "tenant": current_tenant_id(),
                "model": model.pk,
                "ids": list(ids),
                "rules": json.dumps(scoring.engagement_rules(model)),
                "zone": zone,
                "epoch": model.epoch,
                "half_life": model.half_life_days,
                "weights": json.dumps(model.grade_weights),
                "threshold": scoring.key_of(model.lead_threshold, model),
            },
        )


_FORGET = (
    "DELETE FROM journeys_scorepoint"
    " WHERE tenant_id = %(tenant)s AND model_id = %(model)s AND contact_id = ANY(%(ids)s)",
    "DELETE FROM journeys_score"
    " WHERE tenant_id = %(tenant)s AND model_id = %(model)s AND contact_id = ANY(%(ids)s)",
)


@transaction.atomic
def recompute(model: ScoreModel, contact_ids: Sequence[int]) -> None:
    """These contacts' points and scores from their events alone: for a new version or a merge."""
    zone = Tenant.objects.values_list("zone", flat=True).get(pk=current_tenant_id())
    with connection.cursor() as cursor:
        for statement in _FORGET:
            cursor.execute(
                statement,
                {"tenant": current_tenant_id(), "model": model.pk, "ids": list(contact_ids)},
            )
    silent = unscored.among(contact_ids)
    scored = [pk for pk in contact_ids if pk not in silent]
    refit(model, scored)
    _earn(_EARN_CONTACTS, model, scored, zone)
