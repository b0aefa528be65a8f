"""The base of every page that operators work on: roles, pages without counts, our audit log.

Querysets, choices and autocompletes are scoped by themselves: the models' default managers are.
Another tenant's id therefore answers exactly as an unknown one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.paginator import EmptyPage, Page, Paginator
from django.db import models, transaction
from django.db.models.deletion import Collector, ProtectedError, RestrictedError
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.functional import Promise, cached_property
from django.utils.html import format_html
from django.utils.translation import gettext as _
from unfold.admin import ModelAdmin, StackedInline, TabularInline
from unfold.decorators import action, display
from unfold.enums import ActionVariant
from unfold.views import ChangeList

from tenants import audit
from tenants.admin_forms import AskForm, TenantForm, without
from tenants.audit_words import verb_of
from tenants.models import AuditEntry, User
from tenants.punctuation import said
from tenants.roles import Can

Text = str | Promise
NOTHING = "–"
_CAPITAL = re.compile(r"(?<=[a-z])(?=[A-Z])")


class LookAheadPaginator(Paginator):
    """Pages of a table of any size: one row more than a page is read, and nothing is counted."""

    template_name = "admin/look_ahead.html"
    LAST = 200  # pages; further rows are found by search and filters, not by leafing

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.more = False

    @cached_property
    def count(self) -> int:
        return self.LAST * self.per_page

    def page(self, number: int | str) -> Page:
        number = self.validate_number(number)
        start = (number - 1) * self.per_page
        rows = list(self.object_list[start : start + self.per_page + 1])
        if not rows and number > 1:
            raise EmptyPage(_("There are no further rows."))
        self.more = len(rows) > self.per_page and number < self.LAST
        return _LookAheadPage(rows[: self.per_page], number, self)


class _LookAheadPage(Page):
    paginator: LookAheadPaginator

    def has_next(self) -> bool:
        return self.paginator.more


class LookAheadList(ChangeList):
    """Says no number of results: none was counted."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.full_result_count = self.result_count


def chip(
    description: Text, tones: Mapping[str, str]
) -> Callable[[Callable[[Any, Any], tuple[str, str]]], Any]:
    """Show what the method answers, (key, text), as a chip in the tone of the key."""

    def decorate(method: Callable[[Any, Any], tuple[str, str]]) -> Any:
        def shown(self: Any, obj: Any) -> str:
            key, text = method(self, obj)
            return format_html('<span class="scrm-chip {}">{}</span>', tones.get(key, ""), text)

        shown.__name__ = method.__name__
        return admin.display(description=description)(shown)  # type: ignore[arg-type]

    return decorate


def header(description: Text) -> Callable[[Callable[[Any, Any], list[str]]], Any]:
    """Show the method's two texts above each other, the first one larger."""

    def decorate(method: Callable[[Any, Any], list[str]]) -> Any:
        return display(method, description=description, header=True)

    return decorate


def ask(
    title: Text,
    *,
    question: Text = "",
    icon: str = "",
    submit: Text = "",
    variant: ActionVariant = ActionVariant.DEFAULT,
    permission: str = "change",
    form: type[AskForm] = AskForm,
) -> Callable[[Callable[..., HttpResponse | None]], Any]:
    """Make a method a button that asks first. It gets (request, object or None, form).

    Reading the page never acts; only the posted form does. A ValidationError of the verb is shown.
    """

    shown = {
        "dialog": {"title": title, "description": question},
        "form_submit_text": submit or title,
    }

    def decorate(method: Callable[..., HttpResponse | None]) -> Any:
        def view(
            self: TenantModelAdmin, request: HttpRequest, object_id: str | None = None
        ) -> HttpResponseBase:
            target = self.get_object(request, unquote(object_id)) if object_id else None
            if object_id and target is None:
                return self.unknown(request, object_id)
            if target is not None and method.__name__ not in self.offers(request, target):
                messages.warning(request, _("This is not possible now."))
                return self.back(request, target)
            data = request.POST if request.method == "POST" else None
            posted = form(data, request.FILES or None, target=target)
            if data is None or not posted.is_valid():
                return _question(self, request, target, posted, shown)
            return _press(self, request, method, target, posted)

        view.__name__ = method.__name__
        wrapped: Any = action(
            view, description=title, icon=icon or None, variant=variant, permissions=[permission]
        )
        wrapped.dialog = shown["dialog"]
        return wrapped

    return decorate


