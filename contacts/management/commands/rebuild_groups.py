"""Derive members and counts of all groups again: `manage.py rebuild_groups --tenant acme`."""

from __future__ import annotations

from argparse import ArgumentParser

from django.core.management.base import BaseCommand, CommandError

from contacts.groups import membership
from contacts.models import Group
from tenants.models import Tenant
from tenants.scope import scope


class Command(BaseCommand):
    help = "Make stays, members and counts by day of every group again from who came and went."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--tenant", required=True, help="short name of the business")
        parser.add_argument(
            "--prove", action="store_true", help="exit code 1 if anything was not right"
        )

    def handle(self, *args: object, tenant: str, prove: bool, **options: object) -> None:
        found = Tenant.objects.filter(slug=tenant).first()
        if found is None:
            raise CommandError(f"There is no business with the short name “{tenant}”.")
        with scope(found):
            groups = list(Group.objects.order_by("id").values_list("id", flat=True))
        changed = 0
        for group_id in groups:
            with scope(found):
                changed += membership.rebuild(group_id)
        words = f"{changed} of {len(groups)} groups changed."
        if prove and changed:
            raise CommandError(words)
        self.stdout.write(words)
