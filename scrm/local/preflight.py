"""Can the demo start on this machine, said before anything is started?"""

import os
import shutil
from pathlib import Path

from scrm.local import ports
from scrm.local.errors import LocalError

FREE_BYTES = 2**30


def check(folder: Path, port: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < FREE_BYTES:
        raise LocalError(
            f"Only {free // 2**20} MB are free on the disk of {folder}: free at least 1 GB, or "
            "choose a folder on another disk: SCRM_VAR=FOLDER make demo"
        )
    if not ports.is_free(port):
        raise LocalError(f"Port {port} is in use; choose another: PORT={port + 1} make demo")


def wanted_port() -> int:
    given = os.environ.get("PORT") or "8000"
    if given.isdecimal() and 1024 <= int(given) <= 65535:
        return int(given)
    raise LocalError(f"PORT={given} is no port; choose one from 1024 to 65535: PORT=8001 make demo")
