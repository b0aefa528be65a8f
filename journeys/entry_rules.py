"""Since when does a contact fulfil the entry rule of a stage? The small language of these rules.

A rule is JSON, made of:

    {"fact": "seen"}            the earliest thing known of the contact
    {"fact": "reachable"}       a Follow or subscription was opened
    {"fact": "name_and_phone"}  both are known
    {"fact": "not_excluded"}    is no learner, competitor, bot …
    {"fact": "need_confirmed"}  sales has talked to them and confirmed a need
    {"fact": "paid_order"}      the first paid order
    {"event": ["quiz.answered", …], "properties": {…}}   the first such event
    {"min_score": 60}           the score reached 60; "threshold": that of a lead
    {"all": […]}  {"any": […]}

Each part answers *since when* it holds, or that it does not: `all` is the latest of its parts,
`any` the earliest. So an entry has the time of the fact that completed it, whatever arrived first.
A rule may also carry `"back_from": ["pending", …]`: stages from which it moves a contact backward.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

Rule = Mapping[str, Any]

FACTS = ("seen", "reachable", "name_and_phone", "not_excluded", "need_confirmed", "paid_order")
# What has no time of its own: true now means true for as long as we know.
TIMELESS = frozenset({"name_and_phone", "not_excluded"})
ALWAYS = datetime(1, 1, 1, tzinfo=UTC)
_DEPTH = 5


@dataclass(frozen=True)
class Facts:
    """What is known of one contact: for each part of a rule, since when it holds."""

    facts: dict[str, datetime | None] = field(default_factory=dict)
    events: dict[str, datetime] = field(default_factory=dict)  # by leaf_key
    scores: dict[str, datetime | None] = field(default_factory=dict)  # by str(min_score)


def since(rule: Rule, known: Facts) -> datetime | None:
    """From when the rule holds; ALWAYS when only timeless parts speak; None when it does not."""
    if "all" in rule:
        parts = [since(part, known) for part in rule["all"]]
        times = [time for time in parts if time is not None]
        return max(times, default=ALWAYS) if len(times) == len(parts) else None
    if "any" in rule:
        either = (since(part, known) for part in rule["any"])
        return min((time for time in either if time is not None), default=None)
    if "fact" in rule:
        return known.facts.get(rule["fact"])
    if "event" in rule:
        return known.events.get(leaf_key(rule))
    if "min_score" in rule:
        return known.scores.get(str(rule["min_score"]))
    return None


def hopeful(known: Facts, rule: Rule) -> Facts:
    """The same contact, were its score high enough: is it worth asking for the score?"""
    return replace(known, scores={str(leaf["min_score"]): ALWAYS for leaf in scores(rule)})


def lenient(known: Facts, rule: Rule, at: datetime, *, other_basis: bool) -> Facts:
    """The same contact, were all timeless parts true: do the dated facts still prove the entry?

    With `other_basis` the score is now counted by other rules or another grade: it proves nothing.
    """
    scored = dict(known.scores)
    if other_basis:
        scored |= {str(leaf["min_score"]): at for leaf in scores(rule)}
    return replace(known, facts=known.facts | dict.fromkeys(TIMELESS, ALWAYS), scores=scored)


def leaves(rule: Rule) -> Iterator[Rule]:
    for part in (*rule.get("all", ()), *rule.get("any", ())):
        yield from leaves(part)
    if not {"all", "any"} & set(rule):
        yield rule


def events(rule: Rule) -> list[Rule]:
    return [leaf for leaf in leaves(rule) if "event" in leaf]


def scores(rule: Rule) -> list[Rule]:
    return [leaf for leaf in leaves(rule) if "min_score" in leaf]


def kinds_of(leaf: Rule) -> list[str]:
    named = leaf["event"]
    return [named] if isinstance(named, str) else list(named)


def kinds(rule: Rule) -> set[str]:
    """The kinds of events that the rule names."""
    return {kind for leaf in events(rule) for kind in kinds_of(leaf)}


def leaf_key(leaf: Rule) -> str:
    wanted = sorted(leaf.get("properties", {}).items())
    return f"{','.join(kinds_of(leaf))}:{wanted}"


def check(rule: Any) -> None:
    """Raise ValidationError, with a sentence, for what is no rule. An empty one never holds."""
    if not isinstance(rule, dict):
        raise ValidationError(_("A rule is an object such as {“fact”: “reachable”}."))
    back = rule.get("back_from", [])
    if not isinstance(back, list) or not all(isinstance(key, str) for key in back):
        raise ValidationError(_("“back_from” is a list of stage keys."))
    rest = {key: value for key, value in rule.items() if key != "back_from"}
    if rest:
        _check(rest, 0)


def _check(rule: Any, depth: int) -> None:
    if not isinstance(rule, dict) or depth > _DEPTH:
        raise ValidationError(_("A rule is an object such as {“fact”: “reachable”}."))
    keys = set(rule)
    if keys in ({"all"}, {"any"}):
        parts = next(iter(rule.values()))
        if not isinstance(parts, list) or not parts:
            raise ValidationError(_("“all” and “any” take a list of rules."))
        for part in parts:
            _check(part, depth + 1)
    elif not _is_leaf(rule, keys):
        raise ValidationError(
            _("Unknown rule. Write “fact” (%(facts)s), “event”, “min_score”, “all” or “any”."),
            params={"facts": ", ".join(FACTS)},
        )


def _is_leaf(rule: Rule, keys: set[str]) -> bool:
    if keys == {"fact"}:
        return rule["fact"] in FACTS
    if keys == {"min_score"}:
        score = rule["min_score"]
        number = isinstance(score, int | float) and not isinstance(score, bool) and score > 0
        return number or score == "threshold"
    if keys - {"properties"} == {"event"} and isinstance(rule.get("properties", {}), dict):
        named = rule["event"]
        return isinstance(named, str) or (
            isinstance(named, list) and bool(named) and all(isinstance(k, str) for k in named)
        )
    return False


DEFAULT_RULES: dict[str, dict[str, Any]] = {
    "visitor": {"fact": "seen"},
    "prospect": {"fact": "reachable"},
    "profiled": {
        "event": [
            "quiz.answered",
            "form.answered",
            "group.joined",
            "session.attended",
            "content.downloaded",
            "link.clicked",
            "ad.clicked",
        ]
    },
    "intent": {
        "all": [{"fact": "name_and_phone"}, {"fact": "not_excluded"}, {"min_score": "threshold"}]
    },
    "pending": {"fact": "need_confirmed"},
    "won": {"fact": "paid_order"},
}
