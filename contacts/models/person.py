"""Who a customer is, by which accounts they are known, and through whom they can be reached."""

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Final

from django.db import connection, models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from tenants.fields import BlindIndexField, EncryptedField
from tenants.models import Staff, WeChatAccount
from tenants.scope import TenantForeignKey, TenantManager, TenantModel, TenantQuerySet
from tenants.vault import blind

from .livecodes import LiveCode
from .settings import staff_seen_by
from .sources import Channel, SourceKind
from .tags import Tag

# What is sealed with the row's id, and the column that finds it.
SEALED: Final = {"phone": "phone_hash", "email": "email_hash"}


class ContactQuerySet(TenantQuerySet["Contact"]):
    def bulk_create(self, objs: Iterable["Contact"], *args: Any, **kwargs: Any) -> Any:
        objs = list(objs)
        _number([each for each in objs if each.pk is None])
        return super().bulk_create(objs, *args, **kwargs)

    def bulk_update(
        self, objs: Iterable["Contact"], fields: Iterable[str], batch_size: int | None = None
    ) -> int:
        objs, columns = list(objs), with_indexes(fields)
        stored = [(each, each.stored_values(columns)) for each in objs]
        plain = [(each, {name: getattr(each, name) for name in values}) for each, values in stored]
        _put(stored)  # expressions pass through to the statement as they are
        try:
            return super().bulk_update(objs, columns, batch_size)
        finally:
            _put(plain)

    def visible_to(self, staff_id: int | None) -> "ContactQuerySet":
        """Those whom this staff member, or by the tenant's setting their team, owns or is friends
        with; nobody for no staff member.
        """
        if staff_id is None:
            return self.none()
        seen = staff_seen_by(staff_id)
        followed = Follow.objects.filter(staff_id__in=seen, ended_at=None).values("contact_id")
        return self.filter(models.Q(owner_id__in=seen) | models.Q(id__in=followed))


def _put(values: Iterable[tuple["Contact", dict[str, Any]]]) -> None:
    for contact, columns in values:
        for name, value in columns.items():
            setattr(contact, name, value)


def with_indexes(columns: Iterable[str]) -> list[str]:
    """Sealed columns are saved together with their blind index."""
    named = list(dict.fromkeys(columns))
    return [*named, *(SEALED[name] for name in named if name in SEALED)]


