"""Read decrypted callbacks: `wechat_read FILE…` prints one JSON object a file."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from tenants.wechat.events import parse
from tenants.wechat.payload import BadPayload
from tenants.wechat.reading import callback_words


class Command(BaseCommand):
    help = "Print what a decrypted callback says: route, fields, dedupe and scene, one line a file."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("files", nargs="+", type=Path, metavar="FILE")

    def handle(self, *args: Any, **options: Any) -> None:
        refused = 0
        for path in options["files"]:
            try:
                words = callback_words(parse(path.read_bytes()))
            except (OSError, BadPayload) as error:
                refused += 1
                self.stderr.write(f"{path}: {error}")
                continue
            self.stdout.write(json.dumps(words, ensure_ascii=False))
        if refused:
            raise CommandError(f"{refused} of {len(options['files'])} could not be read.")
