"""Folders and commands for tests of the local servers: real processes, nothing shared."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from scrm.local import servers

PROJECT = Path(__file__).resolve().parents[2]
Run = Callable[..., subprocess.CompletedProcess[str]]
Begin = Callable[..., subprocess.Popen[str]]


@pytest.fixture(scope="session", autouse=True)
def database() -> None:
    """No database around these tests: they start their own."""


@pytest.fixture
def var() -> Iterator[Path]:
    """Open to all, unlike tmp_path: a database account has to pass through it."""
    folder = Path(tempfile.mkdtemp(prefix="scrm-test-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder / "var"
    shutil.rmtree(folder)


@pytest.fixture
def environment() -> dict[str, str]:
    """Without the servers that this very test run stands on."""
    own = {*servers.VARIABLES.values(), "SCRM_VAR", "PORT", "SCRM_PG_BIN"}
    return {name: value for name, value in os.environ.items() if name not in own}


@pytest.fixture
def begin(var: Path, environment: dict[str, str]) -> Iterator[Begin]:
    """Start `python -m scrm.local exec -- python -c CODE`; ended with the test."""
    begun: list[subprocess.Popen[str]] = []

    def start(code: str, folder: Path = var) -> subprocess.Popen[str]:
        command = [*_exec(folder), sys.executable, "-u", "-c", code]
        process = subprocess.Popen(
            command,
            env=environment,
            cwd=PROJECT,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        begun.append(process)
        return process

    yield start
    for process in begun:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(20)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # a command whose supervisor was killed
        process.communicate()


@pytest.fixture
def run(var: Path, environment: dict[str, str]) -> Run:
    def complete(code: str, folder: Path = var, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*_exec(folder), sys.executable, "-c", code],
            env={**environment, **more},
            cwd=PROJECT,
            text=True,
            capture_output=True,
            timeout=60,
            check=False,
        )

    return complete


def _exec(folder: Path) -> list[str]:
    return [sys.executable, "-m", "scrm.local", "exec", "--fast", "--var", str(folder), "--"]
