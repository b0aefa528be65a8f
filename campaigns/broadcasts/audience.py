"""Whom does a broadcast reach, through whom, and who of its audience is left out, and why?

Each customer is written to by one member: the owner if they are friends, else whoever has been a
friend for longest. `count` and `freeze` are two statements each, whatever the size.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from django.db import connection, models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from campaigns.broadcasts import personal
from campaigns.models import (
    Broadcast,
    BroadcastGroup,
    BroadcastRecipient,
    BroadcastStaff,
    BroadcastTag,
)
from contacts import arrays
from contacts.models import Segment
from tenants.scope import current_tenant_id

Route = Broadcast.Route


class Why(models.TextChoices):
    """Why somebody of the audience is not written to."""

    EXCLUDED = "excluded", _("excluded from all messages")
    CONSENT = "consent", _("consent to marketing withdrawn")
    NO_FRIEND = "no_friend", _("no friend of a member who could send")
    NO_ACCOUNT = "no_account", _("no account at this corporation is known")
    PACE = "pace", _("had enough messages by the pace of touches")
    QUOTA = "quota", _("WeCom's quota of mass messages used up")
    ANSWERED = "answered", _("has answered this survey already")
    DISMISSED = "dismissed", _("group dismissed")
    NO_CHAT_ID = "no_chat_id", _("the group has no chat id")
    NO_OWNER = "no_owner", _("the group's owner cannot send")


@dataclass(frozen=True)
class Audience:
    """What somebody chose; the parts that are given must all hold. Ids of rows."""

    route: str
    account_id: int
    everyone: bool = False
    segment_id: int | None = None
    tag_ids: frozenset[int] = frozenset()
    group_ids: frozenset[int] = frozenset()
    staff_ids: frozenset[int] = frozenset()
    survey_id: int | None = None  # who has answered it is not asked again

    @classmethod
    def of(cls, broadcast: Broadcast) -> Audience:
        """Inside a scope: as it is stored."""

        def ids(model: Any, column: str) -> frozenset[int]:
            rows = model.objects.filter(broadcast=broadcast)
            return frozenset(rows.values_list(column, flat=True))

        return cls(
            route=broadcast.route,
            account_id=broadcast.account_id,
            everyone=broadcast.everyone,
            segment_id=broadcast.segment_id,
            tag_ids=ids(BroadcastTag, "tag_id"),
            group_ids=ids(BroadcastGroup, "group_id"),
            staff_ids=ids(BroadcastStaff, "staff_id"),
            survey_id=personal.survey_id(broadcast),
        )

    @property
    def sizes(self) -> dict[str, int]:
        return {
            "tags": len(self.tag_ids),
            "groups": len(self.group_ids),
            "staff": len(self.staff_ids),
        }

    @property
    def empty(self) -> bool:
        """Nothing was chosen: nobody, not everybody."""
        chosen = self.segment_id or self.tag_ids or self.group_ids or self.staff_ids
        return not (self.everyone or chosen)


@dataclass
class Count:
    """`reached` customers or groups through `senders` members, `most` of them through one;
    `left_out` by reason, as of then.

    `as_of` is None while the segment was never counted.
    """

    reached: int = 0
    senders: int = 0
    most: int = 0
    left_out: dict[str, int] = field(default_factory=dict)
    as_of: datetime | None = None

    @property
    def reasons(self) -> list[tuple[str, int]]:
        return reasons(self.left_out)


def reasons(left_out: dict[str, int]) -> list[tuple[str, int]]:
    """In words, in the order of Why."""
    return [(str(why.label), left_out[why]) for why in Why if left_out.get(why)]


def count(audience: Audience) -> Count:
    """Inside a scope: as things stand now."""
    found = Count(as_of=_as_of(audience))
    if audience.empty:
        return found
    sql = f"{_judged(audience)} {_TALLY}"
    _tally(found, sql, {**_parameters(audience), "chosen": _chosen(audience)})
    return found


def freeze(broadcast: Broadcast) -> Count:
    """Inside a scope: write down who is to get it, and answer how many are not, by reason."""
    audience = Audience.of(broadcast)
    found = Count(as_of=timezone.now())
    column = "group_id" if audience.route == Route.GROUP_SEND else "contact_id"
    sql = f"""{_judged(audience)},
