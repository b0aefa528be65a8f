"""Make a tenant: `create_tenant NAME --owner EMAIL`. The last line printed is its first API key."""

from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from tenants import setup


class Command(BaseCommand):
    help = "Make a tenant with its owner; prints an API key on its last line."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name")
        parser.add_argument("--owner", required=True, metavar="EMAIL")
        parser.add_argument("--zone", default="Asia/Shanghai")
        parser.add_argument("--currency", default="CNY")
        parser.add_argument("--slug", default="", help="short name; made from NAME when missing")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            created = setup.create(
                options["name"],
                options["owner"],
                zone=options["zone"],
                currency=options["currency"],
                slug=options["slug"],
            )
        except ValidationError as error:
            raise CommandError("; ".join(error.messages)) from None
        self.stdout.write(f"tenant: {created.tenant.name} (short name {created.tenant.slug})")
        self.stdout.write(f"owner: {created.owner.email}")
        if created.password:
            self.stdout.write(f"password: {created.password}")
        self.stdout.write("API key, shown only now:")
        self.stdout.write(created.api_key)
