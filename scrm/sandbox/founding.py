"""How do corps, apps, staff and customers come into the world?"""

from dataclasses import replace

from scrm.sandbox import callbacks, cipher, fields, friends, transport
from scrm.sandbox.days import DAY_S
from scrm.sandbox.errors import RefusedError
from scrm.sandbox.fields import Json
from scrm.sandbox.state import App, Corp, Department, Follow, Person, Staff
from scrm.sandbox.world import World

FIRST_AGENT = 1_000_001
MOST_AT_ONCE = 10_000
YEAR_S = 365 * DAY_S
SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗"
GIVEN_NAMES = ("子涵", "雨桐", "浩然", "思远", "佳怡", "明轩", "晓雯", "志强", "丽华", "建国")


def new_corp(world: World, body: Json) -> Json:
    """A corp with its first app. Ids and secrets may be given, to found the same corp again."""
    dice = world.dice
    number = dice.number("corp")
    corpid = fields.text(body, "corpid") or "ww" + dice.hexadecimal(16, "corp", number)
    if corpid in world.state.corps:
        raise RefusedError(f"corp {corpid!r} exists", 409)
    corp = Corp(
        corpid=corpid,
        name=fields.text(body, "name") or f"企业 {number}",
        bound=fields.flag(body, "bound", default=True),
        departments={"1": Department(1, fields.text(body, "name") or f"企业 {number}", 0)},
    )
    app = _app_from(world, corp, body)
    corp.apps[str(app.agentid)] = app
    with world.lock:
        world.state.corps[corpid] = corp
    return _shown_app(corp, app)


def new_app(world: World, body: Json) -> Json:
    corp = world.corp(fields.given(body, "corpid"))
    app = _app_from(world, corp, body)
    if corp.app(app.agentid):
        raise RefusedError(f"app {app.agentid} exists", 409)
    with world.lock:
        corp.apps[str(app.agentid)] = app
    return _shown_app(corp, app)


def _app_from(world: World, corp: Corp, body: Json) -> App:
    dice = world.dice
    number = dice.number("app")
    app = App(
        agentid=fields.integer(body, "agentid", FIRST_AGENT + len(corp.apps)),
        name=fields.text(body, "app_name") or "SCRM",
        secret=fields.text(body, "secret") or dice.word(43, "secret", number),
        customer_contact=fields.flag(body, "customer_contact", default=True),
        visible=fields.strings(body, "visible") if "visible" in body else None,
        ip_list=fields.strings(body, "ip_list"),
        token=fields.text(body, "token") or dice.hexadecimal(24, "app token", number),
        aes_key=fields.text(body, "aes_key") or _aes_key(world, number),
        suite_id=fields.text(body, "suite_id"),
        receive_id=fields.text(body, "receive_id"),
    )
    _point(world, corp, app, body)
    return app


def _aes_key(world: World, number: int) -> str:
    return world.dice.hexadecimal(42, "aes key", number) + "A"


def set_callback_url(world: World, body: Json) -> Json:
    """Saves and checks the URL; an empty one switches callbacks off."""
    corp = world.corp(fields.given(body, "corpid"))
    app = world.app(corp, fields.integer(body, "agentid"))
    before = replace(app)
    app.token = fields.text(body, "token") or app.token
    app.aes_key = fields.text(body, "aes_key") or app.aes_key
    app.suite_id = fields.text(body, "suite_id", app.suite_id)
    app.receive_id = fields.text(body, "receive_id", app.receive_id)
    try:
        _point(world, corp, app, body)
    except RefusedError:
        vars(app).update(vars(before))
        raise
    return _shown_app(corp, app)


def _point(world: World, corp: Corp, app: App, body: Json) -> None:
    try:
        cipher.key_from(app.aes_key)
    except ValueError as error:
        raise RefusedError(f"aes_key: {error}") from error
    app.callback_url = fields.text(body, "callback_url")
    if not app.callback_url:
        return
    transport.check_url(app.callback_url)
    if fields.flag(body, "check", default=True):
        callbacks.check_url(corp.corpid, app, world.settings, world.dice, at=world.clock.now())


