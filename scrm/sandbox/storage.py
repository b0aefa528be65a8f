"""How does the world of one run come back in the next?

A demo keeps its database, and with it corps, codes and customers that must still exist here.
Tokens, welcome codes under way, faults and the journal do not outlive a run.
"""

import json
import os
from dataclasses import asdict, fields, is_dataclass, replace
from pathlib import Path
from types import NoneType
from typing import Any, cast, get_args, get_origin, get_type_hints

from scrm.sandbox.errors import RefusedError
from scrm.sandbox.state import State
from scrm.sandbox.world import World

FORMAT = 1


def save(world: World, path: Path) -> None:
    """Whole or not at all: a crash leaves the file before."""
    with world.lock:
        state = asdict(replace(world.state, dice=world.dice.copy()))
        saved = {"format": FORMAT, "now": world.clock.now(), "state": state}
    text = json.dumps(saved, ensure_ascii=False)
    unfinished = path.with_suffix(".new")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.chmod(0o600)
    os.replace(unfinished, path)


def _read(path: Path) -> dict[str, object]:
    try:
        saved = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise RefusedError(f"{path} is not a saved sandbox; move it away to begin anew") from error
    if not isinstance(saved, dict) or saved.get("format") != FORMAT:
        raise RefusedError(f"{path} is of another format; move it away to begin anew")
    return cast(dict[str, object], saved)


def load(path: Path | None) -> State | None:
    if path is None or not path.exists():
        return None
    state = cast(State, _built(State, _read(path)["state"]))
    for corp in state.corps.values():
        corp.welcome_codes.clear()
    return state


def carry_time_on(world: World, path: Path) -> None:
    if path.exists():
        world.clock.set_now(cast(float, _read(path)["now"]))


def _built(kind: Any, value: Any) -> object:
    """Plain JSON back into the dataclasses that it came from, by their type hints."""
    if is_dataclass(kind) and isinstance(kind, type):
        hints = get_type_hints(kind)
        known = {each.name for each in fields(kind)} & set(value)
        return kind(**{name: _built(hints[name], value[name]) for name in known})
    inner = get_args(kind)
    if get_origin(kind) is dict:
        return {key: _built(inner[1], each) for key, each in value.items()}
    if get_origin(kind) is list:
        return [_built(inner[0], each) for each in value]
    if NoneType in inner and value is not None:
        return _built(inner[0], value)
    return value
