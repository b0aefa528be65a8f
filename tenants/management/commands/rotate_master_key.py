"""Wrap every tenant's keys with the master key of the settings.

    manage.py rotate_master_key            wrap anew what another master key wraps
    manage.py rotate_master_key --verify   count only; exit code 1 while an old key is needed

SCRM_MASTER_KEY is the new key, SCRM_OTHER_MASTER_KEYS has the old one: docs/keys.md.
"""

from argparse import ArgumentParser

from django.core.management.base import BaseCommand, CommandError

from tenants import key_rotation


class Command(BaseCommand):
    help = "Wrap every tenant's keys with the master key of the settings; repeating it is safe."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--verify", action="store_true", help="change nothing, only count")

    def handle(self, *args: object, verify: bool, **options: object) -> None:
        found = key_rotation.wrap_anew(dry_run=verify)
        self.stdout.write(f"{found.by_new} keys are wrapped by SCRM_MASTER_KEY.")
        if found.unreadable:
            raise CommandError(
                f"{len(found.unreadable)} keys open with no master key that is set: those of "
                f"{', '.join(found.unreadable[:10])}. Add theirs to SCRM_OTHER_MASTER_KEYS."
            )
        if verify and found.by_old:
            raise CommandError(
                f"{found.by_old} keys still need another master key: run this without --verify."
            )
        if found.by_old:
            self.stdout.write(f"{found.by_old} keys were wrapped by another one, and are now, too.")
        self.stdout.write("Nothing needs SCRM_OTHER_MASTER_KEYS: they can be removed.")