written AS (
  INSERT INTO campaigns_broadcastrecipient
    (tenant_id, broadcast_id, staff_id, {column}, target, state)
  SELECT %(tenant)s, %(broadcast)s, staff_id, id, target, %(state)s FROM judged WHERE why = ''
  ORDER BY staff_id, id
  ON CONFLICT DO NOTHING
)
{_TALLY}
"""  # noqa: S608 - constants only
    more = {
        "broadcast": broadcast.pk,
        "state": BroadcastRecipient.State.PLANNED.value,
        "chosen": _chosen(audience),
    }
    _tally(found, sql, {**_parameters(audience), **more})
    return found


def unwanted(contact_ids: Collection[int]) -> set[int]:
    """Inside a scope: of these, who must not be written to any more."""
    rows = _run(_UNWANTED, {"contacts": arrays.literal(sorted(contact_ids))})
    return {pk for (pk,) in rows}


def senders(audience: Audience) -> list[str]:
    """Inside a scope: the userids of the members who could publish a moment."""
    sql = f"SELECT s.userid FROM tenants_staff s WHERE {_SENDERS} ORDER BY s.userid"  # noqa: S608 - constants only
    return [userid for (userid,) in _run(sql, _parameters(audience))]


def _tally(found: Count, sql: str, parameters: dict[str, Any]) -> None:
    # Right after an import the planner takes a hundred thousand rows for one: loops would not end.
    _run("SET LOCAL enable_nestloop = off", {})
    for why, number, members, most in _run(sql, parameters):
        if why:
            found.left_out[why] = number
        else:
            found.reached, found.senders, found.most = number, members, most
    _run("SET LOCAL enable_nestloop TO DEFAULT", {})


def _as_of(audience: Audience) -> datetime | None:
    if audience.segment_id is None:
        return timezone.now()
    rows = Segment.objects.filter(pk=audience.segment_id)
    found: datetime | None = rows.values_list("evaluated_at", flat=True).first()
    return found


# --- the statements ---

_UNWANTED = """
SELECT c.id FROM contacts_contact c
WHERE c.tenant_id = %(tenant)s AND c.id = ANY(%(contacts)s::bigint[]) AND (c.excluded OR (
  SELECT NOT k.granted FROM contacts_consent k
  WHERE k.tenant_id = c.tenant_id AND k.contact_id = c.id AND k.purpose = 'marketing'
  ORDER BY k.at DESC, k.id DESC LIMIT 1))
"""

# Who may send for this account: active, not gone, chosen where staff were chosen.
_SENDERS = """s.tenant_id = %(tenant)s AND s.active AND s.left_at IS NULL
  AND (s.account_id IS NULL OR s.account_id = %(account)s)
  AND (%(any_staff)s OR s.id = ANY(%(staff)s::bigint[]))"""

_FRIENDS = f"""SELECT f.contact_id FROM contacts_follow f
  JOIN tenants_staff s ON s.tenant_id = f.tenant_id AND s.id = f.staff_id
  WHERE f.tenant_id = %(tenant)s AND f.ended_at IS NULL AND {_SENDERS}"""  # noqa: S608 - constants only

_PARTS: Final = {
    "segment": """SELECT contact_id FROM contacts_segmentmember
  WHERE tenant_id = %(tenant)s AND segment_id = %(segment)s""",
    "tags": """SELECT contact_id FROM contacts_contacttag
  WHERE tenant_id = %(tenant)s AND tag_id = ANY(%(tags)s::bigint[])""",
    "groups": """SELECT contact_id FROM contacts_groupmember
  WHERE tenant_id = %(tenant)s AND group_id = ANY(%(groups)s::bigint[])
    AND in_since IS NOT NULL AND contact_id IS NOT NULL""",
    "friends": _FRIENDS,
}

# The ids are given, not joined: so the planner knows how many there are.
_PEOPLE = f"""
WITH sender AS (
  SELECT DISTINCT ON (f.contact_id) f.contact_id, f.staff_id
  FROM contacts_follow f
  JOIN contacts_contact c ON c.tenant_id = f.tenant_id AND c.id = f.contact_id
  JOIN tenants_staff s ON s.tenant_id = f.tenant_id AND s.id = f.staff_id
  WHERE f.tenant_id = %(tenant)s AND f.ended_at IS NULL AND {_SENDERS}
    AND f.contact_id = ANY(%(chosen)s::bigint[])
  ORDER BY f.contact_id, (c.owner_id IS NOT DISTINCT FROM f.staff_id) DESC, f.opened_at, f.id
), account AS (
  SELECT DISTINCT ON (i.contact_id) i.contact_id, i.value
  FROM contacts_identity i
  WHERE i.tenant_id = %(tenant)s AND i.kind = 'external_userid'
    AND (i.via_id IS NULL OR i.via_id = %(account)s)
    AND i.contact_id = ANY(%(chosen)s::bigint[])
  ORDER BY i.contact_id, i.via_id NULLS LAST, i.id DESC
), said AS (
  SELECT DISTINCT ON (k.contact_id) k.contact_id, k.granted
  FROM contacts_consent k
  WHERE k.tenant_id = %(tenant)s AND k.purpose = 'marketing'
    AND k.contact_id = ANY(%(chosen)s::bigint[])
  ORDER BY k.contact_id, k.at DESC, k.id DESC
), judged AS MATERIALIZED (
  SELECT c.id, sender.staff_id, COALESCE(account.value, '') AS target,
    CASE WHEN c.excluded THEN 'excluded'
         WHEN NOT COALESCE(said.granted, true) THEN 'consent'
         WHEN sender.staff_id IS NULL THEN 'no_friend'
         WHEN account.value IS NULL OR length(account.value) > 64 THEN 'no_account'
         WHEN EXISTS (SELECT 1 FROM journeys_surveyanswer a WHERE a.tenant_id = %(tenant)s
           AND a.content_id = %(survey)s::bigint AND a.contact_id = c.id) THEN 'answered'
         ELSE '' END AS why
  FROM contacts_contact c
  LEFT JOIN sender ON sender.contact_id = c.id
  LEFT JOIN account ON account.contact_id = c.id
  LEFT JOIN said ON said.contact_id = c.id
  WHERE c.tenant_id = %(tenant)s AND c.id = ANY(%(chosen)s::bigint[])
)
"""  # noqa: S608 - constants only

_TALLY: Final = """SELECT why, count(*), count(DISTINCT staff_id), (SELECT max(n) FROM
    (SELECT count(*) AS n FROM judged WHERE why = '' GROUP BY staff_id) AS member)
