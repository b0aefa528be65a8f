"""What the platform lists of thousands of friendships, written in few statements.

Only what differs is written, so that reading a corporation again changes nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, cast

from django.db import connection
from django.utils import timezone

from contacts import arrays, identity, kinds, reach, search, tagging, timeline, webhook_events
from contacts.details import GENDERS, clean
from contacts.identity import Account
from contacts.models import Follow, Identity, LiveCode, LiveCodeTag
from contacts.sync import pairs, remarks
from contacts.timeline import NewEvent
from tenants.fields import EncryptedField
from tenants.scope import current_tenant_id
from tenants.userids import known
from tenants.wechat.customers import DESCRIPTION_LIMIT, REMARK_LIMIT, Relation

SOURCE: Final = "reconcile"
LONGEST: Final = 64  # of the platform's ids
Pair = tuple[int, int]  # contact, staff

# As in identity.py, for many: ids are taken first, and the identity decides who makes the contact.
_MEET = """
WITH told AS MATERIALIZED (
  SELECT nextval(pg_get_serial_sequence('contacts_contact', 'id')) AS id, t.*
  FROM unnest(%(values)s::text[], %(names)s::text[], %(genders)s::text[], %(avatars)s::text[],
    %(at)s::timestamptz[], %(codes)s::bigint[])
    AS t(value, name, gender, avatar, at, code)
), claimed AS (
  INSERT INTO contacts_identity
    (tenant_id, contact_id, kind, account, value, sealed, created_at, via_id, nickname, avatar,
     refresh_attempts)
  SELECT %(tenant)s, id, 'external_userid', '', value, '', now(), %(via)s, name, avatar, 0
  FROM told ORDER BY value
  ON CONFLICT (tenant_id, kind, account, value) DO NOTHING
  RETURNING contact_id
), made AS (
  INSERT INTO contacts_contact
    (id, tenant_id, name, gender, custom, source, sourced_at, channel_id, live_code_id, excluded,
     excluded_reason, created_at, updated_at)
  SELECT t.id, %(tenant)s, t.name, t.gender, '{}',
    CASE WHEN l.id IS NULL THEN 'platform' ELSE 'live_code' END, t.at, l.channel_id, l.id, false,
    '', now(), now()
  FROM told t JOIN claimed c ON c.contact_id = t.id
  LEFT JOIN contacts_livecode l ON l.tenant_id = %(tenant)s AND l.id = NULLIF(t.code, 0)
  RETURNING id
)
SELECT t.value, t.id FROM told t JOIN made m ON m.id = t.id
"""

_UNITE = """
INSERT INTO contacts_identity
  (tenant_id, contact_id, kind, account, value, sealed, created_at, nickname, avatar,
   refresh_attempts)
SELECT %(tenant)s, t.contact_id, 'unionid', '', t.value, '', now(), '', '', 0
FROM unnest(%(values)s::text[], %(contacts)s::bigint[]) AS t(value, contact_id) ORDER BY t.value
ON CONFLICT (tenant_id, kind, account, value) DO NOTHING
RETURNING value
"""

# A first touch that was told late is the earlier one (ingest.py does the same for one).
_EARLIER = """
UPDATE contacts_contact c SET
  source = CASE WHEN l.id IS NULL THEN 'platform' ELSE 'live_code' END,
  sourced_at = t.at, channel_id = l.channel_id, live_code_id = l.id, updated_at = now()
FROM unnest(%(contacts)s::bigint[], %(at)s::timestamptz[], %(codes)s::bigint[])
  AS t(contact_id, at, code)
LEFT JOIN contacts_livecode l ON l.tenant_id = %(tenant)s AND l.id = NULLIF(t.code, 0)
WHERE c.tenant_id = %(tenant)s AND c.id = t.contact_id
  AND c.source IN ('platform', 'live_code') AND (c.sourced_at IS NULL OR c.sourced_at > t.at)
