"""Reusable pieces, and the link that leads to them."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.widgets import UnfoldAdminFileFieldWidget, UnfoldAdminURLInputWidget

from contacts import media
from journeys import content
from journeys.models import Content, Link, SurveyAnswer
from tenants.admin_base import NOTHING, TenantModelAdmin
from tenants.admin_forms import TenantForm, without


class ContentForm(TenantForm):
    url = forms.URLField(
        label=gettext_lazy("Address"),
        max_length=500,
        required=False,
        assume_scheme="https",
        widget=UnfoldAdminURLInputWidget,
        help_text=gettext_lazy("Where readers are sent. Blank: they read the text here."),
    )

    picture_url = forms.URLField(
        label=gettext_lazy("Address of the picture"),
        max_length=500,
        required=False,
        assume_scheme="https",
        widget=UnfoldAdminURLInputWidget,
        help_text=gettext_lazy(
            "Shown beside a link, and as the cover of a mini-program. Anybody must be able to open"
            " it."
        ),
    )
    new_picture = forms.FileField(
        label=gettext_lazy("Picture to send"),
        required=False,
        widget=UnfoldAdminFileFieldWidget,
        help_text=gettext_lazy(
            "For the kind picture, and the cover of a mini-program in SOPs: JPG or PNG to 10 MB."
        ),
    )

    class Meta:
        model = Content
        fields = (
            "title", "kind", "purpose", "url", "body", "scale", "picture_url", "appid", "page",
            "active",
        )  # fmt: skip
        help_texts = {
            "body": gettext_lazy(
                "A text may hold {name}, {staff} and {link}: each contact's own when it is sent."
                " Of a survey it is the question."
            ),
            "scale": gettext_lazy("Of a survey."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "scale" in self.fields:  # whoever only looks has no fields
            self.fields["scale"].required = False  # it says nothing of other kinds

    def clean_scale(self) -> int:
        return int(self.cleaned_data["scale"] or self.instance.scale)

    def clean_new_picture(self) -> Any:
        upload = self.cleaned_data.get("new_picture")
        if upload:
            self.instance.picture = media.keep(upload, upload.name, "image")
        return upload

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or self.cleaned_data
        for name in ("kind", "body", "scale", "picture_url", "appid", "page"):
            setattr(self.instance, name, given.get(name, getattr(self.instance, name)))
        for name, fault in content.faults(self.instance).items():
            self.add_error("new_picture" if name == "picture" else name, fault)
        return given


@admin.register(Content)
class ContentAdmin(TenantModelAdmin):
    form = ContentForm
    form_only = ("new_picture",)
    deletes = True
    list_display = ("title", "kind", "purpose", "active", "created_at")
    list_filter = (("purpose", ChoicesDropdownFilter), ("kind", ChoicesDropdownFilter), "active")
    search_fields = ("title",)
    readonly_fields = ("general_link", "picture")
    fieldsets = (
        (None, {"fields": ("title", ("kind", "purpose"), "url", "body", "scale", "active")}),
        (
            gettext_lazy("Picture and mini-program"),
            {"fields": ("picture", "new_picture", "picture_url", ("appid", "page"))},
        ),
        (gettext_lazy("Link"), {"fields": ("general_link",)}),
    )

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        return fieldsets if obj else without(fieldsets, {"general_link", "picture"})

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: Any) -> None:
        super().save_related(request, form, formsets, change)
        Link.objects.get_or_create(content=form.instance, staff=None, contact=None)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """The link that belongs to nobody goes with its content; a contact's own link keeps it."""
        found = list(objs)
        own = Link.objects.filter(content__in=found).exclude(contact=None, staff=None)
        if own.exists() or SurveyAnswer.objects.filter(content__in=found).exists():
            names = [str(one) for one in found]
            return names, {}, set(), [_("links that were given to contacts")]
        return [str(one) for one in found], {self.opts.verbose_name_plural: len(found)}, set(), []

    def delete_model(self, request: HttpRequest, obj: Content) -> None:
        Link.objects.filter(content=obj, contact=None, staff=None).delete()
        super().delete_model(request, obj)

    @admin.display(description=gettext_lazy("General link"))
    def general_link(self, obj: Content) -> str:
        link = Link.objects.filter(content=obj, contact=None, staff=None).first()
        if link is None:
            return NOTHING
        address = content.url_of(link)
        return format_html(
            '<span class="scrm-copy"><code>{}</code>'
            '<button type="button" class="scrm-link" data-copy="{}">{}</button></span>'
            '<span class="scrm-quiet">{}</span>',
            address,
            address,
            _("Copy"),
            _("In scripts, {link} becomes the contact's own link, which tells who opened it."),
        )
