"""What stands in the way of publishing a step? A sentence for every fault."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence

from django.utils.translation import gettext as _

from contacts import attachments
from journeys import attaching, engine
from journeys.models import BY_TEMPLATE, TO_FANS, Route, SopStep
from tenants.models import WeChatAccount
from tenants.wechat import official

MOST_FALLBACKS = 3
MOST_FIELDS = 20
FIELD = re.compile(r"[A-Za-z_]\w{0,31}")  # how a template calls one


def officials() -> list[int]:
    """Inside a scope: the ids of the official accounts that may call."""
    rows = WeChatAccount.objects.filter(kind=WeChatAccount.Kind.OFFICIAL, active=True)
    return list(rows.order_by("id").values_list("id", flat=True))


def faults(step: SopStep, words: Sequence[str], accounts: Collection[int]) -> list[str]:
    """`words` are the sensitive ones, `accounts` the official accounts that may call."""
    found = list(_of_time_and_text(step))
    found += _of_placeholders(step)
    found += _of_routes(step)
    if TO_FANS & set(step.routes):
        found += _of_official_account(step, accounts)
    if step.content is not None and not step.content.active:
        found.append(_("the content “%(title)s” is not active.") % {"title": step.content.title})
    if len(attaching.stored_of(step)) > attachments.MOST:
        found.append(_("at most %(most)d attachments go along.") % {"most": attachments.MOST})
    word = engine.sensitive_word("\n".join(step.said), words)
    if word:
        found.append(_("“%(word)s” is a sensitive word.") % {"word": word})
    return found


def _of_time_and_text(step: SopStep) -> Iterator[str]:
    if (step.delay_minutes is None) == (step.day is None):
        yield _("say either how many minutes after the start, or on which day.")
    by_words = set(step.routes) - BY_TEMPLATE
    if not _says_something(step, by_words):
        yield _("there is neither text nor content.")
    if Route.OA_MESSAGE in by_words and len(step.text.encode()) > official.TEXT_LIMIT:
        yield _("a customer message has at most 2,048 bytes (about 680 characters).")


def _says_something(step: SopStep, by_words: Collection[str]) -> bool:
    """By each of its routes; what goes along with a mass task needs no words."""
    if not by_words or step.text.strip() or step.leads_to is not None:
        return True
    attached = attaching.stored_of(step)
    if set(by_words) <= attaching.CARRIES_ALL:
        return bool(attached)
    return bool(attaching.in_words(attached))


def _of_placeholders(step: SopStep) -> Iterator[str]:
    known = ", ".join(f"{{{one}}}" for one in sorted(engine.PLACEHOLDERS))
    for name in sorted({n for text in step.said for n in engine.unknown_placeholders(text)}):
        yield _("“{%(name)s}” is no placeholder; use %(known)s.") % {"name": name, "known": known}
    if step.leads_to is None and any("{link}" in text for text in step.said):
        yield _("“{link}” needs a content piece to lead to.")


def _of_routes(step: SopStep) -> Iterator[str]:
    routes = step.routes
    if len(set(routes)) < len(routes):
        yield _("a route is named twice.")
    if len(step.fallbacks) > MOST_FALLBACKS:
        yield _("too many routes.")
    if Route.NONE in step.fallbacks or (step.route == Route.NONE and step.fallbacks):
        yield _("the test route stands alone.")
    unknown = set(routes) - set(Route.values)
    if unknown:
        yield _("there is no route “%(name)s”.") % {"name": ", ".join(sorted(unknown))}
    templates = BY_TEMPLATE & set(routes)
    if len(templates) > 1:
        yield _("a step has one template: template message or subscribe message.")
    if templates and not step.template_id.strip():
        yield _("write the id of the template.")
    if templates and not (step.template_fields and all(map(_is_text, _texts(step)))):
        yield _("say what stands in each field of the template.")


def _texts(step: SopStep) -> list[object]:
    return list(step.template_fields.values())


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _of_official_account(step: SopStep, accounts: Collection[int]) -> Iterator[str]:
    if not accounts:
        yield _("no official account is connected.")
    elif step.official_id is not None and step.official_id not in accounts:
        yield _("this official account is not active.")
    elif step.official_id is None and len(accounts) > 1 and BY_TEMPLATE & set(step.routes):
        yield _("choose the official account that the template belongs to.")
