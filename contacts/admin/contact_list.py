"""The list of contacts: its columns, saved ways to look at it, and what each column shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django import forms
from django.contrib.admin.options import IncorrectLookupParameters
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, QueryDict
from django.urls import reverse
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from contacts import custom_fields
from contacts.admin import additions
from contacts.admin import custom_fields as asked_for
from contacts.models import Contact, ContactTag, CustomField, SavedView
from tenants.admin_base import NOTHING, LookAheadList
from tenants.models import User

PAGE = "contacts.contact"
VIEW, COLUMNS = "view", "cols"
OWN = {VIEW, COLUMNS}  # parameters that say how to look, not at what
ALL = "0"
MOST_VIEWS = 50
FIRST = "name_shown"
USUAL = ("phone_masked", "stage", "score", "tags_shown", "owner", "channel", "acquired_at")


def _titled(column: str) -> Any:
    """What the model calls it."""
    return getattr(Contact._meta.get_field(column), "verbose_name", column)


FURTHER: Mapping[str, Any] = {
    "phone_masked": gettext_lazy("Phone"),
    "email_masked": gettext_lazy("E-mail"),
    "stage": gettext_lazy("Stage"),
    "score": gettext_lazy("Score"),
    "tags_shown": gettext_lazy("Tags"),
    "owner": _titled("owner"),
    "channel": gettext_lazy("Channel"),
    "source": gettext_lazy("Source"),
    "acquired_at": _titled("acquired_at"),
    "created_at": _titled("created_at"),
    "gender": gettext_lazy("Gender"),
    "birthday": _titled("birthday"),
    "excluded_reason": _titled("excluded_reason"),
}
Column = str | Callable[[Contact], str]


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

    def get_filters_params(self, params: Any = None) -> dict[str, Any]:
        found: dict[str, Any] = super().get_filters_params(params)
        return {name: value for name, value in found.items() if name not in OWN}

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        rows = list(self.result_list)
        ids = [row.pk for row in rows]
        tags: dict[int, list[str]] = {}
        pairs = ContactTag.objects.filter(contact_id__in=ids).order_by("tag__name")
        for contact_id, name in pairs.values_list("contact_id", "tag__name"):
            tags.setdefault(contact_id, []).append(name)
        asked = self.list_display
        loaded = [(name, load(ids)) for name, load in additions.columns if name in asked]
        for row in rows:
            row.tag_names = tags.get(row.pk, [])
            for name, values in loaded:
                setattr(row, f"{name}_shown", values.get(row.pk))


# --- columns ---


def _custom_column(of: CustomField) -> Callable[[Contact], str]:
    def column(contact: Contact) -> str:
        return custom_fields.shown(of, contact.custom.get(of.key)) or NOTHING

    column.__name__ = f"custom_{of.pk}"
    column.short_description = of.label  # type: ignore[attr-defined] # Django reads it
    return column


def offered(request: HttpRequest) -> dict[str, tuple[str, Column]]:
    """The columns beside the name: key → title and what Django shows."""
    found: dict[str, tuple[str, Column]] = {
        key: (capfirst(str(title)), key) for key, title in FURTHER.items()
    }
    for of in asked_for.known(request):
        column = _custom_column(of)
        found[column.__name__] = (of.label, column)
    return found


def chosen(request: HttpRequest, view: SavedView | None) -> list[str]:
    """The keys of the columns that this request shows."""
    asked = request.GET.get(COLUMNS)
    if asked is not None:
        return asked.split(",")
    return list(view.columns) if view is not None and view.columns else list(USUAL)


def displayed(request: HttpRequest, keys: Sequence[str]) -> list[Column]:
    known = offered(request)
    return [FIRST, *(known[key][1] for key in dict.fromkeys(keys) if key in known)]


# --- saved views ---


def views_of(request: HttpRequest) -> list[SavedView]:
    """Those of this person; asked once a request."""
    found: list[SavedView] | None = getattr(request, "saved_views", None)
    if found is None:
        mine = SavedView.objects.filter(user_id=request.user.pk or 0, page=PAGE)
        found = list(mine.order_by("name")[:MOST_VIEWS])
        request.saved_views = found  # type: ignore[attr-defined] # kept for this request
    return found


def current(request: HttpRequest) -> SavedView | None:
    """The view that the address names, of this person."""
    named = request.GET.get(VIEW, ALL)
    return next((view for view in views_of(request) if str(view.pk) == named), None)


def address(view: SavedView | None) -> str:
    """The list as the view shows it; None: everybody, in the usual columns."""
    query = f"{VIEW}={view.pk if view else ALL}"
    if view is not None and view.query:
        query += f"&{view.query}"
    return f"{reverse('admin:contacts_contact_changelist')}?{query}"


def start(request: HttpRequest) -> str | None:
    """Where a bare visit of the list leads: to the person's first view, if they have one."""
    if request.GET:
        return None
    found = next((view for view in views_of(request) if view.default), None)
    return address(found) if found is not None else None


def filters_in(query: str) -> str:
    """The part of an address that says at whom to look."""
    given = QueryDict(query, mutable=True)
    for name in (*OWN, "p", "e", "_popup", "_changelist_filters"):
        given.pop(name, None)
    return given.urlencode()


class SaveForm(forms.Form):
    name = forms.CharField(max_length=60)
    query = forms.CharField(max_length=2000, required=False)
    columns = forms.MultipleChoiceField(required=False)
    default = forms.BooleanField(required=False)

    def __init__(self, request: HttpRequest) -> None:
        super().__init__(request.POST)
        choices = [(key, title) for key, (title, _column) in offered(request).items()]
        self.fields["columns"].choices = choices  # type: ignore[attr-defined] # it is a choice


def save(user: User, form: SaveForm) -> SavedView | None:
    """Keep a way to look under its name; a name that is taken is written over. None: too many."""
    given = form.cleaned_data
    mine = SavedView.objects.filter(user=user, page=PAGE)
    with transaction.atomic():
        if given["default"]:
            mine.update(default=False)
        values = {
            "query": filters_in(given["query"]),
            "columns": given["columns"],
            "default": given["default"],
        }
        if mine.exclude(name=given["name"]).count() >= MOST_VIEWS:
            return None
        view, _made = SavedView.objects.update_or_create(
            user=user, page=PAGE, name=given["name"], defaults=values
        )
    return view


def context(request: HttpRequest) -> dict[str, object]:
    """What the bar over the list shows."""
    view = current(request)
    keys = chosen(request, view)
    return {
        "saved_views": [(each, address(each)) for each in views_of(request)],
        "view_shown": view,
        "everybody": address(None),
        "columns_offered": [
            (key, title, key in keys) for key, (title, _column) in offered(request).items()
        ],
        "filters_now": filters_in(request.GET.urlencode()),
        "save_view": reverse("admin:contacts_contact_save_view"),
    }
