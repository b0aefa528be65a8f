"""Which acquisition links does an app have, whom did they bring, and what did it cost?"""

from urllib.parse import parse_qs, urlsplit

from scrm.sandbox import cursors, days, fields, founding, friends, links
from scrm.sandbox.calls import Call, Endpoint
from scrm.sandbox.contact_ways import members
from scrm.sandbox.errors import ApiError, BadFieldError, RefusedError
from scrm.sandbox.fields import Json
from scrm.sandbox.state import Corp, Follow, Person
from scrm.sandbox.state_outreach import Click, Link, LinkCustomer
from scrm.sandbox.world import World

MOST_PEOPLE = 500
NAME_CHARS = 30
CHANNEL_BYTES = 64
BY_LINK = 16
LONGEST_SPAN_S = 30 * days.DAY_S
OLDEST_S = 180 * days.DAY_S


def url_of(world: World, link: Link) -> str:
    return f"{world.base_url}/ca/{link.link_id}"


def _link(call: Call) -> Link:
    """An app knows only the links that it made itself."""
    link = call.corp.links.get(fields.text(call.body, "link_id"))
    if link is None or link.agentid != call.app.agentid:
        raise ApiError(40058, "invalid link_id")
    return link


def list_all(call: Call) -> Json:
    limit = fields.limit(call.body, 100, 100)
    rows = [link for link in call.corp.links.values() if link.agentid == call.app.agentid]
    taken, following = cursors.page(
        rows,
        number=lambda link: link.number,
        of=f"links:{call.corp.corpid}:{call.app.agentid}",
        cursor=fields.text(call.body, "cursor"),
        limit=limit,
        dice=call.world.dice,
        short=call.world.settings.short_pages,
    )
    return {"link_id_list": [link.link_id for link in taken], "next_cursor": following}


def get(call: Call) -> Json:
    link = _link(call)
    answer: Json = {
        "link": {
            "link_name": link.name,
            "url": url_of(call.world, link),
            "create_time": link.created,
            "skip_verify": link.skip_verify,
        },
        "range": {"user_list": link.users, "department_list": link.departments},
    }
    return {**answer, "priority_option": link.priority} if link.priority else answer


def _range(call: Call) -> tuple[list[str], list[int]]:
    given = fields.mapping(call.body, "range")
    users = fields.strings(given, "user_list")
    departments = fields.integers(given, "department_list")
    for userid in users:
        staff = call.member(userid)
        if not staff.active:
            raise ApiError(84083)
        if not staff.customer_contact:
            raise ApiError(84074)
    if any(str(each) not in call.corp.departments for each in departments):
        raise ApiError(60123)
    people = members(call.corp, users, departments)
    if not people:
        raise ApiError(40063)
    if len(people) > MOST_PEOPLE:
        raise BadFieldError("the range has more than 500 people")
    return users, departments


def _priority(call: Call) -> Json:
    """1: any friend of the customer in the corp goes first, 2: those of the friends named."""
    given = fields.mapping(call.body, "priority_option")
    kind = fields.integer(given, "priority_type")
    if not kind:
        return {}
    named = fields.strings(given, "priority_userid_list")
    if kind not in (links.ANY_FRIEND, links.NAMED_FRIEND):
        raise BadFieldError("priority_type is 0, 1 or 2")
    if (kind == links.NAMED_FRIEND) != bool(named):
        raise BadFieldError("priority_userid_list belongs to priority_type 2")
    for userid in named:
        call.member(userid)
    return {"priority_type": kind, "priority_userid_list": named}


def create(call: Call) -> Json:
    name = fields.given(call.body, "link_name")
    fields.text(call.body, "link_name", chars=NAME_CHARS)
    users, departments = _range(call)
    world = call.world
    number = world.dice.number("link")
    link = Link(
        number=number,
        link_id="cawcde" + world.dice.hexadecimal(12, "link", number),
        agentid=call.app.agentid,
        name=name,
        created=int(world.clock.now()),
        users=users,
        departments=departments,
        skip_verify=fields.flag(call.body, "skip_verify", default=True),
        priority=_priority(call),
    )
    call.corp.links[link.link_id] = link
    links.review(world, call.corp)
    return {
        "link": {
            "link_id": link.link_id,
            "link_name": link.name,
            "url": url_of(world, link),
            "create_time": link.created,
        }
    }


def update(call: Call) -> Json:
    """The range and the priority replace what was there."""
    link = _link(call)
    name = fields.text(call.body, "link_name", link.name, chars=NAME_CHARS)
    users, departments = link.users, link.departments
    if "range" in call.body:
        users, departments = _range(call)
    priority = _priority(call) if "priority_option" in call.body else link.priority
    skip = fields.flag(call.body, "skip_verify", default=link.skip_verify)
    link.name, link.users, link.departments = name or link.name, users, departments
    link.priority, link.skip_verify = priority, skip
    links.review(call.world, call.corp)
    return {}


def delete(call: Call) -> Json:
    link = _link(call)
    del call.corp.links[link.link_id]
    if call.world.settings.echo_api_changes:
        links.announce(call.world, call.corp, "delete_link", [("LinkId", link.link_id)])
    return {}


def customers(call: Call) -> Json:
    link = _link(call)
    limit = fields.limit(call.body, 1000, 1000)
    taken, following = cursors.page(
        link.customers,
        number=lambda customer: customer.number,
        of=f"link customers:{link.link_id}",
        cursor=fields.text(call.body, "cursor"),
        limit=limit,
        dice=call.world.dice,
        short=call.world.settings.short_pages,
    )
    return {"customer_list": [_shown(customer) for customer in taken], "next_cursor": following}


