"""Possible duplicates side by side, merging by hand, and what was merged: to be undone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.apps import apps
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminRadioSelectWidget, UnfoldAdminTextInputWidget

from contacts.admin import additions
from contacts.admin.additions import Panel
from contacts.merging import duplicates, forwarding, undo
from contacts.merging import merge as merging
from contacts.merging.merge import NotTwo
from contacts.merging.values import LABELS
from contacts.models import Contact, Duplicate, Merge
from tenants import ids
from tenants.admin_base import NOTHING, ReadOnlyAdmin, TenantModelAdmin, ask, chip, link_to
from tenants.admin_forms import AskForm, TenantForm
from tenants.models import User
from tenants.punctuation import listed

LATEST = 20


def address_of_survivor(object_id: str) -> str | None:
    """The page of the contact that the one with this number was merged into."""
    number = int(object_id) if str(object_id).isdecimal() and len(str(object_id)) < 16 else 0
    survivor = forwarding.survivors([number]).get(number)
    return reverse("admin:contacts_contact_change", args=[survivor]) if survivor else None


def who(by: str) -> str:
    """`user:<id>`, `api` or `rule:<what they share>`, in words."""
    kind, _colon, rest = by.partition(":")
    if kind == "user":
        return str(User.objects.filter(pk=ids.decode(rest) or 0).first() or NOTHING)
    if kind == "rule":
        return str(Duplicate.Why(rest).label) if rest in Duplicate.Why.values else rest
    return kind.upper()


def counted(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    """Rows by the name of their table."""
    names = {m._meta.label: m._meta.verbose_name_plural for m in apps.get_models()}
    found = [(str(capfirst(str(names.get(label, label)))), n) for label, n in counts.items()]
    return sorted(found, key=lambda pair: -pair[1])


def _by(request: HttpRequest) -> str:
    return f"user:{ids.encode(request.user.pk or 0)}"


class MergeForm(AskForm):
    stays = forms.ChoiceField(
        label=gettext_lazy("Which record stays?"), widget=UnfoldAdminRadioSelectWidget
    )
    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        required=False,
        max_length=200,
        widget=UnfoldAdminTextInputWidget,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if isinstance(self.target, Duplicate):
            survivor, absorbed = duplicates.elder(self.target.first, self.target.second)
            field = self.fields["stays"]
            assert isinstance(field, forms.ChoiceField)  # noqa: S101 - narrows the type
            field.choices = [(str(each.pk), _called(each)) for each in (survivor, absorbed)]
            field.initial = str(survivor.pk)


def _called(contact: Contact) -> str:
    return f"{contact.name or _('no name')} ({contact.external_id or ids.encode(contact.pk)})"


class PairForm(TenantForm):
    def clean(self) -> dict[str, Any]:
        found: dict[str, Any] = super().clean() or self.cleaned_data
        first, second = found.get("first"), found.get("second")
        if first is not None and first == second:
            raise ValidationError({"second": _("They are the same contact.")})
        if first is not None and second is not None:
            pair = Q(first=first, second=second) | Q(first=second, second=first)
            if Duplicate.objects.filter(pair).exists():
                raise ValidationError({"second": _("These two are on the list already.")})
        return found


@admin.register(Duplicate)
class DuplicateAdmin(TenantModelAdmin):
    form = PairForm
    changes = False
    list_display = ("pair", "why", "state_shown", "differs_shown", "at")
    list_select_related = ("first", "second")
    list_filter = (("state", ChoicesDropdownFilter), ("why", ChoicesDropdownFilter))
    autocomplete_fields = ("first", "second")
    actions_detail = ("merge", "dismiss")
    change_form_outer_after_template = "admin/contacts/duplicate/compare.html"

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return ((None, {"fields": (("first", "second"),)}),)
        shown = (("first_link", "second_link"), ("why", "state_shown"), ("at", "differs_shown"))
        return ((None, {"fields": shown}),)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Sequence[str]:
        if obj is None:
            return ()
        return ("first_link", "second_link", "why", "state_shown", "at", "differs_shown")

    @admin.display(description=gettext_lazy("Contacts"))
    def pair(self, obj: Duplicate) -> str:
        return f"{_called(obj.first)} / {_called(obj.second)}"

    @admin.display(description=gettext_lazy("First contact"))
    def first_link(self, obj: Duplicate) -> str:
        return link_to(obj.first, _called(obj.first))

    @admin.display(description=gettext_lazy("Second contact"))
    def second_link(self, obj: Duplicate) -> str:
        return link_to(obj.second, _called(obj.second))

    @chip(gettext_lazy("State"), {"open": "warning", "due": "info"})
    def state_shown(self, obj: Duplicate) -> tuple[str, str]:
        return obj.state, obj.get_state_display()

    @admin.display(description=gettext_lazy("What they disagree on"))
    def differs_shown(self, obj: Duplicate) -> str:
        return listed(str(LABELS.get(name, name)) for name in obj.differs) or NOTHING

    def save_model(self, request: HttpRequest, obj: Duplicate, form: Any, change: Any) -> None:
        obj.why, obj.state = Duplicate.Why.HAND, Duplicate.State.OPEN
        super().save_model(request, obj, form, change)

    def response_add(
        self, request: HttpRequest, obj: Duplicate, post_url_continue: Any = None
    ) -> HttpResponse:
        return self.back(request, obj)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        pair = self.get_object(request, object_id)
        more: dict[str, Any] = {}
        if isinstance(pair, Duplicate):
            survivor, absorbed = duplicates.elder(pair.first, pair.second)
            preview = merging.preview(survivor, absorbed, pair.why)
            more = {
                "preview": preview,
                "names": [_called(survivor), _called(absorbed)],
                "moves": counted(preview.moves),
                "drops": counted(preview.drops),
            }
        answer: HttpResponse = super().change_view(
            request, object_id, form_url, {**(extra_context or {}), **more}
        )
        return answer

    def offers(self, request: HttpRequest, target: Duplicate) -> set[str]:
        return {"merge"} if target.state == Duplicate.State.DISMISSED else {"merge", "dismiss"}

    @ask(
        gettext_lazy("Merge"),
        question=gettext_lazy(
            "Everything of the other record moves to the one that stays. Within 30 days this can"
            " be undone."
        ),
        icon="merge",
        variant=ActionVariant.PRIMARY,
        permission="act",
        form=MergeForm,
    )
    def merge(self, request: HttpRequest, target: Duplicate, form: MergeForm) -> HttpResponse:
        survivor = next(
            each
            for each in (target.first, target.second)
            if str(each.pk) == form.cleaned_data["stays"]
        )
        reason = form.cleaned_data["reason"]
        try:
            done = duplicates.merge_pair(target, survivor, by=_by(request), reason=reason)
        except NotTwo:
            raise ValidationError(_("One of the two is gone meanwhile.")) from None
        duplicates.record_merge(done, request=request)
        return self.go(request, reverse("admin:contacts_contact_change", args=[survivor.pk]))

    @ask(
        gettext_lazy("Not the same person"),
        question=gettext_lazy("They stay apart, and no rule merges them."),
        icon="call_split",
        permission="act",
    )
    def dismiss(self, request: HttpRequest, target: Duplicate, form: AskForm) -> None:
        duplicates.dismiss(target, _by(request))
        self.note(request, "dismissed", target, contacts=duplicates.pair_of(target))


@admin.register(Merge)
class MergeAdmin(ReadOnlyAdmin):
    list_display = ("survivor_link", "former", "by_shown", "at", "state_shown")
    list_select_related = ("survivor",)
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("survivor_link", "former"), ("by_shown", "at"), ("reason", "state_shown"),
                )
            },
        ),
    )  # fmt: skip
    actions_detail = ("unmerge",)
    change_form_outer_after_template = "admin/contacts/merge/moved.html"

    @admin.display(description=gettext_lazy("Contact"))
    def survivor_link(self, obj: Merge) -> str:
        return link_to(obj.survivor, _called(obj.survivor))

    @admin.display(description=gettext_lazy("Merged into it"))
    def former(self, obj: Merge) -> str:
        return obj.external_id or ids.encode(obj.absorbed_id)

    @admin.display(description=gettext_lazy("By"))
    def by_shown(self, obj: Merge) -> str:
        return who(obj.by)

    @chip(gettext_lazy("State"), {"undone": "warning", "standing": "success"})
    def state_shown(self, obj: Merge) -> tuple[str, str]:
        if obj.undone_at is None:
            return "standing", _("in force")
        return "undone", _("undone by %(name)s") % {"name": who(obj.undone_by)}

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        merge = self.get_object(request, object_id)
        more: dict[str, Any] = {}
        if isinstance(merge, Merge) and merge.undone_at is None:
            preview = undo.preview(merge)
            more = {"preview": preview, "back": counted(preview.back)}
        answer: HttpResponse = super().change_view(
            request, object_id, form_url, {**(extra_context or {}), **more}
        )
        return answer

    def offers(self, request: HttpRequest, target: Merge) -> set[str]:
        return {"unmerge"} if undo.undoable(target) else set()

    @ask(
        gettext_lazy("Undo the merge"),
        question=gettext_lazy(
            "Both records stand again, each with what it had. What came since stays with the one"
            " that stayed. No rule merges the two again."
        ),
        icon="call_split",
        permission="act",
    )
    def unmerge(self, request: HttpRequest, target: Merge, form: AskForm) -> HttpResponse:
        try:
            survivor, restored = undo.unmerge(target, by=_by(request))
        except undo.TooLate:
            raise ValidationError(_("A merge can be undone within 30 days.")) from None
        duplicates.record_unmerge(survivor, restored, request=request)
        return self.go(request, reverse("admin:contacts_contact_change", args=[restored]))


def panel(request: HttpRequest, contact: Contact) -> Panel | None:
    """On a contact's page: who may be the same person, and who was found to be."""
    about = Duplicate.objects.filter(Q(first=contact) | Q(second=contact))
    still_open = about.exclude(state=Duplicate.State.DISMISSED).select_related("first", "second")
    pairs = [
        (each, each.second if each.first_id == contact.pk else each.first)
        for each in still_open.order_by("-id")[:LATEST]
    ]
    merges = [
        (each, each.external_id or ids.encode(each.absorbed_id), who(each.by))
        for each in Merge.objects.filter(survivor=contact).order_by("-id")[:LATEST]
    ]
    may_compare = isinstance(request.user, User) and DuplicateAdmin(
        Duplicate, admin.site
    ).has_add_permission(request)
    if not (pairs or merges or may_compare):
        return None
    return Panel(
        _("Records of this person"),
        "merge",
        "admin/contacts/contact/merges.html",
        {"pairs": pairs, "merges": merges, "contact": contact, "may_compare": may_compare},
        pane="who",
    )


additions.panel(panel)
