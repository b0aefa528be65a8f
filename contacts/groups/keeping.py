"""Which groups does a group code lead into, and which tags does it bring?"""

from __future__ import annotations

from collections.abc import Collection

from contacts.models import GroupJoinCode, GroupJoinCodeGroup, GroupJoinCodeTag


def put_groups(code: GroupJoinCode, wanted: Collection[int]) -> None:
    """These and no others; the order in which they were added is that in which they fill up."""
    rows = GroupJoinCodeGroup.objects.filter(code=code)
    rows.exclude(group_id__in=wanted).delete()
    there = set(rows.values_list("group_id", flat=True))
    GroupJoinCodeGroup.objects.bulk_create(
        [GroupJoinCodeGroup(code=code, group_id=pk) for pk in wanted if pk not in there]
    )


def put_tags(code: GroupJoinCode, wanted: Collection[int]) -> None:
    rows = GroupJoinCodeTag.objects.filter(code=code)
    rows.exclude(tag_id__in=wanted).delete()
    there = set(rows.values_list("tag_id", flat=True))
    GroupJoinCodeTag.objects.bulk_create(
        [GroupJoinCodeTag(code=code, tag_id=pk) for pk in wanted if pk not in there]
    )
