"""Who is it: behind a sign-in code, or behind a unionid?"""

from scrm.sandbox import fields
from scrm.sandbox.calls import Call, Endpoint
from scrm.sandbox.errors import ApiError, BadFieldError
from scrm.sandbox.fields import Json
from scrm.sandbox.limits import HOUR
from scrm.sandbox.login_codes import Login
from scrm.sandbox.state import Person

CONVERSIONS_AN_HOUR = 100_000


def _login(call: Call) -> Login:
    code = fields.text({**call.query, **call.body}, "code")
    return call.world.login_codes.redeem(code, call.corp.corpid, call.app.agentid)


def _outsider(call: Call, login: Login) -> tuple[str, Json]:
    """What the corp calls somebody who is not of its staff; the second only for a customer whom
    the app may see."""
    dice, person = call.world.dice, call.world.state.people[login.person]
    openid = "o" + dice.word(27, "corp openid", call.corp.corpid, person.id)
    external_userid = _customer(call, person)
    return openid, {"external_userid": external_userid} if external_userid else {}


def _customer(call: Call, person: Person) -> str:
    external_userid = person.externals.get(call.corp.corpid, "")
    known = call.corp.follows.get(external_userid, {})
    return external_userid if any(call.app.sees(userid) for userid in known) else ""


def old_user_info(call: Call) -> Json:
    """`user/getuserinfo` writes the names with capitals."""
    login = _login(call)
    if login.userid:
        return {"UserId": login.userid, "DeviceId": ""}
    openid, customer = _outsider(call, login)
    return {"OpenId": openid, "DeviceId": "", **customer}


def user_info(call: Call) -> Json:
    login = _login(call)
    if login.userid:
        return {"userid": login.userid}
    openid, customer = _outsider(call, login)
    return {"openid": openid, **customer}


def from_unionid(call: Call) -> Json:
    """A customer's id; somebody who is none yet gets a pending id."""
    call.world.limits.allow(call.corp.corpid, "unionid", most=CONVERSIONS_AN_HOUR, seconds=HOUR)
    unionid, openid = fields.given(call.body, "unionid"), fields.given(call.body, "openid")
    if fields.integer(call.body, "subject_type") not in (0, 1):
        raise BadFieldError("subject_type is 0 or 1")
    if not call.corp.bound:
        raise ApiError(48002, "no developer account is bound")
    people = call.world.state.people.values()
    person = next((each for each in people if each.unionid == unionid), None)
    _check_pair(call, person, openid)
    external_userid = _customer(call, person) if person else ""
    if external_userid:
        return {"external_userid": external_userid}
    return {"pending_id": "pd" + call.world.dice.word(30, "pending", call.corp.corpid, unionid)}


def _check_pair(call: Call, person: Person | None, openid: str) -> None:
    """Both must be of one account's fan, when the openid is of an account that exists here."""
    accounts = call.world.state.accounts.values()
    fans = [account.fans[openid] for account in accounts if openid in account.fans]
    if fans and (person is None or fans[0].person != person.id):
        raise ApiError(40058, "unionid and openid do not match")


ENDPOINTS = {
    "user/getuserinfo": Endpoint(old_user_info, contact=False),
    "auth/getuserinfo": Endpoint(user_info, contact=False),
    "idconvert/unionid_to_external_userid": Endpoint(from_unionid),
}
