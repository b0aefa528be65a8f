"""What do the platform's answers make of the items of a transfer?"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from django.db.models import F
from django.utils import timezone

from contacts.models import TransferItem
from contacts.transfers import completing, verdicts
from contacts.transfers.legs import Job, Step
from tenants.wechat import transfers as wechat
from tenants.wechat.transfers import Result, Status

GIVE_UP: Final = timedelta(hours=72)
CLOCKS_DIFFER: Final = timedelta(minutes=10)
MOST_LOST: Final = 5  # calls of one item whose answers were lost
State = TransferItem.State

_FINAL: Final[dict[int, str]] = {Status.REFUSED: State.REFUSED, Status.TAKER_FULL: State.FULL}


@dataclass(frozen=True)
class Answer:
    """Of one item: a verdict on asking, or what a look-up found (of a group: its owner)."""

    item_id: int
    code: int | None = None
    result: Result | None = None
    owner: str | None = None
    taker: str = ""
    of_group: bool = False

    @classmethod
    def verdict(cls, item_id: int, code: int) -> Answer:
        return cls(item_id, code=code)

    @classmethod
    def verdict_on_group(cls, item_id: int, code: int) -> Answer:
        return cls(item_id, code=code, of_group=True)


def settle(job: Job, answers: Iterable[Answer]) -> None:
    """Inside a scope: write down what was answered. Those without an answer stay asked."""
    rows = TransferItem.objects.select_for_update(no_key=True, of=("self",))
    items = {row.pk: row for row in rows.filter(pk__in=job.item_ids).order_by("id")}
    done: dict[int, datetime | None] = {}
    changed: list[TransferItem] = []
    for answer in answers:
        item = items.get(answer.item_id)
        if item is None or item.state not in (State.ASKED, State.WAITING):
            continue  # a callback was quicker
        at = _Read(item, job.step).take(answer)
        if at is not None:
            done[item.pk] = at.at
        else:
            changed.append(item)
    TransferItem.objects.bulk_update(
        changed,
        ["state", "errcode", "problem", "takes_effect_at", "settled_at", "attempts"],
        batch_size=500,
    )
    completing.complete(done)


@dataclass(frozen=True)
class _Done:
    at: datetime | None


@dataclass(frozen=True)
class _Read:
    item: TransferItem
    step: Step

    def take(self, answer: Answer) -> _Done | None:
        if answer.code is not None:
            return self._verdict(answer.code, of_group=answer.of_group)
        if answer.owner is not None:
            return self._group(answer)
        return self._result(answer.result)

    def _verdict(self, code: int, *, of_group: bool) -> _Done | None:
        item = self.item
        if of_group and code == 0:
            return _Done(None)
        under_way = wechat.GROUP_UNDER_WAY if of_group else wechat.UNDER_WAY
        if code in (0, under_way):
            # Under way: perhaps by a call of ours whose answer was lost; the results will tell.
            item.state, item.errcode = State.WAITING, code or None
            item.takes_effect_at = (item.asked_at or timezone.now()) + timedelta(days=1)
        else:
            self._end(verdicts.state_of(code), code, verdicts.words(code))
        return None

    def _group(self, answer: Answer) -> _Done | None:
        if answer.owner == answer.taker:
            return _Done(None)
        if not answer.owner:
            self._end(State.FAILED, wechat.NO_GROUP, verdicts.words(wechat.NO_GROUP))
        elif self.step == Step.SETTLE:
            self._again()
        return None

    def _result(self, result: Result | None) -> _Done | None:
        item, status = self.item, result.status if result else None
        at = datetime.fromtimestamp(result.at, UTC) if result and result.at else None
        if status == Status.DONE and not self._is_older(at):
            return _Done(at)
        if status == Status.WAITING:
            item.state, item.takes_effect_at = State.WAITING, at
        elif self.step == Step.SETTLE and (status is None or self._was_so_before(status)):
            self._again()
        elif status in _FINAL:
            self._end(_FINAL[status or 0], None, "")
        elif status == Status.NO_RECORD or item.errcode == wechat.UNDER_WAY:
            elsewhere = item.errcode == wechat.UNDER_WAY
            why = verdicts.ELSEWHERE if elsewhere else verdicts.NO_RECORD
            self._end(State.FAILED, item.errcode, str(why))
        return None

    def _is_older(self, at: datetime | None) -> bool:
        """The result of a transfer between the same two, long ago."""
        asked = self.item.asked_at
        return at is not None and asked is not None and at < asked - CLOCKS_DIFFER

    def _was_so_before(self, status: int) -> bool:
        """Our call may not have arrived: this may be how an earlier transfer ended."""
        if status in (Status.NO_RECORD, Status.DONE):
            return True
        item = self.item
        before = TransferItem.objects.filter(contact=item.contact_id, taker=item.taker_id)
        return before.filter(pk__lt=item.pk, state=_FINAL.get(status, "")).exists()

    def _again(self) -> None:
        item = self.item
        item.attempts += 1
        if item.attempts >= MOST_LOST:
            self._end(State.FAILED, None, str(verdicts.LOST))
        else:
            item.state = State.PLANNED

    def _end(self, state: str, code: int | None, why: str) -> None:
        item = self.item
        item.state, item.errcode, item.problem = state, code, why[:300]
        item.settled_at = timezone.now()


def refuse(item_ids: Collection[int], code: int | None, message: str) -> None:
    """The call was refused for all of them."""
    TransferItem.objects.filter(pk__in=item_ids, state=State.ASKED).update(
        state=verdicts.state_of(code or 0),
        errcode=code,
        problem=verdicts.words(code, message)[:300],
        settled_at=timezone.now(),
    )


def put_back(item_ids: Collection[int]) -> None:
    """The call certainly did nothing."""
    TransferItem.objects.filter(pk__in=item_ids, state=State.ASKED).update(
        state=State.PLANNED, asked_at=None
    )


def give_up(batch_id: int, now: datetime) -> None:
    """Those of whom the platform tells nothing any more."""
    TransferItem.objects.filter(
        batch=batch_id, state__in=(State.ASKED, State.WAITING), asked_at__lt=now - GIVE_UP
    ).update(
        state=State.FAILED, problem=str(verdicts.NO_ANSWER), settled_at=F("asked_at") + GIVE_UP
    )
