"""The QR of a code on its page: shown, downloaded, printed as a poster."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import segno
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from contacts.admin import poster
from contacts.livecodes.poster import Poster
from tenants.admin_base import TenantModelAdmin, button


class QrPages(TenantModelAdmin):
    """Of a model with `name` and `qr_url`; a page's buttons contain "poster"."""

    file_name = "code"
    invitation: Any = ""  # under the QR of a poster

    def printed(self, request: HttpRequest, target: Any) -> str:
        """Where the QR of a poster leads."""
        return str(target.qr_url)

    def offers(self, request: HttpRequest, target: Any) -> set[str]:
        return super().offers(request, target) - {"poster"} | (
            {"poster"} if target.qr_url else set()
        )

    @button(gettext_lazy("Poster"), icon="print")
    def poster(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return redirect(self._route("print"), object_id)

    def get_urls(self) -> list[Any]:
        wrap, at = self.admin_site.admin_view, "<path:object_id>/change"
        name = self._route("{}").removeprefix("admin:")
        return [
            path(f"{at}/qr.svg", wrap(self.qr_file), name=name.format("qr")),
            path(f"{at}/poster/", wrap(self.poster_page), name=name.format("print")),
            *super().get_urls(),
        ]

    def poster_page(self, request: HttpRequest, object_id: str) -> HttpResponse:
        target = self._with_qr(request, object_id)
        if target is None:
            return self.unknown(request, object_id)
        made = Poster(self.printed(request, target), target.name, str(self.invitation))
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": target,
            "back": self.page_of(target),
        }
        return poster.page(request, made, f"{self.file_name}-{target.pk}", context)

    def qr_file(self, request: HttpRequest, object_id: str) -> HttpResponse:
        target = self._with_qr(request, object_id)
        if target is None:
            return self.unknown(request, object_id)
        picture = BytesIO()
        segno.make(target.qr_url, error="m").save(picture, kind="svg", scale=8, border=4)
        name = f"{self.file_name}-{target.pk}.svg"
        return HttpResponse(
            picture.getvalue(),
            content_type="image/svg+xml",
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )

    @admin.display(description=gettext_lazy("QR code"))
    def qr(self, obj: Any) -> str:
        if not obj.qr_url:
            return _("It appears here as soon as the platform has made it.")
        picture = segno.make(obj.qr_url, error="m").svg_data_uri(scale=5, border=3)
        return format_html(
            '<span class="scrm-qr"><img src="{}" alt="{}" width="180" height="180"/>'
            '<span class="scrm-stack"><a class="scrm-link" href="{}" download>{}</a>'
            '<a class="scrm-link" href="{}" rel="noreferrer noopener" target="_blank">{}</a>'
            "</span></span>",
            picture,
            _("QR code of %(name)s") % {"name": obj.name},
            reverse(self._route("qr"), args=[obj.pk]),
            _("Download (SVG)"),
            obj.qr_url,
            _("Open"),
        )

    def _with_qr(self, request: HttpRequest, object_id: str) -> Any:
        target = self.get_object(request, object_id)
        shown = target is not None and self.has_view_permission(request, target)
        return target if shown and target.qr_url else None

    def _route(self, page: str) -> str:
        return f"admin:{self.opts.app_label}_{self.opts.model_name}_{page}"
