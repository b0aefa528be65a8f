"""Who may sign in, in which tenant, as what; the tenant's staff; keys of integrations."""

from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from tenants.roles import ADMIN_ROLES, Can, Role, abilities
from tenants.scope import TenantForeignKey, TenantModel, TenantQuerySet, tenant_id_or_none
from tenants.scope import TenantManager as ScopedManager


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email=(username or "").strip().lower())


class User(AbstractBaseUser):
    """A person who signs in. Global: one person may work for several tenants."""

    email = models.EmailField(_("e-mail"), unique=True)
    name = models.CharField(pgettext_lazy("of a person", "name"), max_length=100, blank=True)
    language = models.CharField(_("language"), max_length=10, blank=True)
    is_active = models.BooleanField(_("active"), default=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    objects: ClassVar[UserManager] = UserManager()

    class Meta:
        verbose_name = _("user")
        verbose_name_plural = _("users")

    def __str__(self) -> str:
        return self.name or self.email

    @property
    def membership(self) -> "Membership | None":
        """This user's membership in the tenant of the open scope."""
        if tenant_id_or_none() is None or not self.pk:
            return None
        cached: tuple[int | None, Membership | None] | None = self.__dict__.get("_membership")
        if cached is None or cached[0] != tenant_id_or_none():
            found = (
                Membership.objects.select_related("tenant", "staff")
                .filter(user=self, active=True)
                .first()
            )
            cached = (tenant_id_or_none(), found)
            self.__dict__["_membership"] = cached
        return cached[1]

    def can(self, ability: Can) -> bool:
        return self.membership is not None and self.membership.can(ability)

    @property
    def is_staff(self) -> bool:
        """What Django's admin asks: may this person enter it?"""
        return self.membership is not None and self.membership.role in ADMIN_ROLES

    def has_perm(self, perm: str, obj: object = None) -> bool:
        return self.membership is not None and may(self.membership.role, perm)

    def has_module_perms(self, app_label: str) -> bool:
        return self.is_staff


# Tables that only those who manage the tenant may change.
_MANAGED = {
    "membership", "apikey", "wechataccount", "staff", "department", "team", "tenant", "user",
    "webhookendpoint", "webhookdelivery",
}  # fmt: skip


def may(role: str, perm: str) -> bool:
    """Django's permission string for a role: `app.action_model`."""
    action, _sep, model = perm.rpartition(".")[2].partition("_")
    granted = abilities(role)
    if action == "view":
        return Can.READ in granted and (
            model not in {"apikey", "membership"} or Can.MANAGE in granted
        )
    return (Can.MANAGE if model in _MANAGED else Can.CONFIGURE) in granted


class Team(TenantModel):
    """A team or store of the tenant."""

    name = models.CharField(_("name"), max_length=100)

    class Meta(TenantModel.Meta):
        verbose_name = _("team")
        verbose_name_plural = _("teams")
        constraints = [models.UniqueConstraint(fields=["tenant", "name"], name="team_name")]

    def __str__(self) -> str:
        return self.name


class Department(TenantModel):
    """A department of a corporation, as WeCom numbers it; `parent` is 0 at the top."""

    account = TenantForeignKey(
        "tenants.WeChatAccount",
        on_delete=models.CASCADE,
        related_name="+",
        verbose_name=_("WeChat account"),
    )
    number = models.BigIntegerField(_("number"))
    parent = models.BigIntegerField(_("number of the one above"), default=0)
    name = models.CharField(_("name"), max_length=100)
    position = models.BigIntegerField(default=0)

    class Meta(TenantModel.Meta):
        verbose_name = _("department")
        verbose_name_plural = _("departments")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "account", "number"], name="department_once")
        ]

    def __str__(self) -> str:
        return self.name


