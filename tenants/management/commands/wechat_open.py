"""Check and decrypt one recorded delivery: `wechat_open … FILE` prints the XML inside."""

import math
import sys
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from django.core.management.base import BaseCommand, CommandError

from tenants.wechat.callback import CallbackKeys, CallbackRefused, Reason, open_envelope

REASONS: dict[Reason, str] = {
    "oversized": "the body is larger than any callback",
    "malformed": "the body, or what is inside, is not the XML of a callback",
    "unsigned": "the query holds no signature",
    "bad_signature": "the signature does not fit: another token, or a changed body or query",
    "stale": "the timestamp is no number, or older than --max-age",
    "undecryptable": "it does not decrypt to a message for this receive id: another key or account",
    "misconfigured": "the token is empty, or the key is not 43 letters and digits",
}


class Command(BaseCommand):
    help = "Check and decrypt the raw body of a callback; exit 1 with a reason when it is refused."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", metavar="FILE", help="the raw body; - reads standard input")
        parser.add_argument("--token", required=True)
        parser.add_argument(
            "--aes-key", default="", help="43 characters; empty: official account, plain mode"
        )
        parser.add_argument(
            "--receive-id", default="", help="corpid, appid or suite id; not needed in plain mode"
        )
        parser.add_argument(
            "--query", required=True, help="as received: 'msg_signature=…&timestamp=…&nonce=…'"
        )
        parser.add_argument(
            "--max-age",
            type=float,
            default=math.inf,
            metavar="SECONDS",
            help="refuse older and later ones, as the server does; any age when missing",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        keys = CallbackKeys(
            kind="wecom" if options["aes_key"] else "oa",
            token=options["token"],
            aes_key=options["aes_key"],
            receive_id=options["receive_id"],
        )
        query = dict(parse_qsl(options["query"].lstrip("?"), keep_blank_values=True))
        try:
            opened = open_envelope(
                keys, query, _raw(options["file"]), now=time.time(), window=options["max_age"]
            )
        except CallbackRefused as refusal:
            raise CommandError(f"{refusal.reason}: {REASONS[refusal.reason]}.") from None
        except OSError as error:
            raise CommandError(str(error)) from None
        self.stdout.write(opened.body.decode())


def _raw(name: str) -> bytes:
    return sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
