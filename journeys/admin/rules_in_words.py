"""How do entry rules and conditions of scoring read? As a sentence, not as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from contacts import kinds
from contacts.models import Contact
from journeys import fit
from tenants.punctuation import listed

FACTS = {
    "seen": gettext_lazy("anything is known of them"),
    "reachable": gettext_lazy("they can be reached"),
    "name_and_phone": gettext_lazy("name and phone are known"),
    "not_excluded": gettext_lazy("they are not excluded"),
    "need_confirmed": gettext_lazy("sales has confirmed a need"),
    "paid_order": gettext_lazy("they have paid an order"),
}


def entry_rule(rule: Mapping[str, Any]) -> str:
    """{"all": [{"fact": "reachable"}, …]} → they can be reached and …"""
    if "all" in rule:
        return str(_(" and ")).join(entry_rule(part) for part in rule["all"])
    if "any" in rule:
        return "(" + str(_(" or ")).join(entry_rule(part) for part in rule["any"]) + ")"
    if "fact" in rule:
        return str(FACTS.get(rule["fact"], rule["fact"]))
    if "event" in rule:
        named = rule["event"]
        return _("event %(kinds)s") % {
            "kinds": " / ".join(map(kinds.short_of, [named] if isinstance(named, str) else named))
        }
    if "min_score" in rule:
        score = rule["min_score"]
        if score == "threshold":
            return _("the score is that of a lead")
        return _("the score is at least %(score)s") % {"score": score}
    return ""


def condition(rule: Mapping[str, Any]) -> str:
    """A condition on attributes and tags, or on properties of an event."""
    if "all" in rule:
        return str(_(" and ")).join(condition(part) for part in rule["all"])
    if "any" in rule:
        return "(" + str(_(" or ")).join(condition(part) for part in rule["any"]) + ")"
    if "not" in rule:
        return _("not %(condition)s") % {"condition": condition(rule["not"])}
    if "tag" in rule:
        return _("tag “%(tag)s”") % {"tag": rule["tag"]}
    if "properties" in rule:
        return listed(f"{name} = {value}" for name, value in rule["properties"].items())
    return _leaf(rule)


def _leaf(rule: Mapping[str, Any]) -> str:
    name = field_label(rule.get("field", ""))
    if "known" in rule:
        known = _("%(field)s is known") if rule["known"] else _("%(field)s is not known")
        return known % {"field": name}
    if "in" in rule:
        return f"{name} = {' / '.join(_value(rule, one) for one in rule['in'])}"
    return f"{name} = {_value(rule, rule['is'])}" if "is" in rule else ""


def field_label(name: str) -> str:
    """The label of a contact's column; a custom field is called what its owner calls it."""
    if name not in fit.FIELDS:
        return name.removeprefix("custom.")
    return str(getattr(Contact._meta.get_field(name), "verbose_name", name))


def _value(rule: Mapping[str, Any], value: object) -> str:
    """A choice as people read it."""
    field = Contact._meta.get_field(rule["field"]) if rule["field"] in fit.FIELDS else None
    return str(dict(getattr(field, "flatchoices", ())).get(value, value))
