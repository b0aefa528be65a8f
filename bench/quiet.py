"""Is the machine quiet enough to measure? And which machine is it?"""

import os
import platform
import time


def wait(patience: float = 60.0, busy: float = 0.35) -> str:
    """Wait until other work uses less than `busy` of the processors; answers what was found."""
    end = time.monotonic() + patience
    share = _foreign_share()
    while share > busy and time.monotonic() < end:
        share = _foreign_share()
    return "quiet" if share <= busy else f"NOT QUIET: {share:.0%} of the processors were busy"


def machine() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores, {memory:.0f} GB, Python {platform.python_version()}"


def _foreign_share(seconds: float = 2.0) -> float:
    before = _ticks()
    time.sleep(seconds)
    after = _ticks()
    total = sum(after) - sum(before)
    idle = (after[3] + after[4]) - (before[3] + before[4])
    return 1 - idle / total if total else 0.0


def _ticks() -> list[int]:
    with open("/proc/stat") as file:
        return [int(part) for part in file.readline().split()[1:9]]
