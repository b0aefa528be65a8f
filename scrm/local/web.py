"""How is the web server started? As the image does, on this machine alone."""

from __future__ import annotations


def command(port: int) -> tuple[str, ...]:
    """Arguments of Python; SIGTERM ends it within seconds. The access log is the application's."""
    return (
        *("-m", "granian", "--interface", "wsgi", "--http", "1", "--no-ws"),
        *("--host", "127.0.0.1", "--port", str(port), "--workers", "2", "--blocking-threads", "4"),
        *("--respawn-failed-workers", "--workers-kill-timeout", "4", "scrm.wsgi:application"),
    )