def _shown(customer: LinkCustomer) -> Json:
    return {
        "external_userid": customer.external_userid,
        "userid": customer.userid,
        "chat_status": 1 if customer.messages else 0,
        "state": customer.state,
    }


def statistic(call: Call) -> Json:
    """Whole days in China time, both ends included."""
    link, now = _link(call), call.world.clock.now()
    begins = days.start(fields.integer(call.body, "start_time"))
    ends = days.start(fields.integer(call.body, "end_time")) + days.DAY_S
    if not 0 < ends - begins <= LONGEST_SPAN_S + days.DAY_S or begins < days.start(now) - OLDEST_S:
        raise BadFieldError("start_time to end_time is at most 30 days, of the last 180")
    clicks = {click.person for click in link.clicks if begins <= click.at < ends}
    new = [customer for customer in link.customers if begins <= customer.at < ends]
    return {"click_link_customer_cnt": len(clicks), "new_customer_cnt": len(new)}


def quota(call: Call) -> Json:
    lots = links.lots(call.world, call.corp)
    return {
        "total": sum(lot.bought for lot in call.corp.quota_lots),
        "balance": sum(lot.balance for lot in lots),
        "quota_list": [{"expire_date": lot.expires, "balance": lot.balance} for lot in lots],
    }


def chat_info(call: Call) -> Json:
    key = call.corp.chat_keys.get(fields.text(call.body, "chat_key"))
    if key is None or call.world.clock.now() > key.until:
        raise ApiError(40058, "invalid chat_key")
    link = call.corp.links.get(key.link_id)
    found = [each for each in link.customers if each.number == key.customer] if link else []
    if not link or not found:
        raise ApiError(40058, "invalid chat_key")
    return {
        "userid": found[0].userid,
        "external_userid": found[0].external_userid,
        "chat_info": {
            "recv_msg_cnt": key.messages,
            "link_id": link.link_id,
            "state": found[0].state,
        },
    }


# What a customer and the admin do --------------------------------------------------------------


def open_link(world: World, body: Json) -> Json:
    """`url` as it was handed out, or link_id and state. `stop_at` profile: only looks."""
    link_id, state = fields.text(body, "link_id"), fields.text(body, "state")
    address = urlsplit(fields.text(body, "url"))
    if address.path:
        link_id = address.path.rpartition("/")[2]
        state = parse_qs(address.query).get("customer_channel", [""])[0]
    corp, link = _found(world, link_id)
    state = state.encode()[:CHANNEL_BYTES].decode(errors="ignore")
    if not link.available:
        raise RefusedError("this link is unavailable", 409)
    person = founding.someone(world, body)
    external_userid = friends.external_id(world, corp, person)
    link.clicks.append(Click(person.id, int(world.clock.now())))
    if world.settings.acquisition_profile_events:
        links.announce_channel(world, corp, link, state, "open_profile")
    userid = links.chosen(corp, link, external_userid)
    met = corp.follow(userid, external_userid)
    answer: Json = {
        "customer": person.id,
        "external_userid": external_userid,
        "userid": userid,
        "link_id": link.link_id,
        "state": state,
        "already": met is not None,
    }
    if fields.text(body, "stop_at") != "profile" and met is None:
        links.announce_channel(world, corp, link, state, "friend_request")
        _ask(world, corp, link, person, userid, state)
    return answer


def _found(world: World, link_id: str) -> tuple[Corp, Link]:
    for corp in world.state.corps.values():
        if link_id in corp.links:
            return corp, corp.links[link_id]
    raise RefusedError("there is no such link", 404)


def _ask(world: World, corp: Corp, link: Link, person: Person, userid: str, state: str) -> None:
    now = world.clock.now()
    follow = Follow(
        number=world.dice.number("follow"),
        userid=userid,
        external_userid=person.externals[corp.corpid],
        person=person.id,
        createtime=int(now),
        state=state,
        add_way=BY_LINK,
        half=True,
        fresh_until=now + world.settings.stale_read_s,
        link_id=link.link_id,
    )
    friends.request(world, corp, follow, skip_verify=link.skip_verify)


def buy_quota(world: World, body: Json) -> Json:
    corp = world.corp(fields.given(body, "corpid"))
    count = fields.integer(body, "count")
    lasts = fields.integer(body, "days", 365)
    if count <= 0 or lasts <= 0:
        raise RefusedError("count and days are above 0")
    links.top_up(world, corp, count, lasts * days.DAY_S)
    return {"balance": links.balance(world, corp)}


def delete_link(world: World, body: Json) -> Json:
    """By the admin, in the console."""
    corp, link = _found(world, fields.given(body, "link_id"))
    del corp.links[link.link_id]
    links.announce(world, corp, "delete_link", [("LinkId", link.link_id)])
    return {"link_id": link.link_id}


PATH = "externalcontact/customer_acquisition"
ENDPOINTS = {
    f"{PATH}/list_link": Endpoint(list_all, empty=("link_id_list",)),
    f"{PATH}/get": Endpoint(get),
    f"{PATH}/create_link": Endpoint(create),
    f"{PATH}/update_link": Endpoint(update),
    f"{PATH}/delete_link": Endpoint(delete),
    f"{PATH}/customer": Endpoint(customers, empty=("customer_list",)),
    f"{PATH}/statistic": Endpoint(statistic),
    f"{PATH}/get_chat_info": Endpoint(chat_info),
    f"{PATH}_quota": Endpoint(quota, empty=("quota_list",)),
}
ACTS = {"open_link": open_link, "buy_quota": buy_quota, "delete_link": delete_link}
