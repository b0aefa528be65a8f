"""What can be seen of the world from outside: its corps, a customer's phone, a member's phone?"""

import re
from collections import Counter
from dataclasses import asdict
from typing import cast

from scrm.sandbox import group_views, outreach_views
from scrm.sandbox.contact_ways import qr_code
from scrm.sandbox.fields import Json
from scrm.sandbox.settings import shown
from scrm.sandbox.state import ContactWay, Corp, Follow, MassSend, Message
from scrm.sandbox.world import World

LINK = re.compile(r"https?://[^\s<>\"'，。；）]+")


def links(message: Message) -> list[str]:
    """Every address in the text and the attachments, in order, once."""
    found = LINK.findall(message.text)
    for attachment in message.attachments:
        content = attachment.get(str(attachment.get("msgtype")))
        if isinstance(content, dict) and isinstance(content.get("url"), str):
            found.append(content["url"])
    return list(dict.fromkeys(found))


def message(shown: Message) -> Json:
    return {**cast(Json, asdict(shown)), "links": links(shown)}


def customer(world: World, who: str) -> Json:
    person = world.person(who)
    follows = [
        follow
        for corp in world.state.corps.values()
        for follow in corp.follows.get(person.externals.get(corp.corpid, ""), {}).values()
    ]
    return {
        "customer": person.id,
        "name": person.name,
        "gender": person.gender,
        "unionid": person.unionid,
        "mobile": person.mobile,
        "externals": person.externals,
        "follows": [_follow(world, follow) for follow in follows],
        "groups": [
            row
            for corp in world.state.corps.values()
            for row in group_views.of_member(corp, person.externals.get(corp.corpid, ""))
        ],
        "messages": [message(each) for each in person.messages],
        **outreach_views.of_customer(world, person),
    }


def _follow(world: World, follow: Follow) -> Json:
    corpid = next(
        corp.corpid
        for corp in world.state.corps.values()
        if follow.external_userid in corp.externals
    )
    return {
        "corpid": corpid,
        "userid": follow.userid,
        "external_userid": follow.external_userid,
        "customer": follow.person,
        "name": world.state.people[follow.person].name,
        "state": follow.state,
        "half": follow.half,
        "remark": follow.remark,
        "tag_ids": follow.tag_ids,
        "createtime": follow.createtime,
    }


def customers(world: World) -> Json:
    return {
        "customers": [
            {
                "customer": person.id,
                "name": person.name,
                "externals": person.externals,
                "messages": len(person.messages),
            }
            for person in world.state.people.values()
        ]
    }


def staff(world: World, corpid: str, userid: str) -> Json:
    """The phone of a member: what apps and customers said, who asks to be added, and mass sends
    to confirm."""
    corp = world.corp(corpid)
    member = world.member(corp, userid)
    return {
        "corpid": corpid,
        "userid": userid,
        "name": member.name,
        "customers": [_follow(world, follow) for follow in corp.customers_of(userid)],
        "requests": [
            _follow(world, asked[userid]) for asked in corp.requests.values() if userid in asked
        ],
        "groups": group_views.of_member(corp, userid),
        "messages": [message(each) for each in member.messages],
        "tasks": [_task(send, userid) for send in corp.mass_sends.values() if userid in send.tasks],
        **outreach_views.of_staff(world, corp, userid),
    }


def _task(send: MassSend, userid: str) -> Json:
    task = send.tasks[userid]
    return {
        "msgid": send.msgid,
        "chat_type": send.chat_type,
        "text": send.text,
        "attachments": send.attachments,
        "status": task.status,
        "cancelled": send.cancelled,
        "customers": [asdict(row) for row in task.rows],
    }


def _way(world: World, way: ContactWay) -> Json:
    return {
        "config_id": way.config_id,
        "state": way.state,
        "remark": way.fields.get("remark", ""),
        "user": way.users,
        "party": way.parties,
        "skip_verify": way.skip_verify,
        "qr_code": qr_code(world, way),
    }


def _corp(world: World, corp: Corp) -> Json:
    ways = world.state.contact_ways.values()
    load = Counter(userid for known in corp.follows.values() for userid in known)
    return {
        "corpid": corp.corpid,
        "name": corp.name,
        "apps": [
            {
                "agentid": app.agentid,
                "name": app.name,
                "callback_url": app.callback_url,
                "customer_contact": app.customer_contact,
                "visible": app.visible,
            }
            for app in corp.apps.values()
        ],
        "staff": [
            {
                "userid": member.userid,
                "name": member.name,
                "departments": member.departments,
                "active": member.active,
                "customers": load[member.userid],
                "open_tasks": sum(
                    1
                    for send in corp.mass_sends.values()
                    if member.userid in send.tasks and not send.tasks[member.userid].status
                ),
            }
            for member in corp.staff.values()
        ],
        "contact_ways": [_way(world, way) for way in ways if way.corpid == corp.corpid],
        "mass_sends": list(corp.mass_sends),
        **group_views.of_corp(world, corp),
        **outreach_views.of_corp(world, corp),
    }


def state(world: World) -> Json:
    return {
        "seed": world.seed,
        "url": world.base_url,
        "now": world.clock.now(),
        "scale": world.clock.scale,
        "settings": shown(world.settings),
        "corps": [_corp(world, corp) for corp in world.state.corps.values()],
        **customers(world),
    }
