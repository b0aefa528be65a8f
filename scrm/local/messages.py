"""Are the compiled message catalogues as new as their sources?

Only the .po files are kept in the repository; compiling takes no gettext on the machine.
"""

import os
import tempfile
from pathlib import Path

import polib

from scrm.local.errors import LocalError


def compile_all(project: Path) -> list[Path]:
    """Compile what changed; returns the catalogues that were compiled."""
    sources = sorted(project.glob("*/locale/*/LC_MESSAGES/*.po"))
    stale = [source for source in sources if _is_stale(source)]
    for source in stale:
        _compile(source)
    return stale


def _is_stale(source: Path) -> bool:
    compiled = source.with_suffix(".mo")
    return not compiled.exists() or compiled.stat().st_mtime_ns < source.stat().st_mtime_ns


def _compile(source: Path) -> None:
    read_at = source.stat().st_mtime_ns
    try:
        catalogue = polib.pofile(str(source), encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise LocalError(f"The messages in {source} cannot be read: {error}") from error
    # Renamed into place: a server may be reading, and another run may be compiling.
    descriptor, temporary = tempfile.mkstemp(dir=source.parent, suffix=".mo.tmp")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(catalogue.to_binary())
        os.utime(temporary, ns=(read_at, read_at))
        Path(temporary).chmod(0o644)
        Path(temporary).rename(source.with_suffix(".mo"))
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
