"""What may a person ask for? On their page: what they agreed to, all we know, to be forgotten."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from contacts.admin import additions
from contacts.admin.additions import Panel
from contacts.admin.merges import who
from contacts.models import Consent, Contact, Erasure, Retention
from contacts.privacy import consents, erasing, retention, takeout, traces, written
from contacts.privacy.consents import Agreement
from tenants import audit
from tenants.admin_base import NOTHING, ReadOnlyAdmin, TenantModelAdmin, link_to
from tenants.admin_forms import AskForm, TenantForm
from tenants.ids import encode
from tenants.models import User
from tenants.punctuation import pairs
from tenants.roles import Can

_LATEST = 10
_URL = "admin:contacts_erasure_{}".format


class ReasonForm(AskForm):
    reason = forms.CharField(
        label=gettext_lazy("Why?"),
        min_length=3,
        max_length=200,
        widget=UnfoldAdminTextInputWidget,
    )


class ConsentForm(AskForm):
    purpose = forms.ChoiceField(
        label=gettext_lazy("Purpose"),
        choices=Consent.Purpose.choices,
        widget=UnfoldAdminSelectWidget,
    )
    said = forms.ChoiceField(
        label=gettext_lazy("What they said"),
        choices=(("no", gettext_lazy("withdrew, or objected")), ("yes", gettext_lazy("agreed"))),
        widget=UnfoldAdminSelectWidget,
    )
    channel = forms.CharField(
        label=gettext_lazy("How (call, letter, form …)"),
        max_length=40,
        widget=UnfoldAdminTextInputWidget,
    )
    text_version = forms.CharField(
        label=gettext_lazy("Version of the text"),
        max_length=40,
        required=False,
        widget=UnfoldAdminTextInputWidget,
    )


Act = Callable[[HttpRequest, Contact, Any], HttpResponse]


def _may(request: HttpRequest, *needed: Can) -> bool:
    return isinstance(request.user, User) and all(request.user.can(each) for each in needed)


def _by(request: HttpRequest) -> str:
    return f"user:{encode(request.user.pk or 0)}"


def _page(contact: Contact) -> str:
    return reverse("admin:contacts_contact_change", args=[contact.pk])


def _called(contact: Contact) -> str:
    return contact.name or encode(contact.pk)


@admin.register(Erasure)
class ErasureAdmin(ReadOnlyAdmin):
    """Who was forgotten; and the pages on which people ask for it."""

    ability = Can.MANAGE
    list_display = ("at", "shell", "by_shown", "reason")
    list_select_related = ("contact",)
    fieldsets = ((None, {"fields": (("at", "by_shown"), "shell", "reason", "counted")}),)

    @admin.display(description=gettext_lazy("What is left"))
    def shell(self, obj: Erasure) -> str:
        return link_to(obj.contact, encode(obj.contact_id)) if obj.contact_id else NOTHING

    @admin.display(description=gettext_lazy("By"))
    def by_shown(self, obj: Erasure) -> str:
        return who(obj.by)

    @admin.display(description=gettext_lazy("Rows by table"))
    def counted(self, obj: Erasure) -> str:
        return pairs(obj.counts) or NOTHING

    def get_urls(self) -> list[Any]:
        wrap = self.admin_site.admin_view
        return [
            path(
                "of/<int:contact_id>/consent/", wrap(self.consent), name="contacts_erasure_consent"
            ),
            path("of/<int:contact_id>/all/", wrap(self.take_out), name="contacts_erasure_take_out"),
            path("of/<int:contact_id>/erase/", wrap(self.erase), name="contacts_erasure_erase"),
            *super().get_urls(),
        ]

    def consent(self, request: HttpRequest, contact_id: int) -> HttpResponse:
        title = _("Record a consent or a withdrawal")
        question = _("The ledger keeps every word; nothing in it is changed.")
        if not _may(request, Can.WRITE):
            raise PermissionDenied
        return self._asked(request, contact_id, ConsentForm, (title, question), _agree)

    def take_out(self, request: HttpRequest, contact_id: int) -> HttpResponse:
        title = _("Everything about this person")
        question = _("A file with every table that holds something of them, nothing masked.")
        if not _may(request, Can.EXPORT, Can.REVEAL):
            raise PermissionDenied
        return self._asked(request, contact_id, ReasonForm, (title, question), _take_out)

    def erase(self, request: HttpRequest, contact_id: int) -> HttpResponse:
        title = _("Erase this person")
        question = _(
            "Names, phone, accounts, remarks, messages and files go and cannot come back. Orders "
            "and figures stay, on a contact without a name."
        )
        if not _may(request, Can.MANAGE):
            raise PermissionDenied
        return self._asked(request, contact_id, ReasonForm, (title, question), _erase)

    def _asked(
        self, request: HttpRequest, contact_id: int, form: type[AskForm],
        words: tuple[str, str], act: Act,
    ) -> HttpResponse:  # fmt: skip
        contact = Contact.objects.filter(pk=contact_id).first()
        if contact is None or erasing.among([contact_id]):
            messages.warning(request, _("There is no such person, or they are erased already."))
            return redirect("admin:contacts_contact_changelist")
        posted = form(request.POST if request.method == "POST" else None, target=contact)
        if posted.is_bound and posted.is_valid():
            try:
                with transaction.atomic():
                    return act(request, contact, posted)
            except ValidationError as error:
                for message in error.messages:
                    messages.error(request, message)
        title, question = words
        context = {
            **self.admin_site.each_context(request),
            "dialog": {"title": title, "description": question},
            "form_submit_text": title,
            "form": posted,
            "opts": Contact._meta,
            "original": _called(contact),
            "title": title,
        }
        return render(request, "admin/ask.html", context)


def _agree(request: HttpRequest, contact: Contact, form: Any) -> HttpResponse:
    given = form.cleaned_data
    said = Agreement(
        given["purpose"], granted=given["said"] == "yes", channel=given["channel"],
        text_version=given["text_version"],
    )  # fmt: skip
    if consents.write(contact, [said], _by(request)):
        audit.record("contact.consent_recorded", contact, request=request)
        messages.success(request, _("It is written down."))
    else:
        messages.info(request, _("That was the last word already."))
    return redirect(_page(contact))


def _take_out(request: HttpRequest, contact: Contact, form: Any) -> HttpResponse:
    document = takeout.everything(contact)
    audit.record(
        "contact.taken_out", contact, request=request, reason=form.cleaned_data["reason"],
        detail={"tables": sorted(document["tables"])},
    )  # fmt: skip
    name = f"person-{encode(contact.pk)}.zip"
    return HttpResponse(
        takeout.zipped(document),
        content_type="application/zip",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _erase(request: HttpRequest, contact: Contact, form: Any) -> HttpResponse:
    try:
        done = erasing.erase(contact.pk, by=_by(request), reason=form.cleaned_data["reason"])
    except erasing.Gone:
        raise ValidationError(_("This person has been erased already.")) from None
    except traces.InUse as error:
        raise ValidationError(str(error)) from None
    except written.NamesThem:
        raise ValidationError(written.DO_NOT_NAME) from None
    audit.record(
        "contact.erased", contact, request=request, detail={"erasure": audit.reference(done)}
    )
    messages.success(request, _("The person is erased. Only money and figures are left."))
    return redirect(_page(contact))


# --- on a contact's page ---


def panel(request: HttpRequest, contact: Contact) -> Panel:
    erased = Erasure.objects.filter(contact=contact).order_by("-id").first()
    rows = [
        (
            f"{timezone.localtime(each.at):%Y-%m-%d}",
            f"{each.get_purpose_display()}: {_('agreed') if each.granted else _('withdrew')}",
            " · ".join(filter(None, (each.channel, each.text_version, each.by and who(each.by)))),
        )
        for each in Consent.objects.filter(contact=contact).order_by("-at", "-id")[:_LATEST]
    ]  # fmt: skip
    offered = (
        ("consent", _("Record a consent or a withdrawal"), (Can.WRITE,)),
        ("take_out", _("Everything about this person"), (Can.EXPORT, Can.REVEAL)),
        ("erase", _("Erase this person"), (Can.MANAGE,)),
    )
    links = [
        (reverse(_URL(name), args=[contact.pk]), title)
        for name, title, needed in offered
        if erased is None and _may(request, *needed)
    ]
    context = {"rows": rows, "links": links, "erased": erased}
    return Panel(_("Privacy"), "shield_person", "admin/contacts/contact/privacy.html", context,
                 pane="who")  # fmt: skip


additions.panel(panel)


# --- how long events are kept ---


class RetentionForm(TenantForm):
    def clean_kind(self) -> str:
        kind = str(self.cleaned_data["kind"])
        retention.check(kind)
        return kind


@admin.register(Retention)
class RetentionAdmin(TenantModelAdmin):
    form = RetentionForm
    ability = Can.MANAGE
    deletes = True
    list_display = ("kind", "days", "active", "deleted", "done_at")
    readonly_fields = ("deleted", "done_at")
    ordering = ("kind", "id")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        more = [("deleted", "done_at")] if obj is not None else []
        return [(None, {"fields": [("kind", "days"), "active", *more]})]

    def save_model(self, request: HttpRequest, obj: Retention, form: Any, change: Any) -> None:
        super().save_model(request, obj, form, change)
        retention.ring()
