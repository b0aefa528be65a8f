"""What the platform knows against what the product knows, when all is over.

Each check is a number of misses, with the figures behind it; a miss names examples.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from django.apps import apps
from django.db import connection

from contacts.models import Event, Follow, Group, GroupMember, Identity, Welcome
from journeys.models import Touch
from tenants.models import Callback
from tenants.scope import TenantModel
from tests.chaos.town import Corp, Town

_FORGED: Final = frozenset({"bad_signature", "other_receive_id", "dtd"})
EXAMPLES: Final = 5
Friendship = tuple[str, str, str]  # corp id, external_userid, guide


@dataclass
class Check:
    name: str
    figures: dict[str, object]
    misses: list[str] = field(default_factory=list)

    def shown(self) -> dict[str, object]:
        return {
            "check": self.name,
            "ok": not self.misses,
            "figures": self.figures,
            "misses": len(self.misses),
            "examples": self.misses[:EXAMPLES],
        }


class Truth:
    """Everybody's phones and every callback, read from the sandbox."""

    def __init__(self, town: Town, callbacks: Collection[dict[str, Any]]) -> None:
        self.town = town
        self.callbacks = callbacks
        sim = town.corps[0].wechat.sim
        ids = {person.id for person in town.people if person.id}
        self.phones = {who: sim(f"customers/{who}", "GET") for who in sorted(ids)}
        self.external = {
            (corpid, external): who
            for who, phone in self.phones.items()
            for corpid, external in phone["externals"].items()
        }

    def checks(self, logs: Path) -> list[Check]:
        return [
            self.no_event_is_lost(),
            self.forgeries_leave_nothing(),
            self.friendships_are_the_same(),
            self.groups_are_the_same(),
            self.welcomes_are_the_same(),
            self.nothing_is_sent_twice(),
            self.tenants_do_not_see_each_other(),
            self.no_dead_letters(),
            self.no_secrets_in_logs(logs),
        ]

    def by_business(self) -> Iterator[tuple[Any, list[Corp]]]:
        """Each business in its scope, with its corporations."""
        owned: dict[int, list[Corp]] = defaultdict(list)
        for corp in self.town.corps:
            owned[corp.wechat.business.pk].append(corp)
        for corps in owned.values():
            business = corps[0].wechat.business
            with business.scope():
                yield business, corps

    # --- in ---

    def no_event_is_lost(self) -> Check:
        """A callback that was answered with 200 is stored and handled; nothing else is stored."""
        sent = {(one["corpid"], _digest(one["xml"])): one for one in self.callbacks}
        answered = {key for key, one in sent.items() if 200 in _statuses(one, forged=False)}
        stored: dict[tuple[str, bytes], bool] = {}
        for _business, _corps in self.by_business():
            rows = Callback.objects.values_list("account__app_id", "digest", "handled_at")
            stored |= {(corp, bytes(digest)): bool(at) for corp, digest, at in rows}
        misses = [f"not stored: {sent[key]['event']}" for key in answered - stored.keys()]
        misses += [f"not handled: {key[0]}" for key, handled in stored.items() if not handled]
        misses += [f"never sent: {key[0]}" for key in stored.keys() - sent.keys()]
        unheard = [one["event"] for key, one in sent.items() if key not in stored]
        misses += [f"never heard: {event}" for event in unheard]
        deliveries = sum(len(_statuses(one, forged=False)) for one in sent.values())
        figures: dict[str, object] = {
            "callbacks": len(sent),
            "deliveries": deliveries,
            "stored": len(stored),
        }
        return Check("0 lost events", figures, misses)

    def forgeries_leave_nothing(self) -> Check:
        forged, true = (
            Counter(status for one in self.callbacks for status in _statuses(one, forged=forged))
            for forged in (True, False)
        )
        misses = [
            f"{count} forged answered {status}"
            for status, count in forged.items()
            if not 400 <= status < 500
        ]
        misses += [f"{count} answered {status}" for status, count in true.items() if status >= 500]
        figures: dict[str, object] = {"forged": _tally(forged), "true": _tally(true)}
        return Check("forged callbacks are refused, none is answered with a 5xx", figures, misses)

    # --- relations ---

    def friendships_are_the_same(self) -> Check:
        theirs = {
            (one["corpid"], one["external_userid"], one["userid"])
            for phone in self.phones.values()
            for one in phone["follows"]
        }
        ours: set[Friendship] = set()
        ended: dict[Friendship, str] = {}
        for _business, corps in self.by_business():
            for key, by in self._follows(corps):
                if by is None:
                    ours.add(key)
                else:
                    ended[key] = by
        misses = [f"not with us: {key}" for key in theirs - ours]
        misses += [f"not at the platform: {key}" for key in ours - theirs]
        for (corpid, who, guide), by in self.town.ended.items():
            key = (corpid, self.phones[who]["externals"][corpid], guide)
            if key not in theirs and ended.get(key) != by:
                misses.append(f"ended by {by}, with us by {ended.get(key)}: {key}")
        figures: dict[str, object] = {"open": len(theirs), "ended": len(self.town.ended)}
        return Check("every friendship is as at the platform", figures, misses)

    def _follows(self, corps: list[Corp]) -> Iterator[tuple[Friendship, str | None]]:
        """Each pair that ever were friends; None while they are, else who ended it."""
        home = {guide: corp.wechat.corpid for corp in corps for guide in corp.guides}
        accounts = self._accounts()
        for follow in Follow.objects.select_related("staff"):
            corpid = home.get(follow.staff.userid, "")
            for external in accounts[follow.contact_id]:
                if (corpid, external) in self.external:
                    yield (
                        (corpid, external, follow.staff.userid),
                        follow.ended_by if follow.ended_at else None,
                    )

    def _accounts(self) -> dict[int, list[str]]:
        found: dict[int, list[str]] = defaultdict(list)
        rows = Identity.objects.filter(kind=Identity.Kind.EXTERNAL_USERID)
        for contact_id, value in rows.values_list("contact_id", "value"):
            found[contact_id].append(value)
        return found

    def groups_are_the_same(self) -> Check:
        misses: list[str] = []
        members = 0
        for _business, corps in self.by_business():
            accounts = self._accounts()
            for corp in corps:
                path = f"groups/{corp.wechat.corpid}/{corp.chat_id}"
                listed = {one["id"] for one in corp.wechat.sim(path, "GET")["member_list"]}
                members += len(listed)
                group = Group.objects.filter(chat_id=corp.chat_id).first()
                inside = GroupMember.objects.filter(group=group).exclude(in_since=None)
                ours: set[str] = set()
                for member in inside.select_related("staff"):
                    known = accounts.get(member.contact_id or 0, [])
                    mine = [one for one in known if (corp.wechat.corpid, one) in self.external]
                    ours |= {*mine, *([member.staff.userid] if member.staff else [])}
                    ours |= {member.external} if member.external else set()
                misses += [f"{corp.chat_id} lacks {one}" for one in listed - ours]
                misses += [f"{corp.chat_id} has {one}" for one in ours - listed]
        return Check("every group has the platform's members", {"members": members}, misses)

    # --- out ---

    def _read(self, kind: str) -> Counter[Friendship]:
        """Messages of this kind on customers' phones."""
        return Counter(
            (one["corpid"], one["external_userid"], one["userid"])
            for phone in self.phones.values()
            for one in phone["messages"]
            if one["kind"] == kind
        )

    def welcomes_are_the_same(self) -> Check:
        """What customers read is recorded as sent, or as not known; what is sent was read.

        41051 after an answer that was lost says that the message had come, or that the two had
        begun to chat or parted: nobody can tell which. Such a row keeps the code.
        """
        read = self._read("welcome")
        rows: dict[Friendship, Counter[str]] = defaultdict(Counter)
        states: Counter[str] = Counter()
        for _business, _corps in self.by_business():
            accounts = self._accounts()
            for row in Welcome.objects.select_related("follow__staff", "account"):
                state = str(row.state)
                if row.errcode is not None:
                    state += f" {row.errcode}"
                elif state == Welcome.State.FAILED:
                    state += f": {row.problem[:60]}"
                states[state] += 1
                corpid = row.account.app_id
                for external in accounts[row.follow.contact_id]:
                    if (corpid, external) in self.external:
                        rows[corpid, external, row.follow.staff.userid][state] += 1
        misses = [
            f"{read[key]} read, recorded {dict(rows[key])}: {key}"
            for key in read.keys() | rows.keys()
            if not 0 <= read[key] - rows[key]["sent"] <= _perhaps(rows[key])
        ]
        figures: dict[str, object] = {"read": sum(read.values()), "recorded": dict(states)}
        return Check("every welcome that arrived is recorded, and none twice", figures, misses)

    def nothing_is_sent_twice(self) -> Check:
        """As many mass tasks for a customer as touches that went out, and never a message more."""
        tasks, messages = self._tasks(), self._read("mass")
        touches: Counter[Friendship] = Counter()
        states: Counter[str] = Counter()
        for _business, corps in self.by_business():
            home = {guide: corp.wechat.corpid for corp in corps for guide in corp.guides}
            accounts = self._accounts()
            for touch in Touch.objects.select_related("follow__staff"):
                states[touch.state] += 1
                guide = touch.follow.staff.userid if touch.follow and touch.request else ""
                for external in accounts[touch.contact_id] if guide else ():
                    touches[home.get(guide, ""), external, guide] += 1
        misses = [
            f"{found[key]} {what}, {touches[key]} touches: {key}"
            for what, found in (("tasks", tasks), ("messages", messages))
            for key in found
            if found[key] > touches[key]
        ]
        figures: dict[str, object] = {
            "mass tasks": sum(tasks.values()),
            "messages": sum(messages.values()),
            "touches": dict(states),
        }
        return Check("0 double sends", figures, misses)

    def _tasks(self) -> Counter[Friendship]:
        """Mass tasks that wait at the guides' phones, or were confirmed there."""
        found: Counter[Friendship] = Counter()
        for corp in self.town.corps:
            for guide in corp.guides:
                corpid = corp.wechat.corpid
                phone = corp.wechat.sim(f"staff/{corpid}/{guide}", "GET")
                for task in phone["tasks"]:
                    found.update(
                        (corpid, row["external_userid"], guide) for row in task["customers"]
                    )
        return found

    # --- isolation ---

    def tenants_do_not_see_each_other(self) -> Check:
        """No row of a tenant names what is another's: no corporation, account, member or word."""
        misses: list[str] = []
        counts: dict[str, int] = {}
        tables = [one for one in apps.get_models() if issubclass(one, TenantModel)]
        for business, corps in self.by_business():
            own = {corp.wechat.corpid for corp in corps}
            met = {external for corpid, external in self.external if corpid in own}
            known = {one for values in self._accounts().values() for one in values}
            misses += [f"{business.tenant} knows {one}" for one in known - met]
            for body in Callback.objects.values_list("body", flat=True):
                if not any(corpid.encode() in bytes(body) for corpid in own):
                    misses.append(f"{business.tenant} has another's callback")
            foreign = [one for one in self.town.corps if one not in corps]
            marks = {f"mark{one.wechat.business.pk}x" for one in foreign}
            marks |= {one.wechat.corpid for one in foreign}
            for model in tables:
                for mark in marks:
                    if count := _rows_with(model._meta.db_table, mark):
                        misses.append(f"{count} rows of {model.__name__} name {mark}")
            counts[str(business.tenant)] = len(known)
        figures: dict[str, object] = {"tables": len(tables), "accounts known": counts}
        return Check("no tenant sees the other's", figures, misses)

    def no_dead_letters(self) -> Check:
        misses: list[str] = []
        for _business, _corps in self.by_business():
            misses += Callback.objects.exclude(problem="").values_list("problem", flat=True)
            misses += Event.objects.exclude(problem="").values_list("problem", flat=True)
        return Check("no dead letters", {}, misses)

    def no_secrets_in_logs(self, logs: Path) -> Check:
        words: dict[str, str] = {}
        for corp in self.town.corps:
            account, name = corp.wechat.account, corp.wechat.account.name
            words |= {
                account.secret: f"secret of {name}",
                account.callback_token: f"token of {name}",
                account.callback_aes_key: f"AES key of {name}",
                corp.wechat.business.key: "API key",
            }
        misses: list[str] = []
        size = 0
        for file in sorted(logs.glob("*.log*")):
            text = file.read_text(errors="replace")
            size += len(text)
            misses += [f"{file.name}: {what}" for word, what in words.items() if word in text]
            if re.search(r"(access_token|corpsecret)=[^&\s*]{8}", text):
                misses.append(f"{file.name}: a token in an address")
        return Check("no secrets in logs", {"characters of logs": size}, misses)


def _perhaps(states: Counter[str]) -> int:
    open_ends = (count for state, count in states.items() if state.startswith("unknown"))
    return states["sent 41051"] + sum(open_ends)


def _digest(xml: str) -> bytes:
    return hashlib.sha256(xml.encode()).digest()


def _statuses(callback: dict[str, Any], *, forged: bool) -> list[int]:
    return [
        int(one["status"]) for one in callback["attempts"] if (one["kind"] in _FORGED) is forged
    ]


def _tally(found: Counter[int]) -> dict[str, int]:
    return {str(status) if status else "no answer": n for status, n in sorted(found.items())}


def _rows_with(table: str, word: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f'SELECT count(*) FROM "{table}" AS t WHERE strpos(t::text, %s) > 0', [word])
        return int(cursor.fetchone()[0])
