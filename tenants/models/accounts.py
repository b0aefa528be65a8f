"""How a tenant reaches WeChat: its accounts there, and the callbacks that came in."""

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from tenants.fields import EncryptedField
from tenants.ids import new_code
from tenants.scope import TenantForeignKey, TenantModel, current_tenant_id


def code_of_scope() -> str:
    return new_code(current_tenant_id())


class WeChatAccount(TenantModel):
    """A WeCom corporation's app or an official account. `code` is its callback path."""

    class Kind(models.TextChoices):
        WECOM = "wecom", _("WeCom")
        OFFICIAL = "oa", _("Official account")

    class Mode(models.TextChoices):
        """Who built the app. Only self-built ones can be connected; the columns of the other are
        ready, nothing reads them yet."""

        SELF_BUILT = "self_built", _("the business's own app")
        SUITE = "suite", _("app of a service provider")

    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices, default=Kind.WECOM)
    name = models.CharField(_("name"), max_length=100)
    app_id = models.CharField(_("corp id or app id"), max_length=64)
    agent_id = models.CharField(_("agent id"), max_length=20, blank=True)
    code = models.CharField(max_length=64, default=code_of_scope, editable=False)
    secret = EncryptedField(_("secret"))
    callback_token = EncryptedField(_("callback token"), blank=True)
    callback_aes_key = EncryptedField(_("callback AES key"), blank=True)
    mode = models.CharField(
        _("built by"),
        max_length=10,
        choices=Mode.choices,
        default=Mode.SELF_BUILT,
        db_default=Mode.SELF_BUILT,
        editable=False,
    )
    suite_id = models.CharField(
        _("suite id"), max_length=64, blank=True, default="", db_default="", editable=False
    )
    permanent_code = EncryptedField(
        _("permanent code"), blank=True, default="", db_default="", editable=False
    )
    active = models.BooleanField(_("active"), default=True)
    # The file by which the platform proves that our domain is the app's: name, and what is in it.
    domain_file = models.CharField(
        _("domain file"), max_length=80, blank=True, default="", db_default="", editable=False
    )
    domain_text = models.CharField(
        max_length=200, blank=True, default="", db_default="", editable=False
    )
    echoed_at = models.DateTimeField(_("address checked"), null=True, blank=True, editable=False)
    last_callback_at = models.DateTimeField(
        _("last callback"), null=True, blank=True, editable=False
    )
    problem = models.CharField(_("problem"), max_length=200, blank=True, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("WeChat account")
        verbose_name_plural = _("WeChat accounts")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "code"], name="account_code"),
            models.UniqueConstraint(
                fields=["tenant", "kind", "app_id", "agent_id"], name="account_app"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class AccountProbe(TenantModel):
    """What one permission of an account answered when it was last tried. `due_at` set: asked."""

    class State(models.TextChoices):
        WAITING = "waiting", _("being checked")
        FINE = "fine", pgettext_lazy("permission", "granted")
        MISSING = "missing", _("missing")
        UNKNOWN = "unknown", _("could not be checked")

    account = TenantForeignKey(WeChatAccount, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=30)
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    errcode = models.IntegerField(null=True)
    due_at = models.DateTimeField(null=True)
    checked_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("permission check")
        verbose_name_plural = _("permission checks")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "account", "name"], name="probe_once")
        ]
        indexes = [
            models.Index(
                fields=["tenant", "due_at"],
                name="probe_due",
                condition=models.Q(due_at__isnull=False),
            )
        ]


class Callback(TenantModel):
    """The inbox: a verified, decrypted callback, stored before it was answered, kept once."""

    account = TenantForeignKey(WeChatAccount, on_delete=models.CASCADE, related_name="+")
    digest = models.BinaryField()  # SHA-256 of the body: the platform's own dedupe key loses events
    body = models.BinaryField()
    received_at = models.DateTimeField(_("received"), auto_now_add=True)
    handled_at = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    retry_at = models.DateTimeField(null=True)  # not before, after an attempt that failed
    problem = models.CharField(max_length=500, blank=True)  # why it is a dead letter

    class Meta(TenantModel.Meta):
        verbose_name = _("callback")
        verbose_name_plural = _("callbacks")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "account", "digest"], name="callback_once")
        ]
        indexes = [
            models.Index(
                fields=["tenant", "id"], name="callback_open", condition=models.Q(handled_at=None)
            ),
            models.Index(
                fields=["tenant", "id"],
                name="callback_dead",
                condition=~models.Q(problem="") & models.Q(handled_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.pk}"
