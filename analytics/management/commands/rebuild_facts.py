"""Read all facts behind the figures again: `manage.py rebuild_facts --tenant acme [--prove]`."""

from __future__ import annotations

from argparse import ArgumentParser

from django.core.management.base import BaseCommand, CommandError

from analytics import facts
from tenants.models import Tenant
from tenants.scope import scope


class Command(BaseCommand):
    help = "Make the facts and cells behind the dashboards again, or prove that they are right."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--tenant", required=True, help="short name of the business")
        parser.add_argument(
            "--prove",
            action="store_true",
            help="say which tables a rebuild changed; exit code 1 if any",
        )

    def handle(self, *args: object, tenant: str, prove: bool, **options: object) -> None:
        found = Tenant.objects.filter(slug=tenant).first()
        if found is None:
            raise CommandError(f"There is no business with the short name “{tenant}”.")
        with scope(found):
            if not prove:
                facts.rebuild()
                self.stdout.write("The facts were read again.")
                return
            changed = facts.prove()
        if changed:
            raise CommandError(f"A rebuild changed: {', '.join(changed)}.")
        self.stdout.write("A rebuild changed nothing.")
