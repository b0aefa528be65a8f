"""How is a segment's rule built without writing JSON? The field, what it may ask, the estimate."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from contacts import kinds
from contacts.models import Consent, Contact, Segment, Tag
from contacts.segments import columns, custom, keeping, leaves, rules
from contacts.segments.belonging import SegmentLeaf, TagLeaf
from contacts.segments.leaves import Field, FieldLeaf
from contacts.segments.rules import RuleError

_LONGEST = 60_000
Choices = Sequence[tuple[str, str]]


class RuleWidget(forms.Widget):
    """Draws the builder: contacts/segment_rules.js reads the rule as a tree of groups and
    conditions, contacts/segments.js draws it.
    """

    class Media:
        css: ClassVar[Mapping[str, Sequence[str]]] = {"all": ["contacts/segments.css"]}
        js: ClassVar[Sequence[str]] = ["contacts/segment_rules.js", "contacts/segments.js"]

    def id_for_label(self, id_: str | None) -> str:
        return ""

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> Any:
        text = value if isinstance(value, str) else json.dumps(value or {}, ensure_ascii=False)
        context = {"name": name, "json": text, "schema": schema(_read(text))}
        return render_to_string("admin/contacts/segment/builder.html", context)


class RuleField(forms.Field):
    """A rule; what is none is refused with the place and a sentence."""

    widget = RuleWidget

    def to_python(self, value: Any) -> Any:
        return _read(value) if isinstance(value, str) else value or {}

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool((initial or {}) != self.to_python(data))

    def validate(self, value: Any) -> None:
        """The form asks for it where the segment has a rule."""


def _read(text: str) -> Any:
    try:
        return json.loads(text[:_LONGEST]) if text.strip() else {}
    except (ValueError, RecursionError):
        return {}


def checked(segment: Segment, rule: object) -> None:
    """Raise ValidationError when this cannot be the rule of the segment."""
    try:
        keeping.check(segment, rule)
    except RuleError as error:
        raise ValidationError(str(error), code="rule") from None


# --- what it may ask ---


def schema(rule: Any) -> dict[str, Any]:
    """All that the script needs: fields, kinds of events, sentences, names of what is stored."""
    fields = [*leaves.fields.values(), *custom.declared()]
    consents = [leaves.field_named(f"consent.{each}", "") for each in Consent.Purpose.values]
    asked = [*fields, *consents, *_stored_custom(rule, {field.name for field in fields})]
    return {
        "fields": [_described(field) for field in asked],
        "groups": _groups(asked),
        "kinds": sorted((kind.name, kinds.label_of(kind.name)) for kind in kinds.known()),
        "called": _called(rule),
        "preview": reverse("admin:contacts_segment_preview"),
        "choices": reverse("admin:contacts_segment_choices"),
        "say": _sentences(),
    }


def _leaves(rule: Any) -> list[rules.Leaf]:
    try:
        return list(rules.leaves(rules.parse(rule, leaves.readers)))
    except RuleError:
        return []


def _stored_custom(rule: Any, known: set[str]) -> list[Field]:
    found = {leaf.field.name: leaf.field for leaf in _leaves(rule) if isinstance(leaf, FieldLeaf)}
    return [
        field for name, field in found.items() if name.startswith("custom.") and name not in known
    ]


def _described(field: Field) -> dict[str, Any]:
    also = next((other for other, name in leaves.aliases.items() if name == field.name), "")
    return {
        "name": field.name,
        "also": also,
        "shape": field.shape.value,
        "tests": list(field.allowed()),
        "choices": list(field.choices()) if field.choices is not None else None,
    }


def _groups(fields: Sequence[Field]) -> list[tuple[str, list[tuple[str, str]]]]:
    """The list of what may be asked, in the order of an operator's thoughts."""
    own = [(f.name, str(f.label)) for f in fields if f.name.startswith("custom.")]
    others = [(f.name, str(f.label)) for f in fields if not f.name.startswith("custom.")]
    happened = [("tag", _("tag")), ("event", _("event")), ("order", _("orders")),
                ("segment", _("other segment"))]  # fmt: skip
    found = [(_("What they are and did"), happened), (_("What is known"), others)]
    return [*found, (_("Custom fields"), own)] if own else found