def _press(
    page: TenantModelAdmin,
    request: HttpRequest,
    method: Callable[..., HttpResponse | None],
    target: models.Model | None,
    form: AskForm,
) -> HttpResponse:
    """Carry it out; a refusal is said on the page, and nothing half-done stays."""
    answer = None
    try:
        with transaction.atomic():
            answer = method(page, request, target, form)
    except ValidationError as error:
        for message in error.messages:
            messages.error(request, message)
    return answer or page.back(request, target)


def button(
    title: Text,
    *,
    icon: str,
    permission: str = "change",
    variant: ActionVariant = ActionVariant.DEFAULT,
) -> Callable[[Callable[..., HttpResponse]], Any]:
    """Make a method a button that only leads somewhere."""
    made: Any = action(description=title, icon=icon, variant=variant, permissions=[permission])
    return lambda method: made(method)


def _question(
    page: TenantModelAdmin,
    request: HttpRequest,
    target: models.Model | None,
    form: AskForm,
    shown: dict[str, Any],
) -> HttpResponse:
    """As a dialog on the page; as a page of its own where no script runs."""
    if request.headers.get("HX-Request") == "true":
        return render(request, "unfold/helpers/dialog.html", {**shown, "form": form})
    context = {**page.admin_site.each_context(request), **shown, "form": form}
    more = {"opts": page.opts, "original": target, "title": shown["dialog"]["title"]}
    return render(request, "admin/ask.html", context | more)


