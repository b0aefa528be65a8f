"""`groups`: customer groups, who is in them, who came and went, day by day; who was lost."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from contacts import people, tagging, validation
from contacts.api import group_items
from contacts.api.contact_fields import Tags
from contacts.api.contacts import visible
from contacts.api.events import OF_CONTACT
from contacts.api.naming import Named, tag_names, userids
from contacts.api.results import as_results
from contacts.api.shown import moment
from contacts.groups import days, lists, snapshots
from contacts.models import Contact, Group, GroupMember, GroupTag, GroupWay
from tenants import audit, ids
from tenants.models import Staff
from tenants.rest import bulk, errors
from tenants.rest.fields import IdField, Moment, Text, row_id
from tenants.rest.filters import Filter, equals
from tenants.rest.pages import Cursor, Ordering
from tenants.rest.permissions import staff_to_limit_by
from tenants.rest.serializers import StrictModelSerializer
from tenants.rest.views import Resource
from tenants.roles import Can

MOST_DAYS = 400
DEFAULT_DAYS = 30


class GroupSerializer(StrictModelSerializer):
    """A customer group. `members` are the customers in it now, `staff` the staff in it."""

    id = IdField()
    chat_id = Text(validation.identifier, max_length=64, required=False, allow_null=True)
    name = Text(validation.name, max_length=100, required=False, allow_blank=True)
    owner = Named(
        Staff.objects.all, "userid", validation.identifier, required=False, allow_null=True,
        help_text="The userid (or id) of a staff member; an unknown one is made.",
    )  # fmt: skip
    notice = Text(
        lambda text: validation.text(text, 2000, breaks=True),
        max_length=2000, required=False, allow_blank=True,
    )  # fmt: skip
    tags = Tags(required=False)
    founded_at = Moment(clean=validation.moment, required=False, allow_null=True)
    dismissed_at = Moment(clean=validation.moment, required=False, allow_null=True)
    members = serializers.IntegerField(source="members_now", read_only=True)
    staff = serializers.IntegerField(source="staff_now", read_only=True)

    class Meta:
        model = Group
        fields = (
            "id", "chat_id", "name", "owner", "notice", "tags", "founded_at", "dismissed_at",
            "members", "staff", "created_at",
        )  # fmt: skip
        read_only_fields = ("created_at",)
        ref_name = "Group"

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        stored = self.instance
        named = [attrs.get(name, getattr(stored, name, None)) for name in ("chat_id", "name")]
        if not any(named):
            raise errors.invalid(name=_("Give the group a name or a chat id."))
        return attrs


def shown(groups: Sequence[Group]) -> list[dict[str, object]]:
    """A page of groups; their owners came with them."""
    rows = GroupTag.objects.filter(group__in=groups).order_by("tag__name")
    tags: dict[int, list[str]] = {}
    for group_id, name in rows.values_list("group_id", "tag__name"):
        tags.setdefault(group_id, []).append(name)
    return [
        {
            "id": ids.encode(group.pk),
            "chat_id": group.chat_id,
            "name": group.name,
            "owner": group.owner.userid if group.owner else None,
            "notice": group.notice,
            "tags": tags.get(group.pk, []),
            "founded_at": moment(group.founded_at),
            "dismissed_at": moment(group.dismissed_at),
            "members": group.members_now,
            "staff": group.staff_now,
            "created_at": moment(group.created_at),
        }
        for group in groups
    ]


class GroupMemberSerializer(serializers.Serializer):
    """Somebody who is or was in a group; joined and left are of the latest stay of `stays`."""

    id = IdField()
    group = serializers.CharField()
    kind = serializers.ChoiceField(["contact", "staff", "unknown"])
    contact = serializers.CharField(allow_null=True)
    staff = serializers.CharField(allow_null=True)
    external = serializers.CharField(allow_null=True)
    name = serializers.CharField()
    joined_at = serializers.DateTimeField()
    join_way = serializers.ChoiceField(GroupWay.choices, allow_blank=True)
    invited_by = serializers.CharField(allow_null=True)
    state = serializers.CharField()
    left_at = serializers.DateTimeField(allow_null=True)
    quit_way = serializers.ChoiceField(GroupWay.choices, allow_blank=True)
    stays = serializers.IntegerField()

    class Meta:
        ref_name = "GroupMember"


def shown_members(members: Sequence[GroupMember]) -> list[dict[str, object]]:
    stays = lists.stays_of(members)
    # Who joined since the page was read has a stay by the next one.
    return [_shown_member(each, stays[each.pk]) for each in members if each.pk in stays]


def _shown_member(member: GroupMember, stays: lists.Stays) -> dict[str, object]:
    latest = stays.latest
    return {
        "id": ids.encode(member.pk),
        "group": ids.encode(member.group_id),
        "kind": "contact" if member.contact_id else "staff" if member.staff_id else "unknown",
        "contact": ids.encode(member.contact_id) if member.contact_id else None,
        "staff": member.staff.userid if member.staff else None,
        "external": member.external,
        "name": member.contact.name if member.contact else str(member.staff or member.name),
        "joined_at": moment(latest.joined_at),
        "join_way": latest.join_way,
        "invited_by": latest.invited_by.userid if latest.invited_by else None,
        "state": latest.state,
        "left_at": moment(latest.left_at),
        "quit_way": latest.quit_way,
        "stays": stays.count,
    }


class GroupDaySerializer(serializers.Serializer):
    """Customers who joined and left on a day, and who were in at its end."""

    day = serializers.DateField()
    joined = serializers.IntegerField()
    left = serializers.IntegerField()
    members = serializers.IntegerField()

    class Meta:
        ref_name = "GroupDay"


class GroupDaysSerializer(serializers.Serializer):
    rows = GroupDaySerializer(many=True)


def _with_owner(rows: QuerySet[Any], text: str, column: str = "owner") -> QuerySet[Any]:
    if not text:
        return rows.filter(**{column: None})
    return rows.filter(**{f"{column}__userid": userids([text])[text] or ""})


def _tagged(rows: QuerySet[Group], names: list[str]) -> QuerySet[Group]:
    for known in tag_names(names).values():
        wearing = GroupTag.objects.filter(tag__name=known or "")
        rows = rows.filter(id__in=wearing.values("group_id"))
    return rows


_OWNER = serializers.CharField(max_length=64, allow_blank=True)
_STATES: dict[str, Any] = {"in": lists.inside, "left": lists.gone}
_KINDS = {
    "contact": Q(contact__isnull=False),
    "staff": Q(staff__isnull=False),
    "unknown": Q(contact=None, staff=None),
}


class Groups(mixins.ListModelMixin, Resource):
    """Customer groups. They are never deleted: a group that is no more has `dismissed_at`."""

    queryset = Group.objects.all()
    serializer_class = GroupSerializer
    abilities: ClassVar[Mapping[str, Can]] = {
        "GET": Can.READ, "POST": Can.WRITE, "PATCH": Can.WRITE,
    }  # fmt: skip
    filters: ClassVar[Mapping[str, Filter]] = {
        "chat_id": equals("chat_id"),
        "owner": Filter(_OWNER, _with_owner, help="userid or id of a staff member; empty: nobody."),
        "tag": Filter(
            serializers.CharField(max_length=64), _tagged, many=True,
            help="Names or ids; repeated: all of them.",
        ),
        "active": Filter(
            serializers.BooleanField(),
            lambda rows, value: rows.filter(dismissed_at__isnull=value),
            help="true: not dismissed.",
        ),
        "q": Filter(
            serializers.CharField(max_length=100),
            lambda rows, text: rows.filter(Q(name__icontains=text) | Q(chat_id=text)),
            help="Part of the name, or the chat id.",
        ),
    }  # fmt: skip
    orderings: ClassVar[Mapping[str, Ordering]] = {
        "members": Ordering("members_now"), "created_at": Ordering(),
    }  # fmt: skip
    parameters: ClassVar[Mapping[str, Mapping[str, Filter]]] = {
        "members": {
            "state": Filter(
                serializers.ChoiceField(["in", "left"]), lambda rows, word: _STATES[word](rows)
            ),
            "kind": Filter(
                serializers.ChoiceField(list(_KINDS)), lambda rows, word: rows.filter(_KINDS[word])
            ),
            "contact": OF_CONTACT,
        },
        "lost": {
            "owner": Filter(
                _OWNER, lambda rows, text: _with_owner(rows, text, "group__owner"),
                help="Of the last group: userid or id of a staff member.",
            ),
            "group": Filter(
                serializers.CharField(max_length=32),
                lambda rows, text: rows.filter(group_id=row_id(text) or 0),
            ),
        },
        "days": {
            "from": Filter(serializers.DateField(), help="Inclusive; else 30 days before `to`."),
            "to": Filter(serializers.DateField(), help="Exclusive; else after today."),
        },
    }  # fmt: skip

    def get_queryset(self) -> QuerySet[Group]:
        rows = Group.objects.select_related("owner")
        limited, staff_id = staff_to_limit_by(self.request)
        return lists.of_staff(rows, staff_id) if limited else rows

    def paged_actions(self) -> set[str]:
        return {"list", "members", "lost"}

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset())) or []
        return self.get_paginated_response(shown(page))

    def retrieve(self, request: Request, id: str) -> Response:
        return self._shown(self.get_object())

    def create(self, request: Request) -> Response:
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        values: dict[str, Any] = serializer.validated_data
        group = Group(**_columns(values))
        group.save(force_insert=True)
        _tag(group, values.get("tags", ()))
        audit.record("group.created", group, request=request)
        return self._shown(self.get_queryset().get(pk=group.pk), status.HTTP_201_CREATED)

    def partial_update(self, request: Request, id: str) -> Response:
        group: Group = self.get_object()
        serializer = self.get_serializer(group, data=request.data, partial=True)
        serializer.is_valid(raise_exception=True)
        values: dict[str, Any] = serializer.validated_data
        columns = _columns(values)
        if "dismissed_at" in columns:
            snapshots.set_dismissed(group, columns.pop("dismissed_at"))
        for name, value in columns.items():
            setattr(group, name, value)
        if columns:
            group.save(update_fields=list(columns))
        if "tags" in values:
            _tag(group, values["tags"])
        audit.record("group.changed", group, request=request, detail={"fields": sorted(values)})
        return self._shown(self.get_queryset().get(pk=group.pk))

    @extend_schema(responses=GroupMemberSerializer(many=True))
    @action(detail=True, methods=["GET"])
    def members(self, request: Request, id: str) -> Response:
        """Who is and who was in the group."""
        rows = lists.seen(GroupMember.objects.filter(group=self.get_object()))
        return self._page_of_members(rows, _Members)

    @extend_schema(responses=GroupMemberSerializer(many=True))
    @action(detail=False, methods=["GET"], url_path="lost")
    def lost(self, request: Request) -> Response:
        """Customers who left and are in no group any more, with their last group."""
        return self._page_of_members(lists.lost(GroupMember.objects.all()), _Lost)

    @bulk.described(group_items.GroupMemberItemSerializer, "GroupMember")
    @action(detail=True, methods=["POST"], url_path="members/bulk")
    def members_bulk(self, request: Request, id: str) -> Response:
        """Record who came and went: created (a new member), updated, unchanged or rejected."""
        group = self.get_object()
        return bulk.answer(as_results(group_items.bring(group, bulk.items(request))))

    @extend_schema(responses=GroupDaysSerializer)
    @action(detail=True, methods=["GET"])
    def days(self, request: Request, id: str) -> Response:
        """Customers by day of the tenant's zone; staff are not counted."""
        group = self.get_object()
        given = self.given()
        one = datetime.timedelta(days=1)
        end = given.get("to") or timezone.localdate() + one
        start = given.get("from") or end - one * DEFAULT_DAYS
        if not datetime.timedelta(0) <= end - start <= one * MOST_DAYS:
            text = _("From 0 to %(most)s days after `from`.") % {"most": MOST_DAYS}
            raise errors.invalid(to=text)
        rows = days.by_day(group.pk, start, end)
        return Response(
            {
                "rows": [
                    {"day": row.day.isoformat(), "joined": row.joined, "left": row.left,
                     "members": row.members}
                    for row in rows
                ]
            }
        )  # fmt: skip

    def _page_of_members(self, rows: QuerySet[GroupMember], order: type[Any]) -> Response:
        if staff_to_limit_by(self.request)[0]:
            own = visible(self.request, Contact.objects.all()).values("id")
            rows = rows.filter(Q(contact=None) | Q(contact_id__in=own))
            if order is _Lost:
                rows = rows.filter(contact__isnull=False)
        given = self.given()
        for name, declared in self.parameters[self.action].items():
            if name in given and declared.apply is not None:
                rows = declared.apply(rows, given[name])
        pages = Cursor()
        page = pages.page(rows.select_related("contact", "staff"), self.request, order)
        return pages.get_paginated_response(shown_members(page))

    def _shown(self, group: Group, number: int = status.HTTP_200_OK) -> Response:
        return Response(shown([group])[0], status=number)


class _Members:
    """The order of a list of members, for the paginator: as they became known."""

    orderings: ClassVar[Mapping[str, Ordering]] = {"id": Ordering()}
    default_ordering = "id"


class _Lost:
    """The latest lost first."""

    orderings: ClassVar[Mapping[str, Ordering]] = {"left_at": Ordering("left_at")}
    default_ordering = "-left_at"


def _columns(values: Mapping[str, Any]) -> dict[str, Any]:
    found = {name: value for name, value in values.items() if name not in {"owner", "tags"}}
    if "owner" in values:
        owner = values["owner"]
        found["owner_id"] = people.staff_named([owner])[owner] if owner else None
    return found


def _tag(group: Group, names: Sequence[str]) -> None:
    lists.put_tags(group, set(tagging.named(names).values()) if names else set())
