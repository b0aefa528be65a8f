"""`contents` and `links`: reusable pieces, and the link that a contact gets to one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from rest_framework import mixins, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from contacts import validation
from contacts.api.events import OF_CONTACT, limited
from contacts.api.naming import contact_ids, userids
from contacts.models import Contact
from journeys import content as content_
from journeys.models import Content, Link, Purpose, Scale
from tenants import audit, ids
from tenants.models import Staff
from tenants.rest.fields import IdField, Reference, StrictBoolean, Text, of
from tenants.rest.filters import Filter, flag, one_of
from tenants.rest.permissions import staff_to_limit_by
from tenants.rest.serializers import StrictModelSerializer
from tenants.rest.views import Editable, Listed
from tenants.roles import Can

CONFIGURE: Mapping[str, Can] = {
    "GET": Can.READ,
    "POST": Can.CONFIGURE,
    "PATCH": Can.CONFIGURE,
    "DELETE": Can.CONFIGURE,
}


class StaffName(serializers.CharField):
    """A member of staff by userid or id; shown as userid."""

    default_error_messages = {"does_not_exist": _("There is no such thing.")}

    def to_internal_value(self, data: Any) -> Any:
        text = super().to_internal_value(data)
        found = Staff.objects.filter(userid=userids([text])[text] or "").first()
        if found is None:
            self.fail("does_not_exist")
        return found

    def to_representation(self, value: Any) -> str:
        return str(value.userid)


class ContactId(serializers.CharField):
    """A contact by external_id or id; shown as id."""

    default_error_messages = {"does_not_exist": _("There is no such thing.")}

    def to_internal_value(self, data: Any) -> Any:
        text = super().to_internal_value(data)
        found = Contact.objects.filter(pk=contact_ids([text]).get(text, 0)).first()
        if found is None:
            self.fail("does_not_exist")
        return found

    def get_attribute(self, instance: Any) -> Any:
        return getattr(instance, f"{self.source}_id")

    def to_representation(self, value: Any) -> str:
        return ids.encode(value)


class ContentSerializer(StrictModelSerializer):
    """A piece: with an address its links lead there, without one they show its text. Pictures and
    mini-programs are sent from the sidebar as they are; a picture's file is chosen in the admin. A
    survey's text is its one question, which the contact answers behind their link."""

    id = IdField()
    title = Text(lambda text: validation.text(text, 120), max_length=120)
    kind = serializers.ChoiceField(Content.Kind.choices, required=False)
    purpose = serializers.ChoiceField(Purpose.choices)
    body = Text(
        lambda text: validation.text(text, 4000, breaks=True),
        max_length=4000,
        required=False,
        allow_blank=True,
    )
    url = serializers.URLField(max_length=500, required=False, allow_blank=True)
    picture_url = serializers.URLField(max_length=500, required=False, allow_blank=True)
    picture = serializers.CharField(source="picture.name", read_only=True, default=None)
    appid = Text(
        lambda text: validation.text(text, 40), max_length=40, required=False, allow_blank=True
    )
    page = Text(
        lambda text: validation.text(text, 300), max_length=300, required=False, allow_blank=True
    )
    scale = serializers.ChoiceField(
        Scale.choices, required=False, help_text="Of a survey: 5 is 1 to 5, 10 is 0 to 10."
    )
    active = StrictBoolean(required=False)

    class Meta:
        model = Content
        fields = (
            "id", "title", "kind", "purpose", "body", "url", "picture_url", "picture", "appid",
            "page", "scale", "active", "created_at",
        )  # fmt: skip
        read_only_fields = ("created_at",)

    def validate(self, attrs: Any) -> Any:
        given = super().validate(attrs)
        piece = Content(pk=self.instance.pk if self.instance else None)
        for name in ("kind", "body", "scale", "picture_url", "picture_id", "appid", "page"):
            before = getattr(self.instance or piece, name)
            setattr(piece, name, given.get(name, before))
        faults = content_.faults(piece)
        if faults:
            raise serializers.ValidationError({name: [text] for name, text in faults.items()})
        return given

    def validate_picture_url(self, value: str) -> str:
        return self.validate_url(value)

    def validate_url(self, value: str) -> str:
        if value and not value.lower().startswith(("http://", "https://")):
            raise serializers.ValidationError(_("Write an address that begins with https://."))
        return value


class Contents(Editable):
    """Reusable pieces of content, each with the purpose that it serves in the journey."""

    queryset = Content.objects.select_related("picture")
    serializer_class = ContentSerializer
    abilities = CONFIGURE
    filters: ClassVar[Mapping[str, Filter]] = {
        "purpose": one_of("purpose", Purpose.choices),
        "kind": one_of("kind", Content.Kind.choices),
        "active": flag("active"),
    }

    def perform_create(self, serializer: Any) -> None:
        audit.record("content.created", serializer.save(), request=self.request)

    def perform_update(self, serializer: Any) -> None:
        audit.record("content.changed", serializer.save(), request=self.request)

    def perform_destroy(self, instance: Content) -> None:
        audit.record("content.deleted", instance, request=self.request)
        instance.delete()


class LinkSerializer(StrictModelSerializer):
    """`url` is the contact's own: opening it tells who read what, through whom."""

    id = IdField()
    content = Reference(Content.objects.all)
    contact = ContactId()
    staff = StaffName(required=False, allow_null=True)
    url = serializers.SerializerMethodField()

    class Meta:
        model = Link
        fields = ("id", "content", "contact", "staff", "code", "url", "created_at")
        read_only_fields = ("code", "created_at")

    def get_url(self, link: Link) -> str:
        return content_.url_of(link)


class Links(mixins.DestroyModelMixin, Listed):
    """Tracked links, one for each piece, contact and member of staff."""

    queryset = Link.objects.select_related("staff")
    serializer_class = LinkSerializer
    abilities: ClassVar[Mapping[str, Can]] = {
        "GET": Can.READ,
        "POST": Can.WORK_LEADS,
        "DELETE": Can.CONFIGURE,
    }
    filters: ClassVar[Mapping[str, Filter]] = {
        "contact": OF_CONTACT,
        "content": of("content_id"),
    }

    def get_queryset(self) -> QuerySet[Link]:
        return limited(self.request, Link.objects.select_related("staff"))

    def create(self, request: Request) -> Response:
        """The link of this piece, contact and member of staff: 201 when it is new, else 200."""
        body = self.get_serializer(data=request.data)
        body.is_valid(raise_exception=True)
        given = body.validated_data
        mine, staff_id = staff_to_limit_by(request)
        people = Contact.objects.visible_to(staff_id) if mine else Contact.objects.all()
        if not people.filter(pk=given["contact"].pk).exists():
            raise serializers.ValidationError({"contact": [_("There is no such thing.")]})
        staff = given.get("staff")
        wanted = content_.Wanted(
            given["content"].pk, staff.pk if staff else None, given["contact"].pk
        )
        same = Link.objects.filter(content_id=wanted.content_id, contact_id=wanted.contact_id)
        before = same.filter(staff=staff).exists()
        link = content_.links([wanted])[wanted]
        code = status.HTTP_200_OK if before else status.HTTP_201_CREATED
        return Response(self.get_serializer(link).data, code)
