"""Read recorded API answers: `wechat_answer FILE…` prints what our client makes of each."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import translation

from tenants.wechat.reading import NotAnAnswerError, answer_words


class Command(BaseCommand):
    help = "Print what our client makes of an API answer, one JSON object a line and file."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
        parser.add_argument(
            "--api",
            default="",
            metavar="PATH",
            help="the call that was answered, as externalcontact/list: some codes depend on it",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        refused = 0
        for path in options["files"]:
            try:
                with translation.override("en"):  # like everything that commands say
                    words = answer_words(path.read_bytes(), api=options["api"])
            except (OSError, NotAnAnswerError) as error:
                refused += 1
                self.stderr.write(f"{path}: {error}")
                continue
            self.stdout.write(json.dumps(words, ensure_ascii=False))
        if refused:
            raise CommandError(f"{refused} of {len(options['files'])} could not be read.")