"""

# Accounts first, then one look for each contact: of a tenant that was filled just now the planner
# has no statistics, and would read all its contacts for each account.
_KNOWN = """
WITH i AS MATERIALIZED (
  SELECT i.value, i.id, i.contact_id, i.nickname, i.avatar
  FROM unnest(%(values)s::text[]) AS t(value)
  JOIN contacts_identity i ON i.tenant_id = %(tenant)s AND i.kind = 'external_userid'
    AND i.account = '' AND i.value = t.value
)
SELECT i.value, i.id, i.contact_id, i.nickname, i.avatar, c.name, c.gender
FROM i CROSS JOIN LATERAL (
  SELECT name, gender FROM contacts_contact
  WHERE tenant_id = %(tenant)s AND id = i.contact_id
  LIMIT 1
) c
"""
_SHOW = """
UPDATE contacts_identity i SET nickname = t.nickname, avatar = t.avatar
FROM unnest(%(ids)s::bigint[], %(nicknames)s::text[], %(avatars)s::text[])
  AS t(id, nickname, avatar)
WHERE i.tenant_id = %(tenant)s AND i.id = t.id
"""
_CALL = """
UPDATE contacts_contact c SET name = t.name, gender = t.gender, updated_at = now()
FROM unnest(%(ids)s::bigint[], %(names)s::text[], %(genders)s::text[]) AS t(id, name, gender)
WHERE c.tenant_id = %(tenant)s AND c.id = t.id
"""
_FOLLOWS = """
SELECT f.id, f.contact_id, f.staff_id, f.opened_at, f.ended_at, f.remark, f.description,
  f.remark_company, f.remark_mobiles, f.add_way
FROM unnest(%(contacts)s::bigint[], %(staff)s::bigint[]) AS t(contact_id, staff_id)
JOIN contacts_follow f ON f.tenant_id = %(tenant)s AND f.contact_id = t.contact_id
  AND f.staff_id = t.staff_id
"""
_WRITE = """
UPDATE contacts_follow f SET remark = t.remark, description = t.description,
  remark_company = t.company, remark_mobiles = NULLIF(t.mobiles, ''),
  add_way = NULLIF(t.way, -1)
FROM unnest(%(ids)s::bigint[], %(remarks)s::text[], %(descriptions)s::text[],
  %(companies)s::text[], %(mobiles)s::text[], %(ways)s::int[])
  AS t(id, remark, description, company, mobiles, way)
