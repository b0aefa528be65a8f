"""Count a business by another clock: `manage.py change_zone SLUG America/New_York`.

Whatever is counted by days is due from then on: the workers hear of it when this is committed.
"""

from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from tenants import audit, doorbell
from tenants.models import Tenant
from tenants.models.tenant import check_zone
from tenants.scope import scope


class Command(BaseCommand):
    help = "Change the time zone of a business; reports and days are counted again by themselves."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slug", help="short name of the business")
        parser.add_argument("zone", help="such as Asia/Shanghai")

    def handle(self, *args: Any, **options: Any) -> None:
        slug, zone = options["slug"], options["zone"]
        tenant = Tenant.objects.filter(slug=slug).first()
        if tenant is None:
            raise CommandError(f"There is no business with the short name “{slug}”.")
        try:
            check_zone(zone)
        except ValidationError as error:
            raise CommandError("; ".join(error.messages)) from None
        if tenant.zone == zone:
            self.stdout.write(f"{tenant.name} is counted by {zone} already.")
            return
        with scope(tenant):
            Tenant.objects.filter(pk=tenant.pk).update(zone=zone)
            audit.record("tenant.changed", tenant, detail={"fields": ["zone"]})
            for queue in doorbell.queues():
                doorbell.look(queue)
        self.stdout.write(f"{tenant.name} is counted by {zone}; the workers count its days again.")