FROM judged GROUP BY why"""

# A part that was not chosen lets everything through; tags are those of the group.
_GROUPS = f"""
WITH judged AS MATERIALIZED (
  SELECT g.id, g.owner_id AS staff_id, COALESCE(g.chat_id, '') AS target,
    CASE WHEN g.dismissed_at IS NOT NULL THEN 'dismissed'
         WHEN COALESCE(g.chat_id, '') = '' THEN 'no_chat_id'
         WHEN s.id IS NULL THEN 'no_owner'
         ELSE '' END AS why
  FROM contacts_group g
  LEFT JOIN tenants_staff s ON s.id = g.owner_id AND {_SENDERS}
  WHERE g.tenant_id = %(tenant)s AND (g.account_id IS NULL OR g.account_id = %(account)s)
    AND (%(any_group)s OR g.id = ANY(%(groups)s::bigint[]))
    AND (%(any_staff)s OR g.owner_id = ANY(%(staff)s::bigint[]))
    AND (%(any_tag)s OR g.id IN (SELECT t.group_id FROM contacts_grouptag t
      WHERE t.tenant_id = %(tenant)s AND t.tag_id = ANY(%(tags)s::bigint[])))
    AND (g.dismissed_at IS NULL OR NOT %(any_group)s)
)
"""  # noqa: S608 - constants only


def _judged(audience: Audience) -> str:
    """The statement up to `judged` (id, staff_id, target, why); why is empty for who gets it."""
    return _GROUPS if audience.route == Route.GROUP_SEND else _PEOPLE


def _chosen(audience: Audience) -> str:
    """The contacts in whom all parts agree, as the literal of an array."""
    if audience.route == Route.GROUP_SEND:
        return "{}"
    names: list[str] = []
    if audience.segment_id is not None:
        names.append("segment")
    if audience.tag_ids:
        names.append("tags")
    if audience.group_ids:
        names.append("groups")
    # Of a moment only friends of who publishes can see it; else staff alone are an audience, too.
    if not names or audience.route == Route.MOMENT:
        names.append("friends")
    parts = "\nINTERSECT\n".join(f"({_PARTS[name]})" for name in names)
    sql = f"SELECT DISTINCT contact_id FROM ({parts}) AS p ORDER BY contact_id"  # noqa: S608 - constants only
    return arrays.literal([pk for (pk,) in _run(sql, _parameters(audience))])


def _parameters(audience: Audience) -> dict[str, Any]:
    def ids(values: Iterable[int]) -> str:
        return arrays.literal(sorted(values))

    return {
        "account": audience.account_id,
        "segment": audience.segment_id,
        "survey": audience.survey_id,
        "tags": ids(audience.tag_ids),
        "groups": ids(audience.group_ids),
        "staff": ids(audience.staff_ids),
        "any_staff": not audience.staff_ids,
        "any_group": not audience.group_ids,
        "any_tag": not audience.tag_ids,
    }


def _run(sql: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, {"tenant": current_tenant_id(), **parameters})
        found: list[tuple[Any, ...]] = cursor.fetchall() if cursor.description else []
    return found
