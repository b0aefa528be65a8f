"""The list of contacts, fast at any size, and the page of one: who it is, and what happened."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.db.models import F, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from unfold.contrib.filters.admin import AutocompleteSelectFilter, BooleanRadioFilter
from unfold.widgets import UnfoldAdminTextInputWidget

from contacts import masking, people, search, tagging, validation
from contacts.admin import additions, panels
from contacts.models import Contact, ContactTag, SourceKind, Tag
from contacts.validation import Invalid
from tenants import audit
from tenants.admin_base import NOTHING, LookAheadList, TenantModelAdmin, ask, chip, header
from tenants.admin_forms import AskForm, TenantForm, autocomplete
from tenants.ids import encode
from tenants.models import User
from tenants.roles import Can


class ContactForm(TenantForm):
    """Phones are never filled in: what is stored is masked, what is typed replaces it."""

    new_phone = forms.CharField(
        label=gettext_lazy("New phone"),
        required=False,
        max_length=30,
        widget=UnfoldAdminTextInputWidget({"inputmode": "tel", "autocomplete": "off"}),
        help_text=gettext_lazy("Blank keeps the stored number."),
    )
    worn_tags = forms.ModelMultipleChoiceField(
        label=gettext_lazy("Tags"),
        queryset=Tag.objects.all(),
        required=False,
        widget=autocomplete(Contact._meta.get_field("tags")),
    )

    class Meta:
        model = Contact
        fields = (
            "name", "email", "gender", "birthday", "owner", "external_id", "channel",
            "excluded", "excluded_reason",
        )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.initial["worn_tags"] = list(
                ContactTag.objects.filter(contact=self.instance).values_list("tag_id", flat=True)
            )

    def clean_new_phone(self) -> str:
        typed = str(self.cleaned_data["new_phone"]).strip()
        return self._checked(validation.phone, typed) if typed else ""

    def clean_email(self) -> str | None:
        typed = str(self.cleaned_data.get("email") or "").strip()
        return self._checked(validation.email, typed) if typed else None

    def _checked(self, check: Any, typed: str) -> str:
        try:
            return str(check(typed))
        except Invalid as error:
            raise forms.ValidationError(str(error), code=error.code) from None


class TagFilter(AutocompleteSelectFilter):
    """By the tagging rows: they keep their index under row-level security."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Contact]) -> QuerySet[Contact]:
        wanted = self.value()
        if not wanted:
            return queryset
        if not str(wanted).isdecimal():
            raise IncorrectLookupParameters
        return queryset.filter(
            id__in=ContactTag.objects.filter(tag_id=int(wanted)).values("contact_id")
        )


