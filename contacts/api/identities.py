"""`contacts/{id}/identities`: the accounts by which a person is known, and what they proved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from contacts import identity, masking, profile, validation
from contacts.api.contacts import visible
from contacts.api.forwarding import Forwarding
from contacts.api.shown import moment
from contacts.identity import Account
from contacts.models import Contact, Identity
from tenants import audit, ids
from tenants.rest.fields import Text
from tenants.rest.serializers import StrictSerializer
from tenants.rest.views import Resource
from tenants.roles import Can

Kind = Identity.Kind
# Others come from the platform alone.
PROVED: Final = (Kind.UNIONID, Kind.OPENID, Kind.PHONE, Kind.EMAIL)
MOST = 200
_MASKS: Final = {Kind.PHONE: masking.phone, Kind.EMAIL: masking.email}
_CHECKS: Final = {Kind.PHONE: validation.phone, Kind.EMAIL: validation.email}


class IdentitySerializer(serializers.Serializer):
    """Phones and e-mails are masked. `account`: the app that an openid is of."""

    kind = serializers.ChoiceField(Kind.choices)
    value = serializers.CharField()
    account = serializers.CharField(allow_blank=True)
    nickname = serializers.CharField(allow_blank=True)
    created_at = serializers.DateTimeField()


class ProvedSerializer(StrictSerializer):
    """An account that the person proved to be theirs: by a code, or as the platform says."""

    kind = serializers.ChoiceField([(each.value, each.label) for each in PROVED])
    value = Text(lambda text: validation.text(text, 254), max_length=254)
    account = Text(
        lambda text: validation.text(text, 64), max_length=64, required=False, allow_blank=True
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        kind, app = Kind(attrs["kind"]), attrs.setdefault("account", "")
        if (kind == Kind.OPENID) != bool(app):
            raise serializers.ValidationError(
                {"account": _("The app of an openid; empty for other kinds.")}
            )
        check = _CHECKS.get(kind)
        if check is not None:
            try:
                attrs["value"] = check(attrs["value"])
            except validation.Invalid as error:
                raise serializers.ValidationError({"value": str(error)}) from None
        return attrs


class GivenSerializer(serializers.Serializer):
    """`held_by`: other contacts that have this account. By a unionid or a phone the worker merges
    them, unless they disagree; then they are on the list of duplicates.
    """

    identities = IdentitySerializer(many=True)
    held_by = serializers.ListField(child=serializers.CharField())


class ContactIdentities(Forwarding, Resource):
    queryset = Contact.objects.all()
    serializer_class = IdentitySerializer
    abilities: ClassVar[Mapping[str, Can]] = {"identities": Can.READ, "prove": Can.WRITE}

    def get_queryset(self) -> QuerySet[Contact]:
        return visible(self.request, Contact.objects.all())

    @extend_schema(responses=IdentitySerializer(many=True))
    @action(detail=True, methods=["GET"])
    def identities(self, request: Request, id: str) -> Response:
        """The accounts of the contact (at most 200), by kind."""
        return Response(_shown(self.get_object()))

    @extend_schema(request=ProvedSerializer, responses={200: GivenSerializer, 201: GivenSerializer})
    @identities.mapping.post
    def prove(self, request: Request, id: str) -> Response:
        """Note an account that the person proved. A phone or an e-mail becomes that of a contact
        that had none. The same again changes nothing: 200.
        """
        contact: Contact = self.get_object()
        given = ProvedSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        kind, value, app = (given.validated_data[name] for name in ("kind", "value", "account"))
        known = identity.holders([Account(kind, value, app)])
        others = identity.attach(contact.pk, [Account(kind, value, app)])
        if kind in _CHECKS and not others and not getattr(contact, kind):
            profile.change(contact, {kind: value})
        if not known:
            audit.record("contact.identity_proved", contact, request=request, detail={"kind": kind})
        answer = {
            "identities": _shown(contact),
            "held_by": [ids.encode(each) for each in others],
        }
        return Response(answer, status.HTTP_200_OK if known else status.HTTP_201_CREATED)


def _shown(contact: Contact) -> list[dict[str, object]]:
    rows = Identity.objects.filter(contact=contact).order_by("kind", "id")[:MOST]
    return [
        {
            "kind": each.kind,
            "value": _MASKS.get(Kind(each.kind), str)(each.text),
            "account": each.account,
            "nickname": each.nickname,
            "created_at": moment(each.created_at),
        }
        for each in rows
    ]
