"""Who is this contact: which conditions on attributes and tags hold?

A condition is JSON: `{"field": "gender", "is": "female"}`, `{"field": "custom.city", "in": […]}`,
`{"field": "phone", "known": true}`, `{"tag": "VIP"}`, and `all`, `any`, `not` of such.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from django.core.exceptions import ValidationError
from django.db import connection
from django.db.models import Case, Exists, IntegerField, OuterRef, Q, Value, When
from django.db.models.expressions import Combinable
from django.utils.translation import gettext as _

from contacts import arrays
from contacts.models import Contact, ContactTag
from contacts.models.person import SEALED
from tenants import vault
from tenants.scope import current_tenant_id

# The name that a condition uses, and the column behind it.
FIELDS = {
    "name": "name",
    "phone": "phone",
    "email": "email",
    "gender": "gender",
    "birthday": "birthday",
    "source": "source",
    "channel": "channel__name",
    "owner": "owner__userid",
}
_DEPTH = 5


def check(condition: Any, depth: int = 0) -> None:
    """Raise ValidationError, with a sentence, when this is no condition."""
    if not isinstance(condition, dict) or depth > _DEPTH:
        raise ValidationError(_("A condition is an object such as {“tag”: “VIP”}."))
    keys = set(condition)
    if keys in ({"all"}, {"any"}):
        parts = next(iter(condition.values()))
        if not isinstance(parts, list) or not parts:
            raise ValidationError(_("“all” and “any” take a list of conditions."))
        for part in parts:
            check(part, depth + 1)
    elif keys == {"not"}:
        check(condition["not"], depth + 1)
    elif keys == {"tag"}:
        if not isinstance(condition["tag"], str):
            raise ValidationError(_("“tag” takes the name of a tag."))
    else:
        _check_leaf(condition, keys)


def _check_leaf(condition: Mapping[str, Any], keys: set[str]) -> None:
    name = condition.get("field")
    if not isinstance(name, str) or not (name in FIELDS or name.startswith("custom.")):
        raise ValidationError(
            _("Unknown condition. Fields are %(fields)s and custom.<name>."),
            params={"fields": ", ".join(FIELDS)},
        )
    values = {
        "known": isinstance(condition.get("known"), bool),
        "is": isinstance(condition.get("is"), str | int | float | bool),
        "in": isinstance(condition.get("in"), list),
    }
    if not any(keys == {"field", verb} and fits for verb, fits in values.items()):
        raise ValidationError(_("A field takes one of “is” (a value), “in” (a list), “known”."))


def holds(condition: Mapping[str, Any]) -> Q:
    """The condition as a filter of contacts."""
    if "all" in condition:
        every = Q()
        for part in condition["all"]:
            every &= holds(part)
        return every
    if "any" in condition:
        either = Q(pk__in=[])
        for part in condition["any"]:
            either |= holds(part)
        return either
    if "not" in condition:
        return ~holds(condition["not"])
    if "tag" in condition:
        tagged = ContactTag.objects.filter(contact_id=OuterRef("id"), tag__name=condition["tag"])
        return Q(Exists(tagged))
    return _leaf(condition)


def _leaf(condition: Mapping[str, Any]) -> Q:
    name = condition["field"]
    custom = name.startswith("custom.")
    column = f"custom__{name.removeprefix('custom.')}" if custom else FIELDS[name]
    if "known" in condition:
        if custom:
            known = Q(custom__has_key=name.removeprefix("custom."))
        elif name in ("birthday", *SEALED):  # never stored as ""
            known = Q(**{f"{column}__isnull": False})
        else:
            known = Q(**{f"{column}__isnull": False}) & ~Q(**{column: ""})
        return known if condition["known"] else ~known
    wanted = condition["in"] if "in" in condition else [condition["is"]]
    if name in SEALED:
        column, wanted = SEALED[name], [vault.blind(str(value), name) for value in wanted]
    either = Q(pk__in=[])
    for value in wanted:
        either |= Q(**{column: value})
    return either


def points_of(rules: Sequence[Mapping[str, Any]], contact_ids: Iterable[int]) -> dict[int, int]:
    """Fit points of these contacts, in one query; ids that are no contacts are left out."""
    judged, params = query(rules)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT id, fit_points FROM ({judged}) c WHERE id = ANY(%s::bigint[])",  # noqa: S608
            [*params, arrays.literal(list(contact_ids))],
        )
        return dict(cursor.fetchall())


def query(rules: Sequence[Mapping[str, Any]]) -> tuple[str, tuple[Any, ...]]:
    """A statement that answers `id` and `fit_points` of all contacts, for the FROM of those that
    say of whom, and its parameters.
    """
    if any(_by_hash(rule["condition"]) for rule in rules):
        return _composed(rules)
    return _kept(current_tenant_id(), json.dumps(rules))


# Rules rarely change, and composing the statement takes longer than its answer for a page.
@lru_cache(maxsize=256)
def _kept(_tenant_id: int, rules: str) -> tuple[str, tuple[Any, ...]]:
    return _composed(json.loads(rules))


def _by_hash(condition: Mapping[str, Any]) -> bool:
    """Whether it asks by the tenant's key, which may have been made in a transaction that is undone
    yet: such a statement is not kept.
    """
    if "field" in condition:
        return condition["field"] in SEALED and "known" not in condition
    parts = condition.get("all") or condition.get("any") or [condition.get("not", {})]
    return any(part and _by_hash(part) for part in parts)


def _composed(rules: Sequence[Mapping[str, Any]]) -> tuple[str, tuple[Any, ...]]:
    total: Combinable = Value(0)
    for rule in rules:
        total = total + _points(rule)
    contacts = Contact.objects.annotate(fit_points=total).values_list("id", "fit_points")
    composed: tuple[str, tuple[Any, ...]] = contacts.query.sql_with_params()
    return composed


def reasons(rules: Sequence[Mapping[str, Any]], contact: Contact) -> list[tuple[str, int]]:
    """The fit rules that hold for a contact: name and points."""
    columns = {f"rule_{nr}": _points(rule) for nr, rule in enumerate(rules)}
    row = Contact.objects.filter(pk=contact.pk).annotate(**columns).values(*columns).get()
    return [
        (rule["name"], rule["points"])
        for nr, rule in enumerate(rules)
        if row[f"rule_{nr}"] == rule["points"] != 0
    ]


def _points(rule: Mapping[str, Any]) -> Case:
    return Case(
        When(holds(rule["condition"]), then=Value(rule["points"])),
        default=Value(0),
        output_field=IntegerField(),
    )
