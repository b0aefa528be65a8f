"""How is the sandbox started from a command line?"""

import argparse
import errno
import signal
import sys
from pathlib import Path
from threading import Event

from scrm.sandbox import profiles
from scrm.sandbox.errors import RefusedError
from scrm.sandbox.profiles import PROFILES
from scrm.sandbox.server import Sandbox


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=int, default=8801)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--profile", choices=PROFILES, default="calm", help="how well the platform behaves"
    )
    parser.add_argument("--ready-file", type=Path, help="written with the URL once it listens")
    parser.add_argument("--state-file", type=Path, help="what exists is kept here between runs")


def _say_ready(path: Path, url: str) -> None:
    """All at once: whoever waits for the file must not find it empty."""
    unfinished = path.with_suffix(".new")
    unfinished.write_text(url + "\n", encoding="utf-8")
    unfinished.replace(path)


def _refusal(error: OSError, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} is in use: stop what listens there or choose another --port."
    return f"The sandbox cannot start: {error.strerror or error}."


def run(arguments: argparse.Namespace) -> int:
    """Serve until SIGTERM or SIGINT. Answers the exit code."""
    stopped = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    try:
        sandbox = Sandbox(seed=arguments.seed, port=arguments.port, state_file=arguments.state_file)
        profiles.choose(sandbox.world, arguments.profile)
        with sandbox:
            sys.stdout.write(f"WeCom sandbox on {sandbox.url}\n")
            sys.stdout.flush()
            if arguments.ready_file:
                _say_ready(arguments.ready_file, sandbox.url)
            stopped.wait()
        if arguments.ready_file:
            arguments.ready_file.unlink(missing_ok=True)
    except OSError as error:
        sys.stderr.write(_refusal(error, arguments.port) + "\n")
        return 1
    except (RefusedError, OverflowError) as refused:
        sys.stderr.write(f"The sandbox cannot start: {refused}\n")
        return 1
    return 0


if __name__ == "__main__":
    options = argparse.ArgumentParser(prog="python -m scrm.sandbox", description=__doc__)
    add_arguments(options)
    sys.exit(run(options.parse_args()))
