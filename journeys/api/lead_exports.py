"""What stands in an export of leads?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from contacts import masking
from contacts.api.export_kinds import rows_of_list
from contacts.exports.kinds import Cells, Kind, declare
from journeys import scoring
from journeys.api.leads import Leads
from journeys.models import Lead

_COLUMNS: Mapping[str, str | Promise] = {
    "contact": _("contact"),
    "name": pgettext_lazy("of a person", "name"),
    "phone": _("phone"),
    "state": _("state"),
    "owner": _("owner"),
    "score": _("score"),
    "fit": _("grade"),
    "reason": _("reason"),
    "created_at": _("created"),
    "claimed_at": _("claimed"),
    "closed_at": _("closed"),
    "next_at": _("next follow-up"),
}


def register() -> None:
    declare(
        Kind(
            "leads", _("leads"), lambda: _COLUMNS, rows_of_list(Leads, Lead.objects.all),
            lambda rows, staff_id: rows.filter(
                pk__in=Lead.objects.visible_to(staff_id).values("pk")
            ),
            _cells,
        )
    )  # fmt: skip


def _cells(ids: Sequence[int], columns: Sequence[str], whole: bool) -> Cells:  # noqa: FBT001 - the registry's shape
    rows = Lead.objects.select_related("contact", "owner").in_bulk(ids)
    standings = scoring.standings([lead.contact_id for lead in rows.values()])
    for lead in (rows[pk] for pk in ids if pk in rows):
        contact, standing = lead.contact, standings[lead.contact_id]
        values = {
            "contact": contact.external_id,
            "name": contact.name,
            "phone": contact.phone if whole else masking.phone(contact.phone),
            "state": lead.state,
            "owner": lead.owner.userid if lead.owner else None,
            "score": standing.score,
            "fit": standing.grade,
            "reason": lead.reason,
            "created_at": lead.created_at,
            "claimed_at": lead.claimed_at,
            "closed_at": lead.closed_at,
            "next_at": lead.next_at,
        }
        yield [values[name] for name in columns]
