"""Giving the customers of members who resigned to those who stay."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from unfold.widgets import UnfoldAdminSelectMultipleWidget, UnfoldAdminSelectWidget

from contacts.api.transfers import note
from contacts.models import TransferBatch, Unassigned
from contacts.transfers import plan
from tenants.admin_base import TenantModelAdmin
from tenants.admin_forms import AskForm
from tenants.models import Staff, User


class AssignForm(AskForm):
    giver = forms.ModelChoiceField(
        label=gettext_lazy("Resigned member"),
        queryset=Staff.objects.exclude(left_at=None).order_by("name", "userid"),
        required=False,
        empty_label=gettext_lazy("all of them"),
        widget=UnfoldAdminSelectWidget,
    )
    takers = forms.ModelMultipleChoiceField(
        label=pgettext_lazy("of a transfer", "to"),
        queryset=Staff.objects.filter(active=True, left_at=None).order_by("name", "userid"),
        widget=UnfoldAdminSelectMultipleWidget,
    )


def assign(page: TenantModelAdmin, request: HttpRequest, given: dict[str, Any]) -> HttpResponse:
    """One transfer for each of those who resigned. Raises ValidationError when there is nothing."""
    rows = Unassigned.objects.exclude(contact=None)
    if given["giver"] is not None:
        rows = rows.filter(staff=given["giver"])
    made: list[TransferBatch] = []
    user = request.user if isinstance(request.user, User) else None
    for row in (
        rows.select_related("staff", "account")
        .order_by("staff", "account")
        .distinct("staff", "account")
    ):
        try:
            found = plan.look(plan.Wish(row.account, row.staff, list(given["takers"]),
                                        contact_ids=None, resigned=True))  # fmt: skip
        except plan.Refused as refusal:
            raise ValidationError(str(refusal)) from None
        if found.movable:
            made.append(plan.start(found, user))
            note(request, made[-1], found)
    if not made:
        raise ValidationError(_("Nobody of these can be handed over."))
    messages.success(request, _("It is on the way: see below how far it is."))
    return page.go(request, reverse("admin:contacts_transferbatch_changelist"))
