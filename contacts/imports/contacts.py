"""How does a file of contacts become contacts, taggings, Follows, search tokens and events?

The same rules as contacts.people has for the API, for files of any length. For a contact that is
new there is nothing to derive from earlier events, so one opening is one event, one Follow and one
spell, written as contacts.reach would; what concerns known contacts goes through those modules.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from contacts import (
    costs,
    custom_values,
    people,
    reach,
    search,
    tagging,
    timeline,
    validation,
    webhook_events,
)
from contacts.imports import ready, staging
from contacts.imports.errors import refusal
from contacts.imports.ready import (
    ACQUIRED_AT,
    CHANNEL,
    CUSTOM,
    EMAIL,
    EMAIL_HASH,
    GENDER,
    OPENINGS,
    OWNER,
    PHONE,
    PHONE_HASH,
    REFERRER,
    TAGS,
)
from contacts.imports.rows import FieldInvalid, Form, Row, Values, cached, overwrite
from contacts.imports.writing import Outcome, Setting, contacts_named, incomplete
from contacts.merging import forwarding
from contacts.upserts import in_rounds
from tenants import doorbell
from tenants.scope import current_tenant_id

_OPENINGS: Final = {
    "line": "int", "staff": "text", "opened_at": "timestamptz",
}  # fmt: skip

# What channels, staff and tags are called, and their ids.
_NAMES: Final = {"kind": "text", "name": "text", "id": "bigint"}

_SAID_TO_BE_UNKNOWN = "UPDATE import_row SET gender = '' WHERE gender = %(unknown)s"
# A blank cell (null) keeps what is stored. Channel and source stay those of the first touch.
_RESOLVE = """
CREATE TEMPORARY TABLE import_contact ON COMMIT DROP AS
SELECT s.*, NULL::bigint AS referrer_id, COALESCE(c.id, s.new_id) AS id, c.id IS NULL AS fresh,
  channel.id AS channel_id, owner.id AS owner_id, opener.id AS staff_id,
  CASE WHEN c.id IS NULL THEN '{}' ELSE array_remove(ARRAY[
    CASE WHEN COALESCE(s.name, c.name) <> c.name THEN 'name' END,
    CASE WHEN COALESCE(s.phone_hash, c.phone_hash) IS DISTINCT FROM c.phone_hash
      THEN 'phone' END,
    CASE WHEN COALESCE(s.email_hash, c.email_hash) IS DISTINCT FROM c.email_hash
      THEN 'email' END,
    CASE WHEN COALESCE(s.gender, c.gender) <> c.gender THEN 'gender' END,
    CASE WHEN COALESCE(s.birthday, c.birthday) IS DISTINCT FROM c.birthday THEN 'birthday' END,
    CASE WHEN COALESCE(owner.id, c.owner_id) IS DISTINCT FROM c.owner_id THEN 'owner' END,
    CASE WHEN s.custom IS NOT NULL AND c.custom || s.custom <> c.custom THEN 'custom' END,
    CASE WHEN s.referrer IS NOT NULL AND c.referrer_id IS NULL THEN 'referrer' END
  ], NULL) END AS different
FROM import_row s
LEFT JOIN contacts_contact c ON c.tenant_id = %(tenant)s AND c.external_id = s.external_id
LEFT JOIN import_name channel ON channel.kind = 'channel' AND channel.name = s.channel
LEFT JOIN import_name owner ON owner.kind = 'staff' AND owner.name = s.owner
LEFT JOIN import_name opener ON opener.kind = 'staff' AND opener.name = s.staff
ORDER BY s.line
"""
_FOUND = "SELECT id, fresh, NULLIF(different, '{}') FROM import_contact ORDER BY line"
_REFERRERS = """
UPDATE import_contact s SET referrer_id = COALESCE(
  (SELECT b.id FROM import_contact b WHERE b.external_id = s.referrer),
  (SELECT c.id FROM contacts_contact c
   WHERE c.tenant_id = %(tenant)s AND c.external_id = s.referrer))
