"""Customer groups: the list of them, and the page of one with its days and members."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.db.models import F, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext
from unfold.contrib.filters.admin import AutocompleteSelectFilter, DropdownFilter
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminTextareaWidget

from contacts.admin import additions
from contacts.admin.additions import Panel
from contacts.admin.group_chart import chart
from contacts.groups import days, lists, snapshots, words
from contacts.models import Contact, Group, GroupMember, GroupTag, Tag
from tenants.admin_base import NOTHING, LookAheadList, TenantModelAdmin, ask, chip, header, link_to
from tenants.admin_forms import AskForm, TenantForm, autocomplete
from tenants.punctuation import listed

PERIODS = (30, 90, 365)
SHOWN = 12  # members on the page of a group; all of them are on their list
RECENT = timedelta(days=6)  # and today


class GroupForm(TenantForm):
    worn_tags = forms.ModelMultipleChoiceField(
        label=gettext_lazy("Tags"),
        queryset=Tag.objects.all(),
        required=False,
        widget=autocomplete(Group._meta.get_field("tags")),
    )

    class Meta:
        model = Group
        fields = ("name", "chat_id", "owner", "notice", "founded_at")
        widgets = {"notice": UnfoldAdminTextareaWidget({"rows": 3})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.initial["worn_tags"] = list(
                GroupTag.objects.filter(group=self.instance).values_list("tag_id", flat=True)
            )

    def clean(self) -> dict[str, Any] | None:
        given = super().clean()
        if not any((given or {}).get(name) for name in ("name", "chat_id")):
            self.add_error("name", _("Give the group a name or a chat id."))
        return given

    def clean_chat_id(self) -> str | None:
        return str(self.cleaned_data.get("chat_id") or "").strip() or None


class StateFilter(DropdownFilter):
    title = gettext_lazy("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("active", pgettext("group", "active")), ("dismissed", _("dismissed"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Group]) -> QuerySet[Group]:
        if self.value() not in {"active", "dismissed"}:
            return queryset
        return queryset.filter(dismissed_at__isnull=self.value() == "active")


class TagFilter(AutocompleteSelectFilter):
    """By the rows of tags."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Group]) -> QuerySet[Group]:
        wanted = self.value()
        if not wanted:
            return queryset
        if not str(wanted).isdecimal():
            raise IncorrectLookupParameters
        worn = GroupTag.objects.filter(tag_id=int(wanted))
        return queryset.filter(id__in=worn.values("group_id"))


