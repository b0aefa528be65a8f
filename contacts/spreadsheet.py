"""Which text is safe in a cell? Spreadsheets run what begins like a formula (FIGURES R45)."""

# The ASCII starters, and the full-width forms that Excel's Chinese editions take for them.
_STARTERS = frozenset("=+-@\t\r\0＝＋－＠")


def _needs_mark(text: str) -> bool:
    if text[:1] == "'":
        return _needs_mark(text[1:]) if len(text) > 1 else False
    return text[:1] in _STARTERS and text != ""


def neutral(text: str) -> str:
    """The text for a cell of an export: a leading ' keeps a spreadsheet from running it."""
    return f"'{text}" if _needs_mark(text) else text


def restored(text: str) -> str:
    """The text of a cell that `neutral` wrote; so an export can be brought back as it was."""
    return text[1:] if text[:1] == "'" and _needs_mark(text[1:]) else text
