"""What is handed over at WeCom, of whom, to whom: the form of a wish."""

from __future__ import annotations

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from unfold.widgets import (
    UnfoldAdminDateWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldBooleanSwitchWidget,
)

from contacts.models import Contact, ContactTag, Follow, LiveCode, Segment, SegmentMember, Tag
from contacts.transfers import plan
from tenants.admin_forms import autocomplete
from tenants.models import Staff
from tenants.wechat.transfers import MESSAGE_LIMIT


class WishForm(forms.Form):
    """What is handed over, of whom, to whom."""

    giver = forms.ModelChoiceField(
        label=pgettext_lazy("of a transfer", "from"),
        queryset=Staff.objects.order_by("-active", "name", "userid"),
        widget=UnfoldAdminSelectWidget,
    )
    resigned = forms.BooleanField(
        label=gettext_lazy("This member resigned"),
        required=False,
        widget=UnfoldBooleanSwitchWidget,
        help_text=gettext_lazy("Already known for those who are gone from the list of staff."),
    )
    takers = forms.ModelMultipleChoiceField(
        label=pgettext_lazy("of a transfer", "to"),
        queryset=Staff.objects.filter(active=True, left_at=None),
        widget=autocomplete(LiveCode._meta.get_field("staff")),
        help_text=gettext_lazy("Several share evenly."),
    )
    what = forms.ChoiceField(
        label=gettext_lazy("What goes over"),
        choices=[
            ("customers", gettext_lazy("Customers")),
            ("groups", gettext_lazy("Groups that they own")),
            ("both", gettext_lazy("Customers and groups")),
        ],
        widget=UnfoldAdminSelectWidget,
    )
    tags = forms.ModelMultipleChoiceField(
        label=gettext_lazy("Only customers with one of these tags"),
        queryset=Tag.objects.all(),
        required=False,
        widget=autocomplete(Contact._meta.get_field("tags")),
    )
    segment = forms.ModelChoiceField(
        label=gettext_lazy("Only customers of this segment"),
        queryset=Segment.objects.order_by("name"),
        required=False,
        widget=UnfoldAdminSelectWidget,
    )
    since = forms.DateField(
        label=gettext_lazy("Friends since this day at the earliest"),
        required=False,
        widget=UnfoldAdminDateWidget,
    )
    until = forms.DateField(
        label=gettext_lazy("and this day at the latest"),
        required=False,
        widget=UnfoldAdminDateWidget,
    )
    message = forms.CharField(
        label=gettext_lazy("Message to the customers"),
        max_length=MESSAGE_LIMIT,
        required=False,
        widget=UnfoldAdminTextareaWidget({"rows": 3}),
        help_text=gettext_lazy(
            "Blank: WeCom's own sentence. Of a member who resigned WeCom sends its own always."
        ),
    )

    def narrowed(self) -> set[int] | None:
        """The contacts that the filters leave; None where there is no filter."""
        given = self.cleaned_data
        rows: QuerySet[Follow] = Follow.objects.filter(staff=given["giver"])
        if given["since"]:
            rows = rows.filter(opened_at__date__gte=given["since"])
        if given["until"]:
            rows = rows.filter(opened_at__date__lte=given["until"])
        if given["tags"]:
            worn = ContactTag.objects.filter(tag__in=given["tags"])
            rows = rows.filter(contact_id__in=worn.values("contact_id"))
        if given["segment"]:
            inside = SegmentMember.objects.filter(segment=given["segment"])
            rows = rows.filter(contact_id__in=inside.values("contact_id"))
        if not any(given[name] for name in ("since", "until", "tags", "segment")):
            return None
        left = rows.filter(ended_at=None) if not self.gone else rows
        return set(left.values_list("contact_id", flat=True))

    @property
    def gone(self) -> bool:
        giver = self.cleaned_data["giver"]
        return bool(self.cleaned_data["resigned"] or giver.left_at is not None)

    def looked(self) -> plan.Plan | None:
        """The plan; None when it is refused, which the form then says."""
        given, account = self.cleaned_data, plan.account_for_transfers()
        if account is None:
            self.add_error(None, _("No WeCom account is connected."))
            return None
        wish = plan.Wish(
            account=account,
            giver=given["giver"],
            takers=list(given["takers"]),
            contact_ids=() if given["what"] == "groups" else self.narrowed(),
            group_ids=() if given["what"] == "customers" else None,
            message=given["message"],
            resigned=self.gone,
        )
        try:
            return plan.look(wish)
        except plan.Refused as refusal:
            names = {"to": "takers", "message": "message"}
            self.add_error(names.get(refusal.field), str(refusal))
            return None