class TenantModelAdmin(ModelAdmin):
    """Change pages for a tenant's rows. Subclasses say what may be added, changed, deleted."""

    form = TenantForm
    paginator = LookAheadPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    list_per_page = 50
    list_filter_submit = True
    list_disable_select_all = True
    actions = None
    sortable_by: Sequence[str] = ()
    ordering: Sequence[Any] = ("-id",)
    warn_unsaved_form = True

    adds = True
    changes = True
    deletes = False
    ability: Can | None = None  # who may see the page at all, beside the rule of the role
    noun = ""  # in the audit log; else the model's name: live_code
    # Fields of the form that no row has; readers do not see them.
    form_only: Sequence[str] = ()

    # --- roles ---

    def _allowed(self, request: HttpRequest) -> bool:
        user = request.user
        return self.ability is None or (isinstance(user, User) and user.can(self.ability))

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._allowed(request) and super().has_view_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.adds and self._allowed(request) and super().has_add_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.changes and self._allowed(request) and super().has_change_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.deletes and self._allowed(request) and super().has_delete_permission(request)

    def has_act_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """May this person press buttons on rows that nobody edits?"""
        return self._allowed(request) and super().has_change_permission(request)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        if obj is not None and not self.has_change_permission(request, obj):
            return without(fieldsets, self.form_only)
        return fieldsets

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return LookAheadList

    # --- buttons ---

    def offers(self, request: HttpRequest, target: Any) -> set[str]:
        """The buttons that make sense for this row now."""
        return set(self._extract_action_names(self.actions_detail))

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> Any:
        target = self.get_object(request, unquote(str(object_id)))
        offered = self.offers(request, target) if target is not None else set()
        prefix = f"{self.opts.app_label}_{self.opts.model_name}_"
        return [
            each
            for each in super().get_actions_detail(request, object_id)
            if each.action_name.removeprefix(prefix) in offered
        ]

    def page_of(self, target: models.Model | None) -> str:
        """The address of a row's page, or of the list."""
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}_"
        return (
            reverse(name + "change", args=[target.pk]) if target else reverse(name + "changelist")
        )

    def back(self, request: HttpRequest, target: models.Model | None) -> HttpResponse:
        return self.go(request, self.page_of(target))

    def go(self, request: HttpRequest, address: str) -> HttpResponse:
        """Redirect the whole page, also when a dialog asked."""
        if request.headers.get("HX-Request") == "true":
            return HttpResponse(headers={"HX-Redirect": address})
        return redirect(address)

    def unknown(self, request: HttpRequest, object_id: str) -> HttpResponse:
        answer: HttpResponse = self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        return answer

    # --- deleting ---

    def get_deleted_objects(
        self, objs: Iterable[models.Model], request: HttpRequest
    ) -> tuple[list[str], dict[Text, int], set[str], list[str]]:
        """What would go, without reading it all: a tag may be on a million contacts."""
        found = list(objs)
        kept: list[str] = []
        try:
            Collector(using="default").collect(found)
        except ProtectedError as error:
            kept = [said(one._meta.verbose_name, one) for one in list(error.protected_objects)[:10]]
        except RestrictedError as error:
            kept = [
                said(one._meta.verbose_name, one) for one in list(error.restricted_objects)[:10]
            ]
        names = [str(one) for one in found]
        return names, {self.opts.verbose_name_plural: len(found)}, set(), kept

    # --- the audit log ---

    def note(
        self, request: HttpRequest, verb: str, obj: models.Model, *, reason: str = "",
        **detail: object,
    ) -> None:  # fmt: skip
        noun = self.noun or _CAPITAL.sub("_", self.model.__name__).lower()
        audit.record(f"{noun}.{verb}", obj, request=request, reason=reason, detail=detail)

    def log_addition(self, request: HttpRequest, obj: models.Model, message: object) -> None:
        self.note(request, "created", obj)

    def log_change(self, request: HttpRequest, obj: models.Model, message: object) -> None:
        self.note(request, "changed", obj, fields=_changed(message))

    def log_deletions(self, request: HttpRequest, queryset: Iterable[models.Model]) -> None:
        for obj in queryset:
            self.note(request, "deleted", obj)

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        obj = self.get_object(request, unquote(object_id))
        if obj is None:
            return self.unknown(request, object_id)
        if not self.has_view_or_change_permission(request, obj):
            raise PermissionDenied
        entries = AuditEntry.objects.filter(target=audit.reference(obj)).order_by("-at", "-id")
        rows = entries.select_related("user", "api_key").prefetch_related("notes")[:100]
        context = {
            **self.admin_site.each_context(request),
            "title": _("What was done to %(object)s") % {"object": obj},
            "rows": [{"entry": row, "verb": verb_of(row.action)} for row in rows],
            "object": obj,
            "opts": self.opts,
            **(extra_context or {}),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "admin/object_history.html", context)


def _changed(message: object) -> list[str]:
    """The names of changed fields in Django's change message."""
    parts = message if isinstance(message, list) else []
    fields = [part["changed"].get("fields", []) for part in parts if "changed" in part]
    return [name for names in fields for name in names]


class ReadOnlyAdmin(TenantModelAdmin):
    """Rows that are looked at; buttons may act on them."""

    adds = changes = deletes = False
    warn_unsaved_form = False


class TenantTabularInline(TabularInline):
    form = TenantForm
    extra = 0
    show_change_link = False


class TenantStackedInline(StackedInline):
    form = TenantForm
    extra = 0
    show_change_link = False


def link_to(obj: models.Model | None, text: Text = "") -> str:
    """A link to the row's own admin page."""
    if obj is None:
        return "–"
    name = f"admin:{obj._meta.app_label}_{obj._meta.model_name}_change"
    address = reverse(name, args=[obj.pk])
    return format_html('<a class="scrm-link" href="{}">{}</a>', address, text or str(obj))
