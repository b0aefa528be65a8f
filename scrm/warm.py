"""What does a web process do before its first request? Loads all routes, and lets them be."""

import gc

from django.urls import get_resolver


def up() -> None:
    """What is loaded by now stays for good: a full collection that looked through it again would
    take a tenth of a second, in the middle of somebody's request.
    """
    get_resolver().url_patterns  # noqa: B018 - reading them imports every view
    gc.collect()
    gc.freeze()