WHERE s.referrer IS NOT NULL
"""
_INSERT = """
INSERT INTO contacts_contact (id, tenant_id, external_id, name, phone, phone_hash, email,
  email_hash, gender, birthday, custom, owner_id, source, sourced_at, channel_id, referrer_id,
  acquired_at, excluded, excluded_reason, created_at, updated_at)
SELECT id, %(tenant)s, external_id, COALESCE(name, ''), phone, phone_hash, email,
  email_hash, COALESCE(gender, ''), birthday, COALESCE(custom, '{}'), owner_id,
  CASE WHEN referrer_id IS NULL THEN 'import' ELSE 'referral' END,
  sourced_at, channel_id, referrer_id, opened_at, false, '', now(), now()
FROM import_contact WHERE fresh ORDER BY line
"""
_UPDATE = """
UPDATE contacts_contact c SET
  name = COALESCE(s.name, c.name),
  phone = COALESCE(s.phone, c.phone), phone_hash = COALESCE(s.phone_hash, c.phone_hash),
  email = COALESCE(s.email, c.email), email_hash = COALESCE(s.email_hash, c.email_hash),
  gender = COALESCE(s.gender, c.gender),
  birthday = COALESCE(s.birthday, c.birthday), owner_id = COALESCE(s.owner_id, c.owner_id),
  custom = c.custom || COALESCE(s.custom, '{}'), updated_at = now(),
  referrer_id = COALESCE(c.referrer_id, s.referrer_id),
  source = CASE WHEN c.referrer_id IS NULL AND s.referrer_id IS NOT NULL
    AND c.source NOT IN ('live_code', 'platform') THEN 'referral' ELSE c.source END
FROM import_contact s
WHERE s.different <> '{}' AND c.tenant_id = %(tenant)s AND c.id = s.id
"""
_TAG_NEW = """
INSERT INTO contacts_contacttag (tenant_id, tag_id, contact_id, by, at)
SELECT %(tenant)s, t.id, s.id, %(origin)s, now()
FROM import_contact s, unnest(s.tags) AS worn(name) JOIN import_name t USING (name)
WHERE s.fresh AND t.kind = 'tag' ORDER BY t.id, s.id
"""
_UNTAGGED = """
SELECT t.id, s.id
FROM import_contact s, unnest(s.tags) AS worn(name) JOIN import_name t USING (name)
WHERE NOT s.fresh AND t.kind = 'tag' AND NOT EXISTS (SELECT 1 FROM contacts_contacttag h
  WHERE h.tenant_id = %(tenant)s AND h.tag_id = t.id AND h.contact_id = s.id)
"""
_TOKENS = """
INSERT INTO contacts_contacttoken (tenant_id, token, contact_id)
SELECT %(tenant)s, token, id FROM import_contact, unnest(tokens) AS token WHERE fresh
ORDER BY token COLLATE "C", id
"""
_KEY = "s.id || ':' || o.staff || ':' || floor(extract(epoch FROM o.opened_at))::bigint"
_EVENT = """
INSERT INTO contacts_event
  (tenant_id, contact_id, kind, at, source, key, properties, received_at, problem)
SELECT %(tenant)s, s.id, """
_OPENING = f"""
{_EVENT} 'follow.opened', o.opened_at, 'contacts', {_KEY}, jsonb_build_object('staff', o.staff),
  now(), ''
"""
# New contacts say so by their opening, or else by themselves. Tags that they came with say nothing.
_EVENTS_NEW = f"""
{_EVENT} CASE WHEN o.staff IS NULL THEN 'contact.created' ELSE 'follow.opened' END,
  COALESCE(o.opened_at, s.sourced_at, now()), 'contacts', COALESCE({_KEY}, s.id || ':created'),
  CASE WHEN o.staff IS NULL THEN '{{}}' ELSE jsonb_build_object('staff', o.staff) END, now(), ''
