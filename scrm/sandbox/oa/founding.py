"""How do official accounts, their templates and their first fans come into the world?"""

from dataclasses import replace

from scrm.sandbox import callbacks, cipher, fields, transport
from scrm.sandbox.errors import RefusedError
from scrm.sandbox.fields import Json
from scrm.sandbox.founding import new_person
from scrm.sandbox.oa.fans import fan_of
from scrm.sandbox.oa.state import Fan, OfficialAccount, Template
from scrm.sandbox.world import World

MODES = ("plain", "aes", "compatible")
KINDS = ("template", "subscribe")
MOST_FANS = 100_000


def new_account(world: World, body: Json) -> Json:
    """Ids and secrets may be given, to found the same account again."""
    dice = world.dice
    number = dice.number("account")
    appid = fields.text(body, "appid") or "wx" + dice.hexadecimal(16, "account", number)
    if appid in world.state.accounts:
        raise RefusedError(f"account {appid!r} exists", 409)
    original_id = "gh_" + dice.hexadecimal(12, "original id", number)
    aes_key = dice.hexadecimal(42, "oa aes key", number) + "A"
    account = OfficialAccount(
        appid=appid,
        name=fields.text(body, "name") or f"公众号 {number}",
        original_id=fields.text(body, "original_id") or original_id,
        secret=fields.text(body, "secret") or dice.hexadecimal(32, "oa secret", number),
        token=fields.text(body, "token") or dice.hexadecimal(24, "oa app token", number),
        aes_key=fields.text(body, "aes_key") or aes_key,
        mode=fields.text(body, "mode") or "aes",
        bound=fields.flag(body, "bound", default=True),
        ip_list=fields.strings(body, "ip_list"),
    )
    _point(world, account, body)
    with world.lock:
        world.state.accounts[appid] = account
    return _shown(account)


def set_callback_url(world: World, body: Json) -> Json:
    """Saves and checks the URL; an empty one switches callbacks off."""
    account = world.account(fields.given(body, "appid"))
    before = replace(account)
    account.token = fields.text(body, "token") or account.token
    account.aes_key = fields.text(body, "aes_key") or account.aes_key
    account.mode = fields.text(body, "mode") or account.mode
    try:
        _point(world, account, body)
    except RefusedError:
        vars(account).update(vars(before))
        raise
    return _shown(account)


def _point(world: World, account: OfficialAccount, body: Json) -> None:
    if account.mode not in MODES:
        raise RefusedError(f"mode is one of {', '.join(MODES)}")
    try:
        cipher.key_from(account.aes_key)
    except ValueError as error:
        raise RefusedError(f"aes_key: {error}") from error
    account.callback_url = fields.text(body, "callback_url")
    if not account.callback_url:
        return
    transport.check_url(account.callback_url)
    if fields.flag(body, "check", default=True):
        now = world.clock.now()
        callbacks.check_url(account.appid, account, world.settings, world.dice, at=now)


def _shown(account: OfficialAccount) -> Json:
    """The one answer with secrets in it: whoever founds an account must be able to use it."""
    return {
        "appid": account.appid,
        "name": account.name,
        "original_id": account.original_id,
        "secret": account.secret,
        "token": account.token,
        "aes_key": account.aes_key,
        "mode": account.mode,
        "callback_url": account.callback_url,
    }


def new_template(world: World, body: Json) -> Json:
    """Places to fill in are written {{name.DATA}}."""
    account = world.account(fields.given(body, "appid"))
    kind = fields.text(body, "kind") or KINDS[0]
    if kind not in KINDS:
        raise RefusedError(f"kind is one of {', '.join(KINDS)}")
    number = world.dice.number("template")
    template = Template(
        template_id=fields.text(body, "template_id") or world.dice.word(43, "template", number),
        kind=kind,
        title=fields.text(body, "title") or f"通知 {number}",
        content=fields.text(body, "content") or "{{thing1.DATA}}\n{{time2.DATA}}",
        example=fields.text(body, "example"),
        primary_industry=fields.text(body, "primary_industry") or "IT科技",
        deputy_industry=fields.text(body, "deputy_industry") or "互联网|电子商务",
    )
    account.templates[template.template_id] = template
    return {"appid": account.appid, "template_id": template.template_id, "kind": kind}


def new_fans(world: World, body: Json) -> Json:
    """People who have followed for some time: nobody is told."""
    account = world.account(fields.given(body, "appid"))
    count = fields.integer(body, "count", 1)
    if not 1 <= count <= MOST_FANS:
        raise RefusedError(f"count is 1 to {MOST_FANS}")
    who = fields.text(body, "customer")
    people = [world.person(who)] if who else [new_person(world, body) for _ in range(count)]
    return {"fans": [_following(world, fan_of(world, account, person)) for person in people]}


def _following(world: World, fan: Fan) -> Json:
    if not fan.subscribed:
        fan.subscribed = True
        fan.subscribe_time = int(world.clock.now())
    return {"customer": fan.person, "openid": fan.openid}
