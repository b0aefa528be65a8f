"""Who may sign in, as what; the staff who talk to customers, and their teams."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter
from unfold.widgets import UnfoldAdminEmailInputWidget, UnfoldAdminTextInputWidget

from tenants import setup
from tenants.admin_base import TenantModelAdmin, chip, header
from tenants.admin_forms import TenantForm
from tenants.models import Membership, Staff, Team, User
from tenants.roles import Can, Role


class MemberForm(TenantForm):
    """Changing a member. There is always an owner; nobody raises themselves."""

    asking: User  # who fills the form in; set by MembershipAdmin.get_form

    class Meta:
        model = Membership
        fields = ("role", "staff", "active")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        mine = self.asking.membership
        own_role = mine.role if mine else ""
        if own_role != Role.OWNER and "role" in self.fields and self.instance.role != Role.OWNER:
            choices = [pair for pair in Role.choices if pair[0] != Role.OWNER]
            self.fields["role"].choices = choices  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        role, active = cleaned.get("role"), cleaned.get("active", True)
        was_owner = self.instance.pk is not None and self.initial.get("role") == Role.OWNER
        stays_owner = role == Role.OWNER and active
        mine = self.asking.membership
        if was_owner and not stays_owner:
            others = Membership.objects.filter(role=Role.OWNER, active=True)
            if not others.exclude(pk=self.instance.pk).exists():
                raise ValidationError(_("A business needs at least one owner."))
        if (was_owner or role == Role.OWNER) and (mine is None or mine.role != Role.OWNER):
            raise ValidationError(_("Only an owner can name or change an owner."))
        if self.instance.pk and mine and self.instance.pk == mine.pk and not active:
            raise ValidationError(_("You cannot switch yourself off."))
        return cleaned


class NewMemberForm(MemberForm):
    """Adding a member by e-mail: a person whom we know, or a new one with a one-time password."""

    email = forms.EmailField(
        label=gettext_lazy("E-mail"), max_length=254, widget=UnfoldAdminEmailInputWidget
    )
    name = forms.CharField(
        label=pgettext_lazy("of a person", "Name"),
        max_length=100,
        required=False,
        widget=UnfoldAdminTextInputWidget,
    )

    class Meta:
        model = Membership
        fields = ("role", "staff")

    def clean_email(self) -> str:
        email = str(self.cleaned_data["email"]).strip().lower()
        if Membership.objects.filter(user__email=email).exists():
            raise ValidationError(_("This person is a member already."))
        return email


@admin.register(Membership)
class MembershipAdmin(TenantModelAdmin):
    noun = "member"
    ability = Can.MANAGE
    list_display = ("person", "shown_role", "staff", "active", "created_at")
    list_select_related = ("user", "staff")
    list_filter = (("role", ChoicesDropdownFilter),)
    search_fields = ("user__email",)
    autocomplete_fields = ("staff",)
    readonly_fields = ("person",)
    fieldsets = ((None, {"fields": ("person", "role", "staff", "active")}),)
    add_fieldsets = ((None, {"fields": ("email", "name", "role", "staff")}),)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return super().get_readonly_fields(request, obj) if obj else ()

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: Any = None, **kwargs: Any
    ) -> Any:
        kwargs["form"] = MemberForm if obj else NewMemberForm
        form = super().get_form(request, obj, change, **kwargs)
        return type(form.__name__, (form,), {"asking": request.user})

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Membership], search_term: str
    ) -> tuple[QuerySet[Membership], bool]:
        found = Q(user__email__icontains=search_term) | Q(user__name__icontains=search_term)
        return queryset.filter(found) if search_term else queryset, False

    def save_model(self, request: HttpRequest, obj: Membership, form: Any, change: Any) -> None:
        if not change:
            user, password = setup.person(form.cleaned_data["email"], form.cleaned_data["name"])
            obj.user = user
            request.one_time = password  # type: ignore[attr-defined]
        super().save_model(request, obj, form, change)

    def response_add(
        self, request: HttpRequest, obj: Membership, post_url_continue: str | None = None
    ) -> HttpResponse:
        """The password is in this one answer and nowhere else."""
        password = getattr(request, "one_time", None)
        if password is None:
            answer: HttpResponse = super().response_add(request, obj, post_url_continue)
            return answer
        context = {
            **self.admin_site.each_context(request),
            "title": _("%(person)s can sign in now") % {"person": obj.user.email},
            "opts": self.opts,
            "explained": _(
                "Tell them this password in person; it is shown only this once. "
                "They can change it after signing in."
            ),
            "secret": password,
            "done": self.page_of(None),
        }
        return render(request, "admin/shown_once.html", context)

    @header(gettext_lazy("Person"))
    def person(self, obj: Membership) -> list[str]:
        return [obj.user.name or obj.user.email, obj.user.email]

    @chip(
        gettext_lazy("Role"),
        {
            Role.OWNER: "primary",
            Role.ADMIN: "info",
            Role.OPERATOR: "success",
            Role.SALES: "warning",
        },
    )
    def shown_role(self, obj: Membership) -> tuple[str, str]:
        return obj.role, obj.get_role_display()


@admin.register(Staff)
class StaffAdmin(TenantModelAdmin):
    list_display = ("name_or_id", "userid", "team", "active")
    list_select_related = ("team",)
    list_filter = (("team", AutocompleteSelectFilter), "active")
    search_fields = ("name", "userid")
    autocomplete_fields = ("team",)
    ordering = ("name", "userid", "id")
    fieldsets = ((None, {"fields": ("userid", "name", "team", "active")}),)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Callbacks and files name staff by it."""
        return ("userid",) if obj else ()

    @admin.display(description=pgettext_lazy("of a person", "Name"))
    def name_or_id(self, obj: Staff) -> str:
        return str(obj)


@admin.register(Team)
class TeamAdmin(TenantModelAdmin):
    deletes = True
    list_display = ("name",)
    search_fields = ("name",)
    ordering = ("name", "id")
    fieldsets = ((None, {"fields": ("name",)}),)
