"""Where else may a person stand who is to be forgotten? Files, raw callbacks, stored answers, and
filters that somebody typed: nothing there has a key to them, so their names are looked for.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Sequence

from django.core.files.storage import default_storage
from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from contacts.models import Export, Import, ImportedRows, PreTag, SavedView
from contacts.privacy.person import Person
from tenants import vault
from tenants.scope import current_tenant_id

_CHUNK = 1 << 20
WAITING = (
    Import.Status.DRAFT, Import.Status.QUEUED, Import.Status.RUNNING, Import.Status.PAUSED,
    Import.Status.UNDOING,
)  # fmt: skip


class InUse(Exception):  # noqa: N818 - reads as what happened
    """A file that holds the person is still being worked on. `str()` says what to do."""


def forget(person: Person) -> dict[str, int]:
    """Inside a scope: remove these traces; answers how many there were, by what they are. Files go
    when the transaction is over.
    """
    found = {
        "import files": _imports(person),
        "export files": _exports(person),
        "callbacks": _delete(_CALLBACKS, [word.encode() for word in _accounts(person)]),
        "stored answers": _delete(_ANSWERS, _quoted(person)),
        "saved filters": _filters(person),
        "pre-tags": PreTag.objects.filter(hash__in=[key for _kind, key in person.hashes()])
        .delete()[0],
    }  # fmt: skip
    return {name: number for name, number in found.items() if number}


# --- files ---


def _imports(person: Person) -> int:
    """The contact's row of the import is gone from its list of created rows, too."""
    created = set(
        ImportedRows.objects.filter(
            ids__contains=[person.contact_id], of__kind=Import.Kind.CONTACTS
        ).values_list("of_id", flat=True)
    )
    gone = 0
    for job in Import.objects.filter(files_gone_at=None).order_by("id"):
        names = [str(file.name) for file in (job.file, job.error_file) if file]
        if not (job.pk in created or any(holds(name, person.words()) for name in names)):
            continue
        if job.status in WAITING:
            raise InUse(
                _("The import “%(file)s” holds this person and is not finished. End it first.")
                % {"file": job}
            )
        _remove(names)
        gone += len(names)
        job.error_file, job.files_gone_at = "", timezone.now()
        job.save(update_fields=["error_file", "files_gone_at"])
    return gone


def _exports(person: Person) -> int:
    gone = 0
    for job in Export.objects.filter(status=Export.Status.DONE).exclude(file=""):
        if holds(str(job.file.name), person.words()):
            _remove([str(job.file.name)])
            gone += 1
            job.status, job.file = Export.Status.EXPIRED, ""
            job.save(update_fields=["status", "file"])
    return gone


def _remove(names: Iterable[str]) -> None:
    for name in names:
        transaction.on_commit(lambda name=name: default_storage.delete(name))  # type: ignore[misc]


def holds(name: str, words: Sequence[str]) -> bool:
    """Does a stored file hold one of these texts, in UTF-8 or GB18030, or inside a spreadsheet?

    One that does not open might: it is of no use to anybody.
    """
    if not words or not default_storage.exists(name):
        return False
    wanted = {word.encode(code) for word in words for code in ("utf-8", "gb18030")}
    try:
        return _file_holds(name, wanted)
    except vault.Unreadable:
        return True


def _file_holds(name: str, wanted: set[bytes]) -> bool:
    with default_storage.open(name, "rb") as file:
        if not zipfile.is_zipfile(file):
            file.seek(0)
            return _in_stream(iter(lambda: file.read(_CHUNK), b""), wanted)
        with zipfile.ZipFile(file) as book:
            for member in book.namelist():
                with book.open(member) as sheet:
                    if _in_stream(iter(lambda sheet=sheet: sheet.read(_CHUNK), b""), wanted):  # type: ignore[misc]
                        return True
    return False


def _in_stream(chunks: Iterable[bytes], wanted: set[bytes]) -> bool:
    longest = max(map(len, wanted))
    kept = b""
    for chunk in chunks:
        text = kept + chunk
        if any(word in text for word in wanted):
            return True
        kept = text[-longest:]
    return False


# --- the database ---

_CALLBACKS = """
DELETE FROM tenants_callback WHERE tenant_id = %s AND handled_at IS NOT NULL
  AND EXISTS (SELECT 1 FROM unnest(%s::bytea[]) w WHERE position(w IN body) > 0)
"""
_ANSWERS = """
DELETE FROM tenants_storedanswer WHERE tenant_id = %s AND status IS NOT NULL
  AND EXISTS (SELECT 1 FROM unnest(%s::bytea[]) w WHERE position(w IN body) > 0)
"""


def _accounts(person: Person) -> list[str]:
    """What the platform calls them; the integrator's id means nothing there."""
    return [v for k, v in person.keys if k not in ("external_id", "phone", "email")]


def _quoted(person: Person) -> list[bytes]:
    return [f'"{each}"'.encode() for each in (person.id, *person.strong())]


def _delete(statement: str, words: Sequence[bytes]) -> int:
    if not words:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(statement, [current_tenant_id(), list(words)])
        return int(cursor.rowcount)


def _filters(person: Person) -> int:
    """What somebody typed to find them."""
    words = person.words()
    views = Q()
    for word in words:
        views |= Q(query__contains=word)
    changed = SavedView.objects.filter(views).update(query="") if words else 0
    exports = [
        job.pk
        for job in Export.objects.exclude(query={}).only("id", "query")
        if any(word in str(job.query) for word in words)
    ]
    return changed + Export.objects.filter(pk__in=exports).update(query={})
