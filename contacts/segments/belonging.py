"""What hangs on a contact besides its own row: tags, friendships, consent, other segments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from contacts.models import Consent, Segment, Tag
from contacts.segments import leaves, pieces, rules, values
from contacts.segments.columns import calling, offering
from contacts.segments.leaves import Field, Shape, Tests
from contacts.segments.pieces import Ids, Moment, Piece
from contacts.segments.rules import Node, RuleError, at, refuse_beside
from tenants.models import Staff
from tenants.punctuation import listed


@dataclass(frozen=True)
class TagLeaf:
    """`{"tag": "VIP"}`, `{"tag": ["VIP", "SVIP"]}`: wears it, or one of them."""

    path: str
    tags: tuple[str, ...]

    def compile(self, moment: Moment) -> Piece:
        wanted = self._ids(moment)
        if len(wanted) == 1:
            where, distinct = "t.tag_id = %s", True
        else:
            where, distinct = "t.tag_id = ANY(%s::bigint[])", False
        given = wanted[0] if distinct else wanted
        return pieces.rows("contacts_contacttag", where, (given,), moment, distinct=distinct)

    def _ids(self, moment: Moment) -> list[int]:
        known = moment.facts.tags if moment.facts else {}
        if known.keys() >= set(self.tags):
            return [known[name] for name in self.tags]
        unknown = _("There is no tag called “%(name)s”; make it, or choose another one.")
        return values.named(self.tags, Tag.objects.all(), "name", self.path, unknown)

    def hears(self, kind: str) -> bool:
        return leaves.hears(("tag.",), kind)

    def moved(self, before: datetime, moment: Moment) -> Sequence[Ids] | None:
        return ()

    def basis(self) -> str:
        return ""

    def words(self) -> str:
        names = values.names(self.tags, Tag.objects.all(), "name")
        if len(names) == 1:
            return _("has the tag “%(tag)s”") % {"tag": names[0]}
        return _("has one of the tags %(tags)s") % {"tags": listed(f"“{name}”" for name in names)}


def tags_of(trees: Iterable[Node]) -> dict[str, int]:
    """Name → id of the tags that rules name, asked at once; those named by id are left out."""
    found = (leaf for tree in trees for leaf in rules.leaves(tree) if isinstance(leaf, TagLeaf))
    names = {name for leaf in found for name in leaf.tags}
    return dict(Tag.objects.filter(name__in=names).values_list("name", "pk")) if names else {}


def _tag(rule: Mapping[str, Any], path: str) -> TagLeaf:
    given = refuse_beside(rule, "tag", "any", path)
    values.refuse_unknown(given, ("any",), path)
    return TagLeaf(path, values.texts(given.get("any"), path))


@dataclass(frozen=True)
class SegmentLeaf:
    """`{"segment": "Loyal"}`: is a member of it, by the members that are stored."""

    path: str
    segment: str

    def used(self) -> Segment:
        """The segment that is meant."""
        unknown = _("There is no segment called “%(name)s”; choose another one.")
        rows = Segment.objects.all()
        (pk,) = values.named((self.segment,), rows, "name", self.path, unknown)
        return Segment.objects.get(pk=pk)

    def compile(self, moment: Moment) -> Piece:
        used = self.used()
        if used.state == Segment.State.BROKEN and used.evaluated_at is None:
            words = _("The segment “%(name)s” needs repair first.") % {"name": used.name}
            raise RuleError(self.path, words)
        where = "t.segment_id = %s"
        return pieces.rows("contacts_segmentmember", where, (used.pk,), moment, distinct=True)

    def hears(self, kind: str) -> bool:
        return leaves.hears((), kind)  # what the other segment hears: see upkeep.concerned

    def moved(self, before: datetime, moment: Moment) -> Sequence[Ids] | None:
        return ()

    def basis(self) -> str:
        return ""

    def words(self) -> str:
        (name,) = values.names((self.segment,), Segment.objects.all(), "name")
        return _("is in the segment “%(segment)s”") % {"segment": name}


def _segment(rule: Mapping[str, Any], path: str) -> SegmentLeaf:
    given = refuse_beside(rule, "segment", "name", path)
    values.refuse_unknown(given, ("name",), path)
    return SegmentLeaf(path, values.text(given.get("name"), path))


# --- friendships ---


def _friend_of(tests: Tests, moment: Moment, path: str) -> Piece:
    ((test, value),) = tests.items()
    if test == "known":
        return pieces.rows("contacts_follow", "t.ended_at IS NULL", (), moment)
    unknown = _("There is no member of staff called “%(name)s”.")
    words = value if isinstance(value, tuple) else (value,)
    staff = values.named(words, Staff.objects.all(), "userid", at(path, test), unknown)
    where = "t.staff_id = ANY(%s::bigint[]) AND t.ended_at IS NULL"
    return pieces.rows("contacts_follow", where, (staff,), moment)


def _reachable(tests: Tests, moment: Moment, path: str) -> Piece:
    found = pieces.rows("contacts_reachspell", "t.ended_at IS NULL", (), moment)
    return found if tests["is"] else ~found


# --- consent ---

_LATEST = """(SELECT DISTINCT ON (s.contact_id) s.tenant_id, s.contact_id, s.granted
  FROM contacts_consent s WHERE s.tenant_id = %s AND s.purpose = %s
  ORDER BY s.contact_id, s.at DESC, s.id DESC)"""


def _consent(purpose: str) -> Field:
    """`consent.marketing`: what the person said last of a purpose."""
    labels = dict(Consent.Purpose.choices)

    def compile(tests: Tests, moment: Moment, path: str) -> Piece:
        if purpose not in labels:
            raise RuleError(
                path, _("Purposes are %(names)s.") % {"names": ", ".join(Consent.Purpose.values)}
            )
        ((test, value),) = tests.items()
        said = {"granted", "withdrawn"} if test == "known" else _listed(value)
        granted = [word == "granted" for word in sorted(said & {"granted", "withdrawn"})]
        if "unknown" in said:  # everybody but those who said something else
            others = [word == "granted" for word in sorted({"granted", "withdrawn"} - said)]
            return ~_said(purpose, others, moment)
        return _said(purpose, granted, moment)

    name = str(labels.get(purpose, purpose))
    return Field(
        f"consent.{purpose}", _("consent to %(purpose)s") % {"purpose": name}, Shape.CHOICE,
        compile, choices=_consents, hears=("consent.",),
    )  # fmt: skip


def _listed(value: str | tuple[str, ...]) -> set[str]:
    return set(value) if isinstance(value, tuple) else {value}


def _said(purpose: str, granted: list[bool], moment: Moment) -> Ids:
    found = pieces.rows(_LATEST, "t.granted = ANY(%s::bool[])", (granted,), moment, distinct=True)
    return Ids(found.sql, (moment.tenant, purpose, *found.values), distinct=True)


def _consents() -> Sequence[tuple[str, str]]:
    return [("granted", _("given")), ("withdrawn", _("withdrawn")), ("unknown", _("not asked"))]


def register() -> None:
    leaves.reader("tag", _tag)
    leaves.reader("segment", _segment)
    staff = Staff.objects.all
    leaves.add(
        Field("staff", gettext_lazy("friend of"), Shape.CHOICE, _friend_of,
              offer=offering(staff, "userid", "name"), called=calling(staff, "name"),
              hears=("follow.",))
    )  # fmt: skip
    leaves.add(
        Field("reachable", gettext_lazy("reachable"), Shape.FLAG, _reachable, hears=("follow.",))
    )
    leaves.family("consent", _consent)
