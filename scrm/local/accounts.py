"""Under which account does the database run, and what can that account reach?

Postgres refuses to run as root; a child of root takes an existing unprivileged account.
"""

import os
import pwd
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from scrm.local.errors import LocalError

CANDIDATES = ("scrm", "postgres", "nobody")


@dataclass(frozen=True)
class Account:
    uid: int | None = None
    gid: int | None = None

    @property
    def extra_groups(self) -> list[int] | None:
        """Not root's groups: an account that we switch to brings none."""
        return None if self.uid is None else []

    def run(
        self, command: Sequence[str | Path], environment: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(part) for part in command],
            cwd="/",  # the current folder may be closed to the account
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            user=self.uid,
            group=self.gid,
            extra_groups=self.extra_groups,
        )

    def can_execute(self, program: Path) -> bool:
        """Really runs it: a mount may forbid execution, a library may be out of reach."""
        try:
            return self.run([program, "--version"]).returncode == 0
        except OSError:
            return False

    def can_write(self, folder: Path) -> bool:
        return self.run(["/bin/sh", "-c", 'test -w "$0" && test -x "$0"', folder]).returncode == 0

    def own(self, path: Path, mode: int) -> None:
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)
        path.chmod(mode)


SELF = Account()


def database_account(data: Path) -> Account:
    """Root borrows the owner of existing data, else the first candidate that exists."""
    if os.geteuid() != 0:
        return SELF
    if data.exists() and (owner := data.stat()).st_uid != 0:
        return Account(owner.st_uid, owner.st_gid)
    for name in CANDIDATES:
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(found.pw_uid, found.pw_gid)
    raise LocalError(
        "Postgres does not run as root, and none of the accounts "
        f"{', '.join(CANDIDATES)} exists here. Run as a normal user, add one "
        "(useradd --system scrm), or point DATABASE_URL to a server of your own."
    )
