"""How does a line of the audit log read? Verbs in the reader's language, nouns from the models."""

from __future__ import annotations

from django.apps import apps
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

VERBS = {
    "created": _("created"),
    "changed": _("changed"),
    "deleted": _("deleted"),
    "revealed": _("whole phone number seen"),
    "entered": _("signed in to this business"),
    "published": _("published"),
    "paused": _("paused"),
    "resumed": _("resumed"),
    "retired": _("retired"),
    "revoked": _("revoked"),
    "moved": _("moved to another stage"),
    "transferred": _("handed over"),
    "released": _("put back"),
    "closed": _("closed"),
    "done": _("done"),
    "cancelled": _("cancelled"),
    "tested": _("tested"),
    "downloaded": _("downloaded"),
}


def verb_of(action: str) -> str:
    """`livecode.retired` → retired, in words; an unknown verb reads as it is written."""
    verb = action.rpartition(".")[2]
    return str(VERBS.get(verb, verb.replace("_", " ")))


def noun_of(action: str, target: str) -> str:
    """The name of the target's model; else the noun of the action."""
    label = target.partition(":")[0]
    names = {model._meta.label_lower: model._meta.verbose_name for model in apps.get_models()}
    name = names.get(label) or action.partition(".")[0].replace("_", " ")
    return str(capfirst(str(name)))
