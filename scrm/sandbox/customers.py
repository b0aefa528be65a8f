"""Who are a corp's customers, and what does each member know about them?"""

from scrm.sandbox import cursors, fields, friends
from scrm.sandbox.calls import Call, Endpoint
from scrm.sandbox.errors import ApiError
from scrm.sandbox.fields import Json
from scrm.sandbox.state import Corp, Follow
from scrm.sandbox.tags import corp_tag

FOLLOWERS_A_PAGE = 500
MOST_USERS = 100
MOST_ROWS = 100
REMARK_LIMITS = {"remark": 20, "description": 150, "remark_company": 20}


def follow_users(call: Call) -> Json:
    return {
        "follow_user": [
            staff.userid
            for staff in call.corp.staff.values()
            if staff.customer_contact and staff.active and call.app.sees(staff.userid)
        ]
    }


def list_of(call: Call) -> Json:
    userid = fields.text({**call.query, **call.body}, "userid")
    call.member(userid)
    known = [follow.external_userid for follow in call.corp.customers_of(userid)]
    if not known:
        raise ApiError(84061)
    return {"external_userid": known}


def _external_contact(call: Call, external_userid: str) -> Json:
    person = call.world.state.people[call.corp.externals[external_userid]]
    shown: Json = {
        "external_userid": external_userid,
        "name": person.name,
        "type": 1,
        "avatar": "",
        "gender": person.gender,
    }
    if call.corp.bound and person.unionid:
        shown["unionid"] = person.unionid
    if call.world.settings.unknown_fields:
        shown["zz_new_field"] = {"added": "later by the platform"}
    return shown


def _about(follow: Follow) -> Json:
    shown: Json = {
        "userid": follow.userid,
        "remark": follow.remark,
        "description": follow.description,
        "createtime": follow.createtime,
        "remark_corp_name": follow.remark_company,
        "remark_mobiles": follow.remark_mobiles,
        "add_way": follow.add_way,
        "oper_userid": follow.userid,
    }
    if follow.state:
        shown["state"] = follow.state
    return shown


def _tags(corp: Corp, follow: Follow) -> list[Json]:
    shown: list[Json] = []
    for tag_id in follow.tag_ids:
        group, tag = corp_tag(corp, tag_id)
        shown.append({"group_name": group.name, "tag_name": tag.name, "tag_id": tag.id, "type": 1})
    # A member's own tags have no id.
    shown += [{"group_name": "", "tag_name": name, "type": 2} for name in follow.personal_tags]
    return shown


def get(call: Call) -> Json:
    query = {**call.query, **call.body}
    external_userid = fields.text(query, "external_userid")
    if external_userid not in call.corp.externals:
        raise ApiError(40096)
    now = call.world.clock.now()
    followers = [
        follow
        for follow in call.corp.follows.get(external_userid, {}).values()
        if call.app.sees(follow.userid) and follow.fresh_until <= now
    ]
    if not followers:
        raise ApiError(84061)
    taken, following = cursors.page(
        sorted(followers, key=lambda follow: follow.number),
        number=lambda follow: follow.number,
        of=f"followers:{external_userid}",
        cursor=fields.text(query, "cursor"),
        limit=FOLLOWERS_A_PAGE,
        dice=call.world.dice,
    )
    answer: Json = {
        "external_contact": _external_contact(call, external_userid),
        "follow_user": [{**_about(follow), "tags": _tags(call.corp, follow)} for follow in taken],
    }
    return {**answer, "next_cursor": following} if following else answer


def by_users(call: Call) -> Json:
    """Unlike `get`: one `follow_info` with bare tag ids. An older body named a single userid."""
    userids = fields.strings(call.body, "userid_list", most=MOST_USERS)
    userids = userids or [fields.given(call.body, "userid")]
    limit = fields.limit(call.body, 50, MOST_ROWS)
    for userid in userids:
        call.member(userid)
    rows = [row for userid in dict.fromkeys(userids) for row in call.corp.customers_of(userid)]
    taken, following = cursors.page(
        sorted(rows, key=lambda follow: follow.number),
        number=lambda follow: follow.number,
        of="users:" + "|".join(sorted(set(userids))),
        cursor=fields.text(call.body, "cursor"),
        limit=limit,
        dice=call.world.dice,
        short=call.world.settings.short_pages,
    )
    return {
        "external_contact_list": [
            {
                "external_contact": _external_contact(call, follow.external_userid),
                "follow_info": {**_about(follow), "tag_id": follow.tag_ids},
            }
            for follow in taken
        ],
        "next_cursor": following,
    }


def remark(call: Call) -> Json:
    for name, chars in REMARK_LIMITS.items():
        fields.text(call.body, name, chars=chars)
    mobiles = fields.strings(call.body, "remark_mobiles", most=5)
    follow = call.relation(
        fields.text(call.body, "userid"), fields.text(call.body, "external_userid")
    )
    follow.remark = fields.text(call.body, "remark", follow.remark)
    follow.description = fields.text(call.body, "description", follow.description)
    follow.remark_company = fields.text(call.body, "remark_company", follow.remark_company)
    if mobiles:
        # A list with one empty string clears the numbers.
        follow.remark_mobiles = [mobile for mobile in mobiles if mobile]
    told = set(call.body) - {"userid", "external_userid", "remark_mobiles"}
    if told and call.world.settings.echo_api_changes:
        friends.notify(call.world, call.corp, follow, "edit_external_contact")
    return {}


ENDPOINTS = {
    "externalcontact/get_follow_user_list": Endpoint(follow_users, empty=("follow_user",)),
    "externalcontact/list": Endpoint(list_of, empty=("external_userid",)),
    "externalcontact/get": Endpoint(get, empty=("follow_user",)),
    "externalcontact/batch/get_by_user": Endpoint(by_users, empty=("external_contact_list",)),
    "externalcontact/remark": Endpoint(remark),
}