FROM import_contact s CROSS JOIN LATERAL (SELECT s.staff, s.opened_at) o
WHERE s.fresh AND s.openings < 2 ORDER BY s.line
"""
_EVENTS_CHANGED = f"""
{_EVENT} 'contact.changed', now(), 'contacts',
  s.id || ':changed:' || extract(epoch FROM now()), jsonb_build_object('fields', s.different),
  now(), ''
FROM import_contact s WHERE s.different <> '{{}}' ORDER BY s.line
ON CONFLICT (tenant_id, source, key) DO NOTHING
"""
_FOLLOWS_NEW = """
INSERT INTO contacts_follow
  (tenant_id, contact_id, staff_id, opened_at, ended_by, state, remark, description)
SELECT %(tenant)s, id, staff_id, opened_at, '', '', '', ''
FROM import_contact WHERE fresh AND staff IS NOT NULL ORDER BY line
"""
_SPELLS_NEW = """
INSERT INTO contacts_reachspell
  (tenant_id, contact_id, staff_id, account, opened_at, opened_by, ended_by)
SELECT %(tenant)s, id, staff_id, '', opened_at, '', ''
FROM import_contact WHERE fresh AND staff IS NOT NULL ORDER BY line
"""
_EVENTS_KNOWN = f"""
{_OPENING} FROM (
  SELECT line, staff, opened_at FROM import_contact WHERE NOT fresh AND openings = 1
  UNION ALL SELECT line, staff, opened_at FROM import_opening) o
JOIN import_contact s USING (line)
WHERE NOT EXISTS (SELECT 1 FROM contacts_event e
  WHERE e.tenant_id = %(tenant)s AND e.source = 'contacts' AND e.key = {_KEY})
