"""Does every text have its Chinese, and does each reader see one language only?"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, NamedTuple

import polib
import pytest
import unfold
from django.conf import settings
from django.contrib import admin
from django.db import models
from django.test import Client
from django.urls import reverse
from django.utils import translation
from django.utils.translation.template import templatize

from analytics.pages import menu
from journeys.models import Lead
from tenants import ids
from tenants.models import Staff, User
from tests.conftest import Business, make_business
from tests.test_admin import furnish

ROOT = Path(settings.BASE_DIR)
OURS = ["scrm", "tenants", "contacts", "journeys", "campaigns", "analytics"]
CATALOGUE = ROOT / "scrm/locale/zh_Hans/LC_MESSAGES/django.po"
PLACEHOLDER = re.compile(r"%(?:\([a-z_]+\))?[srd]|\{[a-z_]*\}")
CHINESE = re.compile(r"[\u3400-\u9fff\uff01-\uff5e\u3001\u3002]")
MARKS = {f"{kind}gettext{lazy}" for kind in ("", "n", "p", "np") for lazy in ("", "_lazy")}


class Message(NamedTuple):
    context: str | None
    text: str
    plural: str = ""


# --- which texts there are ---


def _message(mark: str, words: list[str]) -> Message:
    context = words.pop(0) if "pgettext" in mark else None
    return Message(context, words[0], words[1] if mark.lstrip("_").startswith("n") else "")


def in_python(source: str) -> Iterator[Message]:
    """Texts that are marked in a module, under whatever name it imported the mark."""
    tree = ast.parse(source)
    marks = {
        name.asname or name.name: name.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "django.utils.translation"
        for name in node.names
        if name.name in MARKS
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in marks:
            assert not any(isinstance(part, ast.JoinedStr) for part in node.args), (
                f"line {node.lineno}: what is filled in must not be marked with the text"
            )
            words = [part.value for part in node.args if isinstance(part, ast.Constant)]
            if words and all(isinstance(word, str) for word in words):
                yield _message(marks[node.func.id], [str(word) for word in words])


_WORD = r"""u?(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
_CALL = re.compile(rf"\b(_|n?p?gettext)\(({_WORD}(?:, {_WORD})*)(?:, count)?\)")


def in_template(source: str) -> Iterator[Message]:
    """Texts of translate, blocktranslate and _(), as Django's own extraction writes them."""
    for call in _CALL.finditer(templatize(source)):
        yield _message(call[1], list(ast.literal_eval(f"({call[2]},)")))


def in_files(folder: Path, *but: Path) -> dict[Message, str]:
    """Each text of a folder, and where it stands."""
    found: dict[Message, str] = {}
    for path in sorted((*folder.rglob("*.py"), *folder.rglob("*.html"))):
        if not any(path.is_relative_to(other) for other in but):
            read = in_python if path.suffix == ".py" else in_template
            for message in read(path.read_text()):
                found.setdefault(message, path.name)
    return found


@cache
def in_ours() -> dict[Message, str]:
    folders = [in_files(ROOT / name, ROOT / "scrm/sandbox") for name in OURS]
    return {message: where for found in folders for message, where in found.items()}


@cache
def catalogue() -> dict[tuple[str | None, str], polib.POEntry]:
    entries = polib.pofile(str(CATALOGUE), encoding="utf-8")
    return {(entry.msgctxt, entry.msgid): entry for entry in entries if not entry.obsolete}


def chinese_of(entry: polib.POEntry) -> str:
    return entry.msgstr_plural.get(0, "") if entry.msgid_plural else entry.msgstr


# --- the catalogue ---


def test_extraction_sees_every_way_of_marking() -> None:
    module = """
from django.utils.translation import gettext as _, ngettext, pgettext_lazy as about
a = _("one " "two"), ngettext("%(n)s day", "%(n)s days", n), about("month", "May"), _(other)
b = other("no text")
"""
    page = """{% load i18n %}{% translate "it's" %}{% blocktranslate trimmed with n=x %}
      at {{ n }}
    {% endblocktranslate %}{% translate "May" context "month" %}{{ _("quoted") }}
    {% blocktranslate count n=x %}{{ n }} day{% plural %}{{ n }} days{% endblocktranslate %}"""

    assert list(in_python(module)) == [
        Message(None, "one two"),
        Message(None, "%(n)s day", "%(n)s days"),
        Message("month", "May"),
    ]
    assert set(in_template(page)) == {
        Message(None, "it's"),
        Message(None, "at %(n)s"),
        Message("month", "May"),
        Message(None, "quoted"),
        Message(None, "%(n)s day", "%(n)s days"),
    }


def test_every_text_of_ours_is_in_the_catalogue() -> None:
    known = catalogue()
    found = in_ours()

    assert len(found) > 500
    missing = {m: where for m, where in found.items() if (m.context, m.text) not in known}
    assert not missing


def test_every_entry_has_chinese_and_the_same_placeholders() -> None:
    for entry in catalogue().values():
        text = chinese_of(entry)
        assert text and not entry.fuzzy, entry.msgid
        assert sorted(PLACEHOLDER.findall(text)) == sorted(PLACEHOLDER.findall(entry.msgid)), entry
        for edge in (0, -1):  # spaces and line ends that code joins with
            assert text[edge].isspace() == entry.msgid[edge].isspace() or entry.msgid in {
                " and ",
            }, entry


def test_entries_that_nothing_uses_are_gone() -> None:
    ours = {(m.context, m.text) for m in in_ours()}
    stale = [
        entry.msgid
        for key, entry in catalogue().items()
        if key not in ours and not entry.comment  # a comment names the package it is for
    ]
    assert not stale


def test_the_theme_of_the_admin_has_chinese() -> None:
    """Unfold ships no translations; what Django does not know, our catalogue does."""
    package = Path(next(iter(unfold.__path__)))
    unused = [part for part in (package / "contrib").iterdir() if part.name != "filters"]
    found = [
        message
        for message in in_files(package, *unused)
        if re.search("[A-Za-z]{2}", PLACEHOLDER.sub("", message.text))
    ]

    with translation.override("zh-hans"):
        missing = [message for message in found if not CHINESE.search(_now(message))]
    assert found
    assert not missing


def _now(message: Message) -> str:
    if message.plural:
        return translation.ngettext(message.text, message.plural, 2)
    if message.context:
        return translation.pgettext(message.context, message.text)
    return translation.gettext(message.text)


# --- the pages ---


class Words(HTMLParser):
    """What a reader sees or hears of a page: texts, and attributes that are read out."""

    SPOKEN = {"title", "placeholder", "aria-label", "alt", "data-done"}
    UNSEEN = {"script", "style", "template", "code"}
    VOID = {"input", "img", "link", "meta", "br", "hr", "path", "source", "wbr"}

    def __init__(self, page: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self._open: list[tuple[str, bool]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        symbol = re.search(r"\b(icon|material-symbols-\w+)\b", given.get("class") or "")
        other = given.get("lang") and tag != "html"  # the button of the other language
        hidden = tag in self.UNSEEN or bool(symbol) or bool(other)
        if tag not in self.VOID:
            self._open.append((tag, hidden))
        if not hidden:
            self.words += [given[name] or "" for name in self.SPOKEN & given.keys()]
            if tag == "input" and given.get("type") in {"submit", "button"}:
                self.words.append(given.get("value") or "")

    def handle_endtag(self, tag: str) -> None:
        while any(name == tag for name, _hidden in self._open) and self._open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        if data.strip() and not any(hidden for _name, hidden in self._open):
            self.words.append(" ".join(data.split()))


# Names of products and formats, codes of ours, and data of the tests.
NAMES = re.compile(
    r"SCRM|SOPs?|CAC|LTV|RFM|CSV|XLSX|API|JSON|UTF-8|GB18030|SVG|SKU|Webhook|UserID|Token|Secret|AppID|"
    r"EncodingAESKey|AgentId|AgentID|English|简体中文|中文|Asia/Shanghai|[a-z_]+\.[a-z_.]+|canary-\d+|"
    r"张欣怡|张|say hello|hello|business-\S+|\S+@example\.com|scrm_\w+|(?:staff[:：] ?)?[a-z]+1|"
    r"“[a-z_]+”|\{.*\}|"
    # The first rules are named in the language in which the business began.
    r"已知手机号|已知邮箱|来自转介绍|Phone known|E-mail known|Came by referral|"
    r"阅读内容|下载资料|打开链接|发来一条消息|填写了表单|完成了测评|领取了优惠券|"
    r"参加了直播或课程|加入了社群|询问了价格|删除员工好友",
    re.IGNORECASE,
)
CODES = {"contacts", "en", "zh-hans", "esc", "tests", "won"}
FOREIGN = {
    "en": CHINESE,
    "zh-hans": re.compile(r"\b[A-Z][a-z]{2,}\b|[A-Za-z]{2,} [A-Za-z]{2,}|[\u4e00-\u9fff][a-z]{2,}"),
}
PAGES = ["/desk/", "/desk/?show=mine", "/desk/tasks/", "/admin/", "/admin/password_change/",
         "/places/", *(reverse(name) for name, *_others in menu.dashboards()),
         "/dashboards/plans/?show=over",
         "/dashboards/views/", "/dashboards/funnel/?mode=snapshot",
         "/dashboards/assets/?group=staff",
         "/dashboards/attribution/?group=campaign", "/dashboards/fit/?edit=1&industry=beauty",
         "/dashboards/concentration/?view=months"]  # fmt: skip


@pytest.fixture(scope="module")
def furnished(
    database: None, django_db_blocker: Any
) -> Iterator[tuple[Business, dict[type[models.Model], Any]]]:
    """A business with a row of everything, whose people and names are mere numbers."""
    with django_db_blocker.unblock():
        business = make_business("00")
        rows = furnish(business)
        with business.scope():
            for number, user in enumerate(business.users.values()):
                User.objects.filter(pk=user.pk).update(name=f"{number}")
            for number, staff in enumerate(business.staff.values()):
                Staff.objects.filter(pk=staff.pk).update(name=f"{number}")
        yield business, rows


def words_of(client: Client, path: str) -> list[str]:
    answer = client.get(path)
    assert answer.status_code == 200, path
    return Words(answer.content.decode()).words


def wrong(words: Iterable[str], language: str) -> set[str]:
    """Labels of the other language, and what looks like a sentence of it."""
    other = of_the_other(language)
    plain = {word: NAMES.sub("", word).strip(" :：") for word in words if word.lower() not in CODES}
    return {word for word, rest in plain.items() if rest in other or FOREIGN[language].search(rest)}


@cache
def of_the_other(language: str) -> set[str]:
    """Labels that only readers of the other language should meet."""
    pairs = [(entry.msgid, chinese_of(entry)) for entry in catalogue().values()]
    here, there = (0, 1) if language == "en" else (1, 0)
    return _as_written(pair[there] for pair in pairs) - _as_written(pair[here] for pair in pairs)


def _as_written(labels: Iterable[str]) -> set[str]:
    """Labels with a small letter get a large one on most pages."""
    return {written for label in labels for written in (label, label[:1].upper() + label[1:])}


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_the_sign_in_speaks_one_language(language: str, database: None) -> None:
    client = Client(headers={"Accept-Language": language})
    assert not wrong(words_of(client, "/sign-in/"), language)


@pytest.mark.parametrize("language", ["zh-hans", "en"])
@pytest.mark.parametrize("page", PAGES)
def test_a_page_speaks_one_language(page: str, language: str, furnished: Any) -> None:
    business, _rows = furnished
    assert not wrong(words_of(business.browser("owner", language), page), language)


@pytest.mark.parametrize("language", ["zh-hans", "en"])
@pytest.mark.parametrize("state", ["open", "claimed"])
def test_the_page_of_a_lead_speaks_one_language(state: str, language: str, furnished: Any) -> None:
    business, rows = furnished
    with business.scope():
        Lead.objects.filter(pk=rows[Lead].pk).update(state=state)
    page = f"/desk/leads/{ids.encode(rows[Lead].pk)}/"
    assert not wrong(words_of(business.browser("owner", language), page), language)


@pytest.mark.parametrize("language", ["zh-hans", "en"])
@pytest.mark.parametrize("model", admin.site._registry, ids=lambda model: model.__name__)
def test_the_lists_of_the_admin_speak_one_language(
    model: type[models.Model], language: str, furnished: Any
) -> None:
    business, rows = furnished
    client = business.browser("owner", language)
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
    paths = [reverse(f"{name}_{p}", args=[rows[model].pk]) for p in ("change", "history", "delete")]
    paths += [reverse(f"{name}_{page}") for page in ("changelist", "add")]

    answers = [client.get(path) for path in paths]
    said = [
        word
        for answer in answers
        if answer.status_code == 200
        for word in Words(answer.content.decode()).words
    ]

    assert said
    assert not wrong(said, language)


# --- the API ---


@pytest.mark.parametrize(
    ("language", "message", "fault"),
    [
        ("zh-hans", "请求的对象不存在。", "未知参数。"),
        ("zh-CN,zh;q=0.9", "请求的对象不存在。", "未知参数。"),
        ("en", "There is no such thing.", "Unknown parameter."),
        ("fr", "请求的对象不存在。", "未知参数。"),
    ],
)
def test_errors_of_the_api_follow_the_language_asked_for(
    language: str, message: str, fault: str, business: Business
) -> None:
    api = business.api()
    asked = {"Accept-Language": language}

    unknown = api.get("/api/v1/contacts/none", headers=asked).json()["error"]
    invalid = api.get("/api/v1/contacts?nonsense=1", headers=asked).json()["error"]

    assert unknown["message"] == message
    assert invalid["fields"] == {"nonsense": [fault]}
