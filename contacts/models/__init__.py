"""Customers: who they are, where they came from, what they did and bought."""

from .custom_fields import CustomField
from .events import Event, Welcome
from .exports import Export
from .groups import Group, GroupDay, GroupMember, GroupMove, GroupSpell, GroupTag, GroupWay
from .imports import Import, ImportedRows
from .losses import FollowLoss, LossNotice
from .merges import Duplicate, Merge, MergedRows
from .orders import Order, OrderItem, Product
from .person import Consent, Contact, ContactToken, Follow, Identity, ReachSpell
from .privacy import ErasedKey, Erasure, Retention
from .segments import Segment, SegmentDay, SegmentMember, SegmentTouch, SegmentUse
from .settings import ContactSettings
from .sources import Channel, Cost, LiveCode, LiveCodeStaff, LiveCodeTag, SourceKind
from .tag_rules import PreTag, PreTagList, TagRule, TagRuleMatch, TagRuleTag
from .tags import ContactTag, Tag, TagGroup
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
    "Cost",
    "CustomField",
    "Duplicate",
    "ErasedKey",
    "Erasure",
    "Event",
    "Export",
    "Follow",
    "FollowLoss",
    "Group",
    "GroupDay",
    "GroupMember",
    "GroupMove",
    "GroupSpell",
    "GroupTag",
    "GroupWay",
    "Identity",
    "Import",
    "ImportedRows",
    "LiveCode",
    "LiveCodeStaff",
    "LiveCodeTag",
    "LossNotice",
    "Merge",
    "MergedRows",
    "Order",
    "OrderItem",
    "PreTag",
    "PreTagList",
    "Product",
    "ReachSpell",
    "Retention",
    "SavedView",
    "Segment",
    "SegmentDay",
    "SegmentMember",
    "SegmentTouch",
    "SegmentUse",
    "SourceKind",
    "Tag",
    "TagGroup",
    "TagRule",
    "TagRuleMatch",
    "TagRuleTag",
    "Welcome",
]