ORDER BY o.line, o.opened_at
ON CONFLICT (tenant_id, source, key) DO NOTHING RETURNING contact_id
"""  # noqa: S608 - constants only


def _join(earlier: Values, later: Values) -> None:
    """As if they had come in two files: first channel and referrer stay, tags, openings add up."""
    kept = earlier[CHANNEL], earlier[REFERRER], earlier[TAGS], earlier[CUSTOM], earlier[OPENINGS]
    overwrite(earlier, later)
    channel, referrer, tags, custom, openings = kept
    earlier[CHANNEL] = channel if channel is not None else later[CHANNEL]
    earlier[REFERRER] = referrer if referrer is not None else later[REFERRER]
    earlier[TAGS] = _both(tags, later[TAGS])
    earlier[OPENINGS] = _both(openings, later[OPENINGS])
    if isinstance(custom, dict) and isinstance(later[CUSTOM], dict):
        earlier[CUSTOM] = {**custom, **later[CUSTOM]}


def _both(earlier: object, later: object) -> object:
    if isinstance(earlier, list) and isinstance(later, list):
        return list(dict.fromkeys([*earlier, *later]))
    return earlier or later


def _under_their_names(rows: list[Row]) -> list[list[Row]]:
    """Rows that name a contact as it was called before a merge mean the contact of now."""
    told = {row.key for row in rows}.union(row.values[REFERRER] for row in rows) - {None}
    now = forwarding.current_names(told)
    if not now:
        return [rows] if rows else []
    for row in rows:
        referrer = now.get(row.values[REFERRER], row.values[REFERRER])
        row.values[0] = now.get(row.values[0], row.values[0])
        row.values[REFERRER] = referrer if referrer != row.values[0] else None
        row.ready = None
    rounds = in_rounds(rows, key=lambda row: row.values[0])
    return [[row for _place, row in each] for each in rounds]


class Contacts:
    """Writer of contacts."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._parameters: dict[str, object] = {"origin": setting.origin}
        self.form = Form(
            checks={
                "external_id": validation.identifier,
                "name": validation.name,
                "phone": validation.phone,
                "email": validation.email,
                "gender": cached(validation.gender),
                "birthday": lambda cell: validation.past_day(cell, setting.now),
                "channel": cached(validation.channel),
                "acquired_at": lambda cell: validation.moment(cell, setting.zone, setting.now),
                "owner": cached(validation.identifier),
                "tags": cached(validation.tags),
                "referrer": validation.identifier,
                "custom": lambda cell: validation.text(cell, 2000, breaks=True),
            },
            required=("external_id",),
            key=lambda values: str(values[0]),
            key_field="external_id",
            whole=self._whole,
            join=_join,
            extra=3,
            custom=setting.custom,
        )

    def _whole(self, values: Values) -> None:
        if values[REFERRER] is not None and values[REFERRER] == values[0]:
            raise FieldInvalid("referrer", refusal("self_referrer"))
        if values[OWNER] is not None and values[ACQUIRED_AT] is not None:
            # FIGURES R8: only both together open a route.
            values[OPENINGS] = [(values[OWNER], values[ACQUIRED_AT])]
        if values[PHONE]:
            values[PHONE_HASH] = self._hash("phone", values[PHONE])
        if values[EMAIL]:
            values[EMAIL_HASH] = self._hash("email", values[EMAIL])

    def _hash(self, column: str, value: str) -> str:
        return rf"\x{self._setting.keys.blind(value, column).hex()}"

    def write(self, rows: Sequence[Row], *, last: bool) -> list[Outcome]:
        self._parameters["tenant"] = current_tenant_id()
        waiting: dict[str, Outcome] = {}
        if self._setting.required:
            documents = ((row.key, row.values[CUSTOM] or {}) for row in rows)
            waiting |= incomplete(documents, self._setting.required)
        complete = [row for row in rows if row.key not in waiting] if waiting else rows
        waiting |= self._without_referrer(complete, last=last)
        good = [row for row in rows if row.key not in waiting]
        written: dict[str, Outcome] = {}
        for part in _under_their_names(good):
            written |= self._write(part)
        return [waiting[row.key] if row.key in waiting else written[row.key] for row in rows]

    def _without_referrer(self, rows: Sequence[Row], *, last: bool) -> dict[str, Outcome]:
        """Rows whose referrer is neither stored nor among these rows, until nothing changes."""
        named = {row.key: row.values[REFERRER] for row in rows if row.values[REFERRER] is not None}
        if not named:
            return {}
        known = set(contacts_named(named.values()))
        here = {row.key for row in rows}
        without: dict[str, Outcome] = {}
        while True:
            lost = [key for key in named if key in here and named[key] not in known | here]
            if not lost:
                return without
            for key in lost:
                if not last and self._setting.named(named[key]):
                    without[key] = "later"
                else:
                    without[key] = FieldInvalid("referrer", refusal("unknown_referrer"))
            here.difference_update(lost)

    def prepare(self, rows: Sequence[Row]) -> None:
        ready.make(rows)

    def _write(self, rows: Sequence[Row]) -> dict[str, Outcome]:
        staging.run("SET LOCAL work_mem = '64MB'", {})  # tokens are sorted by the hundred thousand
        ordered = sorted(rows, key=lambda row: row.line)
        self._stage_names(ordered)
        found = self._resolved(ordered)
        if any(row.values[REFERRER] for row in rows):
            staging.run(_REFERRERS, self._parameters)
        fresh = [pk for pk, is_fresh, _different in found if is_fresh]
        self._setting.fresh.extend(fresh)
        touched: set[int] = set()
        if fresh:
            self._add()
            webhook_events.created(fresh)
            if any(row.values[CUSTOM] for row in rows):
                custom_values.file(fresh)
        if len(fresh) < len(rows):
            touched = self._refresh({pk: different for pk, _new, different in found if different})
        touched.update(self._open(ordered, all_fresh=len(fresh) == len(rows)))
        return {
            row.key: "created" if new else "updated" if pk in touched else "unchanged"
            for row, (pk, new, _different) in zip(ordered, found, strict=True)
        }

    def _stage_names(self, rows: Sequence[Row]) -> None:
        """Channels, staff and tags that the rows name; unknown ones are made."""
        owners = {row.values[OWNER] for row in rows} - {None}
        sets = {tuple(row.values[TAGS]) for row in rows if row.values[TAGS]}
        named = {
            "channel": costs.channels_named({row.values[CHANNEL] for row in rows} - {None}),
            "staff": people.staff_named(
                owners.union(userid for row in rows for userid, _at in _openings(row))
            ),
            "tag": tagging.named(sorted({name for names in sets for name in names})),
        }
        staging.stage(
            "import_name",
            _NAMES,
            ((kind, name, pk) for kind, ids in named.items() for name, pk in ids.items()),
        )

    def _resolved(self, rows: list[Row]) -> list[tuple[Any, ...]]:
        """Stage the rows and answer, for each, its contact's id, whether that is new, and which
        fields are different (None: none). What was made ready is made anew where it does not suit:
        a known contact has another phone, or somebody came in between.
        """
        ready.make([row for row in rows if row.ready is None])
        while True:
            lines = "".join(row.ready.line for row in rows if row.ready)
            staging.stage_lines("import_row", ready.COLUMNS, lines)
            if any(row.values[GENDER] == "" for row in rows):
                staging.run(_SAID_TO_BE_UNKNOWN, {"unknown": ready.UNKNOWN})
            staging.run("DROP TABLE IF EXISTS import_contact", {})
            staging.run(_RESOLVE, self._parameters)
            found = staging.rows_of(_FOUND, {})
            unsuited = [
                row
                for row, (pk, fresh, different) in zip(rows, found, strict=True)
                if row.ready and not row.ready.suits(pk, fresh=fresh, different=different or ())
            ]
            if not unsuited:
                return found
            ready.make(unsuited, seal_known=True)

    def _add(self) -> None:
        parameters = self._parameters
        staging.run(_INSERT, parameters)
        staging.run(_TAG_NEW, parameters)
        staging.run(_TOKENS, parameters)
        staging.run(_EVENTS_NEW, parameters)
        staging.run(_FOLLOWS_NEW, parameters)
        staging.run(_SPELLS_NEW, parameters)
        doorbell.ring(timeline.QUEUE)

    def _refresh(self, changed: dict[int, list[str]]) -> set[int]:
        """What the file changes about contacts that were there; answers whom."""
        untagged: dict[int, list[int]] = {}
        for tag_id, contact_id in staging.rows_of(_UNTAGGED, self._parameters):
            untagged.setdefault(tag_id, []).append(contact_id)
        for tag_id, contact_ids in sorted(untagged.items()):
            tagging.add(contact_ids, [tag_id], by=self._setting.origin)
        if changed:
            staging.run(_UPDATE, self._parameters)
            staging.run(_EVENTS_CHANGED, self._parameters)
            search.reindex(pk for pk, names in changed.items() if {"name", "phone"} & {*names})
            custom_values.file(pk for pk, names in changed.items() if "custom" in names)
            doorbell.ring(timeline.QUEUE)
        return {pk for contact_ids in untagged.values() for pk in contact_ids} | {*changed}

    def _open(self, rows: list[Row], *, all_fresh: bool) -> set[int]:
        """Openings of contacts that were there, or that the file opens more than once."""
        several = [
            (row.line, userid, at)
            for row in rows
            if row.parts and len(_openings(row)) > 1
            for userid, at in _openings(row)
        ]
        if all_fresh and not several:
            return set()
        staging.stage("import_opening", _OPENINGS, several)
        opened = set(staging.column_of(_EVENTS_KNOWN, self._parameters))
        if opened:
            reach.rebuild(opened)
            doorbell.ring(timeline.QUEUE)
        return opened


def _openings(row: Row) -> list[tuple[str, datetime]]:
    return row.values[OPENINGS] or []
