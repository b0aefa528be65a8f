"""Are translations compiled without gettext, exactly when they changed?"""

import gettext
import os
from pathlib import Path

import pytest

from scrm.local import messages
from scrm.local.errors import LocalError

HEADER = """msgid ""
msgstr ""
"Content-Type: text/plain; charset=UTF-8\\n"
"Plural-Forms: nplurals=1; plural=0;\\n"

"""
ENTRIES = """msgid "Contact"
msgstr "客户"

msgctxt "verb"
msgid "Contact"
msgstr "联系"

#, fuzzy
msgid "Guess"
msgstr "猜"

msgid "%(count)s lead"
msgid_plural "%(count)s leads"
msgstr[0] "%(count)s 条线索"
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "scrm" / "locale" / "zh_Hans" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    (folder / "django.po").write_text(HEADER + ENTRIES, encoding="utf-8")
    return folder / "django.po"


def test_compiled_messages_are_what_gettext_reads(source: Path, tmp_path: Path) -> None:
    assert messages.compile_all(tmp_path) == [source]

    with source.with_suffix(".mo").open("rb") as file:
        catalogue = gettext.GNUTranslations(file)
    assert catalogue.gettext("Contact") == "客户"
    assert catalogue.pgettext("verb", "Contact") == "联系"
    assert catalogue.ngettext("%(count)s lead", "%(count)s leads", 3) == "%(count)s 条线索"
    assert catalogue.gettext("Guess") == "Guess"


def test_only_what_changed_is_compiled(source: Path, tmp_path: Path) -> None:
    messages.compile_all(tmp_path)
    assert messages.compile_all(tmp_path) == []

    later = source.stat().st_mtime + 1
    os.utime(source, (later, later))

    assert messages.compile_all(tmp_path) == [source]


def test_a_broken_catalogue_is_named(source: Path, tmp_path: Path) -> None:
    source.write_text('msgid "open"\nneither key nor text\n', encoding="utf-8")

    with pytest.raises(LocalError, match=r"django\.po cannot be read"):
        messages.compile_all(tmp_path)

    assert sorted(path.name for path in source.parent.iterdir()) == ["django.po"]