def _number(contacts: Sequence["Contact"]) -> None:
    """Give new contacts their ids before they are stored: what is sealed is bound to them."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence('contacts_contact', 'id'))"
            " FROM generate_series(1, %s)",
            [len(contacts)],
        )
        for contact, (number,) in zip(contacts, cursor.fetchall(), strict=True):
            contact.pk = number


ContactManager = TenantManager.from_queryset(ContactQuerySet)


class Contact(TenantModel):
    """One human being known to the tenant, whatever the number of accounts.

    The source (source, sourced_at, channel, live_code, referrer) is that of the first touch and
    never changes. `acquired_at` is the first reachable moment (FIGURES R9); null for a visitor.
    """

    class Gender(models.TextChoices):
        UNKNOWN = "", _("unknown")
        FEMALE = "female", _("female")
        MALE = "male", _("male")

    external_id = models.CharField(_("external id"), max_length=64, null=True, blank=True)
    name = models.CharField(pgettext_lazy("of a person", "name"), max_length=100, blank=True)
    phone = EncryptedField(_("phone"), bound_to="id", null=True, blank=True)  # E.164
    phone_hash = BlindIndexField(of="phone")
    email = EncryptedField(_("e-mail"), bound_to="id", null=True, blank=True)
    email_hash = BlindIndexField(of="email")
    gender = models.CharField(_("gender"), max_length=6, choices=Gender.choices, blank=True)
    birthday = models.DateField(_("birthday"), null=True, blank=True)
    custom = models.JSONField(_("custom fields"), default=dict, blank=True)
    owner = TenantForeignKey(
        Staff,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("owner"),
    )
    source = models.CharField(
        _("source"), max_length=10, choices=SourceKind.choices, default=SourceKind.API
    )
    sourced_at = models.DateTimeField(_("first touch"), null=True, blank=True)
    channel = TenantForeignKey(
        Channel,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("channel"),
    )
    live_code = TenantForeignKey(
        LiveCode,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("live code"),
    )
    referrer = TenantForeignKey(
        "self",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("referrer"),
    )
    acquired_at = models.DateTimeField(_("acquired"), null=True, blank=True)
    excluded = models.BooleanField(_("excluded"), default=False)
    excluded_reason = models.CharField(_("reason for exclusion"), max_length=100, blank=True)
    tags = models.ManyToManyField(
        Tag, through="ContactTag", related_name="+", verbose_name=_("tags")
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated"), auto_now=True)

    objects: ClassVar[ContactManager] = ContactManager()

    class Meta(TenantModel.Meta):
        verbose_name = _("contact")
        verbose_name_plural = _("contacts")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "external_id"], name="contact_external_id")
        ]
        indexes = [
            models.Index(
                "tenant",
                models.F("acquired_at").desc(nulls_last=True),
                models.F("id").desc(),
                # What lists are narrowed by most: their ids are found without reading the rows.
                include=["channel", "owner", "live_code"],
                name="contact_list",
            ),
            models.Index(fields=["tenant", "owner", "-id"], name="contact_owner"),
            models.Index(fields=["tenant", "phone_hash"], name="contact_phone_hash"),
            models.Index(
                fields=["tenant", "email_hash"],
                name="contact_email_hash",
                condition=models.Q(email_hash__isnull=False),
            ),
            models.Index(
                fields=["tenant", "referrer"],
                name="contact_referrer",
                condition=models.Q(referrer__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.name or self.external_id or str(self.pk)

    def stored_values(self, columns: Iterable[str]) -> dict[str, models.Value]:
        """What lies in those of the columns that are sealed, or find what is sealed."""
        fields = (self._meta.get_field(name) for name in columns)
        return {
            field.attname: models.Value(field.pre_save(self, add=False), output_field=field)
            for field in fields
            if isinstance(field, EncryptedField | BlindIndexField)
        }

    def save(self, **options: Any) -> None:
        if self.pk is None:
            _number([self])
            options["force_insert"] = True
        if options.get("update_fields") is not None:
            options["update_fields"] = with_indexes(options["update_fields"])
        super().save(**options)


class Identity(TenantModel):
    """One account of a contact. `account` is the app id that an openid belongs to, else empty."""

    class Kind(models.TextChoices):
        EXTERNAL_USERID = "external_userid", "external_userid"
        UNIONID = "unionid", "unionid"
        OPENID = "openid", "openid"
        PHONE = "phone", _("verified phone")
        EMAIL = "email", _("verified e-mail")
        OTHER = "other", _("other")

    HASHED: Final = frozenset({Kind.PHONE, Kind.EMAIL})

    contact = TenantForeignKey(Contact, on_delete=models.CASCADE, related_name="identities")
    kind = models.CharField(_("kind"), max_length=16, choices=Kind.choices)
    account = models.CharField(_("account"), max_length=64, blank=True)
    value = models.CharField(_("value"), max_length=254)
    # Of a verified phone or e-mail, whose `value` is a keyed hash: the text.
    sealed = EncryptedField(_("value"), bound_to="value", blank=True, default="")
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    # What the platform shows of this account, asked through `via`; due again at `refresh_at`.
    via = TenantForeignKey(
        WeChatAccount, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    nickname = models.CharField(_("nickname"), max_length=100, blank=True)
    avatar = models.CharField(_("picture"), max_length=500, blank=True)
    refresh_at = models.DateTimeField(null=True, editable=False)
    refresh_attempts = models.PositiveSmallIntegerField(default=0, editable=False)

    class Meta(TenantModel.Meta):
        verbose_name = _("identity")
        verbose_name_plural = _("identities")
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "kind", "account", "value"], name="identity_once"
            ),
            models.CheckConstraint(condition=~models.Q(value=""), name="identity_not_empty"),
        ]
        indexes = [
            models.Index(fields=["tenant", "contact"], name="identity_contact"),
            models.Index(
                fields=["tenant", "refresh_at"],
                name="identity_refresh",
                condition=~models.Q(refresh_at=None),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind}:{self.value}"

    @property
    def text(self) -> str:
        """The account as it is called outside."""
        return self.sealed or self.value

    @property
    def key(self) -> bytes:
        """The keyed hash by which lists that name nobody know the account."""
        return (
            bytes.fromhex(self.value) if self.kind in self.HASHED else blind(self.value, self.kind)
        )


class Follow(TenantModel):
    """Staff × contact: the right to reach that person through that staff member. Never deleted."""

    class EndedBy(models.TextChoices):
        CUSTOMER = "customer", _("by the customer")
        STAFF = "staff", _("by staff")
        TRANSFER = "transfer", _("by transfer")
        UNKNOWN = "unknown", _("by whom is not known")  # the platform's callback was lost

    contact = TenantForeignKey(
        Contact, on_delete=models.CASCADE, related_name="follows", verbose_name=_("contact")
    )
    staff = TenantForeignKey(
        Staff, on_delete=models.PROTECT, related_name="+", verbose_name=_("staff")
    )
    opened_at = models.DateTimeField(_("opened"))  # of the latest spell
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    ended_by = models.CharField(_("ended by"), max_length=10, choices=EndedBy.choices, blank=True)
    add_way = models.PositiveSmallIntegerField(_("way of adding"), null=True, blank=True)
    state = models.CharField(_("state"), max_length=64, blank=True)  # of the live code
    remark = models.CharField(_("remark"), max_length=100, blank=True)
    remark_company = models.CharField(
        _("company"), max_length=100, blank=True, default="", db_default=""
    )
    # What WeCom knows, joined by spaces.
    remark_mobiles = EncryptedField(_("phone numbers"), bound_to="id", null=True, blank=True)
    description = models.CharField(_("description"), max_length=500, blank=True)
    live_code = TenantForeignKey(
        LiveCode,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("live code"),
    )

    class Meta(TenantModel.Meta):
        verbose_name = _("follow")
        verbose_name_plural = _("follows")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "contact", "staff"], name="follow_pair")
        ]
        indexes = [models.Index(fields=["tenant", "staff", "ended_at"], name="follow_staff")]

    def __str__(self) -> str:
        return f"{self.staff} ↔ {self.contact}"


class ReachSpell(TenantModel):
    """One stretch in which a route to a contact was open: a Follow or a subscription."""

    class By(models.TextChoices):
        CUSTOMER = "customer", _("by the customer")
        STAFF = "staff", _("by staff")
        TRANSFER = "transfer", _("by transfer")
        MISSED = "unknown", _("by whom is not known")
        UNKNOWN = "", _("unknown")

    contact = TenantForeignKey(Contact, on_delete=models.CASCADE, related_name="spells")
    staff = TenantForeignKey(Staff, on_delete=models.PROTECT, null=True, related_name="+")
    account = models.CharField(max_length=64, blank=True)  # of a subscription
    opened_at = models.DateTimeField()
    opened_by = models.CharField(max_length=10, choices=By.choices, blank=True)
    ended_at = models.DateTimeField(null=True)
    ended_by = models.CharField(max_length=10, choices=By.choices, blank=True)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "contact", "staff", "account"],
                condition=models.Q(ended_at=None),
                nulls_distinct=False,
                name="one_open_spell",
            ),
            models.CheckConstraint(
                condition=models.Q(staff__isnull=False) ^ ~models.Q(account=""),
                name="spell_of_one_route",
            ),
            models.CheckConstraint(
                condition=models.Q(ended_at=None) | models.Q(ended_at__gte=models.F("opened_at")),
                name="spell_ends_after_opening",
            ),
        ]
        indexes = [
            # Figures ask of thousands of contacts whether a route was open, without the rows.
            models.Index(
                fields=["tenant", "contact", "opened_at"],
                include=["ended_at", "staff"],
                name="spell_contact",
            ),
            models.Index(
                fields=["tenant", "opened_at"],
                include=["contact", "staff", "opened_by", "ended_at", "ended_by"],
                name="spell_opened",
            ),
            models.Index(
                fields=["tenant", "ended_at"],
                name="spell_ended",
                condition=~models.Q(ended_at=None),
            ),
        ]


class Consent(TenantModel):
    """What a person agreed to or withdrew, when, how, in which words. Append-only."""

    class Purpose(models.TextChoices):
        MARKETING = "marketing", _("marketing messages")
        PROFILING = "profiling", _("profiling")

    contact = TenantForeignKey(Contact, on_delete=models.CASCADE, related_name="consents")
    purpose = models.CharField(_("purpose"), max_length=12, choices=Purpose.choices)
    granted = models.BooleanField(_("granted"))
    at = models.DateTimeField(_("time"))
    channel = models.CharField(_("how"), max_length=40, blank=True)
    text_version = models.CharField(_("version of the text"), max_length=40, blank=True)
    # user:<id> or api
    by = models.CharField(_("recorded by"), max_length=80, blank=True, default="", db_default="")

    class Meta(TenantModel.Meta):
        verbose_name = _("consent")
        verbose_name_plural = _("consents")
        indexes = [
            models.Index(fields=["tenant", "contact", "purpose", "-at"], name="consent_contact")
        ]


class ContactToken(TenantModel):
    """A search token of a contact: equality is leakproof, so it keeps its index under RLS."""

    pk = models.CompositePrimaryKey("tenant_id", "token", "contact_id")
    token = models.CharField(max_length=32, db_collation="C")
    contact = TenantForeignKey(Contact, on_delete=models.CASCADE, related_name="+")

    class Meta(TenantModel.Meta):
        indexes = [models.Index(fields=["tenant", "contact"], name="token_contact")]
