"""How does a line of the audit log read? Verbs in the reader's language, nouns from the models."""

from __future__ import annotations

from django.apps import apps
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

VERBS = {
    "created": _("created"),
    "changed": _("changed"),
    "deleted": _("deleted"),
    "revealed": _("whole phone or e-mail seen"),
    "entered": _("signed in to this business"),
    "published": _("published"),
    "paused": _("paused"),
    "resumed": _("resumed"),
    "retired": _("retired"),
    "online": _("switched on for live codes"),
    "offline": _("switched off for live codes"),
    "revoked": _("revoked"),
    "moved": _("moved to another stage"),
    "transferred": _("handed over"),
    "released": _("put back"),
    "closed": _("closed"),
    "done": _("done"),
    "cancelled": _("cancelled"),
    "merged": _("merged with another record"),
    "unmerged": _("merge undone"),
    "dismissed": _("said to be two persons"),
    "tested": _("tested"),
    "downloaded": _("downloaded"),
    "asked": _("asked for"),
    "queued": _("queued"),
    "started": _("started"),
    "undone": _("undone"),
    "stopped": _("stopped"),
    "left": _("taken out"),
    "settled": _("outcome settled by hand"),
    "members_added": _("put on the list"),
    "members_removed": _("taken off the list"),
    "taken_out": _("taken out in full"),
    "erased": _("erased"),
    "consent_recorded": _("consent recorded"),
    "run": _("run over all contacts"),
    "filled": _("people added"),
    "expired": _("old events deleted"),
    "replayed": _("read once more"),
    "keys_made": _("callback token and key made anew"),
    "reminded": _("member reminded"),
    "called_back": _("called back"),
    "signed_in": _("signed in with WeCom"),
    "snoozed": _("silenced for a while"),
    "woken": _("told again"),
    "acknowledged": _("seen to"),
    "secret_renewed": _("secret renewed"),
    "stopped_by_itself": _("switched off after failures"),
    "sign_in_refused": _("sign-in with WeCom refused"),
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