class GroupList(LookAheadList):
    """Gives a page of groups their tags and last week: one query for each."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        rows = list(self.result_list)
        ids = [row.pk for row in rows]
        tags: dict[int, list[str]] = {}
        worn = GroupTag.objects.filter(group_id__in=ids).order_by("tag__name")
        for group_id, name in worn.values_list("group_id", "tag__name"):
            tags.setdefault(group_id, []).append(name)
        moved = days.moved_since(ids, timezone.localdate() - RECENT)
        for row in rows:
            row.tag_names = tags.get(row.pk, [])
            row.moved = moved.get(row.pk, (0, 0))


@admin.register(Group)
class GroupAdmin(TenantModelAdmin):
    form = GroupForm
    form_only = ("worn_tags",)
    list_display = (
        "name_shown", "state_shown", "owner", "members_shown", "joined_lately", "left_lately",
        "tags_shown", "founded_at",
    )  # fmt: skip
    list_select_related = ("owner",)
    list_filter = (
        StateFilter,
        ("owner", AutocompleteSelectFilter),
        ("tags", TagFilter),
    )
    search_fields = ("name", "chat_id")
    autocomplete_fields = ("owner",)
    ordering = (F("dismissed_at").asc(nulls_first=True), "-members_now", "-id")
    readonly_fields = ("state_shown", "members_shown", "tags_now", "seen_at", "dismissed_at")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("name", "owner"), ("members_shown", "state_shown"), "worn_tags", "tags_now",
                    "notice", "chat_id", "founded_at", ("seen_at", "dismissed_at"),
                )
            },
        ),
    )  # fmt: skip
    actions_detail = ("dismiss", "take_back")
    change_form_outer_after_template = "admin/contacts/group/days.html"

    class Media:
        css = {"all": ("contacts/groups.css",)}

    # --- the list ---

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[LookAheadList]:
        return GroupList

    @header(gettext_lazy("Name"))
    def name_shown(self, obj: Group) -> list[str]:
        return [obj.name or _("no name"), obj.chat_id or ""]

    @chip(gettext_lazy("State"), {"active": "success", "dismissed": "warning"})
    def state_shown(self, obj: Group) -> tuple[str, str]:
        return (
            ("dismissed", _("dismissed"))
            if obj.dismissed_at
            else ("active", pgettext("group", "active"))
        )

    @admin.display(description=gettext_lazy("Members"))
    def members_shown(self, obj: Group) -> str:
        if not obj.staff_now:
            return str(obj.members_now)
        more = _("+ %(n)s of staff") % {"n": obj.staff_now}
        return format_html('{} <span class="scrm-quiet">{}</span>', obj.members_now, more)

    @admin.display(description=gettext_lazy("Joined, 7 days"))
    def joined_lately(self, obj: Any) -> str:
        return f"+{obj.moved[0]}" if obj.moved[0] else NOTHING

    @admin.display(description=gettext_lazy("Left, 7 days"))
    def left_lately(self, obj: Any) -> str:
        return f"−{obj.moved[1]}" if obj.moved[1] else NOTHING

    @admin.display(description=gettext_lazy("Tags"))
    def tags_shown(self, obj: Any) -> str:
        names: list[str] = obj.tag_names
        more = f" +{len(names) - 3}" if len(names) > 3 else ""
        return (listed(names[:3]) + more) or NOTHING

    # --- the page ---

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            fields = (("name", "owner"), "worn_tags", "notice", "chat_id", "founded_at")
            return [(None, {"fields": fields})]
        if self.has_change_permission(request, obj):
            main = [f for f in self.fieldsets[0][1]["fields"] if f != "tags_now"]
            return [(None, {"fields": main})]
        return super().get_fieldsets(request, obj)

    @admin.display(description=gettext_lazy("Tags"))
    def tags_now(self, obj: Group) -> str:
        names = GroupTag.objects.filter(group=obj).order_by("tag__name")
        return listed(names.values_list("tag__name", flat=True)) or NOTHING

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: Any) -> None:
        super().save_related(request, form, formsets, change)
        lists.put_tags(form.instance, {tag.pk for tag in form.cleaned_data["worn_tags"]})

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        group = self.get_object(request, object_id)
        more: dict[str, object] = {}
        if group is not None and request.method == "GET":
            more = {"figures": _figures(request, group), "members": _members(group)}
        answer: HttpResponse = super().change_view(
            request, object_id, form_url, {**(extra_context or {}), **more}
        )
        return answer

    def offers(self, request: HttpRequest, target: Group) -> set[str]:
        return {"take_back"} if target.dismissed_at else {"dismiss"}

    @ask(
        gettext_lazy("Mark as dismissed"),
        question=gettext_lazy(
            "All members leave it now. The group on WeChat itself stays as it is."
        ),
        icon="group_off",
        variant=ActionVariant.DANGER,
    )
    def dismiss(self, request: HttpRequest, target: Group, form: AskForm) -> None:
        snapshots.set_dismissed(target, timezone.now())
        self.note(request, "dismissed", target)

    @ask(
        gettext_lazy("Not dismissed after all"),
        question=gettext_lazy("Everybody who was in it then is in it again."),
        icon="undo",
    )
    def take_back(self, request: HttpRequest, target: Group, form: AskForm) -> None:
        snapshots.set_dismissed(target, None)
        self.note(request, "resumed", target)


def _figures(request: HttpRequest, group: Group) -> dict[str, object]:
    asked = request.GET.get("days", "")
    period = int(asked) if asked in map(str, PERIODS) else PERIODS[0]
    end = timezone.localdate() + timedelta(days=1)
    rows = days.by_day(group.pk, end - timedelta(days=period), end)
    return {
        "chart": chart(rows),
        "rows": rows[::-1],
        "first": rows[0],
        "last": rows[-1],
        "joined": sum(row.joined for row in rows),
        "left": sum(row.left for row in rows),
        "period": period,
        "periods": PERIODS,
    }


def _members(group: Group) -> dict[str, object]:
    rows = lists.inside(GroupMember.objects.filter(group=group))
    page = list(rows.select_related("contact", "staff").order_by("-in_since", "-id")[:SHOWN])
    stays = lists.stays_of(page)
    address = reverse("admin:contacts_groupmember_changelist")
    tabs = (("in", _("All who are in")), ("left", _("Who left")), ("lost", _("Lost for good")))
    return {
        "rows": [(member, name_of(member), stays[member.pk]) for member in page],
        "links": [
            (name, f"{address}?group__id__exact={group.pk}&state={state}") for state, name in tabs
        ],
    }


def name_of(member: GroupMember) -> str:
    """A link to the person, as far as there is one."""
    if member.contact is not None:
        return link_to(member.contact, member.contact.name or _("no name"))
    if member.staff is not None:
        return str(member.staff)
    return member.name or member.external or _("deleted contact")


def panel(request: HttpRequest, contact: Contact) -> Panel | None:
    """The groups of a contact, those they are in first, with their latest stay there."""
    rows = [
        (link_to(member.group), words.days(stays.latest), words.ways(stays.latest))
        for member, stays in lists.of_contact(contact.pk)
    ]
    if not rows:
        return None
    template = "admin/contacts/contact/groups.html"
    return Panel(_("Groups"), "groups", template, {"rows": rows}, pane="who")


additions.panel(panel)
