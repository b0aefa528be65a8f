"""Labels on contacts, in groups. Taggings are rows, not arrays: rows keep their index under RLS."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from tenants.scope import TenantForeignKey, TenantModel


class TagGroup(TenantModel):
    name = models.CharField(_("name"), max_length=60)
    position = models.PositiveSmallIntegerField(_("position"), default=0)

    class Meta(TenantModel.Meta):
        verbose_name = _("tag group")
        verbose_name_plural = _("tag groups")
        constraints = [models.UniqueConstraint(fields=["tenant", "name"], name="tag_group_name")]

    def __str__(self) -> str:
        return self.name


class Tag(TenantModel):
    """A label; its name is unique in the tenant, so that files and the API may name it."""

    name = models.CharField(_("name"), max_length=60)
    group = TenantForeignKey(
        TagGroup,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="tags",
        verbose_name=_("group"),
    )
    local_only = models.BooleanField(
        _("only here"),
        default=False,
        db_default=False,  # tags are made by bulk statements, too
        help_text=_("Never sent to WeCom, and never taken away because WeCom does not know it."),
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("tag")
        verbose_name_plural = _("tags")
        constraints = [models.UniqueConstraint(fields=["tenant", "name"], name="tag_name")]
        indexes = [models.Index(fields=["tenant", "group"], name="tag_of_group")]

    def __str__(self) -> str:
        return self.name


class ContactTag(TenantModel):
    """A tagging, with who or what put it there."""

    pk = models.CompositePrimaryKey("tenant_id", "tag_id", "contact_id")
    tag = TenantForeignKey(Tag, on_delete=models.CASCADE, related_name="+")
    contact = TenantForeignKey("contacts.Contact", on_delete=models.CASCADE, related_name="+")
    # user:<id>, live_code:<id>, import:<id>, rule:<id>, pretag:<id>, platform, api
    by = models.CharField(max_length=80, blank=True)
    # The name of the rule or list, as it was then. Bulk statements need not name the column.
    why = models.CharField(max_length=120, blank=True, default="", db_default="")
    at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("contact tag")
        verbose_name_plural = _("contact tags")
        # Segments read the tags of touched contacts without the rows. The tag is no part of the
        # key: who wears one is asked of the primary key, whose entries of one tag lie together.
        indexes = [models.Index(fields=["tenant", "contact"], include=["tag"], name="contact_tags")]
