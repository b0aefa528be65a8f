"""When does a day or a month begin? The platform counts in China time."""

from datetime import UTC, datetime, timedelta, timezone

CHINA = timezone(timedelta(hours=8))
DAY_S = 86_400


def start(at: float) -> int:
    """Midnight before this moment, in Unix seconds."""
    return int(_midnight(at).timestamp())


def month_start(at: float) -> int:
    return int(_midnight(at).replace(day=1).timestamp())


def _midnight(at: float) -> datetime:
    local = datetime.fromtimestamp(at, UTC).astimezone(CHINA)
    return local.replace(hour=0, minute=0, second=0, microsecond=0)
