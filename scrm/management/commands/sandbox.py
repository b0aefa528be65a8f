"""Run the local WeCom and official account: `manage.py sandbox --port 8801`. No database needed."""

import argparse
import sys
from typing import Any

from django.core.management.base import BaseCommand

from scrm.sandbox.__main__ import add_arguments, run


class Command(BaseCommand):
    help = (
        "Run the sandbox on 127.0.0.1 until it is stopped; its page and README say how to use it."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        sys.exit(run(argparse.Namespace(**options)))
