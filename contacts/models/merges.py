"""Which records turned out to be one person, and which may be? What a merge moved is kept."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from tenants.scope import TenantForeignKey, TenantModel

from .person import Contact


class Merge(TenantModel):
    """The contact `absorbed_id` is gone: its id is another name of `survivor`, until undone.

    `record` is its row as it was; `before` and `after` are the survivor's columns that changed.
    What hung on it is in MergedRows. A survivor that is absorbed itself hands this on.
    """

    survivor = TenantForeignKey(
        Contact, on_delete=models.CASCADE, related_name="+", verbose_name=_("contact")
    )
    absorbed_id = models.BigIntegerField(editable=False)
    external_id = models.CharField(_("external id"), max_length=64, blank=True)
    record = models.JSONField(default=dict)
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    by = models.CharField(_("by"), max_length=80)  # user:<id>, api, rule:unionid, rule:phone
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    at = models.DateTimeField(_("time"))
    undone_at = models.DateTimeField(_("undone"), null=True)
    undone_by = models.CharField(_("undone by"), max_length=80, blank=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("merge")
        verbose_name_plural = _("merges")
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "absorbed_id"],
                condition=models.Q(undone_at=None),
                name="merge_standing",
            )
        ]
        indexes = [models.Index(fields=["tenant", "survivor", "-id"], name="merge_survivor")]

    def __str__(self) -> str:
        return f"{self.external_id or self.absorbed_id} → {self.survivor}"


class MergedRows(TenantModel):
    """What one step of a merge did to rows of a table; undone in the reverse order of ids."""

    class Step(models.TextChoices):
        MOVED = "moved", _("moved")  # keys; `column` pointed to `old`, now to `new`
        DROPPED = "dropped", _("dropped")  # whole rows that the survivor had already
        CHANGED = "changed", _("changed")  # {key, before, after}
        MADE = "made", _("made")  # keys

    merge = TenantForeignKey(Merge, on_delete=models.CASCADE, related_name="+")
    table = models.CharField(max_length=100)  # label of the model
    step = models.CharField(max_length=7, choices=Step.choices)
    column = models.CharField(max_length=63, blank=True)
    old = models.BigIntegerField(null=True)
    new = models.BigIntegerField(null=True)
    rows = models.JSONField(default=list)

    class Meta(TenantModel.Meta):
        verbose_name = _("merged rows")
        verbose_name_plural = _("merged rows")
        indexes = [models.Index(fields=["tenant", "merge", "id"], name="merged_rows_of")]


class Duplicate(TenantModel):
    """Two contacts that may be one person. Which values differ is read when it is shown."""

    class State(models.TextChoices):
        DUE = "due", _("being looked at")  # a worker merges them, or finds what they disagree on
        OPEN = "open", _("to be decided")
        DISMISSED = "dismissed", _("not the same person")

    class Why(models.TextChoices):
        UNIONID = "unionid", _("same unionid")
        PHONE = "phone", _("same verified phone")
        ACCOUNT = "account", _("same account")
        STORED_PHONE = "stored_phone", _("same phone, not verified")
        HAND = "hand", _("compared by hand")

    first = TenantForeignKey(
        Contact, on_delete=models.CASCADE, related_name="+", verbose_name=_("first contact")
    )
    second = TenantForeignKey(
        Contact, on_delete=models.CASCADE, related_name="+", verbose_name=_("second contact")
    )
    why = models.CharField(_("what they share"), max_length=12, choices=Why.choices)
    state = models.CharField(
        _("state"), max_length=9, choices=State.choices, default=State.OPEN, editable=False
    )
    differs = models.JSONField(_("what they disagree on"), default=list, editable=False)
    at = models.DateTimeField(_("noticed"), auto_now_add=True)
    decided_at = models.DateTimeField(_("decided"), null=True, editable=False)
    decided_by = models.CharField(_("decided by"), max_length=80, blank=True, editable=False)

    class Meta(TenantModel.Meta):
        verbose_name = _("possible duplicate")
        verbose_name_plural = _("possible duplicates")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "first", "second"], name="duplicate_pair")
        ]
        indexes = [
            models.Index(fields=["tenant", "state", "-id"], name="duplicate_state"),
            models.Index(fields=["tenant", "second"], name="duplicate_second"),
        ]

    def __str__(self) -> str:
        return f"{self.first} / {self.second}"