class ContactList(LookAheadList):
    """Gives a page of contacts what lies in other tables: one query for each column."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        rows = list(self.result_list)
        ids = [row.pk for row in rows]
        tags: dict[int, list[str]] = {}
        pairs = ContactTag.objects.filter(contact_id__in=ids).order_by("tag__name")
        for contact_id, name in pairs.values_list("contact_id", "tag__name"):
            tags.setdefault(contact_id, []).append(name)
        loaded = [(name, load(ids)) for name, load in additions.columns]
        for row in rows:
            row.tag_names = tags.get(row.pk, [])
            for name, values in loaded:
                setattr(row, f"{name}_shown", values.get(row.pk))


class RevealForm(AskForm):
    reason = forms.CharField(
        label=gettext_lazy("What for?"),
        min_length=3,
        max_length=200,
        widget=UnfoldAdminTextInputWidget,
    )


@admin.register(Contact)
class ContactAdmin(TenantModelAdmin):
    form = ContactForm
    form_only = ("new_phone", "worn_tags")
    list_display = (
        "name_shown", "phone_masked", "stage", "score", "tags_shown", "owner", "channel",
        "acquired_at",
    )  # fmt: skip
    list_select_related = ("owner", "channel")
    search_fields = ("name",)
    search_help_text = gettext_lazy("Name, pinyin, last four digits of the phone, or external id")
    autocomplete_fields = ("owner", "channel")
    ordering = (F("acquired_at").desc(nulls_last=True), "-id")
    readonly_fields = (
        "phone_masked", "tags_now", "source", "sourced_at", "live_code", "referrer", "acquired_at",
        "created_at", "custom_shown",
    )  # fmt: skip
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("name", "external_id"), ("phone_masked", "new_phone"),
                    ("email", "birthday"), "gender",
                    "worn_tags", "tags_now", ("owner", "channel"), ("excluded", "excluded_reason"),
                )
            },
        ),
        (
            gettext_lazy("Source"),
            {
                "classes": ["collapse"],
                "fields": (
                    ("source", "sourced_at"), ("live_code", "referrer"),
                    ("acquired_at", "created_at"),
                    "custom_shown",
                ),
            },
        ),
    )  # fmt: skip
    actions_detail = ("reveal",)
    change_form_outer_after_template = "admin/contacts/contact/panels.html"

    # --- who may ---

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Deleting a person takes their whole history: for those who manage the business."""
        return isinstance(request.user, User) and request.user.can(Can.MANAGE)

    def has_reveal_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return isinstance(request.user, User) and request.user.can(Can.REVEAL)

    def note(self, request: HttpRequest, verb: str, obj: Contact, **detail: object) -> None:  # type: ignore[override]
        """Names stay out of the log, which outlives an erased contact."""
        summary = obj.external_id or encode(obj.pk)
        audit.record(f"contact.{verb}", obj, request=request, summary=summary, detail=detail)

    # --- the list ---

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[LookAheadList]:
        return ContactList

    def get_list_filter(self, request: HttpRequest) -> list[Any]:
        return [
            *additions.filters,
            ("tags", TagFilter),
            ("owner", AutocompleteSelectFilter),
            ("channel", AutocompleteSelectFilter),
            ("excluded", BooleanRadioFilter),
        ]

    def get_ordering(self, request: HttpRequest) -> Any:
        # (tenant, owner, -id) is the index that serves one owner's contacts.
        return ("-id",) if "owner__id__exact" in request.GET else self.ordering

    def get_search_results(
        self, request: HttpRequest, queryset: Any, search_term: str
    ) -> tuple[QuerySet[Contact], bool]:
        return search.filter(queryset, search_term), False

    @header(pgettext_lazy("of a person", "Name"))
    def name_shown(self, obj: Contact) -> list[str]:
        return [obj.name or _("no name"), obj.external_id or ""]

    @admin.display(description=gettext_lazy("Phone"))
    def phone_masked(self, obj: Contact) -> str:
        return masking.phone(obj.phone) or NOTHING

    @chip(gettext_lazy("Stage"), {"excluded": "warning"})
    def stage(self, obj: Contact) -> tuple[str, str]:
        if obj.excluded:
            return "excluded", _("excluded")
        return "", str(getattr(obj, "stage_shown", None) or NOTHING)

    @admin.display(description=gettext_lazy("Score"))
    def score(self, obj: Contact) -> str:
        return str(getattr(obj, "score_shown", None) or NOTHING)

    @admin.display(description=gettext_lazy("Tags"))
    def tags_shown(self, obj: Contact) -> str:
        names: list[str] = getattr(obj, "tag_names", [])
        more = f" +{len(names) - 3}" if len(names) > 3 else ""
        return ("、".join(names[:3]) + more) or NOTHING

    # --- the page ---

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        if obj is None:
            gone = {"phone_masked", "tags_now"}
            main = [field for field in fieldsets[0][1]["fields"] if field not in gone]
            main[1] = "new_phone"
            return [(None, {"fields": main})]
        if self.has_change_permission(request, obj):
            main = [field for field in fieldsets[0][1]["fields"] if field != "tags_now"]
            return [(None, {"fields": main}), *fieldsets[1:]]
        return fieldsets

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """The channel is that of the first touch and never changes."""
        fields = super().get_readonly_fields(request, obj)
        return (*fields, "channel") if obj else fields

    @admin.display(description=gettext_lazy("Tags"))
    def tags_now(self, obj: Contact) -> str:
        names = ContactTag.objects.filter(contact=obj).order_by("tag__name")
        return "、".join(names.values_list("tag__name", flat=True)) or NOTHING

    @admin.display(description=gettext_lazy("Custom fields"))
    def custom_shown(self, obj: Contact) -> str:
        return "; ".join(f"{name}: {value}" for name, value in obj.custom.items()) or NOTHING

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        contact = self.get_object(request, object_id)
        cards: dict[str, Any] = {}
        if contact is not None and request.method == "GET":
            found = [show(request, contact) for show in (*panels.OWN, *additions.panels)]
            rendered = [
                (card, render_to_string(card.template, dict(card.context), request))
                for card in found
                if card is not None
            ]
            cards = {
                "panels_wide": [pair for pair in rendered if not pair[0].aside],
                "panels_aside": [pair for pair in rendered if pair[0].aside],
            }
        answer: HttpResponse = super().change_view(
            request, object_id, form_url, {**(extra_context or {}), **cards}
        )
        return answer

    def save_model(self, request: HttpRequest, obj: Contact, form: Any, change: Any) -> None:
        phone = form.cleaned_data["new_phone"]
        if phone:
            obj.phone = phone
        if not change:
            obj.source, obj.sourced_at = SourceKind.MANUAL, timezone.now()
        super().save_model(request, obj, form, change)
        if not change:
            people.tell_created([obj])
            return
        names = {"new_phone": "phone"}
        changed = [names.get(name, name) for name in form.changed_data if name != "worn_tags"]
        if changed:
            people.tell_changed([(obj, changed)])
            search.reindex([obj.pk])

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: Any) -> None:
        super().save_related(request, form, formsets, change)
        contact = form.instance
        worn = set(ContactTag.objects.filter(contact=contact).values_list("tag_id", flat=True))
        wanted = {tag.pk for tag in form.cleaned_data["worn_tags"]}
        by = f"user:{encode(request.user.pk or 0)}"
        tagging.add([contact.pk], wanted - worn, by)
        tagging.remove([contact.pk], worn - wanted, by)

    def offers(self, request: HttpRequest, target: Contact) -> set[str]:
        return {"reveal"} if target.phone else set()

    @ask(
        gettext_lazy("Show the whole phone number"),
        question=gettext_lazy("That you looked, and why, is written in the audit log."),
        icon="visibility",
        submit=gettext_lazy("Show"),
        permission="reveal",
        form=RevealForm,
    )
    def reveal(self, request: HttpRequest, target: Contact, form: RevealForm) -> HttpResponse:
        self.note(request, "revealed", target, fields=["phone"], reason=form.cleaned_data["reason"])
        if request.headers.get("HX-Request") == "true":
            shown = {"phone": target.phone}
            return render(request, "admin/contacts/contact/revealed.html", shown)
        context = {"title": target, "secret": target.phone, "done": self.page_of(target)}
        return render(
            request, "admin/shown_once.html", self.admin_site.each_context(request) | context
        )
