"""What can be asked of `python -m scrm.local`?"""

import argparse
import errno
import os
import sys
from pathlib import Path

from scrm.local import commands, demo, messages
from scrm.local.errors import LocalError
from scrm.local.state import State

PROJECT = Path(__file__).resolve().parents[2]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m scrm.local", description=__doc__)
    actions = parser.add_subparsers(dest="action", required=True)
    execute = actions.add_parser("exec", help="run a command with Postgres and Valkey around it")
    execute.add_argument("--var", type=Path, default=_default_var(), help="folder for the data")
    execute.add_argument(
        "--fast", action="store_true", help="for tests: no fsync, data may be lost with the power"
    )
    execute.add_argument("command", nargs=argparse.REMAINDER, metavar="-- COMMAND")
    actions.add_parser("demo", help="run everything: servers, sandbox, web, worker, beat")
    actions.add_parser("messages", help="compile the message catalogues that changed")
    return parser.parse_args()


def _default_var() -> Path:
    return Path(os.environ.get("SCRM_VAR") or PROJECT / "var")


def perform(asked: argparse.Namespace) -> int:
    if asked.action == "messages":
        for source in messages.compile_all(PROJECT):
            print(f"compiled {source.relative_to(PROJECT)}")
        return 0
    if asked.action == "demo":
        return demo.run(State(_default_var()).open(), PROJECT)
    command = asked.command[1:] if asked.command[:1] == ["--"] else asked.command
    if not command:
        raise LocalError("Say which command to run: python -m scrm.local exec -- COMMAND…")
    return commands.run(State(asked.var).open(), command, durable=not asked.fast)


def main() -> int:
    try:
        return perform(arguments())
    except LocalError as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        print("The disk is full: free at least 1 GB and run this again.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