WHERE f.tenant_id = %(tenant)s AND f.id = t.id
"""


@dataclass
class Written:
    """What came of a batch: `follows` are the ids of all Follows that the platform lists."""

    created: int = 0
    updated: int = 0
    follows: list[int] = field(default_factory=list)
    opened: list[Pair] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Stored:
    """A Follow as it lies in the table."""

    id: int
    contact_id: int
    staff_id: int
    opened_at: datetime
    ended_at: datetime | None
    remark: str
    description: str
    company: str
    mobiles: str | None
    add_way: int | None


def write(rows: Sequence[Relation], account_id: int, *, first: bool) -> Written:
    """Inside a scope: contacts, Follows and their tags as the platform lists them. Friendships
    that we did not know open at the platform's time (source reconcile); unless it is the `first`
    reading they get what their live code brings, whose callback was lost.
    """
    told = [row for row in rows if len(row.external_userid) <= LONGEST >= len(row.userid)]
    if not told:
        return Written()
    codes = _codes(told)
    people, fresh, renamed = _meet(told, account_id, codes)
    webhook_events.created(fresh)
    staff = _staff({row.userid for row in told})
    of = {(people[row.external_userid], staff[row.userid]): row for row in told}
    before = _stored(of)
    written = Written(created=len(fresh))
    written.opened = _open(of, before, codes, first=first)
    after = _stored(of) if written.opened else before
    written.follows = [row.id for row in after.values() if row.ended_at is None]
    changed = _describe(of, after)
    pairs.pull({pair: row.tag_ids for pair, row in of.items()}, account_id)
    webhook_events.updated(set(renamed).difference(fresh))
    search.reindex(fresh, new=True)
    search.reindex({*renamed, *changed}.difference(fresh))
    written.updated = len({*renamed, *changed} - set(fresh))
    return written


def _run(statement: str, **parameters: Any) -> list[tuple[Any, ...]]:
    given = {
        name: arrays.literal(value) if isinstance(value, list) else value
        for name, value in parameters.items()
    }
    with connection.cursor() as cursor:
        cursor.execute(statement, {"tenant": current_tenant_id(), **given})
        return cursor.fetchall() if cursor.description else []


def _at(row: Relation) -> datetime:
    """When the friendship began; a time of the future is none."""
    now = timezone.now()
    try:
        at = datetime.fromtimestamp(row.created, UTC) if row.created else now
    except (ValueError, OverflowError, OSError):
        at = now
    return min(at, now)


def _codes(rows: Iterable[Relation]) -> dict[str, LiveCode]:
    states = {row.state for row in rows if row.state}
    return {code.state: code for code in LiveCode.objects.filter(state__in=states)}


def _staff(userids: set[str]) -> dict[str, int]:
    found = known(userids)
    missing = sorted(userids.difference(found))
    if missing:
        reach.add_staff(missing)
        found |= known(missing)
    return found


# --- who they are ---


def _meet(
    rows: Sequence[Relation], account_id: int, codes: Mapping[str, LiveCode]
) -> tuple[dict[str, int], list[int], list[int]]:
    """The contacts by external_userid; those that are new; those who are called otherwise now."""
    earliest: dict[str, Relation] = {}
    for row in rows:
        one = earliest.setdefault(row.external_userid, row)
        if _at(row) < _at(one):
            earliest[row.external_userid] = row
    stored = _known(earliest)
    made = _make([row for value, row in earliest.items() if value not in stored], account_id, codes)
    # Of some, somebody else was quicker.
    stored |= _known([value for value in earliest if value not in stored and value not in made])
    people = made | {value: one[1] for value, one in stored.items()}
    fresh = list(made.values())
    old = [row for value, row in earliest.items() if value in stored]
    renamed = _rename(old, stored)
    _touch_earlier(old, people, codes)
    _unite(earliest.values(), people, set(fresh))
    return people, fresh, renamed


def _known(values: Iterable[str]) -> dict[str, tuple[Any, ...]]:
    """(identity, contact, nickname, picture, name, gender) by external_userid."""
    wanted = list(values)
    return {row[0]: row[1:] for row in _run(_KNOWN, values=wanted)} if wanted else {}


def _make(
    rows: Sequence[Relation], account_id: int, codes: Mapping[str, LiveCode]
) -> dict[str, int]:
    """Contacts by external_userid, of those that were made."""
    if not rows:
        return {}
    made = _run(
        _MEET,
        via=account_id,
        values=[row.external_userid for row in rows],
        names=[clean(row.name, 100) for row in rows],
        genders=[GENDERS.get(row.gender or 0, "") for row in rows],
        avatars=[row.avatar[:500] for row in rows],
        at=[_at(row) for row in rows],
        codes=[codes[row.state].pk if row.state in codes else 0 for row in rows],
    )
    return dict(made)


def _touch_earlier(
    rows: Sequence[Relation], people: Mapping[str, int], codes: Mapping[str, LiveCode]
) -> None:
    if rows:
        _run(
            _EARLIER,
            contacts=[people[row.external_userid] for row in rows],
            at=[_at(row) for row in rows],
            codes=[codes[row.state].pk if row.state in codes else 0 for row in rows],
        )


def _rename(rows: Sequence[Relation], stored: Mapping[str, tuple[Any, ...]]) -> list[int]:
    """The platform's names follow the platform; one that a person or a file gave stays."""
    shown: list[tuple[int, str, str]] = []
    called: dict[int, tuple[str, str]] = {}
    for row in rows:
        pk, contact_id, nickname, avatar, name, gender = stored[row.external_userid]
        now, picture = clean(row.name, 100), row.avatar[:500]
        if (nickname, avatar) != (now, picture):
            shown.append((pk, now, picture))
        wanted = now if now and name in ("", nickname) else name
        sex = gender or GENDERS.get(row.gender or 0, "")
        if (wanted, sex) != (name, gender):
            called[contact_id] = (wanted, sex)
    if shown:
        ids, names, avatars = (list(column) for column in zip(*shown, strict=True))
        _run(_SHOW, ids=ids, nicknames=names, avatars=avatars)
    if called:
        names, genders = (list(column) for column in zip(*called.values(), strict=True))
        _run(_CALL, ids=list(called), names=names, genders=genders)
    return list(called)


