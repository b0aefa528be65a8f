"""Give a business a new data key, and seal everything of it with that, while people work.

    manage.py rotate_tenant_key SLUG                start, or go on after an interruption
    manage.py rotate_tenant_key SLUG --verify       count; exit code 1 while an old one is needed
    manage.py rotate_tenant_key SLUG --remove-old   forget old versions that nothing needs

The key of blind indexes stays: docs/keys.md.
"""

from argparse import ArgumentParser

from django.core.management.base import BaseCommand, CommandError

from tenants import key_rotation
from tenants.key_rotation import Standing
from tenants.models import Tenant


class Command(BaseCommand):
    help = "Rotate the data key of a business; an interrupted rotation goes on where it was."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slug", help="short name of the business")
        choice = parser.add_mutually_exclusive_group()
        choice.add_argument("--verify", action="store_true", help="change nothing, only count")
        choice.add_argument("--remove-old", action="store_true", help="forget old versions")

    def handle(
        self, *args: object, slug: str, verify: bool, remove_old: bool, **options: object
    ) -> None:
        tenant = Tenant.objects.filter(slug=slug).first()
        if tenant is None:
            raise CommandError(f"There is no business with the short name “{slug}”.")
        if remove_old:
            self._remove_old(tenant.pk)
            return
        if not verify:
            key_rotation.begin(tenant.pk)
            key_rotation.reseal(tenant.pk, told=self.stdout.write)
        self._report(key_rotation.standing(tenant.pk))

    def _remove_old(self, tenant_id: int) -> None:
        try:
            gone = key_rotation.remove_old(tenant_id)
        except key_rotation.NotYet as why:
            raise CommandError(f"The old version stays: {why}.") from None
        self.stdout.write(f"Removed: {_named(gone)}." if gone else "There is no old version.")

    def _report(self, now: Standing) -> None:
        self.stdout.write(f"Version {now.version} seals, since {now.since:%Y-%m-%d %H:%M} UTC.")
        if not now.old:
            self.stdout.write("There is no old version.")
        elif not now.behind:
            self.stdout.write(
                f"Nothing needs {_named(now.old)}: remove with --remove-old from "
                f"{now.removable_at:%Y-%m-%d %H:%M} UTC on."
            )
        else:
            raise CommandError(
                f"{_named(now.old)} is needed by {now.needed_by}. Run this again; the log names "
                "rows that do not open."
            )


def _named(versions: list[int]) -> str:
    return "version " + ", ".join(map(str, versions))
