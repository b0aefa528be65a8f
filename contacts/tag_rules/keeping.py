"""How does a tag rule come to be and change? Its condition is checked; a run over all follows."""

from __future__ import annotations

from collections.abc import Collection

from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _

from contacts.models import TagRule, TagRuleMatch, TagRuleTag
from contacts.segments import keeping as segments
from contacts.tag_rules import upkeep
from tenants import doorbell


def check(rule: object, adds: Collection[int], removes: Collection[int]) -> None:
    """Raises RuleError for the condition, ValidationError for the tags."""
    segments.read(rule)
    if not adds and not removes:
        raise ValidationError(_("Name at least one tag to add or to take away."), code="no_tags")
    if set(adds) & set(removes):
        raise ValidationError(_("A rule cannot add and take away the same tag."), code="both")


def save(rule: TagRule, adds: Collection[int], removes: Collection[int]) -> TagRule:
    """Store a rule; when its condition or tags are new, or it is switched on, all contacts are
    looked at: to tag them (`run_on_existing`), or to note for whom it holds already.
    """
    check(rule.rule, adds, removes)
    before = TagRule.objects.filter(pk=rule.pk).first() if rule.pk else None
    wanted = {(pk, False) for pk in adds} | {(pk, True) for pk in removes}
    again = (
        before is None
        or (before.rule, before.active) != (rule.rule, rule.active)
        or (rule.run_on_existing and not before.run_on_existing)
        or before.state == TagRule.State.BROKEN
        or set(TagRuleTag.objects.filter(rule=rule).values_list("tag_id", "removes")) != wanted
    )
    rule.save()
    TagRuleTag.objects.filter(rule=rule).delete()
    TagRuleTag.objects.bulk_create(
        TagRuleTag(rule=rule, tag_id=pk, removes=gone) for pk, gone in sorted(wanted)
    )
    if again and rule.active:
        run(rule, acts=rule.run_on_existing)
    elif not rule.active:
        TagRule.objects.filter(pk=rule.pk).update(due_at=None, done_to=None)
    rule.refresh_from_db()
    return rule


def run(rule: TagRule, *, acts: bool = True) -> None:
    """Look at all contacts in the background, as if the rule had never seen one."""
    TagRuleMatch.objects.filter(rule=rule).delete()
    TagRule.objects.filter(pk=rule.pk).update(
        state=TagRule.State.RUNNING,
        problem="",
        done_to=0,
        run_acts=acts,
        done=0,
        changed=0,
        looked_at=timezone.now(),
        due_at=timezone.now(),
    )
    doorbell.ring(upkeep.QUEUE)
