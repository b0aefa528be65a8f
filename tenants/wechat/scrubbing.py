"""Which parts of an address must never reach a log?"""

import logging
import re

_QUERY_SECRET = re.compile(
    r"((?:access_token|corpsecret|secret|suite_access_token|provider_access_token|ticket|code)=)"
    r"[^&\s\"'#]+"
)


def scrub(text: str) -> str:
    return _QUERY_SECRET.sub(r"\1***", text)


class ScrubFilter(logging.Filter):
    """urllib3 logs whole request lines at DEBUG: the token is in each of them."""

    def filter(self, record: logging.LogRecord) -> bool:
        text = record.getMessage()
        clean = scrub(text)
        if clean != text:
            record.msg, record.args = clean, None
        return True


def guard_transport_logs() -> None:
    """Idempotent: loggers keep one filter of a kind."""
    for name in ("urllib3.connectionpool", "urllib3.util.retry"):
        logger = logging.getLogger(name)
        if not any(isinstance(one, ScrubFilter) for one in logger.filters):
            logger.addFilter(ScrubFilter())
