"""How is a contact found by name, pinyin, phone or id? By equality on token rows.

Row-level security disables LIKE and trigram indexes, so what may be searched is written down as
tokens: two-character pieces of Chinese names, words in lower case, pinyin of the whole name and of
the given name, pinyin initials, and `#` with the last four digits of the phone. Equality and
ranges in the C collation keep their index. A query finds words and pinyin by their beginning.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from django.db import connection
from django.db.models import Q, QuerySet
from pypinyin import Style, pinyin

from contacts.models import Contact, ContactToken
from tenants.scope import current_tenant_id

if TYPE_CHECKING:
    from contacts.models.person import ContactQuerySet

LONGEST: Final = 32
# Nobody's name needs more: a text of a thousand words must not fill the table.
MOST: Final = 24
_HAN = r"\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_PIECE = re.compile(rf"[{_HAN}]+|[^\W_{_HAN}]+")
_FIRST_HAN = re.compile(rf"[{_HAN}]")
_PHONE_MARKS = re.compile(r"[\s\-()]")
# Where the reading as a surname differs from the most common one.
_SURNAMES: Final = {
    "曾": "zeng", "单": "shan", "仇": "qiu", "解": "xie", "查": "zha", "盖": "ge", "区": "ou",
    "朴": "piao", "翟": "zhai", "乐": "yue", "覃": "qin", "冼": "xian", "缪": "miao", "种": "chong",
    "员": "yun", "折": "she", "秘": "bi", "繁": "po", "郇": "xun", "召": "shao", "薄": "bo",
    "重": "chong", "牟": "mu", "郗": "chi",
}  # fmt: skip
_LAST = "\U0010ffff"  # sorts after every text in the C collation


def tokens_of(name: str, phone: str | None = None) -> list[str]:
    """The search tokens of a contact. Pure, and cheap enough for imports."""
    tokens: dict[str, None] = {}
    for piece in _pieces(name):
        tokens |= dict.fromkeys(_of_han(piece) if _FIRST_HAN.match(piece) else [piece[:LONGEST]])
    found = list(tokens)[:MOST]
    if phone and len(phone) >= 4:
        found.append("#" + phone[-4:])
    return found


def filter(queryset: ContactQuerySet, text: str) -> ContactQuerySet:
    """Those that `text` finds: a name or part of it, pinyin, a phone or its last four digits, an
    external id. A blank text finds all.
    """
    text = text.strip()
    if not text:
        return queryset
    # A union of index look-ups: one OR over them would read the whole tenant.
    ids = Contact.objects.filter(external_id=text).values("id")
    ways = [*_by_phone(text), *_by_tokens(text)]
    return queryset.filter(id__in=ids.union(*ways) if ways else ids)


def reindex(contact_ids: Iterable[int]) -> None:
    """Inside a scope: write the tokens of these contacts anew, where they changed."""
    rows = Contact.objects.filter(id__in=list(contact_ids)).values_list("id", "name", "phone")
    contacts: list[int] = []
    owners: list[int] = []
    tokens: list[str] = []
    for contact_id, name, phone in rows:
        contacts.append(contact_id)
        for token in tokens_of(name, phone):
            owners.append(contact_id)
            tokens.append(token)
    if not contacts:
        return
    parameters: dict[str, int | list[int] | list[str]] = {
        "tenant": current_tenant_id(),
        "contacts": contacts,
        "owners": owners,
        "tokens": tokens,
    }
    with connection.cursor() as cursor:
        cursor.execute(_DROP, parameters)
        cursor.execute(_WRITE, parameters)


_WANTED = """
  (SELECT u.owner, u.token FROM unnest(%(owners)s::bigint[], %(tokens)s::text[]) AS u(owner, token))
"""
_DROP = f"""
DELETE FROM contacts_contacttoken t
WHERE t.tenant_id = %(tenant)s AND t.contact_id = ANY(%(contacts)s::bigint[])
  AND NOT EXISTS (SELECT 1 FROM {_WANTED} w WHERE w.owner = t.contact_id AND w.token = t.token)
"""  # noqa: S608 - constants only
_WRITE = f"""
INSERT INTO contacts_contacttoken (tenant_id, token, contact_id)
SELECT %(tenant)s, w.token, w.owner FROM {_WANTED} w
ON CONFLICT DO NOTHING
"""  # noqa: S608 - constants only


def _pieces(text: str) -> list[str]:
    plain = unicodedata.normalize("NFKC", text).casefold()
    return _PIECE.findall(plain)


def _of_han(piece: str) -> list[str]:
    """张欣怡 → 张欣, 欣怡, zhangxinyi, xinyi, zxy."""
    pairs = [piece[at : at + 2] for at in range(len(piece) - 1)] or [piece]
    syllables = [_syllable(character) for character in piece]
    syllables[0] = _SURNAMES.get(piece[0], syllables[0])
    whole, given = "".join(syllables), "".join(syllables[1:])
    initials = "".join(syllable[:1] for syllable in syllables)
    latin = [whole, given if len(syllables) > 1 else "", initials if len(syllables) > 1 else ""]
    return [*pairs, *(token[:LONGEST] for token in latin if token)]


@lru_cache(maxsize=30_000)
def _syllable(character: str) -> str:
    """The most common reading of a character, without tone; "" when it has none."""
    reading = pinyin(character, style=Style.NORMAL, errors="ignore")
    # ü is typed as v, and nobody types it as anything else in a search.
    return reading[0][0].replace("ü", "v") if reading else ""


def _by_phone(text: str) -> list[QuerySet[Any, Any]]:
    digits = _PHONE_MARKS.sub("", unicodedata.normalize("NFKC", text))
    bare = digits.removeprefix("+")
    if not bare.isascii() or not bare.isdigit():
        return []
    if len(bare) == 4:
        return [_holding(Q(token=f"#{bare}"))]
    if len(bare) < 7:
        return []
    spellings = {f"+{bare}", f"+86{bare}", f"+86{bare.lstrip('0')}", f"+{bare.removeprefix('00')}"}
    return [Contact.objects.filter(phone__in=sorted(spellings)).values("id")]


def _by_tokens(text: str) -> list[QuerySet[Any, Any]]:
    """One look-up that holds all pieces of the text."""
    conditions = [condition for piece in _pieces(text)[:8] for condition in _conditions(piece)]
    if not conditions:
        return []
    matching = _holding(conditions[0])
    for condition in conditions[1:]:
        matching = matching.filter(contact_id__in=_holding(condition))
    return [matching]


def _conditions(piece: str) -> list[Q]:
    if _FIRST_HAN.match(piece) and len(piece) > 1:
        return [Q(token=piece[at : at + 2]) for at in range(len(piece) - 1)]
    if _FIRST_HAN.match(piece) or len(piece) > 1:
        return [_begins(piece[:LONGEST])]
    return [Q(token=piece)]


def _begins(start: str) -> Q:
    return Q(token__gte=start, token__lt=start + _LAST)


def _holding(condition: Q) -> QuerySet[Any, Any]:
    return ContactToken.objects.filter(condition).values("contact_id")
