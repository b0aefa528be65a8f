"""How do customer groups change, who is told, and what reaches the members?"""

from collections.abc import Iterable

from scrm.sandbox import events, phones
from scrm.sandbox.fields import Json
from scrm.sandbox.state import Corp, Person, Staff
from scrm.sandbox.state_groups import Group, GroupAct, GroupMember
from scrm.sandbox.telling import listeners, tell
from scrm.sandbox.world import World

STAFF, CUSTOMER = 1, 2
INVITED, BY_LINK, BY_QR = 1, 2, 3
LEFT, REMOVED = 1, 2
NICKNAME = "%NICKNAME%"


def found(world: World, corp: Corp, owner: str, name: str) -> Group:
    """A group with its owner in it; apps hear that it was created, and nothing of its members."""
    number = world.dice.number("group")
    group = Group(
        number=number,
        chat_id="wr" + world.dice.word(30, "group", number),
        name=name,
        owner=owner,
        created=int(world.clock.now()),
        version="",
    )
    corp.groups[group.chat_id] = group
    note(world, group, "owner", owner)
    enrol(world, corp, group, [owner], INVITED)
    return group


def announce(world: World, corp: Corp, group: Group, change: str, more: events.Fields = ()) -> None:
    pairs = [("ChatId", group.chat_id), ("ChangeType", change), *more]
    tell(world, corp, listeners(corp, group.owner), "change_external_chat", pairs)


def note(world: World, group: Group, kind: str, who: str) -> None:
    group.log.append(GroupAct(int(world.clock.now()), kind, who))


def is_customer(corp: Corp, who: str) -> bool:
    return who in corp.externals


# Members ---------------------------------------------------------------------------------------


def enrol(
    world: World,
    corp: Corp,
    group: Group,
    ids: Iterable[str],
    scene: int,
    *,
    invitor: str = "",
    state: str = "",
) -> None:
    """Puts them in and tells nobody."""
    _keep_old(world, group)
    for who in ids:
        group.members[who] = GroupMember(
            id=who,
            type=CUSTOMER if is_customer(corp, who) else STAFF,
            joined=int(world.clock.now()),
            scene=scene,
            invitor=invitor,
            state=state,
        )
        note(world, group, "join", who)
    _turn_version(world, group)


def add(
    world: World,
    corp: Corp,
    group: Group,
    ids: list[str],
    scene: int,
    *,
    invitor: str = "",
    state: str = "",
) -> None:
    before = group.version
    enrol(world, corp, group, ids, scene, invitor=invitor, state=state)
    scenes = [("JoinScene", scene), ("QuitScene", 0)]
    _tell_members(world, corp, group, "add_member", scenes, ids, before)
    for who in ids:
        if is_customer(corp, who):
            _welcome(world, corp, group, who)


def drop(world: World, corp: Corp, group: Group, ids: list[str], scene: int) -> None:
    before = group.version
    expel(world, group, ids)
    _tell_members(world, corp, group, "del_member", [("QuitScene", scene)], ids, before)


def expel(world: World, group: Group, ids: Iterable[str]) -> None:
    """Takes them out and tells nobody."""
    _keep_old(world, group)
    for who in ids:
        del group.members[who]
        if who in group.admins:
            group.admins.remove(who)
        note(world, group, "leave", who)
    _turn_version(world, group)


def _keep_old(world: World, group: Group) -> None:
    """Reads lag behind events: what a read shows after a change is older for some seconds."""
    now = world.clock.now()
    if now >= group.stale_until:
        group.old_members, group.old_version = dict(group.members), group.version
        group.stale_until = now + world.settings.stale_read_s


def _turn_version(world: World, group: Group) -> None:
    turn = world.dice.number(f"member version {group.chat_id}")
    group.version = world.dice.hexadecimal(32, "member version", group.chat_id, turn)


