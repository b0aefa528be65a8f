"""The files that a demo business brings: contacts, orders, events, costs, products, as CSV.

Same business and same day, same files: the dice are seeded with the business' name.
"""

from __future__ import annotations

import csv
import io
import json
import random
from datetime import datetime, timedelta

from scrm.demo.businesses import Business, ChannelPlan, ProductPlan

_FAMILY = "王李张刘陈杨黄赵周吴徐孙马朱胡郭何高林罗郑梁谢宋唐许邓冯韩曹"
_GIVEN = [
    *(
        "欣怡",
        "子涵",
        "雨桐",
        "思琪",
        "佳宁",
        "晓雯",
        "梦洁",
        "诗雨",
        "雅婷",
        "静怡",
        "若曦",
        "语嫣",
    ),
    *(
        "可馨",
        "婉清",
        "芷若",
        "明轩",
        "浩然",
        "俊杰",
        "宇航",
        "志强",
        "丽华",
        "秀英",
        "建国",
        "海燕",
    ),
]

# What a new friend is sent by the first script, days after being added, and what everybody is sent
# later on.
_SCRIPT, _STEPS = "新客七日培育", ((0.02, "greeting"), (3, "service"), (7, "service"))
_OFFER, _OFFER_EVERY = "会员日", 28

# Habits of buyers: the smaller the first two, the more people differ; then purchases a day of the
# mean one.
_ALIKE, _PACE, _OFTEN = 2, 0.5, 1 / 60

_READS = ("content.read", "link.clicked", "content.downloaded", "session.attended", "quiz.answered")


class Writer:
    """Rows of one file, as text."""

    def __init__(self, *columns: str) -> None:
        self._text = io.StringIO()
        self._csv = csv.writer(self._text)
        self._csv.writerow(columns)

    def add(self, *cells: object) -> None:
        self._csv.writerow(["" if cell is None else cell for cell in cells])

    def content(self) -> bytes:
        return self._text.getvalue().encode()