def _called(rule: Any) -> dict[str, str]:
    """Names of the rows that the stored rule names by id."""
    found: dict[str, str] = {}
    for leaf in _leaves(rule):
        if isinstance(leaf, TagLeaf):
            found |= _names(leaf.tags, columns.calling(Tag.objects.all, "name"))
        elif isinstance(leaf, SegmentLeaf):
            found |= _names((leaf.segment,), columns.calling(Segment.objects.all, "name"))
        elif isinstance(leaf, FieldLeaf) and leaf.field.called is not None:
            for value in leaf.tests.values():
                words = value if isinstance(value, tuple) else (value,)
                texts = [word for word in words if isinstance(word, str)]
                found |= _names(texts, leaf.field.called)
    return found


def _names(
    words: Sequence[str], called: Callable[[Sequence[str]], Sequence[str]]
) -> dict[str, str]:
    return dict(zip(words, called(words), strict=True))


def offered(of: str, typed: str) -> Choices:
    """What a picker lists as one types: ids and names of tags, segments, staff, channels …"""
    if of == "tag":
        return columns.offering(Tag.objects.all, "name")(typed)
    if of == "segment":
        return columns.offering(Segment.objects.all, "name")(typed)
    field = leaves.fields.get(of)
    return field.offer(typed) if field is not None and field.offer is not None else ()


# --- the estimate ---


def estimate(rule: object) -> dict[str, Any]:
    """What the script shows beside the rule while it is being built."""
    try:
        found = keeping.preview(rule)
    except RuleError as error:
        return {
            "error": _("This rule is not complete."),
            "path": error.path,
            "message": error.message,
        }
    names = dict(Contact.objects.filter(pk__in=found.sample).values_list("pk", "name"))
    if found.count is None:
        said = _("Counting takes long; save it, and it is counted in the background.")
    else:
        said = ngettext(
            "%(count)s contact now (%(time)s)", "%(count)s contacts now (%(time)s)", found.count
        ) % {"count": f"{found.count:,}", "time": f"{timezone.localtime(found.at):%H:%M:%S}"}
    return {"said": said, "sample": [names[pk] for pk in found.sample if names.get(pk)][:6]}


def _sentences() -> dict[str, Any]:
    return {
        "groups": {
            "all": _("All of these hold"), "any": _("At least one of these holds"),
            "none": _("None of these holds"), "some": _("Not all of these hold"),
        },
        "tests": {
            "in": _("is one of"), "contains": _("contains"), "range": _("lies between"),
            "span": _("in the time"), "known": _("known"), "unknown": _("not known"),
            "at_least": _("is at least"), "within_days": _("in the last"),
            "more_than_days_ago": _("longer ago than"), "yes": _("yes"), "no": _("no"),
        },
        "counts": {
            "at_least": pgettext("how often", "at least"), "at_most": _("at most"),
            "is": _("exactly"), "range": pgettext("how often", "between"),
            "any": _("any number"),
        },
        "propertyTests": {
            "in": _("is one of"), "at_least": _("is at least"), "at_most": _("is at most"),
            "range": _("lies between"), "is": _("is the number"),
        },
        "windows": {
            "ever": _("at any time"), "last": _("in the last"), "span": _("in the time"),
        },
        "did": [_("happened"), _("did not happen")],
        "wears": [_("has one of"), _("has none of")],
        "isIn": [_("is in"), _("is not in")],
        "holds": [_("it holds"), _("it does not hold")],
        "addCondition": _("Add a condition"), "addGroup": _("Add a group"),
        "addProperty": _("Only with property"), "addDistinct": _("Count different values only"),
        "remove": _("Remove"), "join": _("How these are joined"), "what": _("What"),
        "how": _("How"), "pick": _("Choose …"), "pickKind": _("Choose a kind of event …"),
        "nothing": _("Nothing found"), "from": _("from"), "to": _("to"),
        "fromDay": _("from"), "beforeDay": _("before"), "days": _("days"), "times": _("times"),
        "count": _("How often"), "when": _("When"), "sum": _("of together"), "sku": _("SKU"),
        "property": _("Property"), "distinct": _("different"), "number": _("Number"),
        "several": _("Value; another value"), "text": _("Text"),
        "raw": _("A condition that came by the API and stays as it is:"),
        "twice": _("“%(name)s” stands here twice. Ask for it once; “lies between” has two ends."),
        "turned": _("The first number is above the second: nobody could fulfil this."),
        "fill": _("Fill in what is missing here, or remove it."),
        "emptyGroup": _("Add a condition here, or remove the group."),
        "incomplete": _("Complete the rule to see whom it finds."),
        "counting": _("Counting …"), "unreachable": _("The server does not answer."),
    }  # fmt: skip
