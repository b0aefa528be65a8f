"""The Unfold site: what its menu shows to whom."""

from django.http import HttpRequest


def name_of_tenant(request: HttpRequest) -> list[str] | None:
    tenant = getattr(request, "tenant", None)
    return [tenant.name, "info"] if tenant else None


def navigation(request: HttpRequest) -> list[dict[str, object]]:
    return []
