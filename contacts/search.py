"""How is a contact found by name, pinyin, phone or id? By equality on token rows.

Row-level security disables LIKE and trigram indexes, so what may be searched is written down as
tokens: two-character pieces of Chinese names, words in lower case, pinyin of the whole name and of
the given name, pinyin initials, and `#` with a keyed hash of the last four digits of the phone.
What staff call a contact in their remarks is found by its words and two-character pieces.
Equality and ranges in the C collation keep their index. A query finds words and pinyin by their
beginning, phones and e-mail addresses by their keyed hashes.
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

from contacts.merging import forwarding
from contacts.models import Contact, ContactToken, Follow
from tenants import vault
from tenants.scope import current_tenant_id

if TYPE_CHECKING:
    from contacts.models.person import ContactQuerySet

LONGEST: Final = 32
# Nobody's name needs more: a text of a thousand words must not fill the table.
MOST: Final = 24
MOST_OF_REMARKS: Final = 16  # of all remarks on a contact together
_HAN = r"\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_PIECE = re.compile(rf"[{_HAN}]+|[^\W_{_HAN}]+")
_FIRST_HAN = re.compile(rf"[{_HAN}]")
_SECRET_DIGITS = re.compile(r"\d{7,}")
_PHONE_MARKS = re.compile(r"[\s\-()]")
# Where the reading as a surname differs from the most common one.
_SURNAMES: Final = {
    "曾": "zeng", "单": "shan", "仇": "qiu", "解": "xie", "查": "zha", "盖": "ge", "区": "ou",
    "朴": "piao", "翟": "zhai", "乐": "yue", "覃": "qin", "冼": "xian", "缪": "miao", "种": "chong",
    "员": "yun", "折": "she", "秘": "bi", "繁": "po", "郇": "xun", "召": "shao", "薄": "bo",
    "重": "chong", "牟": "mu", "郗": "chi",
}  # fmt: skip
_LAST = "\U0010ffff"  # sorts after every text in the C collation


def tokens_of(name: str, phone: str | None = None, remarks: Iterable[str] = ()) -> list[str]:
    """Inside a scope: the search tokens of a contact. Cheap enough for imports."""
    tokens: dict[str, None] = {}
    for piece in _pieces(name):
        tokens |= dict.fromkeys(_of_han(piece) if _FIRST_HAN.match(piece) else [piece[:LONGEST]])
    found = list(tokens)[:MOST]
    found += _of_remarks(remarks, found)
    return found + tokens_of_phone(phone)


def tokens_of_phone(phone: str | None) -> list[str]:
    return [_of_tail(phone[-4:])] if phone and len(phone) >= 4 else []


def _of_remarks(remarks: Iterable[str], known: Iterable[str]) -> list[str]:
    """What remarks add to the name: no pinyin, and few of them."""
    tokens: dict[str, None] = {}
    for remark in remarks:
        for piece in _pieces(remark):
            if _SECRET_DIGITS.fullmatch(piece):
                continue  # a phone number that staff wrote down: never a token in the clear
            han = _FIRST_HAN.match(piece)
            tokens |= dict.fromkeys(_pairs(piece) if han else [piece[:LONGEST]])
    return [token for token in tokens if token not in set(known)][:MOST_OF_REMARKS]


def _of_tail(digits: str) -> str:
    return _hashed_tail(vault.keys(), digits)


@lru_cache(maxsize=20_000)
def _hashed_tail(keys: vault.Keys, digits: str) -> str:
    return "#" + keys.blind(digits, "phone tail").hex()[:24]


def filter(queryset: ContactQuerySet, text: str) -> ContactQuerySet:
    """Those that `text` finds: a name or part of it, pinyin, a remark of a member of staff, a whole
    phone or its last four digits, a whole e-mail address, an external id. Blank finds all.
    """
    text = text.strip()
    if not text:
        return queryset
    # A union of index look-ups: one OR over them would read the whole tenant.
    ids = Contact.objects.filter(external_id=text).values("id")
    ways = [forwarding.known_as(text), *_by_phone(text), *_by_email(text), *_by_tokens(text)]
    return queryset.filter(id__in=ids.union(*ways))


def reindex(contact_ids: Iterable[int], *, new: bool = False) -> None:
    """Inside a scope: write the tokens of these contacts anew, where they changed. `new`: they were
    made in this transaction and have none yet.
    """
    ids = list(contact_ids)
    rows = Contact.objects.filter(id__in=ids).only("id", "name", "phone")
    remarks: dict[int, list[str]] = {}
    told = Follow.objects.filter(contact_id__in=ids).exclude(remark="").order_by("-opened_at")
    for pk, remark in told.values_list("contact_id", "remark"):
        remarks.setdefault(pk, []).append(remark)
    contacts: list[int] = []
    owners: list[int] = []
    tokens: list[str] = []
    for contact in rows:
        contacts.append(contact.pk)
        for token in tokens_of(contact.name, contact.phone, remarks.get(contact.pk, ())):
            owners.append(contact.pk)
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
        if not new:
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


def _pairs(piece: str) -> list[str]:
    return [piece[at : at + 2] for at in range(len(piece) - 1)] or [piece]


def _of_han(piece: str) -> list[str]:
    """张欣怡 → 张欣, 欣怡, zhangxinyi, xinyi, zxy."""
    pairs = _pairs(piece)
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
        return [_holding(Q(token=_of_tail(bare)))]
    if len(bare) < 7:
        return []
    spellings = {f"+{bare}", f"+86{bare}", f"+86{bare.lstrip('0')}", f"+{bare.removeprefix('00')}"}
    hashes = [vault.blind(each, "phone") for each in sorted(spellings)]
    return [Contact.objects.filter(phone_hash__in=hashes).values("id")]


def _by_email(text: str) -> list[QuerySet[Any, Any]]:
    if "@" not in text:
        return []
    clean = unicodedata.normalize("NFKC", text)
    return [Contact.objects.filter(email_hash=vault.blind(clean, "email")).values("id")]


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
        return [Q(token=pair) for pair in _pairs(piece)]
    if _FIRST_HAN.match(piece) or len(piece) > 1:
        return [_begins(piece[:LONGEST])]
    return [Q(token=piece)]


def _begins(start: str) -> Q:
    return Q(token__gte=start, token__lt=start + _LAST)


def _holding(condition: Q) -> QuerySet[Any, Any]:
    return ContactToken.objects.filter(condition).values("contact_id")
