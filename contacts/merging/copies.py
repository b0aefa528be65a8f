"""What is sealed in the copies of rows that a merge keeps until it can no longer be undone?

They are sealed anew with the columns when the tenant's key is rotated (tenants/resealing.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.db.models import Q, QuerySet

from contacts.models import Contact, Merge, MergedRows
from tenants import resealing, vault
from tenants.fields import EncryptedField
from tenants.isolation import tenant_models
from tenants.resealing import Holder
from tenants.scope import TenantModel


class _Copy(NamedTuple):
    """Columns of a row, and the ids that the row may have."""

    model: type[TenantModel]
    columns: dict[str, Any]
    ids: Sequence[int]

    def sealed(self) -> Iterator[tuple[EncryptedField, str, Sequence[object]]]:
        """Each sealed value, with what it may be bound to."""
        for of in resealing.sealed_fields(self.model):
            value = self.columns.get(of.attname)
            if value:
                bound = self.ids if of.bound_to == "id" else [self.columns.get(of.bound_to)]
                yield of, value, bound


@dataclass(frozen=True)
class _Place:
    """Rows that keep copies in the columns `kept`."""

    rows: Callable[[], QuerySet[Any]]
    kept: Sequence[str]
    copies: Callable[[Any], Iterator[_Copy]]

    def versions(self) -> Counter[int]:
        return Counter(
            vault.version_of(value)
            for row in self.rows().order_by("id").iterator(chunk_size=resealing.BATCH)
            for copy in self.copies(row)
            for _of, value, _bound in copy.sealed()
        )

    def reseal(self, after: int) -> int | None:
        waiting = self.rows().filter(pk__gt=after).order_by("id")
        found = list(waiting.select_for_update(skip_locked=True, of=("self",))[: resealing.BATCH])
        for row in found:
            changed = [copy for copy in self.copies(row) if _anew(copy)]
            if changed:
                row.save(update_fields=list(self.kept))
        return found[-1].pk if found else None


def _anew(copy: _Copy) -> bool:
    """Seal its values with the newest version; answers whether that changed any."""
    fresh = {
        of.attname: resealing.anew(vault.keys(), of, value, *bound)
        for of, value, bound in copy.sealed()
    }
    changed = any(copy.columns[name] != value for name, value in fresh.items())
    copy.columns.update(fresh)
    return changed


def _of_merge(merge: Merge) -> Iterator[_Copy]:
    """A survivor may have been absorbed since, and what was kept of it went to another."""
    former = Merge.objects.filter(survivor_id=merge.survivor_id)
    survivors = [merge.survivor_id, *former.values_list("absorbed_id", flat=True)]
    yield _Copy(Contact, merge.record, [merge.absorbed_id])
    yield _Copy(Contact, merge.before, survivors)
    yield _Copy(Contact, merge.after, survivors)


def _of_step(step: MergedRows) -> Iterator[_Copy]:
    model = _tables()[step.table]
    for row in step.rows:
        if step.step == MergedRows.Step.DROPPED:
            yield _Copy(model, row, [row.get("id")])
        elif step.step == MergedRows.Step.CHANGED:
            yield _Copy(model, row["before"], [row["key"]])
            yield _Copy(model, row["after"], [row["key"]])


def _tables() -> dict[str, type[TenantModel]]:
    """Those with sealed columns, by label."""
    return {model._meta.label: model for model in tenant_models() if resealing.sealed_fields(model)}


_PLACES = {
    "contacts_merge": _Place(
        lambda: Merge.objects.exclude(Q(record={}) & Q(before={}) & Q(after={})),
        ("record", "before", "after"),
        _of_merge,
    ),
    "contacts_mergedrows": _Place(
        lambda: MergedRows.objects.filter(table__in=_tables()), ("rows",), _of_step
    ),
}


def register() -> None:
    for name, place in _PLACES.items():
        resealing.register(Holder(name, place.versions, place.reseal))
