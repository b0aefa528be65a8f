"""The corporation's tags and groups of tags, and ours: made, renamed and deleted on both sides.

TagLink rows say which tag is which, and how both were called when they agreed: what differs from
that was changed since, here or there. Tags that are only ours are left out of all of this.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

from django.db.models import F, QuerySet
from django.utils import timezone

from contacts import tagging
from contacts.details import clean
from contacts.models import (
    ContactTag,
    Drift,
    PairTag,
    SyncRun,
    Tag,
    TagGroup,
    TagGroupLink,
    TagLink,
)
from contacts.sync import pairs
from contacts.sync.jobs import Job
from tenants import doorbell
from tenants.models import WeChatAccount
from tenants.scope import scope
from tenants.wechat import accounts
from tenants.wechat import tags as wechat
from tenants.wechat.client import WeComClient
from tenants.wechat.errors import Terminal, WeChatError

log = logging.getLogger(__name__)

QUEUE = "tag_names"
GROUP: Final = "SCRM"  # for tags that have no group here: at WeCom each has one
LONGEST: Final = 60
TAGS_A_CALL: Final = 50


def read(tenant_id: int, job: Job, client: WeComClient) -> None:
    groups = wechat.list_corp_tags(client)
    count = sum(len(group.tags) for group in groups)
    with scope(tenant_id):
        created, updated, gone = adopt(job.account_id, groups)
        if created or updated or gone:
            words = f"+{created} ~{updated} -{gone}"
            job.found(Drift(kind=Drift.Kind.TAGS, state=Drift.State.REPAIRED, detail=words))
        job.keep(done=count, total=count, created=created, updated=updated, ended=gone)
    with scope(tenant_id):
        doorbell.ring(QUEUE)


# --- what the corporation has ---


def adopt(account_id: int, groups: Sequence[wechat.CorpTagGroup]) -> tuple[int, int, int]:
    """Inside a scope: tags as the corporation lists them. Answers how many are new here, how many
    were renamed, how many are gone. What was renamed here since stays, to be told.
    """
    ours = _adopt_groups(account_id, groups)
    links = {link.platform_id: link for link in _links(account_id)}
    created = updated = 0
    taken = dict(Tag.objects.values_list("name", "id"))
    local = set(Tag.objects.filter(local_only=True).values_list("name", flat=True))
    linked = {link.tag_id for link in links.values()}
    listed: set[str] = set()
    for group in groups:
        for tag in group.tags:
            listed.add(tag.tag_id)
            name = clean(tag.name, LONGEST)
            link = links.get(tag.tag_id)
            if link is not None:
                updated += _follow_name(link, name, taken)
                continue
            here = _free_name(name, group.name, taken, linked)
            if not name or here in local:
                continue
            pk = taken.get(here)
            if pk is None:
                pk = Tag.objects.create(name=here, group=ours.get(group.group_id)).pk
                created += 1
            taken[here] = pk
            linked.add(pk)
            _join(account_id, tag.tag_id, group.group_id, name, pk, here)
    return created, updated, _forget(links, listed)


def _links(account_id: int) -> QuerySet[TagLink]:
    return TagLink.objects.filter(account=account_id).select_related("tag")


def _free_name(
    name: str, group: str, taken: Mapping[str, int], linked: Iterable[int | None]
) -> str:
    """Names are ours alone once in the tenant, theirs once in a group."""
    if taken.get(name) in set(linked):
        return clean(f"{name} · {group}", LONGEST)
    return name


def _join(
    account_id: int, platform_id: str, group_id: str, name: str, tag_id: int, here: str
) -> None:
    TagLink.objects.create(
        account_id=account_id, tag_id=tag_id, platform_id=platform_id, group_id=group_id,
        name=name, here=here,
    )  # fmt: skip


def _follow_name(link: TagLink, name: str, taken: dict[str, int]) -> int:
    """The corporation renamed it: ours follows, unless ours was renamed since both agreed."""
    if link.tag is None or link.name == name:
        return 0
    renamed_here = link.tag.name != link.here
    link.name = name
    if renamed_here or name in taken:
        link.save(update_fields=["name"])
        return 0
    taken.pop(link.tag.name, None)
    taken[name] = link.tag.pk
    link.tag.name = link.here = name
    link.tag.save(update_fields=["name"])
    link.save(update_fields=["name", "here"])
    return 1


def _forget(links: Mapping[str, TagLink], listed: set[str]) -> int:
    """Deleted there: nobody wears it any more by WeCom. Where people here put it, it stays, as a
    tag of ours alone; a tag that is on nobody goes.
    """
    gone = [link for platform_id, link in links.items() if platform_id not in listed]
    for link in gone:
        if link.tag is not None:
            _drop(link.tag)
        link.delete()
    return len(gone)


def _drop(tag: Tag) -> None:
    people = list(PairTag.objects.filter(tag=tag, there=True).values_list("contact_id", flat=True))
    PairTag.objects.filter(tag=tag).delete()
    if TagLink.objects.filter(tag=tag).count() > 1:
        return  # another corporation has it
    worn = ContactTag.objects.filter(tag=tag, by=tagging.PLATFORM, contact_id__in=people)
    tagging.remove(list(worn.values_list("contact_id", flat=True)), [tag.pk], tagging.PLATFORM)
    Tag.objects.filter(pk=tag.pk).update(local_only=True)


def _adopt_groups(account_id: int, groups: Sequence[wechat.CorpTagGroup]) -> dict[str, TagGroup]:
    links = {
        link.platform_id: link
        for link in TagGroupLink.objects.filter(account=account_id).select_related("group")
    }
    found: dict[str, TagGroup] = {}
    for place, group in enumerate(groups):
        name = clean(group.name, LONGEST) or group.group_id[:LONGEST]
        link = links.get(group.group_id)
        if link is None:
            row, _made = TagGroup.objects.get_or_create(name=name, defaults={"position": place})
            TagGroupLink.objects.create(
                account_id=account_id, group=row, platform_id=group.group_id, name=name, here=name
            )
        elif link.group is not None:
            row = link.group
            _follow_group(link, row, name)
        else:
            continue  # deleted here; its tags say what becomes of it
        found[group.group_id] = row
    TagGroupLink.objects.filter(account=account_id).exclude(
        platform_id__in=[group.group_id for group in groups]
    ).delete()
    return found


def _follow_group(link: TagGroupLink, row: TagGroup, name: str) -> None:
    if link.name == name:
        return
    link.name = name
    if row.name == link.here and not TagGroup.objects.filter(name=name).exists():
        row.name = link.here = name
        row.save(update_fields=["name"])
    link.save(update_fields=["name", "here"])


# --- what the corporation is to be told ---


def _ready() -> QuerySet[WeChatAccount]:
    """Accounts whose tags were read: before that, ours may be theirs."""
    done = SyncRun.objects.filter(kind=SyncRun.Kind.TAGS, state=SyncRun.State.DONE)
    rows = WeChatAccount.objects.filter(kind=WeChatAccount.Kind.WECOM, active=True)
    return rows.filter(pk__in=done.values("account"))


def _unknown_there(account: WeChatAccount) -> QuerySet[Tag]:
    known = TagLink.objects.filter(account=account, tag__isnull=False).values("tag")
    return Tag.objects.filter(local_only=False).exclude(pk__in=known)


def _deleted_here(account: WeChatAccount) -> QuerySet[TagLink]:
    return TagLink.objects.filter(account=account, problem="", tag__isnull=True)


def _renamed_here(account: WeChatAccount) -> QuerySet[TagLink]:
    rows = TagLink.objects.filter(account=account, problem="", tag__local_only=False)
    return rows.exclude(tag__name=F("here"))


def _groups_renamed_here(account: WeChatAccount) -> QuerySet[TagGroupLink]:
    rows = TagGroupLink.objects.filter(account=account, problem="", group__isnull=False)
    return rows.exclude(group__name=F("here"))


def next_due() -> datetime | None:
    for account in _ready():
        work_ = (_unknown_there, _deleted_here, _renamed_here, _groups_renamed_here)
        if any(rows(account).exists() for rows in work_):
            return timezone.now()
    return None


def work(tenant_id: int) -> None:
    """Tell every corporation what was made, renamed and deleted here. Ends at the first failure:
    the sweep over all tenants comes back to it.
    """
    with scope(tenant_id):
        waiting = [(one.pk, accounts.credentials_of(one)) for one in _ready()]
    for account_id, credentials in waiting:
        try:
            with accounts.wecom_client_for(credentials) as client:
                _tell(tenant_id, account_id, client)
        except WeChatError as error:
            log.info("tags of account %s: %s", account_id, error)
    with scope(tenant_id):
        doorbell.settle(QUEUE)


def _tell(tenant_id: int, account_id: int, client: WeComClient) -> None:
    with scope(tenant_id):
        account = WeChatAccount.objects.get(pk=account_id)
        renamed = [(link.pk, link.platform_id, link.tag.name) for link in
                   _renamed_here(account).select_related("tag") if link.tag]  # fmt: skip
        groups = [(link.pk, link.platform_id, link.group.name) for link in
                  _groups_renamed_here(account).select_related("group") if link.group]  # fmt: skip
        deleted = list(_deleted_here(account).values_list("id", "platform_id"))
        new: dict[str, list[str]] = defaultdict(list)
        for name, group in _unknown_there(account).values_list("name", "group__name"):
            new[group or GROUP].append(name)
    for pk, platform_id, name in groups:
        _rename(tenant_id, client, TagGroupLink, pk, platform_id, name)
    for pk, platform_id, name in renamed:
        _rename(tenant_id, client, TagLink, pk, platform_id, name)
    for pk, platform_id in deleted:
        _delete(tenant_id, client, pk, platform_id)
    for group, names in sorted(new.items()):
        for start in range(0, len(names), TAGS_A_CALL):
            _add(tenant_id, account_id, client, group, names[start : start + TAGS_A_CALL])


def _rename(
    tenant_id: int,
    client: WeComClient,
    model: type[TagLink | TagGroupLink],
    pk: int,
    platform_id: str,
    name: str,
) -> None:
    problem, there = "", name[: wechat.LONGEST]
    try:
        wechat.rename_corp_tag(client, platform_id, there)
    except Terminal as refusal:
        problem = refusal.message[:300]
    with scope(tenant_id):
        rows = model.objects.filter(pk=pk)
        if problem:
            rows.update(problem=problem)
        else:
            rows.update(name=there, here=name)


def _delete(tenant_id: int, client: WeComClient, pk: int, platform_id: str) -> None:
    problem = ""
    try:
        wechat.delete_corp_tags(client, tags=[platform_id])
    except Terminal as refusal:
        if refusal.errcode != wechat.UNKNOWN_TAG:
            problem = refusal.message[:300]
    with scope(tenant_id):
        rows = TagLink.objects.filter(pk=pk)
        if problem:
            rows.update(problem=problem)
        else:
            rows.delete()


def _add(
    tenant_id: int, account_id: int, client: WeComClient, group: str, names: Sequence[str]
) -> None:
    """A lost answer and a name that is taken are settled by the list, which is read either way."""
    wanted = {name[: wechat.LONGEST]: name for name in names}
    refused = ""
    try:
        wechat.add_corp_tags(client, group[: wechat.LONGEST], list(wanted))
    except Terminal as refusal:
        refused = refusal.message
        if refusal.errcode not in wechat.EXISTS:
            raise
    groups = wechat.list_corp_tags(client)
    with scope(tenant_id):
        _join_made(account_id, groups, group[: wechat.LONGEST], wanted)
        adopt(account_id, groups)
        made = TagLink.objects.filter(account=account_id, tag__name__in=names)
        _spread(list(made.values_list("tag_id", flat=True)))
    if refused:
        log.info("tags of account %s: %s", account_id, refused)


def _join_made(
    account_id: int,
    groups: Sequence[wechat.CorpTagGroup],
    group_name: str,
    wanted: Mapping[str, str],
) -> None:
    """Which of the listed ones are those that we asked for? By group and name."""
    known = set(_links(account_id).values_list("platform_id", flat=True))
    for group in groups:
        for tag in group.tags if group.name == group_name else ():
            here = wanted.get(tag.name)
            row = Tag.objects.filter(name=here, local_only=False).first() if here else None
            if row is not None and here and tag.tag_id not in known:
                _join(account_id, tag.tag_id, group.group_id, tag.name, row.pk, here)


def _spread(tag_ids: Sequence[int | None]) -> None:
    """What people here wear of tags that WeCom knows only now is to be told it."""
    worn = ContactTag.objects.filter(tag_id__in=[pk for pk in tag_ids if pk])
    people = sorted(set(worn.exclude(by=tagging.PLATFORM).values_list("contact_id", flat=True)))
    for start in range(0, len(people), 5000):
        pairs.settle(people[start : start + 5000])