def _tell_members(
    world: World,
    corp: Corp,
    group: Group,
    detail: str,
    scenes: list[tuple[str, int]],
    ids: list[str],
    before: str,
) -> None:
    more: list[tuple[str, events.Value]] = [
        ("UpdateDetail", detail),
        *scenes,
        ("MemChangeCnt", len(ids)),
        *_listed(world, ids),
        ("LastMemVer", before),
        ("CurMemVer", group.version),
    ]
    announce(world, corp, group, "update", more)


def _listed(world: World, ids: list[str]) -> list[tuple[str, events.Value]]:
    """In one of the forms that have been seen."""
    form = world.settings.mem_change_list
    if form == "absent":
        return []
    items = [("Item", who) for who in ids]
    return [("MemChangeList", ",".join(ids) if form == "comma" else items)]


# What changes in a group -----------------------------------------------------------------------


def hand_over(world: World, corp: Corp, group: Group, owner: str, *, told: bool = True) -> None:
    """Apps that see the former or the new owner hear of it."""
    apps = {app.agentid: app for app in listeners(corp, group.owner)}
    group.owner = owner
    note(world, group, "owner", owner)
    apps |= {app.agentid: app for app in listeners(corp, owner)}
    if told:
        pairs = [
            ("ChatId", group.chat_id),
            ("ChangeType", "update"),
            ("UpdateDetail", "change_owner"),
        ]
        tell(world, corp, apps.values(), "change_external_chat", pairs)


def dismiss(world: World, corp: Corp, group: Group) -> None:
    group.dismissed = True
    note(world, group, "dismiss", group.owner)
    announce(world, corp, group, "dismiss")


# What is said in a group -----------------------------------------------------------------------


def deliver(
    world: World,
    corp: Corp,
    group: Group,
    speaker: str,
    kind: str,
    text: str,
    attachments: list[Json],
) -> None:
    """To the phones of all the others; counts as a message of the speaker."""
    note(world, group, "speak", speaker)
    for who in group.members:
        if who != speaker:
            _receive(world, corp, group, who, speaker, kind, text, attachments)


def _receive(
    world: World,
    corp: Corp,
    group: Group,
    who: str,
    speaker: str,
    kind: str,
    text: str,
    attachments: list[Json],
) -> None:
    phone: Person | Staff | None = corp.staff.get(who)
    if is_customer(corp, who):
        phone = phones.of_customer(world, corp, who)
    if phone is None:
        return
    by_customer = is_customer(corp, speaker)
    phones.land(
        world,
        phone,
        kind,
        corp.corpid,
        text,
        attachments,
        userid="" if by_customer else speaker,
        external_userid=speaker if by_customer else "",
        chat_id=group.chat_id,
    )


def _welcome(world: World, corp: Corp, group: Group, who: str) -> None:
    template = corp.group_templates.get(group.template_id)
    if template is None:
        return
    text = template.content.get("text")
    words = str(text.get("content", "")) if isinstance(text, dict) else ""
    name = phones.of_customer(world, corp, who).name
    attachments: list[Json] = [
        {"msgtype": kind, kind: content}
        for kind, content in template.content.items()
        if kind != "text"
    ]
    said = words.replace(NICKNAME, name)
    _receive(world, corp, group, who, group.owner, "group_welcome", said, attachments)


def rename(corp: Corp, old: str, new: str) -> None:
    """A member has another userid from now on."""
    for group in corp.groups.values():
        group.owner = new if group.owner == old else group.owner
        group.heir = new if group.heir == old else group.heir
        group.admins = [new if who == old else who for who in group.admins]
        for members in (group.members, group.old_members):
            for member in members.values():
                member.id = new if member.id == old else member.id
                member.invitor = new if member.invitor == old else member.invitor
        group.members = {member.id: member for member in group.members.values()}
        group.old_members = {member.id: member for member in group.old_members.values()}
        for act in group.log:
            act.who = new if act.who == old else act.who
    if old in corp.handed_on:
        corp.handed_on[new] = corp.handed_on.pop(old)
