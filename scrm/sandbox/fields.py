"""Is a field of a request there, of the right type and within its limit?"""

from collections.abc import Mapping
from typing import cast

from scrm.sandbox.errors import BadFieldError

Json = dict[str, object]


def text(body: Mapping[str, object], name: str, default: str = "", *, chars: int = 0) -> str:
    value = body.get(name, default)
    if value is None:
        return default
    if not isinstance(value, str):
        raise BadFieldError(f"{name} must be a string", wrong_type=True)
    if chars and len(value) > chars:
        raise BadFieldError(f"{name} is longer than {chars} characters")
    return value


def given(body: Mapping[str, object], name: str) -> str:
    """A text that must be there."""
    value = text(body, name)
    if not value:
        raise BadFieldError(f"{name} is missing")
    return value


def integer(body: Mapping[str, object], name: str, default: int = 0) -> int:
    """Also takes digits in a string: query strings have nothing else."""
    value = body.get(name, default)
    if isinstance(value, str) and value.lstrip("-").isdigit() and len(value) < 20:
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise BadFieldError(f"{name} must be an integer", wrong_type=True)
    return value


def limit(body: Mapping[str, object], usual: int, most: int) -> int:
    """How many rows a page may have."""
    wanted = integer(body, "limit", usual)
    if not 1 <= wanted <= most:
        raise BadFieldError(f"limit is 1 to {most}")
    return wanted


def number(body: Mapping[str, object], name: str, default: float = 0.0) -> float:
    value = body.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadFieldError(f"{name} must be a number", wrong_type=True)
    return float(value)


def flag(body: Mapping[str, object], name: str, *, default: bool = False) -> bool:
    value = body.get(name, default)
    if isinstance(value, int) and value in (0, 1):
        return bool(value)
    raise BadFieldError(f"{name} must be true or false", wrong_type=True)


def strings(body: Mapping[str, object], name: str, *, most: int = 0) -> list[str]:
    value = body.get(name)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise BadFieldError(f"{name} must be a list of strings", wrong_type=True)
    if most and len(value) > most:
        raise BadFieldError(f"{name} has more than {most} items")
    return cast(list[str], value)


def integers(body: Mapping[str, object], name: str, *, most: int = 0) -> list[int]:
    value = body.get(name)
    if value is None:
        return []
    if not isinstance(value, list) or not all(type(item) is int for item in value):
        raise BadFieldError(f"{name} must be a list of integers", wrong_type=True)
    if most and len(value) > most:
        raise BadFieldError(f"{name} has more than {most} items")
    return cast(list[int], value)


def mapping(body: Mapping[str, object], name: str) -> Json:
    value = body.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise BadFieldError(f"{name} must be an object", wrong_type=True)
    return cast(Json, value)


def mappings(body: Mapping[str, object], name: str, *, most: int = 0) -> list[Json]:
    value = body.get(name)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise BadFieldError(f"{name} must be a list of objects", wrong_type=True)
    if most and len(value) > most:
        raise BadFieldError(f"{name} has more than {most} items")
    return cast(list[Json], value)
