"""Is the virtual environment here, with exactly the locked packages?

Run by any Python of the machine, before anything is installed: standard library only, and syntax
that an old Python can read well enough to say that it is too old.
"""

import argparse
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

OLDEST = (3, 11)
PROJECT = Path(__file__).resolve().parents[2]
VENV = PROJECT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "installed.json"
LOCKS = {"run": "requirements.txt", "dev": "requirements-dev.txt"}


class SetupError(Exception):
    """Its text is a sentence for the person at the terminal."""


def find_python() -> str:
    """This interpreter, or a newer one of the machine when this one is too old."""
    if sys.version_info[:2] >= OLDEST:
        return sys.executable
    for minor in range(19, OLDEST[1] - 1, -1):
        found = shutil.which(f"python3.{minor}")
        if found:
            return found
    raise SetupError(
        "Python 3.11 or newer is needed and {} is {}.{}. Install one (Debian, Ubuntu: apt install "
        "python3.11 python3.11-venv) and name it: PYTHON=python3.11 make demo".format(
            sys.executable, *sys.version_info[:2]
        )
    )


def installed() -> "dict[str, str]":
    """Which lock each level was last installed from; empty when the environment is unusable."""
    try:
        stamp = dict(json.loads(STAMP.read_text()))
    except (OSError, ValueError):
        return {}
    # A copied checkout brings scripts that still point to the old place.
    return stamp if stamp.get("place") == str(VENV) and works("sys") else {}


def works(module: str) -> bool:
    check = f"import sys, {module}; sys.exit(sys.version_info[:2] < (3, 11))"
    command = [str(PYTHON), "-I", "-c", check]
    try:
        return subprocess.run(command, stderr=subprocess.DEVNULL).returncode == 0
    except OSError:
        return False


def digest(level: str) -> str:
    return hashlib.sha256((PROJECT / LOCKS[level]).read_bytes()).hexdigest()


def make_environment(python: str) -> None:
    print("Making the virtual environment .venv …", flush=True)
    done = subprocess.run(
        [python, "-m", "venv", "--clear", str(VENV)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode:
        raise SetupError(
            f"{done.stdout.strip()}\nThe virtual environment could not be made. On Debian and "
            "Ubuntu its parts come separately: apt install python3-venv"
        )


def install(level: str) -> None:
    lock = PROJECT / LOCKS[level]
    print(f"Installing the packages of {lock.name} …", flush=True)
    pip = [str(PYTHON), "-m", "pip", "--disable-pip-version-check", "-q", "install"]
    uv = VENV / "bin" / "uv"
    pinned = ["--require-hashes", "-r", str(PROJECT / "requirements-uv.txt")]
    ready = uv.exists() or subprocess.run([*pip, *pinned]).returncode == 0
    # `install` and not `sync`: nothing may vanish below a demo or a test that is running.
    fast = [str(uv), "pip", "install", "-q", "--python", str(PYTHON)]
    if ready and subprocess.run([*fast, "--require-hashes", "-r", str(lock)]).returncode == 0:
        return
    print("uv could not do it; trying pip, which takes about a minute …", flush=True)
    if subprocess.run([*pip, "--require-hashes", "-r", str(lock)]).returncode:
        raise SetupError(
            "The packages could not be installed; the reason is above. Is the disk full, or the "
            "package index out of reach? Behind a proxy or mirror set PIP_INDEX_URL and "
            "UV_INDEX_URL. Then run the same command again."
        )


def provide(level: str) -> None:
    """Nothing to do is the usual case and takes no time."""
    python = find_python()
    with (PROJECT / ".venv.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # `make demo` and `make test` may come together
        stamp = installed()
        if not stamp and (STAMP.exists() or not works("pip")):
            make_environment(python)
        # The development lock contains the other one, so either serves for running.
        if stamp.get("dev") == digest("dev") or stamp.get(level) == digest(level):
            return
        if "dev" in stamp:
            level = "dev"
        install(level)
        STAMP.write_text(json.dumps({**stamp, "place": str(VENV), level: digest(level)}) + "\n")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("level", choices=sorted(LOCKS))
    try:
        provide(parser.parse_args().level)
    except SetupError as error:
        print(error, file=sys.stderr)
        return 1
    except PermissionError as error:
        owner = os.path.dirname(error.filename or "") or str(PROJECT)
        print(f"{owner} belongs to another user; use a copy of your own.", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{error}. Free at least 1 GB if the disk is full, then repeat.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
