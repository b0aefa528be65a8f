"""What is typed on the page of a broadcast: to whom, what, when."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminTextareaWidget

from campaigns.broadcasts import personal, starting
from campaigns.broadcasts.audience import Audience
from campaigns.models import Broadcast, BroadcastGroup, BroadcastStaff, BroadcastTag
from contacts.admin.attachment_fields import AttachmentFields
from contacts.models import Group, Tag
from journeys.models import Content
from tenants.admin_forms import TenantForm, autocomplete
from tenants.models import Staff, WeChatAccount

_PARTS = (
    ("to_tags", BroadcastTag, "tag_id"),
    ("to_groups", BroadcastGroup, "group_id"),
    ("by_staff", BroadcastStaff, "staff_id"),
)

_OF_TEXT = gettext_lazy(
    "To customers it may hold {name}, {staff} and {link}. With {name} or a content each customer "
    "is a task of its own for the member to confirm."
)


class BroadcastForm(AttachmentFields, TenantForm):
    to_tags = forms.ModelMultipleChoiceField(
        label=gettext_lazy("Tags"),
        queryset=Tag.objects.all(),
        required=False,
        widget=autocomplete(Broadcast._meta.get_field("tags")),
        help_text=gettext_lazy("Whoever wears one of these; of groups: groups with one of these."),
    )
    to_groups = forms.ModelMultipleChoiceField(
        label=gettext_lazy("Groups"),
        queryset=Group.objects.filter(dismissed_at=None),
        required=False,
        widget=autocomplete(Broadcast._meta.get_field("groups")),
        help_text=gettext_lazy("These groups; of a message to customers: those who are in them."),
    )
    by_staff = forms.ModelMultipleChoiceField(
        label=gettext_lazy("Staff"),
        queryset=Staff.objects.filter(active=True, left_at=None),
        required=False,
        widget=autocomplete(Broadcast._meta.get_field("staff")),
        help_text=gettext_lazy("Only these send it, to their own customers and groups."),
    )

    class Meta:
        model = Broadcast
        fields = ("name", "route", "kind", "account", "everyone", "segment", "text", "content",
                  "send_at")  # fmt: skip
        widgets = {
            "text": UnfoldAdminTextareaWidget({"rows": 6, "data-max-bytes": starting.TEXT_BYTES})
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "account" in self.fields:
            accounts = WeChatAccount.objects.filter(kind=WeChatAccount.Kind.WECOM, active=True)
            self.fields["account"].queryset = accounts.order_by("id")  # type: ignore[attr-defined]
            self.fields["account"].initial = accounts.order_by("id").first()
        if "content" in self.fields:
            pieces = Content.objects.exclude(kind__in=Content.SENT_AS_IS)
            usable = Q(active=True) | Q(pk=self.instance.content_id)
            self.fields["content"].queryset = pieces.filter(usable).order_by("title")  # type: ignore[attr-defined]
            self.fields["text"].help_text = _OF_TEXT
        if self.instance.pk:
            for name, model, column in _PARTS:
                rows = model.objects.filter(broadcast=self.instance).order_by("id")
                self.initial[name] = list(rows.values_list(column, flat=True))
        self.show_attachments(list(self.instance.attachments))

    @property
    def audience(self) -> Audience:
        """Of a form that was checked."""
        given = self.cleaned_data
        parts = {name: frozenset(one.pk for one in given.get(name) or ()) for name, *_ in _PARTS}
        segment, account = given.get("segment"), given.get("account")
        return Audience(
            route=given.get("route") or Broadcast.Route.MASS_TASK,
            account_id=account.pk if account else 0,
            everyone=bool(given.get("everyone")),
            segment_id=segment.pk if segment else None,
            tag_ids=parts["to_tags"],
            group_ids=parts["to_groups"],
            staff_ids=parts["by_staff"],
            survey_id=personal.survey_id(self.said),
        )

    @property
    def said(self) -> Broadcast:
        """What a form that was checked would say, and by which route; not to be stored."""
        names = ("route", "text", "content")
        given = {name: self.cleaned_data[name] for name in names if self.cleaned_data.get(name)}
        return Broadcast(**given)

    def clean(self) -> dict[str, Any] | None:
        given = super().clean()
        if not self.errors:
            try:
                self.instance.attachments = self.clean_attachments()
            except ValidationError as error:
                self.add_error("new_attachment", error)
        return given
