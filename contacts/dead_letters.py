"""Callbacks that were given up: what they say, without what is private, and once more from the top.

They are kept with their problem until somebody replays them. Events are keyed by the callback's
digest, so that a replay of one that had half its effect does nothing twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from django.db.models import QuerySet
from django.utils import timezone

from contacts import ingest, masking
from tenants import doorbell
from tenants.models import Callback
from tenants.wechat.health import dead_letters

AT_ONCE: Final = 10_000
SHOWN: Final = 20_000  # characters
# Keys to something at the platform: for whoever has them they open more than this page.
_KEYS: Final = re.compile(
    r"(<(WelcomeCode|Token|SuiteTicket|AuthCode|Ticket|ResponseCode)>).*?(</\2>)", re.DOTALL
)
_PRIVATE: Final = re.compile(
    r"(<(Mobile|Telephone|Email|BizMail|Address|Avatar)>).*?(</\2>)", re.DOTALL
)
_NAMED: Final = r"<{}>\s*(?:<!\[CDATA\[)?([A-Za-z0-9_]{{1,64}})"


def dead() -> QuerySet[Callback]:
    rows: QuerySet[Callback] = Callback.objects.filter(dead_letters())
    return rows


def what(row: Callback) -> str:
    """Event/ChangeType as far as they can be read; such a body may be no XML at all."""
    text = bytes(row.body).decode("utf-8", "replace")
    found = (re.search(_NAMED.format(name), text) for name in ("Event", "InfoType", "ChangeType"))
    return "/".join(match[1] for match in found if match) or "–"


def body(row: Callback) -> str:
    """The decrypted body, without numbers, addresses, keys and signs that cannot be shown."""
    text = bytes(row.body).decode("utf-8", "replace")
    text = _PRIVATE.sub(r"\1***\3", _KEYS.sub(r"\1***\3", text))
    shown = "".join(sign if sign.isprintable() or sign in "\n\t" else "·" for sign in text)
    return masking.text(shown)[:SHOWN]


def problem(row: Callback) -> str:
    """Why it was given up. The words of an error may repeat what the body said."""
    return masking.text(row.problem)


def replay(ids: Iterable[int] | None = None) -> int:
    """Put these dead letters (or the oldest AT_ONCE) back into the inbox; answers how many."""
    rows = dead() if ids is None else dead().filter(id__in=list(ids))
    chosen = list(rows.order_by("id").values_list("id", flat=True)[:AT_ONCE])
    back: int = (
        dead()
        .filter(id__in=chosen)
        .update(handled_at=None, retry_at=timezone.now(), attempts=0, problem="")
    )
    if back:
        doorbell.ring(ingest.QUEUE)
    return back