class History:
    """Rolls the dice for a business up to `now` (an aware datetime of its zone)."""

    def __init__(self, business: Business, now: datetime) -> None:
        self.business = business
        self.now = now
        self.dice = random.Random(business.slug)  # noqa: S311 - made-up people, no secrets
        # What was added later rolls dice of its own: the people stay who they were.
        self.chances = random.Random(business.slug[::-1])  # noqa: S311 - as above
        self.contacts = Writer(
            *("客户编号", "姓名", "手机号", "邮箱", "性别", "生日", "渠道", "添加时间", "所属员工"),
            *("标签", "推荐人", "城市", business.profile.budget),
        )
        self.orders = Writer(
            "订单号", "客户编号", "付款时间", "金额", "成本", "状态", "退款金额", "商品"
        )
        self.events = Writer("事件编号", "客户编号", "事件", "时间", "属性")
        self.costs = Writer("日期", "渠道", "类型", "金额")
        self.products = Writer("SKU", "名称", "角色", "售价", "成本")
        self._number = self._number_of_order = self._number_of_event = 0
        self._buyers: list[str] = []

    def files(self) -> dict[str, bytes]:
        """Kind → CSV, in the order in which they should be loaded."""
        for product in self.business.products:
            self.products.add(product.sku, product.name, product.role, product.price, product.cost)
        days = self.business.days
        for age in range(days, -1, -1):
            day = (self.now - timedelta(days=age)).replace(
                hour=0, minute=0, second=0, microsecond=0
            )
            growth = 0.6 + 0.8 * (days - age) / days + (0.25 if day.weekday() >= 5 else 0.0)
            self._day(day, self.business.contacts / days * growth / 1.05)
        return {
            "products": self.products.content(),
            "contacts": self.contacts.content(),
            "costs": self.costs.content(),
            "orders": self.orders.content(),
            "events": self.events.content(),
        }

    def _day(self, day: datetime, expected: float) -> None:
        for channel in self.business.channels:
            wanted = expected * channel.share
            new = int(wanted) + (self.dice.random() < wanted % 1)
            for _ in range(new):
                self._person(day, channel)
            for kind, yuan in channel.costs:
                cost = wanted * yuan * self.dice.uniform(0.8, 1.2)
                self.costs.add(day.date().isoformat(), channel.name, kind, f"{cost:.2f}")

    def _person(self, day: datetime, channel: ChannelPlan) -> None:
        added = day + timedelta(
            hours=self.dice.triangular(9, 23, 20), seconds=self.dice.randrange(60)
        )
        if added >= self.now:
            return
        self._number += 1
        who = f"{self.business.slug[:2].upper()}{self._number:05d}"
        staff = self.dice.choice(self.business.staff)[0]
        fit = self.dice.random()
        referrer = None
        if "介绍" in channel.name and self._buyers:
            referrer = self.dice.choice(self._buyers)
        dice = self.dice
        self.contacts.add(
            who,
            dice.choice(_FAMILY) + dice.choice(_GIVEN),
            f"1{dice.choice('3578')}{dice.randrange(10**9):09d}" if fit > 0.35 else "",
            f"{who.lower()}@mail.example" if dice.random() < 0.3 else "",
            dice.choices(("女", "男", ""), (7, 2, 1))[0],
            self._birthday() if dice.random() < 0.55 else "",
            channel.name,
            _text(added),
            staff,
            ";".join(self._tags()),
            referrer,
            *self._profile(fit),
        )
        self._scan(who, channel.name, added)
        self._touches(who, staff, added)
        self._life(who, staff, added, min(0.97, fit * channel.appeal))

    def _scan(self, who: str, code: str, added: datetime) -> None:
        """Most add the member at once; some had scanned a code, and put it off, before."""
        dice, scanned = self.chances, {"live_code": code}
        if dice.random() < 0.85:
            minutes = dice.uniform(1, 9)
            self._event(who, "livecode.scanned", added - timedelta(minutes=minutes), scanned)
            if dice.random() < 0.24:
                before = added - timedelta(days=dice.uniform(8, 40))
                self._event(who, "livecode.scanned", before, scanned)

    def _touches(self, who: str, staff: str, added: datetime) -> None:
        """The script for new friends, then an offer each month; some do not open their phone."""
        for days, kind in _STEPS:
            self._touch(who, staff, added + timedelta(days=days), kind, _SCRIPT)
        for number in range(1, self.business.days // _OFFER_EVERY + 1):
            at = added + timedelta(days=number * _OFFER_EVERY, hours=self.chances.uniform(-6, 2))
            self._touch(who, staff, at, "promotion", _OFFER)

    def _touch(self, who: str, staff: str, at: datetime, kind: str, sop: str) -> None:
        if self.chances.random() < 0.8:
            told = {"staff": staff, "sop": sop, "touch_kind": kind, "route": "mass_task"}
            self._event(who, "touch.delivered", at, told)

    def _birthday(self) -> str:
        born = self.now - timedelta(days=self.dice.triangular(19 * 365, 52 * 365, 29 * 365))
        return born.date().isoformat()

    def _tags(self) -> list[str]:
        tags = self.dice.sample(self.business.tags, self.dice.choices((0, 1, 2), (3, 5, 2))[0])
        unwanted = self.business.unwanted
        return [*tags, unwanted] if unwanted and self.dice.random() < 0.02 else tags

    def _profile(self, fit: float) -> tuple[str, str]:
        """City and budget, where they told; who suits the business has more to spend."""
        profile = self.business.profile
        weights = [len(profile.cities) - place for place in range(len(profile.cities))]
        city = self.dice.choices(profile.cities, weights)[0] if self.dice.random() < 0.8 else ""
        purse = 0.6 * fit + 0.4 * self.dice.random()
        budget = profile.budgets[0 if purse < 0.36 else 1 if purse < 0.62 else 2]
        return city, budget if self.dice.random() < 0.75 else ""

    def _life(self, who: str, staff: str, added: datetime, warmth: float) -> None:
        """What they read, ask, buy, and whether they leave."""
        at = added
        for _ in range(self.dice.choices(range(6), (3, 4, 4, 3, 2, 1 + 4 * warmth))[0]):
            at += timedelta(hours=self.dice.expovariate(1 / 60))
            kind = self.dice.choice(_READS)
            piece = self.dice.choice(self.business.contents)
            self._event(who, kind, at, {"content": piece.title, "purpose": piece.purpose})
        if self.dice.random() < warmth:
            asked = added + timedelta(minutes=self.dice.randrange(3, 900))
            self._event(who, "message.received", asked, {})
            self._event(who, "message.sent", asked + timedelta(minutes=9), {"staff": staff})
        if warmth > 0.7 and self.dice.random() < 0.6:
            self._event(who, "price.asked", at + timedelta(hours=2), {"staff": staff})
        if self._is_warm(added, warmth):
            self._ripen(who, staff)
        elif self.dice.random() < self.business.conversion * (0.4 + warmth):
            self._buy(who, added + timedelta(hours=self.dice.expovariate(1 / 150)), warmth)
        elif self.dice.random() < 0.11:
            left = added + timedelta(days=self.dice.expovariate(1 / 20))
            self._event(who, "follow.ended", left, {"staff": staff, "by": "customer"})

    def _is_warm(self, added: datetime, warmth: float) -> bool:
        """Came lately and likes what they see: tomorrow's customers, today's leads."""
        recent = self.now - added < timedelta(days=21)
        return recent and warmth > 0.55 and self.dice.random() < 0.6

    def _ripen(self, who: str, staff: str) -> None:
        for kind, hours in (("session.attended", 60), ("form.answered", 40), ("price.asked", 20)):
            at = self.now - timedelta(hours=hours * self.dice.uniform(0.3, 1.0))
            self._event(who, kind, at, {"staff": staff})
        if self.dice.random() < 0.5:
            at = self.now - timedelta(hours=self.dice.uniform(1, 20))
            self._event(who, "coupon.collected", at, {"staff": staff})

    def _buy(self, who: str, at: datetime, warmth: float) -> None:
        bought, (leaves, often) = 0, self._habits(warmth)
        while at < self.now:
            product = self._product(first=not bought)
            quantity = self.dice.choices((1, 2), (5, 1))[0]
            amount = product.price * quantity
            refund = amount if self.dice.random() < 0.03 else None
            self._number_of_order += 1
            self.orders.add(
                f"{self.business.slug[:2].upper()}-{self._number_of_order:06d}",
                who,
                _text(at),
                amount,
                product.cost * quantity,
                "refunded" if refund else "paid",
                refund,
                f"{product.sku}×{quantity}",
            )
            self._buyers.append(who)
            if bought and self.dice.random() < leaves:
                break
            bought += 1
            at += timedelta(days=min(self.dice.expovariate(often), self.business.days))

    def _habits(self, warmth: float) -> tuple[float, float]:
        """Of their own: the chance to leave after buying again, and purchases a day until then."""
        stays = min(0.9, self.business.repeat * (0.6 + warmth))
        leaves = self.dice.betavariate(_ALIKE * (1 - stays), _ALIKE * stays)
        return leaves, self.dice.gammavariate(_PACE, _OFTEN * (0.2 + 1.6 * warmth) / _PACE)

    def _product(self, *, first: bool) -> ProductPlan:
        """Most begin with the cheap one that leads in; what leads in is seldom bought again."""
        lead_in, *others = self.business.products
        if self.dice.random() < (0.74 if first else 0.05):
            return lead_in
        *usual, largest = others
        return self.dice.choice(usual) if first or self.dice.random() < 0.9 else largest

    def _event(self, who: str, kind: str, at: datetime, properties: dict[str, str]) -> None:
        if at < self.now:
            self._number_of_event += 1
            self.events.add(
                f"{self.business.slug}-{self._number_of_event}",
                who,
                kind,
                _text(at),
                json.dumps(properties, ensure_ascii=False),
            )


def _text(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%S")
