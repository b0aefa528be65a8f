"""The main menu: what this member may open."""

from django import template
from django.urls import reverse
from django.utils.translation import gettext as _

from tenants.models import User
from tenants.roles import Can

register = template.Library()


@register.filter
def menu(user: User, path: str) -> list[dict[str, object]]:
    entries = [
        (Can.WORK_LEADS, "desk", "support_agent", _("Desk")),
        (Can.REPORT, "dashboard-funnel", "filter_alt", _("Funnel")),
        (Can.REPORT, "dashboard-value", "payments", _("LTV / CAC")),
    ]
    items: list[dict[str, object]] = [
        {"url": reverse(name), "icon": icon, "title": title, "here": path.startswith(reverse(name))}
        for ability, name, icon, title in entries
        if user.can(ability)
    ]
    if user.is_staff:
        url = reverse("admin:index")
        items.append({"url": url, "icon": "settings", "title": _("Admin"), "here": False})
    return items
