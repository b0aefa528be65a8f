"""How do erased people stay erased after a backup is restored? Keep the records, then apply again.

    manage.py erasures keep SLUG FILE     before restoring, or regularly beside the backups
    manage.py erasures again SLUG FILE    after restoring: whoever is back is erased once more

The file holds keyed hashes and times, no names; it means nothing without the tenant's key.
"""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from contacts.models import ErasedKey, Erasure
from contacts.privacy import erasing
from tenants.models import Tenant
from tenants.scope import scope


class Command(BaseCommand):
    help = "Keep the records of erasures in a file, or erase again by such a file."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("verb", choices=["keep", "again"])
        parser.add_argument("slug")
        parser.add_argument("file", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        tenant = Tenant.objects.filter(slug=options["slug"]).first()
        if tenant is None:
            raise CommandError(f"There is no tenant called {options['slug']}.")
        with scope(tenant):
            if options["verb"] == "keep":
                records = kept()
                options["file"].write_text(json.dumps(records, indent=1))
                self.stdout.write(f"{len(records)} erasures kept")
            else:
                bring_back(json.loads(options["file"].read_text()))
                self.stdout.write(f"{len(erasing.again(by='restore'))} people erased again")


def kept() -> list[dict[str, Any]]:
    keys: dict[int, list[tuple[str, str]]] = {}
    for key in ErasedKey.objects.order_by("id"):
        keys.setdefault(key.erasure_id, []).append((key.kind, bytes(key.hash).hex()))
    return [
        {
            "at": each.at.isoformat(), "by": each.by, "reason": each.reason,
            "keys": keys.get(each.pk, []),
        }
        for each in Erasure.objects.order_by("id")
    ]  # fmt: skip


def bring_back(records: list[dict[str, Any]]) -> None:
    """Records that the restored database does not have; their shells are found anew."""
    known = {(each.at, each.reason) for each in Erasure.objects.all()}
    for record in records:
        at = datetime.fromisoformat(record["at"])
        if (at, record["reason"]) in known:
            continue
        made = Erasure.objects.create(by=record["by"], reason=record["reason"])
        Erasure.objects.filter(pk=made.pk).update(at=at)
        ErasedKey.objects.bulk_create(
            ErasedKey(erasure=made, kind=kind, hash=bytes.fromhex(key))
            for kind, key in record["keys"]
        )
