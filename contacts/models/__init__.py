"""Customers: who they are, where they came from, what they did and bought."""

from .custom_fields import ContactValue, CustomField
from .events import Event, Welcome
from .exports import Export
from .group_codes import (
    GroupFigures,
    GroupJoin,
    GroupJoinCode,
    GroupJoinCodeGroup,
    GroupJoinCodeTag,
    GroupWelcome,
)
from .groups import Group, GroupDay, GroupMember, GroupMove, GroupSpell, GroupTag, GroupWay
from .imports import Import, ImportedRows
from .livecodes import (
    LiveCode,
    LiveCodeAdd,
    LiveCodeFreeHours,
    LiveCodeShift,
    LiveCodeStaff,
    LiveCodeTag,
    LiveCodeWelcome,
    OffDuty,
)
from .losses import FollowLoss, LossNotice
from .media import MediaFile, UploadedMedia
from .merges import Duplicate, Merge, MergedRows
from .orders import Order, OrderItem, Product
from .person import Consent, Contact, ContactToken, Follow, Identity, ReachSpell
from .privacy import ErasedKey, Erasure, Retention
from .segments import Segment, SegmentDay, SegmentMember, SegmentTouch, SegmentUse
from .settings import ContactSettings
from .sources import Channel, Cost, SourceKind
from .sync import (
    Drift,
    PairTag,
    RemarkPush,
    StaffFigures,
    SyncPage,
    SyncRun,
    TagGroupLink,
    TagLink,
    Unassigned,
)
from .tag_rules import PreTag, PreTagList, TagRule, TagRuleMatch, TagRuleTag
from .tags import ContactTag, Tag, TagGroup
from .transfers import TransferBatch, TransferItem
from .views import BulkAction, BulkRows, SavedView

__all__ = [
    "BulkAction",
    "BulkRows",
    "Channel",
    "Consent",
    "Contact",
    "ContactSettings",
    "ContactTag",
    "ContactToken",
    "ContactValue",
    "Cost",
    "CustomField",
    "Drift",
    "Duplicate",
    "ErasedKey",
    "Erasure",
    "Event",
    "Export",
    "Follow",
    "FollowLoss",
    "Group",
    "GroupDay",
    "GroupFigures",
    "GroupJoin",
    "GroupJoinCode",
    "GroupJoinCodeGroup",
    "GroupJoinCodeTag",
    "GroupMember",
    "GroupMove",
    "GroupSpell",
    "GroupTag",
    "GroupWay",
    "GroupWelcome",
    "Identity",
    "Import",
    "ImportedRows",
    "LiveCode",
    "LiveCodeAdd",
    "LiveCodeFreeHours",
    "LiveCodeShift",
    "LiveCodeStaff",
    "LiveCodeTag",
    "LiveCodeWelcome",
    "LossNotice",
    "MediaFile",
    "Merge",
    "MergedRows",
    "OffDuty",
    "Order",
    "OrderItem",
    "PairTag",
    "PreTag",
    "PreTagList",
    "Product",
    "ReachSpell",
    "RemarkPush",
    "Retention",
    "SavedView",
    "Segment",
    "SegmentDay",
    "SegmentMember",
    "SegmentTouch",
    "SegmentUse",
    "SourceKind",
    "StaffFigures",
    "SyncPage",
    "SyncRun",
    "Tag",
    "TagGroup",
    "TagGroupLink",
    "TagLink",
    "TagRule",
    "TagRuleMatch",
    "TagRuleTag",
    "TransferBatch",
    "TransferItem",
    "Unassigned",
    "UploadedMedia",
    "Welcome",
]
