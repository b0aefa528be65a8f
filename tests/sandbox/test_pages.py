"""Are the pages whole: served, in both languages, and with nothing from elsewhere?"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from scrm.sandbox.server import PAGES

from .actors import empty, fetch

SAID = re.compile(r'data-(?:say|name)="([^"]+)"|\b(?:say|button)\(\s*"([^"]+)"')
WORD = re.compile(r'"((?:[^"\\]|\\.)+)": "((?:[^"\\]|\\.)+)"')
REFUSAL = re.compile(r'\["([^"]+)",\s*"([^"]+)"\]')
FILES = sorted(path.name for path in PAGES.iterdir())


def test_every_text_has_a_chinese_one() -> None:
    pages = [PAGES / "index.html", *PAGES.glob("*.js")]
    said = {word for page in pages for words in SAID.findall(page.read_text()) for word in words}
    known = dict(WORD.findall((PAGES / "words.js").read_text()))

    assert said - {""} - known.keys() == set()
    assert len(known) > 80
    assert all(re.search("[\u4e00-\u9fff]", chinese) for chinese in known.values())


def refused(path: Path) -> Iterator[str]:
    """The sentences with which this module refuses what a person asks; {} for what they name."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "RefusedError":
            said = node.args[0]
            parts = said.values if isinstance(said, ast.JoinedStr) else [said]
            yield "".join(
                str(part.value) if isinstance(part, ast.Constant) else "{}" for part in parts
            )


def test_every_refusal_has_a_chinese_one() -> None:
    elsewhere = {"founding.py", "transport.py", "storage.py", "signing_in.py", "web.py",
                 "client_scripts.py"}  # fmt: skip
    modules = [one for one in PAGES.parent.rglob("*.py") if one.name not in elsewhere]
    said = {sentence for module in modules for sentence in refused(module)}
    known = dict(REFUSAL.findall((PAGES / "refusals.js").read_text()))

    assert len(said) > 60
    assert said - known.keys() == set()
    for english, chinese in known.items():
        assert re.search("[\u4e00-\u9fff]", chinese)
        places = {int(number) for number in re.findall(r"\{(\d)\}", chinese)}
        assert places <= set(range(1, english.count("{}") + 1)), english


@pytest.mark.parametrize("name", FILES)
def test_nothing_comes_from_elsewhere(name: str) -> None:
    text = (PAGES / name).read_text()

    assert "//www" not in text
    assert not re.search(r"""(src|href)=["'](https?:)?//|@import|url\(""", text)
    assert len(text.splitlines()) <= 300


def test_parts_of_the_page_are_served_as_what_they_are() -> None:
    with empty() as sim:
        page = fetch("GET", f"{sim.url}/")
        style = fetch("GET", f"{sim.url}/pages/page.css")
        script = fetch("GET", f"{sim.url}/pages/main.js")
        others = [
            fetch("GET", f"{sim.url}/pages/{name}").status
            for name in ("", "other.js", "index.html", "../server.py", "..%2Fserver.py", "a/b.css")
        ]

    assert page.content_type == "text/html; charset=utf-8"
    assert style.content_type == "text/css; charset=utf-8"
    assert script.content_type == "text/javascript; charset=utf-8"
    assert others == [404] * 6
