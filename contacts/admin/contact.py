"""The list of contacts, fast at any size, and the page of one: who it is, and what happened."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import F, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from unfold.contrib.filters.admin import AutocompleteSelectFilter, BooleanRadioFilter

from contacts import masking, people, search, tagging
from contacts.admin import (
    additions,
    contact_bulk,
    contact_list,
    contact_timeline,
    custom_fields,
    exports,
    merges,
    panels,
)
from contacts.admin.contact_form import ContactForm, RevealForm
from contacts.admin.contact_list import ContactList, TagFilter
from contacts.models import Contact, ContactTag, SavedView, SourceKind
from tenants.admin_base import NOTHING, LookAheadList, TenantModelAdmin, ask, chip, header
from tenants.admin_forms import TenantForm
from tenants.ids import encode
from tenants.models import User
from tenants.punctuation import listed
from tenants.roles import Can


@admin.register(Contact)
class ContactAdmin(TenantModelAdmin):
    form = ContactForm
    form_only = ("new_phone", "new_email", "worn_tags")
    list_display = (contact_list.FIRST, *contact_list.USUAL)
    list_select_related = ("owner", "channel")
    search_fields = ("name",)
    search_help_text = gettext_lazy(
        "Name, pinyin, remark, last four digits of the phone, or external id"
    )
    autocomplete_fields = ("owner", "channel")
    ordering = (F("acquired_at").desc(nulls_last=True), "-id")
    readonly_fields = (
        "phone_masked", "email_masked", "tags_now", "source", "sourced_at", "live_code",
        "referrer", "acquired_at", "created_at",
    )  # fmt: skip
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("name", "external_id"), ("phone_masked", "new_phone"),
                    ("email_masked", "new_email"), ("gender", "birthday"),
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
                ),
            },
        ),
    )  # fmt: skip
    actions_detail = ("reveal",)
    change_form_template = "admin/contacts/contact/page.html"
    list_before_template = "admin/contacts/contact/views.html"

    class Media:
        css = {"all": ("contacts/contact.css",)}

    # --- who may ---

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Deleting a person takes their whole history: for those who manage the business."""
        return isinstance(request.user, User) and request.user.can(Can.MANAGE)

    def has_reveal_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return isinstance(request.user, User) and request.user.can(Can.REVEAL)

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
            *custom_fields.list_filters(request),
        ]

    def get_list_display(self, request: HttpRequest) -> Any:
        keys = contact_list.chosen(request, contact_list.current(request))
        return contact_list.displayed(request, keys)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        offered = contact_bulk.actions() if self.has_change_permission(request) else {}
        return {**offered, **exports.actions(request)}

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        first = contact_list.start(request) if request.method == "GET" else None
        if first is not None:
            return redirect(first)
        more = {**(extra_context or {}), **contact_list.context(request)}
        return super().changelist_view(request, more)

    def get_urls(self) -> list[Any]:
        wrap, name = self.admin_site.admin_view, "contacts_contact_{}".format
        return [
            path("save-view/", wrap(self.save_view), name=name("save_view")),
            path("bulk/<str:name>/", wrap(self.bulk), name=name("bulk")),
            path("<path:object_id>/timeline/", wrap(self.timeline), name=name("timeline")),
            *super().get_urls(),
        ]

    def save_view(self, request: HttpRequest) -> HttpResponse:
        """Keep, show or forget a way to look at the list; it is this person's own."""
        user = request.user
        if not isinstance(user, User) or not self.has_view_permission(request):
            raise PermissionDenied
        form = contact_list.SaveForm(request)
        verb = request.POST.get("do")
        if verb == "delete":
            SavedView.objects.filter(
                user=user, page=contact_list.PAGE, name=request.POST.get("name", "")
            ).delete()
            return redirect(contact_list.address(None))
        valid = form.is_valid()
        if verb == "show":
            columns = ",".join(form.cleaned_data.get("columns", []))
            query = contact_list.filters_in(request.POST.get("query", ""))
            address = contact_list.address(None)
            return redirect(f"{address}&{contact_list.COLUMNS}={columns}&{query}".rstrip("&"))
        view = contact_list.save(user, form) if valid else None
        if view is None:
            messages.error(request, _("Give the view a name. One person keeps up to 50."))
        return redirect(contact_list.address(view))

    def bulk(self, request: HttpRequest, name: str) -> HttpResponse:
        if not self.has_change_permission(request):
            raise PermissionDenied
        if request.method != "POST":
            return redirect(contact_list.address(None))
        return contact_bulk.carry_out(self, request, name)

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

    @admin.display(description=gettext_lazy("E-mail"))
    def email_masked(self, obj: Contact) -> str:
        return masking.email(obj.email) or NOTHING

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
        return (listed(names[:3]) + more) or NOTHING

    # --- the page ---

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: Any = None, **kwargs: Any
    ) -> Any:
        if _shows_panes(request):
            return super().get_form(request, obj, change, **kwargs, form=TenantForm)
        asked = (
            custom_fields.form_fields(request, obj)
            if self.has_change_permission(request, obj)
            else {}
        )
        kwargs["form"] = type("ContactForm", (ContactForm,), asked)
        return super().get_form(request, obj, change, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if _shows_panes(request):  # and no form: none is built
            return [(None, {"fields": ["name"]})]
        fieldsets = list(super().get_fieldsets(request, obj))
        if not self.has_change_permission(request, obj):
            return fieldsets
        gone = {"tags_now"} if obj else {"tags_now", "phone_masked", "email_masked"}
        main = [_less(field, gone) for field in fieldsets[0][1]["fields"]]
        fieldsets[0] = (None, {"fields": [field for field in main if field]})
        names = list(custom_fields.form_fields(request, obj))
        if names:
            fields = [tuple(names[at : at + 2]) for at in range(0, len(names), 2)]
            fieldsets.insert(1, (_("Custom fields"), {"fields": fields}))
        return fieldsets if obj else fieldsets[:2] if names else fieldsets[:1]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """The channel is that of the first touch and never changes."""
        fields = super().get_readonly_fields(request, obj)
        return (*fields, "channel") if obj else fields

    @admin.display(description=gettext_lazy("Tags"))
    def tags_now(self, obj: Contact) -> str:
        names = ContactTag.objects.filter(contact=obj).order_by("tag__name")
        return listed(names.values_list("tag__name", flat=True)) or NOTHING

    def _get_obj_does_not_exist_redirect(
        self, request: HttpRequest, opts: Any, object_id: str
    ) -> HttpResponse:
        """The old number of a merged contact leads to the one that it is now."""
        survivor = merges.address_of_survivor(object_id)
        if survivor is not None:
            return redirect(survivor)
        answer: HttpResponse = super()._get_obj_does_not_exist_redirect(request, opts, object_id)
        return answer

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Three panes; the form where somebody edits, or what they typed is refused."""
        more: dict[str, Any] = dict(extra_context or {})
        editing = request.method != "GET" or "edit" in request.GET or "_popup" in request.GET
        contact = None if editing else self.get_object(request, unquote(object_id))
        if contact is not None and self.has_view_permission(request, contact):
            more["panes"] = panels.panes(request, contact)
            request.shows_panes = True  # type: ignore[attr-defined] # for this request
            more["may_edit"] = self.has_change_permission(request, contact)
        answer: HttpResponse = super().change_view(request, object_id, form_url, more)
        return answer

    def timeline(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """A fragment: the next events, or (`whole`) the timeline under other filters."""
        contact = self.get_object(request, unquote(object_id))
        if contact is None or not self.has_view_permission(request, contact):
            return self.unknown(request, object_id)
        context = {**contact_timeline.context(contact, request.GET), "timeline_url": request.path}
        part = "timeline" if "whole" in request.GET else "lines"
        return render(request, f"admin/contacts/contact/{part}.html", context)

    def response_post_save_change(self, request: HttpRequest, obj: Contact) -> HttpResponse:
        return self.back(request, obj)

    def save_model(self, request: HttpRequest, obj: Contact, form: Any, change: Any) -> None:
        for name in ("phone", "email"):
            typed = form.cleaned_data[f"new_{name}"]
            if typed:
                setattr(obj, name, typed)
        customised = custom_fields.put(obj, form)
        if not change:
            obj.source, obj.sourced_at = SourceKind.MANUAL, timezone.now()
        super().save_model(request, obj, form, change)
        if not change:
            people.tell_created([obj])
            return
        changed = [
            name.removeprefix("new_")
            for name in form.changed_data
            if name != "worn_tags" and not name.startswith(custom_fields.PREFIX)
        ]
        if customised:
            changed.append("custom")
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
        return {"reveal"} if target.phone or target.email else set()

    @ask(
        gettext_lazy("Show phone and e-mail in full"),
        question=gettext_lazy("That you looked, and why, is written in the audit log."),
        icon="visibility",
        submit=gettext_lazy("Show"),
        permission="reveal",
        form=RevealForm,
    )
    def reveal(self, request: HttpRequest, target: Contact, form: RevealForm) -> HttpResponse:
        shown = {"phone": (_("Phone"), target.phone), "email": (_("E-mail"), target.email)}
        there = {name: pair for name, pair in shown.items() if pair[1]}
        self.note(
            request, "revealed", target, fields=list(there), reason=form.cleaned_data["reason"]
        )
        context = {"shown": list(there.values())}
        if request.headers.get("HX-Request") == "true":
            return render(request, "admin/contacts/contact/revealed.html", context)
        more = {**self.admin_site.each_context(request), "title": target}
        done = {"done": self.page_of(target)}
        return render(request, "admin/contacts/contact/revealed_page.html", context | more | done)


def _shows_panes(request: HttpRequest) -> bool:
    return getattr(request, "shows_panes", False)


def _less(field: str | Sequence[str], gone: set[str]) -> str | tuple[str, ...]:
    """A row of the form without some of its fields."""
    if isinstance(field, str):
        return "" if field in gone else field
    return tuple(name for name in field if name not in gone)
