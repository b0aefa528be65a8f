"""Attachments of a message in a form: those that are there may go, and one is added at a time."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from unfold.widgets import (
    UnfoldAdminFileFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from contacts import attachments, media
from contacts.models import MediaFile

FIELDS = (
    "kept_attachments",
    "new_attachment",
    "attachment_file",
    ("attachment_title", "attachment_url"),
    "attachment_description",
    ("attachment_appid", "attachment_page"),
)
NAMES = tuple(name for each in FIELDS for name in ([each] if isinstance(each, str) else each))
_KINDS = (
    ("", gettext_lazy("none")),
    ("image", pgettext_lazy("to send", "picture")),
    ("link", gettext_lazy("link")),
    ("miniprogram", gettext_lazy("mini-program")),
    ("file", gettext_lazy("file")),
    ("video", gettext_lazy("video")),
)
_WITH_FILE = {"image": "image", "video": "video", "file": "file", "miniprogram": "image"}
_TEXTS = {
    "title": ("link", "miniprogram"),
    "url": ("link",),
    "description": ("link",),
    "appid": ("miniprogram",),
    "page": ("miniprogram",),
}


def _text(label: Any, **options: Any) -> forms.CharField:
    return forms.CharField(
        label=label, required=False, widget=UnfoldAdminTextInputWidget(), **options
    )


class AttachmentFields(forms.Form):
    """Mix into a form of a row; `attachments_field` is the column of the stored form."""

    attachments_field = "attachments"

    kept_attachments = forms.MultipleChoiceField(
        label=gettext_lazy("Attachments"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("What is not ticked goes when you save."),
    )
    new_attachment = forms.ChoiceField(
        label=gettext_lazy("Add an attachment"),
        required=False,
        choices=_KINDS,
        widget=UnfoldAdminSelectWidget(),
    )
    attachment_file = forms.FileField(
        label=gettext_lazy("File, or cover of a mini-program or of a moment's link"),
        required=False,
        widget=UnfoldAdminFileFieldWidget(),
        help_text=gettext_lazy("Pictures JPG or PNG to 10 MB, videos MP4 to 10 MB, files to 20 MB"),
    )
    attachment_title = _text(gettext_lazy("Title"))
    attachment_url = _text(gettext_lazy("Address"))
    attachment_description = _text(gettext_lazy("Description"))
    attachment_appid = _text(gettext_lazy("App id of the mini-program"))
    attachment_page = _text(gettext_lazy("Page of the mini-program"))

    def show_attachments(self, stored: list[dict[str, Any]]) -> None:
        """Call at the end of __init__."""
        names = dict(
            MediaFile.objects.filter(pk__in=attachments.media_ids(stored)).values_list("pk", "name")
        )
        choices = [(str(n), described(one, names)) for n, one in enumerate(stored)]
        self.stored_attachments = stored
        field = self.fields.get("kept_attachments")
        if field is None:
            return
        field.choices = choices  # type: ignore[attr-defined]
        self.initial["kept_attachments"] = [key for key, _label in choices]
        if not choices:
            field.widget = forms.MultipleHiddenInput()

    def clean_attachments(self) -> list[dict[str, object]]:
        """Call in clean(): the stored form of what is wanted. Raises ValidationError."""
        given = self.cleaned_data
        kept = {int(key) for key in given.get("kept_attachments") or []}
        wanted = [one for n, one in enumerate(self.stored_attachments) if n in kept]
        kind = given.get("new_attachment")
        if kind:
            wanted.append(self._new(str(kind)))
        return attachments.checked(wanted)

    def _new(self, kind: str) -> dict[str, Any]:
        given = self.cleaned_data
        found: dict[str, Any] = {"type": kind}
        for name, kinds in _TEXTS.items():
            if kind in kinds and given.get(f"attachment_{name}"):
                found[name] = given[f"attachment_{name}"]
        upload = given.get("attachment_file")
        if kind in _WITH_FILE or (kind == "link" and upload):
            if not upload:
                raise ValidationError(_("Choose a file for the attachment."))
            found["media"] = media.keep(upload, upload.name, _WITH_FILE.get(kind, "image")).pk
        return found


def listed(stored: list[dict[str, Any]]) -> str:
    """All of them in a line, for a page that changes nothing."""
    files = MediaFile.objects.filter(pk__in=attachments.media_ids(stored))
    names = dict(files.values_list("pk", "name"))
    return ", ".join(described(one, names) for one in stored)


def described(one: dict[str, Any], names: dict[int, str]) -> str:
    """“Picture: poster.png”."""
    kind = str(dict(_KINDS).get(str(one["type"]), one["type"]))
    name = one.get("title") or names.get(one.get("media") or 0, "")
    return f"{kind}: {name}"