class Staff(TenantModel):
    """A person of the tenant who talks to customers; known by the WeCom userid.

    `account`, `departments` (their numbers) and `left_at` are what the corporation's list says.
    """

    userid = models.CharField(_("userid"), max_length=64)
    name = models.CharField(pgettext_lazy("of a person", "name"), max_length=100, blank=True)
    team = TenantForeignKey(
        Team,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="staff",
        verbose_name=_("team"),
    )
    active = models.BooleanField(_("active"), default=True)
    account = TenantForeignKey(
        "tenants.WeChatAccount",
        on_delete=models.SET_NULL,
        null=True,
        editable=False,
        related_name="+",
        verbose_name=_("WeChat account"),
    )
    # Bulk statements that make staff need not name the column.
    departments = ArrayField(
        models.BigIntegerField(), default=list, db_default=[], editable=False,
        verbose_name=_("departments"),
    )  # fmt: skip
    left_at = models.DateTimeField(_("resigned"), null=True, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("staff")
        verbose_name_plural = _("staff")
        constraints = [models.UniqueConstraint(fields=["tenant", "userid"], name="staff_userid")]
        indexes = [models.Index(fields=["tenant", "team"], name="staff_team")]

    def __str__(self) -> str:
        return self.name or self.userid


class FormerUserid(TenantModel):
    """A userid that a member of staff had before: what happened then is still theirs."""

    userid = models.CharField(max_length=64)
    staff = TenantForeignKey(Staff, on_delete=models.CASCADE, related_name="+")

    class Meta(TenantModel.Meta):
        verbose_name = _("former userid")
        verbose_name_plural = _("former userids")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "userid"], name="former_userid_once")
        ]

    def __str__(self) -> str:
        return self.userid


class Membership(TenantModel):
    """A user's place in a tenant: role, and the staff member they are (if any)."""

    user = models.ForeignKey(
        User, on_delete=models.CASCADE, related_name="+", verbose_name=_("user"), db_index=False
    )
    role = models.CharField(_("role"), max_length=10, choices=Role.choices, default=Role.VIEWER)
    staff = TenantForeignKey(
        Staff,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("staff"),
    )
    active = models.BooleanField(_("active"), default=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("member")
        verbose_name_plural = _("members")
        constraints = [models.UniqueConstraint(fields=["tenant", "user"], name="one_membership")]
        # Sign-in asks across tenants, through the platform role.
        indexes = [models.Index(fields=["user"], name="membership_user")]

    def __str__(self) -> str:
        return f"{self.user} · {self.get_role_display()}"

    def can(self, ability: Can) -> bool:
        return ability in abilities(self.role)


class SignInSettings(TenantModel):
    """Who may sign in with WeCom. A tenant without a row has the defaults."""

    wecom = models.BooleanField(_("members may sign in with WeCom"), default=True)
    new_sales = models.BooleanField(_("staff become sales by signing in"), default=False)

    class Meta(TenantModel.Meta):
        verbose_name = _("sign-in settings")
        verbose_name_plural = _("sign-in settings")
        constraints = [models.UniqueConstraint(fields=["tenant"], name="one_sign_in_settings")]

    @classmethod
    def of_tenant(cls) -> "SignInSettings":
        """Inside a scope: the stored settings, or the defaults."""
        return cls.objects.first() or cls()


NOT_DELETED = _("A key is revoked, not deleted: the audit log names it.")


class ApiKeyQuerySet(TenantQuerySet["ApiKey"]):
    def delete(self) -> Any:
        raise models.ProtectedError(str(NOT_DELETED), set(self))

    def live(self) -> "ApiKeyQuerySet":
        now = timezone.now()
        return self.filter(revoked_at=None).filter(
            models.Q(expires_at=None) | models.Q(expires_at__gt=now)
        )


ApiKeyManager = ScopedManager.from_queryset(ApiKeyQuerySet)


class ApiKey(TenantModel):
    """A key of an integration. Only its hash is kept; auth.py makes and checks keys."""

    name = models.CharField(_("name"), max_length=100)
    prefix = models.CharField(_("begins with"), max_length=24)
    digest = models.BinaryField()
    scopes = models.JSONField(_("scopes"), default=list)
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True)
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    objects: ClassVar[ApiKeyManager] = ApiKeyManager()

    class Meta(TenantModel.Meta):
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")
        constraints = [models.UniqueConstraint(fields=["tenant", "digest"], name="api_key_digest")]

    def __str__(self) -> str:
        return self.name

    def can(self, ability: Can) -> bool:
        return ability in self.scopes

    def delete(self, *args: Any, **kwargs: Any) -> Any:
        """The audit log, which nobody may change, names the key for ever."""
        raise models.ProtectedError(str(NOT_DELETED), {self})
