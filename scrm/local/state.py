"""What does a folder such as `var/` remember between runs, and who is using it now?"""

import fcntl
import json
import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

from scrm.local.errors import LocalError

Json: TypeAlias = dict[str, str | int | list[dict[str, str | int | None]] | None]

LARGE_LOG = 5 * 2**20


class State:
    def __init__(self, root: Path) -> None:
        self.root = root.absolute()

    def open(self) -> "State":
        try:
            self.logs.mkdir(parents=True, exist_ok=True)
            # An unprivileged database account must be able to pass through, whatever the umask.
            if self.root.stat().st_uid == os.geteuid():
                self.root.chmod(0o755)
            with tempfile.TemporaryFile(dir=self.root):
                pass
        except PermissionError as error:
            raise LocalError(
                f"The folder {self.root} belongs to another user. Give it to yourself "
                f"(sudo chown -R $(id -u) {self.root}) or choose another one: SCRM_VAR=FOLDER."
            ) from error
        return self

    @property
    def logs(self) -> Path:
        return self.root / "log"

    def turn_logs(self) -> None:
        """Keep one older copy of each large log."""
        for log in self.logs.glob("*.log"):
            if log.stat().st_size > LARGE_LOG:
                log.rename(log.with_suffix(".log.old"))

    def read(self, name: str) -> Json:
        try:
            found = json.loads((self.root / name).read_text())
        except (FileNotFoundError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def write(self, name: str, content: Json) -> None:
        """Replace the file in one step, readable by its owner only: it may hold passwords."""
        descriptor, temporary = tempfile.mkstemp(dir=self.root, prefix=f".{name}.")
        try:
            with os.fdopen(descriptor, "w") as file:
                json.dump(content, file, indent=2)
                file.write("\n")
            Path(temporary).rename(self.root / name)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise

    def remove(self, name: str) -> None:
        (self.root / name).unlink(missing_ok=True)

    def secret(self, name: str) -> str:
        """A password made once and kept."""
        known = self.read("secrets.json")
        if name not in known:
            self.write("secrets.json", {**known, name: secrets.token_urlsafe(24)})
        return str(self.read("secrets.json")[name])

    @contextmanager
    def locked(self, purpose: str) -> Iterator[None]:
        """Hold the folder; the kernel lets go of it however this process ends."""
        path = self.root / "lock"
        with path.open("a+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                file.seek(0)
                holder = file.read().strip() or "another process"
                raise LocalError(
                    f"{self.root} is in use by {holder}. Stop that one first (Ctrl-C in its "
                    "window, or `kill` with that number), or run beside it in another folder: "
                    f"SCRM_VAR={self.root}-2."
                ) from error
            file.truncate(0)
            file.write(f"{purpose} (process {os.getpid()})")
            file.flush()
            yield