def _unite(rows: Iterable[Relation], people: Mapping[str, int], fresh: Collection[int]) -> None:
    """Unionids become the contacts' own; one that another contact holds says they are one."""
    wanted = {
        row.unionid: people[row.external_userid]
        for row in rows
        if row.unionid and len(row.unionid) <= LONGEST
    }
    old = [Account(Identity.Kind.UNIONID, one) for one in wanted if wanted[one] not in fresh]
    held = {account.value: pk for account, pk in identity.holders(old).items()} if old else {}
    free = [one for one in wanted if one not in held]
    if free:
        made = _run(_UNITE, values=free, contacts=[wanted[one] for one in free])
        taken = set(free).difference(value for (value,) in made)
        accounts = [Account(Identity.Kind.UNIONID, one) for one in taken]
        held |= {one.value: pk for one, pk in identity.holders(accounts).items()} if taken else {}
    for value, holder in held.items():
        if holder != wanted[value]:
            identity.attach(wanted[value], [Account(Identity.Kind.UNIONID, value)])


# --- whose friends they are ---


def _stored(pairs_: Iterable[Pair]) -> dict[Pair, _Stored]:
    wanted = list(pairs_)
    found = _run(
        _FOLLOWS, contacts=[one for one, _ in wanted], staff=[other for _, other in wanted]
    )
    return {(row[1], row[2]): _Stored(*row) for row in found}


def _open(
    of: Mapping[Pair, Relation],
    before: Mapping[Pair, _Stored],
    codes: Mapping[str, LiveCode],
    *,
    first: bool,
) -> list[Pair]:
    """Friendships of which no callback told. Lists lag behind: what ended here after it began
    there stays ended.
    """
    events, opened = [], []
    for pair, row in of.items():
        at, known_as = _at(row), before.get(pair)
        if known_as is not None and (known_as.ended_at is None or known_as.ended_at >= at):
            continue
        key = f"{row.external_userid}:{row.userid}:{row.created}"
        properties: dict[str, object] = {"staff": row.userid}
        properties |= {"state": row.state} if row.state else {}
        events.append(NewEvent(pair[0], kinds.FOLLOW_OPENED, at, SOURCE, key, properties))
        opened.append(pair)
    timeline.record(events)
    reach.rebuild(contact_id for contact_id, _staff_id in opened)
    if not first:
        _bring(of, opened, codes)
    return opened


def _bring(
    of: Mapping[Pair, Relation], opened: Sequence[Pair], codes: Mapping[str, LiveCode]
) -> None:
    """The tags of the live code by which they came."""
    came: dict[int, list[Pair]] = {}
    for pair in opened:
        if of[pair].state in codes:
            came.setdefault(codes[of[pair].state].pk, []).append(pair)
    for row in LiveCodeTag.objects.filter(live_code__in=came):
        taggings = [(pair[0], row.tag_id, _at(of[pair])) for pair in came[row.live_code_id]]
        tagging.add_each(taggings, f"live_code:{row.live_code_id}")


def _describe(of: Mapping[Pair, Relation], stored: Mapping[Pair, _Stored]) -> list[int]:
    """What members wrote about them. What was written here and is not there yet stays."""
    ours = remarks.waiting(stored)
    field_ = cast("EncryptedField", Follow._meta.get_field("remark_mobiles"))
    changed: list[tuple[int, str, str, str, str, int]] = []
    people: list[int] = []
    for pair, was in stored.items():
        row = of[pair]
        remark, description = clean(row.remark, 100), clean(row.description, 500)
        # WeCom cuts what is longer: that it shows the beginning means that it agrees.
        if pair in ours or was.remark[:REMARK_LIMIT] == remark:
            remark = was.remark
        if pair in ours or was.description[:DESCRIPTION_LIMIT] == description:
            description = was.description
        way = row.add_way if row.add_way is not None and 0 <= row.add_way < 32768 else None
        company, mobiles = clean(row.company, 100), clean(" ".join(row.mobiles), 200)
        known_mobiles = field_.opened(was.id, was.mobiles) or ""
        if (remark, description, company, mobiles, way) != (
            was.remark, was.description, was.company, known_mobiles, was.add_way
        ):  # fmt: skip
            sealed = field_.sealed_for(was.id, mobiles) if mobiles else ""
            numbered = -1 if way is None else way
            changed.append((was.id, remark, description, company, sealed, numbered))
            if remark != was.remark:
                people.append(pair[0])
    if changed:
        names = ("ids", "remarks", "descriptions", "companies", "mobiles", "ways")
        columns = (list(column) for column in zip(*changed, strict=True))
        _run(_WRITE, **dict(zip(names, columns, strict=True)))
    return people
