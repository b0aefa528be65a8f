"""The page on which a code's poster is put together, looked at and downloaded."""

from __future__ import annotations

import base64
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import (
    UnfoldAdminColorInputWidget,
    UnfoldAdminFileFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from contacts.livecodes import poster
from contacts.livecodes.poster import Poster

PREVIEW_WIDTH = 480


class PosterForm(forms.Form):
    title = forms.CharField(
        label=gettext_lazy("Title"),
        max_length=60,
        required=False,
        widget=UnfoldAdminTextInputWidget(),
    )
    subtitle = forms.CharField(
        label=gettext_lazy("Subtitle"),
        max_length=120,
        required=False,
        widget=UnfoldAdminTextInputWidget(),
    )
    size = forms.ChoiceField(
        label=gettext_lazy("Size"),
        choices=[("a4", "A4"), ("a5", "A5"), ("square", gettext_lazy("square, 17 cm"))],
        widget=UnfoldAdminSelectWidget(),
    )
    ink = forms.CharField(label=gettext_lazy("Colour"), widget=UnfoldAdminColorInputWidget())
    paper = forms.CharField(label=gettext_lazy("Background"), widget=UnfoldAdminColorInputWidget())
    logo = forms.FileField(
        label=gettext_lazy("Logo"),
        required=False,
        widget=UnfoldAdminFileFieldWidget(),
        help_text=gettext_lazy("PNG, JPEG or WebP; choose it anew for each download."),
    )

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        if not self.errors:
            poster.check_colours(given["ink"], given["paper"])
        return given

    def poster(self, address: str) -> Poster:
        given = dict(self.cleaned_data)
        logo = given.pop("logo")
        content = logo.read(poster.MOST_LOGO_BYTES + 1) if logo else None
        return Poster(address, logo=content, **given)


def page(
    request: HttpRequest, made: Poster, file_name: str, context: dict[str, Any]
) -> HttpResponse:
    """GET shows the poster as `made`; POST another one to the same address, or answers the file."""
    form = PosterForm(request.POST, request.FILES) if request.method == "POST" else None
    preview = b""
    if form is None:
        preview = poster.png(made, width=PREVIEW_WIDTH)
    elif form.is_valid():
        try:
            made = form.poster(made.address)
            if request.POST.get("as") in {"png", "pdf"}:
                return _download(file_name, made, request.POST["as"])
            preview = poster.png(made, width=PREVIEW_WIDTH)
        except ValidationError as error:
            form.add_error("logo", error)
    shown = f"data:image/png;base64,{base64.b64encode(preview).decode()}" if preview else ""
    known = {name: getattr(made, name) for name in ("title", "subtitle", "size", "ink", "paper")}
    more = {"form": form or PosterForm(initial=known), "preview": shown, "title": _("Poster")}
    return render(request, "admin/contacts/poster.html", context | more)


def _download(file_name: str, made: Poster, kind: str) -> HttpResponse:
    content = poster.pdf(made) if kind == "pdf" else poster.png(made)
    return HttpResponse(
        content,
        content_type="application/pdf" if kind == "pdf" else "image/png",
        headers={"Content-Disposition": f'attachment; filename="{file_name}.{kind}"'},
    )
