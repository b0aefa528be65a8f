"""What templates ask: the main menu of this member, and the marks between words."""

from django import template
from django.forms import BoundField
from django.urls import reverse
from django.utils.translation import gettext as _

from tenants import punctuation
from tenants.models import User
from tenants.roles import Can

register = template.Library()


@register.simple_tag
def listed(*parts: object) -> str:
    """A, B, C, in the marks of the reader's language."""
    return punctuation.listed(parts)


@register.filter
def said(name: object, value: object) -> str:
    """Name: value."""
    return punctuation.said(name, value)


@register.filter
def only_when(field: BoundField) -> str:
    """The answer of the row's first field with which this field is asked; none: always."""
    asked: dict[str, str] = getattr(field.form, "only_when", {})
    return asked.get(field.name, "")


def _inside(path: str, url: str) -> bool:
    """In the same part of the site: all dashboards are one."""
    return path.split("/")[1] == url.split("/")[1]


@register.filter
def menu(user: User, path: str) -> list[dict[str, object]]:
    entries = [
        (Can.WORK_LEADS, "desk", "support_agent", _("Desk")),
        (Can.REPORT, "dashboard-funnel", "monitoring", _("Dashboards")),
    ]
    items: list[dict[str, object]] = [
        {"url": reverse(name), "icon": icon, "title": title, "here": _inside(path, reverse(name))}
        for ability, name, icon, title in entries
        if user.can(ability)
    ]
    if user.is_staff:
        url = reverse("admin:index")
        items.append({"url": url, "icon": "settings", "title": _("Admin"), "here": False})
    return items
