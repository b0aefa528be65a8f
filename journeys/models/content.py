"""Reusable pieces, and links that tell who opened them."""

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from contacts.models import Contact, MediaFile
from tenants.ids import new_code
from tenants.models import Staff
from tenants.scope import TenantForeignKey, TenantModel, current_tenant_id

from .stages import Purpose


class Scale(models.IntegerChoices):
    """What a survey may be answered with."""

    FIVE = 5, _("1 to 5")
    TEN = 10, _("0 to 10")

    @property
    def lowest(self) -> int:
        return 1 if self == Scale.FIVE else 0


class Content(TenantModel):
    class Kind(models.TextChoices):
        TEXT = "text", _("text")
        ARTICLE = "article", _("article")
        FORM = "form", _("form")
        COUPON = "coupon", _("coupon")
        PRICE = "price", _("price list")
        IMAGE = "image", pgettext_lazy("to send", "picture")
        MINI = "mini", _("mini-program")
        SURVEY = "survey", _("survey")
        OTHER = "other", _("other")

    # What is sent as it is from a chat: no link can lead to it.
    SENT_AS_IS = frozenset({Kind.IMAGE, Kind.MINI})

    title = models.CharField(_("title"), max_length=120)
    kind = models.CharField(_("kind"), max_length=8, choices=Kind.choices, default=Kind.ARTICLE)
    purpose = models.CharField(_("purpose"), max_length=9, choices=Purpose.choices)
    body = models.TextField(_("text"), max_length=4000, blank=True)
    url = models.URLField(_("address"), max_length=500, blank=True)
    # Of a link or a mini-program; it has to be public, for the client loads it.
    picture_url = models.URLField(
        _("address of the picture"), max_length=500, blank=True, default="", db_default=""
    )
    picture = TenantForeignKey(
        MediaFile,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=pgettext_lazy("to send", "picture"),
    )
    appid = models.CharField(
        _("app id of the mini-program"), max_length=40, blank=True, default="", db_default=""
    )
    page = models.CharField(
        _("page of the mini-program"), max_length=300, blank=True, default="", db_default=""
    )
    # Of a survey, whose text is the question.
    scale = models.PositiveSmallIntegerField(
        _("scale"), choices=Scale.choices, default=Scale.FIVE, db_default=Scale.FIVE
    )
    active = models.BooleanField(_("active"), default=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("content")
        verbose_name_plural = _("content")
        constraints = [models.UniqueConstraint(fields=["tenant", "title"], name="content_title")]

    def __str__(self) -> str:
        return self.title


def code_of_link() -> str:
    return new_code(current_tenant_id())


class Link(TenantModel):
    """A content piece as one staff member gives it to one contact: `/l/<code>`."""

    content = TenantForeignKey(Content, on_delete=models.PROTECT, related_name="+")
    staff = TenantForeignKey(
        Staff, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    contact = TenantForeignKey(
        Contact, on_delete=models.CASCADE, null=True, blank=True, related_name="+"
    )
    code = models.CharField(max_length=64, default=code_of_link, editable=False)
    # Its contact turned out to be one person with another, who has such a link; it still opens.
    spare = models.BooleanField(default=False, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("link")
        verbose_name_plural = _("links")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "code"], name="link_code"),
            models.UniqueConstraint(
                fields=["tenant", "content", "contact", "staff"],
                condition=models.Q(spare=False),
                nulls_distinct=False,
                name="link_once",
            ),
        ]
        indexes = [models.Index(fields=["tenant", "contact"], name="link_contact")]