def _shown_app(corp: Corp, app: App) -> Json:
    """The one answer with secrets in it: whoever founds an app must be able to use it."""
    return {
        "corpid": corp.corpid,
        "name": corp.name,
        "agentid": app.agentid,
        "secret": app.secret,
        "token": app.token,
        "aes_key": app.aes_key,
        "callback_url": app.callback_url,
    }


def new_department(world: World, body: Json) -> Json:
    corp = world.corp(fields.given(body, "corpid"))
    number = fields.integer(body, "id") or max(each.id for each in corp.departments.values()) + 1
    parent = fields.integer(body, "parentid", 1)
    if str(number) in corp.departments or str(parent) not in corp.departments:
        raise RefusedError("the id is taken, or the parent is unknown", 409)
    department = Department(number, fields.given(body, "name"), parent)
    corp.departments[str(number)] = department
    return {"id": department.id, "name": department.name, "parentid": department.parentid}


def new_staff(world: World, body: Json) -> Json:
    """Also changes a member who is there already."""
    corp = world.corp(fields.given(body, "corpid"))
    userid = fields.text(body, "userid") or f"staff{len(corp.staff) + 1}"
    departments = fields.integers(body, "departments")
    if any(str(each) not in corp.departments for each in departments):
        raise RefusedError("there is no such department", 404)
    staff = corp.staff.setdefault(userid, Staff(userid, userid, [1]))
    staff.name = fields.text(body, "name") or staff.name
    staff.departments = departments or staff.departments
    staff.mobile = fields.text(body, "mobile", staff.mobile)
    staff.position = fields.text(body, "position", staff.position)
    staff.active = fields.flag(body, "active", default=staff.active)
    staff.customer_contact = fields.flag(body, "customer_contact", default=staff.customer_contact)
    staff.admin_welcome = fields.flag(body, "admin_welcome", default=staff.admin_welcome)
    staff.dormant = fields.flag(body, "dormant", default=staff.dormant)
    staff.verified = fields.flag(body, "verified", default=staff.verified)
    return {"corpid": corp.corpid, "userid": staff.userid, "name": staff.name}


def new_person(world: World, body: Json) -> Person:
    dice = world.dice
    number = dice.number("person")
    surname = SURNAMES[int(dice.between(0, len(SURNAMES), "surname", number))]
    given_name = GIVEN_NAMES[int(dice.between(0, len(GIVEN_NAMES), "given", number))]
    unionid = "o" + dice.word(27, "unionid", number)
    person = Person(
        id=f"p{number}",
        name=fields.text(body, "name") or surname + given_name,
        gender=fields.integer(body, "gender", 1 + int(dice.fraction("gender", number) * 2)),
        unionid=fields.text(body, "unionid") if "unionid" in body else unionid,
        mobile=fields.text(body, "mobile"),
    )
    world.state.people[person.id] = person
    return person


def someone(world: World, body: Json) -> Person:
    """The `customer` of a control call: known by id, or new, described or not."""
    who = body.get("customer")
    if isinstance(who, str) and who:
        return world.person(who)
    return new_person(world, fields.mapping(body, "customer"))


def many_customers(world: World, body: Json) -> Json:
    """Thousands at once, who have been friends of these members for up to a year. Tells nobody."""
    corp = world.corp(fields.given(body, "corpid"))
    userids = [world.member(corp, each).userid for each in fields.strings(body, "userids")]
    count, tag_ids = fields.integer(body, "count"), fields.strings(body, "tag_ids")
    if not userids or not 1 <= count <= MOST_AT_ONCE:
        raise RefusedError(f"userids, and a count of 1 to {MOST_AT_ONCE}")
    now = int(world.clock.now())
    for place in range(count):
        person = new_person(world, {})
        follow = Follow(
            number=world.dice.number("follow"),
            userid=userids[place % len(userids)],
            external_userid=friends.external_id(world, corp, person),
            person=person.id,
            createtime=now - int(world.dice.between(3600, YEAR_S, "since", person.id)),
            remark=person.name if place % 3 == 0 else "",
            tag_ids=[tag_ids[place % len(tag_ids)]] if tag_ids else [],
        )
        friends.store(corp, follow)
    return {"founded": count}


def new_customer(world: World, body: Json) -> Json:
    person = new_person(world, body)
    return {
        "customer": person.id,
        "name": person.name,
        "unionid": person.unionid,
        "gender": person.gender,
        "mobile": person.mobile,
    }
