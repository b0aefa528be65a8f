"""What did people of the business write that names a person who is to be forgotten?

What only tells of the past is cleared. A rule or a text that is in use is theirs to change: it is
named, and the erasure waits for that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import partial, reduce
from operator import or_
from typing import Any, Final

from django.core.files.storage import default_storage
from django.db import models, transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Cast
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from contacts.models import BulkAction, Contact, Export, Import, Merge, SavedView
from contacts.privacy import holdings
from contacts.privacy.person import Person
from contacts.privacy.traces import WAITING, InUse
from tenants import audit
from tenants.fields import EncryptedField
from tenants.isolation import tenant_models

_HANDLED: Final = (BulkAction, Export, Import, SavedView)  # here or in traces.py
_OVER: Final = (BulkAction.Status.DONE, BulkAction.Status.STOPPED, BulkAction.Status.FAILED)


DO_NOT_NAME: Final = gettext_lazy(
    "The reason stays when the person is forgotten: do not name them in it."
)


class NamesThem(ValueError):  # noqa: N818 - reads as what happened
    """The reason for an erasure stays, so it must not name who is erased."""


def check(reason: str, person: Person) -> None:
    """Raises NamesThem."""
    text = reason.casefold()
    for word in person.words():
        # Letters that belong to another word say nothing: Li is not in delivery.
        pattern = rf"(?<![a-z0-9]){re.escape(word.casefold())}(?![a-z0-9])"
        if re.search(pattern, text):
            raise NamesThem


def forget(person: Person) -> dict[str, int]:
    """Inside a scope: clear what only tells; answers how many there were, by what they are."""
    words = person.words()
    about = [person.contact_id, *_former(person)]
    found = {
        "reasons": audit.forget_words([audit.reference_to(Contact, pk) for pk in about], words),
        "bulk changes": _bulk_changes(words),
        "reasons of exports": _holding(Export.objects.all(), ["reason"], words).update(reason=""),
        "names of files": _names_of_files(words),
    }
    return {name: number for name, number in found.items() if number}


def _former(person: Person) -> Sequence[int]:
    merged = Merge.objects.filter(survivor_id=person.contact_id)
    return list(merged.values_list("absorbed_id", flat=True))


def _holding(rows: QuerySet[Any], columns: Sequence[str], words: Sequence[str]) -> QuerySet[Any]:
    texts = {f"{column}_text": Cast(column, models.TextField()) for column in columns}
    ways = [Q(**{f"{text}__icontains": word}) for text in texts for word in words]
    return rows.alias(**texts).filter(reduce(or_, ways)) if ways else rows.none()


def _bulk_changes(words: Sequence[str]) -> int:
    """Of those that are over: what was typed for them."""
    over = BulkAction.objects.filter(status__in=_OVER)
    named = [
        job.pk
        for job in over.only("id", "settings", "summary").iterator()
        if any(word in f"{job.summary} {job.settings}" for word in words)
    ]
    return BulkAction.objects.filter(pk__in=named).update(settings={}, summary="")


def _names_of_files(words: Sequence[str]) -> int:
    """Files that hold them went already (traces.py); these are called after them."""
    named = list(_holding(Import.objects.all(), ["file", "error_message"], words))
    for job in named:
        for file in (job.file, job.error_file):
            if file and job.files_gone_at is None:
                transaction.on_commit(partial(default_storage.delete, str(file.name)))
        job.file, job.error_file, job.error_message = "erased", "", ""
        job.files_gone_at = job.files_gone_at or timezone.now()
        job.save(update_fields=["file", "error_file", "error_message", "files_gone_at"])
    return len(named)


# --- what is in use ---


def refuse_what_is_in_use(person: Person) -> None:
    """Raises InUse with what to change. By what means nobody else: names may be anywhere."""
    waiting = Import.objects.filter(status__in=WAITING)
    job = _holding(waiting, ["file"], person.words()).first()
    if job is not None:
        raise InUse(
            _("The import “%(file)s” holds this person and is not finished. End it first.")
            % {"file": job}
        )
    ours = {value for kind, value in person.keys if kind == "external_id"}  # may mean other things
    words = [value for value in person.strong() if value not in ours]
    going_on = BulkAction.objects.exclude(status__in=_OVER)
    places = [(going_on, ["summary", "settings"]), *_texts()]
    for rows, columns in places:
        found = _holding(rows, columns, words).first()
        if found is not None:
            raise InUse(
                _("%(thing)s “%(name)s” holds the phone, e-mail or account of this person. "
                  "Change that first.")
                % {"thing": capfirst(str(found._meta.verbose_name)), "name": found}
            )  # fmt: skip


def _texts() -> Iterator[tuple[QuerySet[Any], list[str]]]:
    """Tables that no key leads from to a person, with the columns in which people write."""
    for model in tenant_models():
        if (
            model._meta.app_label == "tenants"  # of staff, or looked through in traces.py
            or model in holdings.tables()
            or model in _HANDLED
        ):
            continue
        columns = [
            field.name
            for field in model._meta.local_concrete_fields
            if isinstance(field, models.CharField | models.TextField | models.JSONField)
            and not isinstance(field, EncryptedField)
        ]
        if columns:
            yield model.objects.all(), columns
