"""How is a value read out of an answer whose types the platform changes at will?"""

from tenants.wechat.transport import Json


def text(answer: Json, name: str) -> str:
    """Ids and names are text even when a number arrives; an absent value is empty."""
    value = answer.get(name)
    if value is None or isinstance(value, dict | list | bool):
        return ""
    return str(value)


def number(answer: Json, name: str) -> int | None:
    value = answer.get(name)
    if isinstance(value, bool):
        return None
    try:
        return int(value) if isinstance(value, int | float | str) else None
    except (ValueError, OverflowError):
        return None


def part(answer: Json, name: str) -> Json:
    value = answer.get(name)
    return value if isinstance(value, dict) else {}


def parts(answer: Json, name: str) -> list[Json]:
    """One object and a list of them read the same."""
    value = answer.get(name)
    if isinstance(value, dict):
        return [value]
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def texts(answer: Json, name: str) -> tuple[str, ...]:
    value = answer.get(name)
    if not isinstance(value, list):
        return ()
    return tuple(str(one) for one in value if not isinstance(one, dict | list))
