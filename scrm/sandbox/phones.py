"""How does something land on the phone of a customer, a fan or a member?"""

from scrm.sandbox.fields import Json
from scrm.sandbox.state import Corp, Message, Person, Staff
from scrm.sandbox.world import World


def of_customer(world: World, corp: Corp, external_userid: str) -> Person:
    return world.state.people[corp.externals[external_userid]]


def land(
    world: World,
    phone: Person | Staff,
    kind: str,
    corpid: str,
    text: str,
    attachments: list[Json] | None = None,
    *,
    userid: str = "",
    external_userid: str = "",
    agentid: int = 0,
    chat_id: str = "",
) -> None:
    """`userid` and `external_userid` are the two who are in touch, whoever of them wrote."""
    phone.messages.append(
        Message(
            id=f"m{world.dice.number('message')}",
            kind=kind,
            corpid=corpid,
            userid=userid,
            external_userid=external_userid,
            at=int(world.clock.now()),
            text=text,
            attachments=attachments or [],
            agentid=agentid,
            chat_id=chat_id,
        )
    )
