"""What each role may do. One table, read by the admin, the desk and the API alike."""

from enum import StrEnum

from django.db import models
from django.utils.translation import gettext_lazy as _


class Role(models.TextChoices):
    OWNER = "owner", _("Owner")
    ADMIN = "admin", _("Administrator")
    OPERATOR = "operator", _("Operator")
    SALES = "sales", _("Sales")
    VIEWER = "viewer", _("Viewer")


class Can(StrEnum):
    """An ability. API keys carry the same names as scopes."""

    READ = "read"  # see contacts, events, orders, content (sales: their own)
    WRITE = "write"  # change contacts, events, orders, tags
    WORK_LEADS = "work_leads"  # claim, follow up, close
    CONFIGURE = "configure"  # channels, live codes, content, SOPs, rules
    REPORT = "report"  # dashboards and figures
    IMPORT = "import"  # bring files in
    EXPORT = "export"  # take lists out
    REVEAL = "reveal"  # see whole phone numbers
    MANAGE = "manage"  # members, keys, accounts, settings


_VIEW = frozenset({Can.READ, Can.REPORT})
_OPERATE = _VIEW | {Can.WRITE, Can.CONFIGURE, Can.IMPORT, Can.EXPORT, Can.WORK_LEADS}

ABILITIES: dict[str, frozenset[Can]] = {
    Role.OWNER: frozenset(Can),
    Role.ADMIN: frozenset(Can),
    Role.OPERATOR: _OPERATE,
    Role.SALES: frozenset({Can.READ, Can.WORK_LEADS}),
    Role.VIEWER: _VIEW,
}

# Roles that work in the admin; sales staff have the desk.
ADMIN_ROLES = frozenset({Role.OWNER, Role.ADMIN, Role.OPERATOR, Role.VIEWER})


def abilities(role: str) -> frozenset[Can]:
    return ABILITIES.get(role, frozenset())
