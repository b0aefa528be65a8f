#!/usr/bin/env python
"""Commands of the product; `manage.py help` lists them."""

import os
import sys

from django.conf import settings
from django.core.management import execute_from_command_line
from django.db import OperationalError


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "scrm.settings")
    try:
        execute_from_command_line(sys.argv)
    except OperationalError:
        if settings.SERVERS_KNOWN:
            raise
        sys.exit(
            "No database is running here. Start one with `make demo` in another terminal, "
            "or set DATABASE_URL, DATABASE_OWNER_URL, DATABASE_PLATFORM_URL and REDIS_URL."
        )


if __name__ == "__main__":
    main()
