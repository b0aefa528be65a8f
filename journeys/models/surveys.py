"""One question to a contact, and what they answered. The question itself is content."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from contacts.models import Contact
from tenants.models import Staff
from tenants.scope import TenantForeignKey, TenantModel

from .content import Content, Scale
from .touches import StaffTask


class SurveyAnswer(TenantModel):
    """The one answer of a contact to a survey; it may be changed for a day."""

    content = TenantForeignKey(
        Content, on_delete=models.PROTECT, related_name="+", verbose_name=_("survey")
    )
    contact = TenantForeignKey(
        Contact, on_delete=models.CASCADE, related_name="+", verbose_name=_("contact")
    )
    # Whose link it was, and what they are asked to do about a low answer.
    staff = TenantForeignKey(
        Staff, on_delete=models.SET_NULL, null=True, related_name="+", verbose_name=_("staff")
    )
    task = TenantForeignKey(StaffTask, on_delete=models.SET_NULL, null=True, related_name="+")
    scale = models.PositiveSmallIntegerField(_("scale"), choices=Scale.choices)
    score = models.PositiveSmallIntegerField(_("answer"))
    comment = models.TextField(_("comment"), max_length=1000, blank=True)
    answered_at = models.DateTimeField(_("answered"))
    changed_at = models.DateTimeField(_("changed"), null=True)

    class Meta(TenantModel.Meta):
        verbose_name = _("answer to a survey")
        verbose_name_plural = _("answers to surveys")
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "content", "contact"], name="survey_answer_once"
            ),
            models.CheckConstraint(
                condition=Q(scale=5, score__range=(1, 5)) | Q(scale=10, score__range=(0, 10)),
                name="survey_answer_on_scale",
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "answered_at"], name="survey_answer_at"),
            models.Index(fields=["tenant", "contact"], name="survey_answer_contact"),
        ]

    def __str__(self) -> str:
        return str(self.contact)
