"""What does a customer do behind an acquisition link, and what is left of the paid quota?

Only what carries a channel (`customer_channel`) is told; the quota and the links themselves are
told in any case.
"""

from collections import Counter
from typing import cast

from scrm.sandbox.contact_ways import members
from scrm.sandbox.days import DAY_S
from scrm.sandbox.events import Fields
from scrm.sandbox.state import Corp, Follow
from scrm.sandbox.state_outreach import ChatKey, Link, LinkCustomer, QuotaLot
from scrm.sandbox.telling import listeners, tell
from scrm.sandbox.world import World

LOW = 20
LIFE_S = 365 * DAY_S
WARNED_DAYS = (14, 7, 3, 2, 1)
COUNTED_MESSAGES = (3, 5, 10)
KEY_LIFE_S = 1800
ANY_FRIEND, NAMED_FRIEND = 1, 2


def announce(world: World, corp: Corp, change: str, more: Fields = ()) -> None:
    fields = [("ChangeType", change), *more]
    tell(world, corp, listeners(corp), "customer_acquisition", fields)


def announce_channel(world: World, corp: Corp, link: Link, state: str, change: str) -> None:
    if state:
        announce(world, corp, change, [("LinkId", link.link_id), ("State", state)])


def people(corp: Corp, link: Link) -> list[str]:
    """Those behind the link who can take customers."""
    return [
        userid
        for userid in members(corp, link.users, link.departments)
        if corp.staff[userid].active and corp.staff[userid].customer_contact
    ]


def chosen(corp: Corp, link: Link, external_userid: str) -> str:
    """Whom this customer is led to: somebody who knows them, else the least busy."""
    able = people(corp, link)
    known = [userid for userid in able if corp.follow(userid, external_userid)]
    friends = [userid for userid in corp.follows.get(external_userid, {}) if userid in corp.staff]
    if link.priority.get("priority_type") == ANY_FRIEND:
        known += friends
    if link.priority.get("priority_type") == NAMED_FRIEND:
        named = cast(list[str], link.priority["priority_userid_list"])
        known = [userid for userid in friends if userid in named] + known
    load = Counter(userid for each in corp.follows.values() for userid in each)
    return known[0] if known else min(able, key=lambda userid: load[userid])


# The quota -------------------------------------------------------------------------------------


def lots(world: World, corp: Corp) -> list[QuotaLot]:
    """What is not over yet. A corp begins with the quota that the settings give."""
    if not corp.quota_granted:
        corp.quota_granted = True
        if world.settings.acquisition_quota > 0:
            buy(world, corp, world.settings.acquisition_quota, LIFE_S)
    now = world.clock.now()
    return [lot for lot in corp.quota_lots if lot.expires > now]


def balance(world: World, corp: Corp) -> int:
    return sum(lot.balance for lot in lots(world, corp))


def buy(world: World, corp: Corp, count: int, life_s: float) -> QuotaLot:
    lot = QuotaLot(
        number=world.dice.number("quota"),
        bought=count,
        balance=count,
        expires=int(world.clock.now() + life_s),
    )
    corp.quota_granted = True
    corp.quota_lots.append(lot)
    expect(world, corp, lot)
    return lot


def expect(world: World, corp: Corp, lot: QuotaLot) -> None:
    """The warnings before the lot expires, and its end."""

    def warn() -> None:
        with world.lock:
            if lot.balance:
                more = [("ExpireTime", lot.expires), ("ExpireQuotaNum", lot.balance)]
                announce(world, corp, "quota_expire_soon", more)

    def end() -> None:
        with world.lock:
            lost, lot.balance = lot.balance, 0
            _shrunk(world, corp, balance(world, corp) + lost)

    now = world.clock.now()
    for days in WARNED_DAYS:
        moment = lot.expires - days * DAY_S
        if moment > now:
            world.timetable.at(moment, warn)
    world.timetable.at(lot.expires, end)


def _shrunk(world: World, corp: Corp, before: int) -> None:
    after = balance(world, corp)
    if after < LOW <= before:
        announce(world, corp, "balance_low")
    if after == 0 < before:
        announce(world, corp, "balance_exhausted")
    review(world, corp)


def top_up(world: World, corp: Corp, count: int, life_s: float) -> None:
    before = balance(world, corp)
    buy(world, corp, count, life_s)
    if before == 0:
        announce(world, corp, "balance_increased")
    review(world, corp)


def review(world: World, corp: Corp) -> None:
    """Tells of links that have just become unavailable: no quota is left, or nobody is there."""
    if not corp.links:
        return
    left = balance(world, corp)
    for link in corp.links.values():
        able = left > 0 and bool(people(corp, link))
        if link.available and not able:
            announce(world, corp, "link_unavailable", [("LinkId", link.link_id)])
        link.available = able


# A customer who came by a link -----------------------------------------------------------------


def added(world: World, corp: Corp, follow: Follow) -> None:
    """Takes one from the lot that expires first, never below zero."""
    link = corp.links.get(follow.link_id)
    if link is None:
        return
    link.customers.append(
        LinkCustomer(
            number=world.dice.number("link customer"),
            external_userid=follow.external_userid,
            userid=follow.userid,
            state=follow.state,
            at=int(world.clock.now()),
        )
    )
    before = balance(world, corp)
    usable = [lot for lot in lots(world, corp) if lot.balance]
    if usable:
        min(usable, key=lambda lot: (lot.expires, lot.number)).balance -= 1
        _shrunk(world, corp, before)


def heard(world: World, corp: Corp, follow: Follow) -> None:
    """A customer said something: their first word, and the 3rd, 5th and 10th, are told."""
    link = corp.links.get(follow.link_id)
    if link is None:
        return
    pair = (follow.external_userid, follow.userid)
    mine = [each for each in link.customers if (each.external_userid, each.userid) == pair]
    if not mine:
        return
    customer = mine[-1]
    customer.messages += 1
    if not customer.state:
        return
    of_link = [("LinkId", link.link_id), ("State", customer.state)]
    if customer.messages == 1:
        who = [("UserID", follow.userid), ("ExternalUserID", follow.external_userid)]
        announce(world, corp, "customer_start_chat", [*of_link, *who])
    if customer.messages in COUNTED_MESSAGES:
        key = _chat_key(world, corp, link, customer)
        announce(world, corp, "message_from_customer", [*of_link, ("ChatKey", key)])


def _chat_key(world: World, corp: Corp, link: Link, customer: LinkCustomer) -> str:
    key = world.dice.word(40, "chat key", world.dice.number("chat key"))
    until = world.clock.now() + KEY_LIFE_S
    corp.chat_keys[key] = ChatKey(link.link_id, customer.number, customer.messages, until)
    return key


def resume(world: World) -> None:
    """After a restart: warnings still to come, and the ends of lots."""
    for corp in world.state.corps.values():
        for lot in corp.quota_lots:
            if lot.balance:
                expect(world, corp, lot)
