"""Who follows the account, and what may it know of them?"""

from scrm.sandbox import fields
from scrm.sandbox.fields import Json
from scrm.sandbox.oa.calls import OaCall, OaEndpoint
from scrm.sandbox.oa.errors import OaError
from scrm.sandbox.oa.state import Fan, OfficialAccount
from scrm.sandbox.state import Person
from scrm.sandbox.world import World

MOST_IN_BATCH = 100
REMARK_CHARS = 30
# No longer filled since the end of 2021; some answers still carry them.
RETIRED: Json = {
    "nickname": "",
    "sex": 0,
    "city": "",
    "province": "",
    "country": "",
    "headimgurl": "",
}


def openid_of(world: World, account: OfficialAccount, person: Person) -> str:
    return "o" + world.dice.word(27, "openid", account.appid, person.id)


def fan_of(world: World, account: OfficialAccount, person: Person) -> Fan:
    """The person as this account knows them, from now on if not before."""
    openid = openid_of(world, account, person)
    fan = account.fans.get(openid)
    if fan is None:
        fan = Fan(world.dice.number(f"fan {account.appid}"), openid, person.id)
        account.fans[openid] = fan
    return fan


def unionid(world: World, account: OfficialAccount, fan: Fan) -> Json:
    """The same wherever the person is known, once the account is bound."""
    known = world.state.people[fan.person].unionid
    return {"unionid": known} if account.bound and known else {}


def _shown(call: OaCall, fan: Fan) -> Json:
    head: Json = {"subscribe": int(fan.subscribed), "openid": fan.openid}
    union = unionid(call.world, call.account, fan)
    if not fan.subscribed:
        return {**head, **union}
    return {
        **head,
        **(RETIRED if call.world.settings.unknown_fields else {}),
        "language": "zh_CN",
        "subscribe_time": fan.subscribe_time,
        **union,
        "remark": fan.remark,
        "groupid": fan.tag_ids[0] if fan.tag_ids else 0,
        "tagid_list": list(fan.tag_ids),
        "subscribe_scene": fan.subscribe_scene,
        "qr_scene": fan.qr_scene,
        "qr_scene_str": fan.qr_scene_str,
    }


def info(call: OaCall) -> Json:
    return _shown(call, call.fan(fields.text({**call.query, **call.body}, "openid")))


def batch(call: OaCall) -> Json:
    wanted = fields.mappings(call.body, "user_list")
    if not 1 <= len(wanted) <= MOST_IN_BATCH:
        raise OaError(40032)
    shown = [_shown(call, call.fan(fields.text(each, "openid"))) for each in wanted]
    return {"user_info_list": shown}


def page(call: OaCall, rows: list[Fan], last_openid: str) -> Json:
    """The fans after one that an earlier page named, also when that one has left since."""
    last = call.fan(last_openid).number if last_openid else 0
    taken = [fan for fan in rows if fan.number > last][: call.world.settings.fans_a_page]
    if not taken:
        return {"count": 0, "next_openid": ""}
    return {
        "count": len(taken),
        "data": {"openid": [fan.openid for fan in taken]},
        "next_openid": taken[-1].openid,
    }


def followers(call: OaCall) -> Json:
    rows = call.account.followers()
    following = fields.text({**call.query, **call.body}, "next_openid")
    return {"total": len(rows), **page(call, rows, following)}


def update_remark(call: OaCall) -> Json:
    remark = fields.text(call.body, "remark", chars=REMARK_CHARS)
    call.follower(fields.text(call.body, "openid")).remark = remark
    return {}


ENDPOINTS = {
    "user/info": OaEndpoint(info, daily=5_000_000, post=False, bare=True),
    "user/info/batchget": OaEndpoint(batch, daily=5_000_000, bare=True),
    "user/get": OaEndpoint(followers, daily=500, post=False, bare=True),
    "user/info/updateremark": OaEndpoint(update_remark, daily=10_000),
}
