"""How far is an import written? Kept with each batch, so that whoever goes on repeats nothing."""

from __future__ import annotations

from collections.abc import Iterable

from contacts.imports.errors import Rejection
from contacts.imports.rows import Place, Problem
from contacts.models import Import, ImportedRows

# Rejected rows by what is wrong with them: column, code, message, lines; and was it the writer who
# refused them? Their cells stay in the file, which is sealed.
Groups = list[tuple[str, str, str, list[int], bool]]


def grouped(unfit: Iterable[Rejection], refused: Iterable[Rejection]) -> Groups:
    found: dict[tuple[Problem, bool], list[int]] = {}
    for rejections, by_writer in ((unfit, False), (refused, True)):
        for bad in rejections:
            problem = (bad.column, bad.code, bad.message)
            found.setdefault((problem, by_writer), []).append(bad.line)
    return [(*problem, lines, by_writer) for (problem, by_writer), lines in found.items()]


def of(job: Import) -> Place:
    """Inside a scope: where an earlier attempt stopped; the beginning when there was none."""
    unfit: dict[int, Problem] = {}
    refused: dict[int, Problem] = {}
    kept = ImportedRows.objects.filter(of_id=job.pk).exclude(refused=[])
    for groups in kept.values_list("refused", flat=True).iterator(chunk_size=10):
        for column, code, message, lines, by_writer in groups:
            told = refused if by_writer else unfit
            told.update(dict.fromkeys(lines, (column, code, message)))
    return Place(job.reached, frozenset(job.later), frozenset(job.alone), unfit, refused)


def forget(job: Import) -> None:
    """Inside a scope: it is done. What it created is remembered: that can be undone."""
    job.reached, job.later, job.alone = 0, [], []
    kept = ImportedRows.objects.filter(of_id=job.pk)
    kept.filter(ids=[]).delete()
    kept.exclude(refused=[]).update(refused=[])
