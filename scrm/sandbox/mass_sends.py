"""Which messages wait for a member to send them on, and to which customers?

Creating a mass send delivers nothing. Each member's task waits until that member confirms it; only
then is it known, customer by customer, what arrived.
"""

from scrm.sandbox import content, cursors, fields, group_sends
from scrm.sandbox.calls import Call, Endpoint
from scrm.sandbox.confirming import confirm
from scrm.sandbox.days import DAY_S
from scrm.sandbox.errors import ApiError, BadFieldError
from scrm.sandbox.fields import Json
from scrm.sandbox.state import Follow, MassRow, MassSend, MassTask

MOST_CUSTOMERS = 10_000
MONTH_S = 31 * DAY_S
REMINDERS_A_DAY = 3
FILTERS = {0: (True, False), 1: (False, True), 2: (True, True)}


def create(call: Call) -> Json:
    kind = _chat_type(call)
    message, attachments = content.of(call)
    to_groups = kind == "group"
    tasks, failed = group_sends.addressed(call) if to_groups else _to_customers(call)
    picks = to_groups and not call.body.get("chat_id_list")
    world = call.world
    number = world.dice.number("mass send")
    send = MassSend(
        number=number,
        msgid="msg" + world.dice.word(29, "mass send", number),
        agentid=call.app.agentid,
        created=int(world.clock.now()),
        text=message,
        attachments=attachments,
        allow_select=fields.flag(call.body, "allow_select", default=picks),
        chat_type=kind,
        tasks=tasks,
    )
    call.corp.mass_sends[send.msgid] = send
    if world.settings.confirm_after_s >= 0:
        for task in send.tasks.values():
            _confirm_later(call, send, task)
    return {"fail_list": failed, "msgid": send.msgid}


def _chat_type(call: Call) -> str:
    kind = fields.text(call.body, "chat_type") or "single"
    if kind not in ("single", "group"):
        raise BadFieldError("chat_type is single or group")
    return kind


def _to_customers(call: Call) -> tuple[dict[str, MassTask], list[str]]:
    chosen, failed = _addressed(call)
    if not chosen:
        raise ApiError(40096 if failed else 41048, fail_list=failed)
    tasks: dict[str, MassTask] = {}
    for follow in chosen:
        task = tasks.setdefault(follow.userid, MassTask(follow.userid))
        task.rows.append(MassRow(follow.external_userid))
    return tasks, failed


def _confirm_later(call: Call, send: MassSend, task: MassTask) -> None:
    def work() -> None:
        with call.world.lock:
            here = task.userid in call.corp.staff
            if here and not task.status and not send.cancelled:
                confirm(call.world, call.corp, send, task)

    call.world.timetable.after(call.world.settings.confirm_after_s, work)


def _addressed(call: Call) -> tuple[list[Follow], list[str]]:
    """One relation for each customer, and the ids that cannot be sent to."""
    sender = fields.text(call.body, "sender")
    wanted = fields.strings(call.body, "external_userid", most=MOST_CUSTOMERS)
    groups = fields.mappings(fields.mapping(call.body, "tag_filter"), "group_list")
    if sender:
        call.member(sender)
    if wanted:
        found = {external: _pair(call, external, sender) for external in dict.fromkeys(wanted)}
        failed = [external for external, follow in found.items() if follow is None]
        return [follow for follow in found.values() if follow], failed
    if sender or groups:
        everyone = (_pair(call, external, sender) for external in call.corp.follows)
        chosen = [follow for follow in everyone if follow and _wears(follow, groups)]
        return chosen, []
    raise ApiError(40063)


def _pair(call: Call, external_userid: str, sender: str) -> Follow | None:
    """Without a sender: the member who last chatted with the customer, else the first."""
    known = [
        follow
        for follow in call.corp.follows.get(external_userid, {}).values()
        if call.app.sees(follow.userid) and sender in ("", follow.userid)
    ]
    return max(known, key=lambda follow: (follow.last_spoken, -follow.number), default=None)


def _wears(follow: Follow, groups: list[Json]) -> bool:
    """One tag of each group."""
    return all(set(fields.strings(group, "tag_list")) & set(follow.tag_ids) for group in groups)


def _send(call: Call) -> MassSend:
    send = call.corp.mass_sends.get(fields.text(call.body, "msgid"))
    if send is None:
        raise ApiError(40058, "invalid msgid")
    return send


def list_all(call: Call) -> Json:
    begins, ends = fields.integer(call.body, "start_time"), fields.integer(call.body, "end_time")
    limit = fields.integer(call.body, "limit", 50)
    if not 0 <= ends - begins <= MONTH_S or not 1 <= limit <= 100:
        raise BadFieldError("start_time to end_time is at most a month, limit is 1 to 100")
    kind, creator = _chat_type(call), fields.text(call.body, "creator")
    whose = FILTERS.get(fields.integer(call.body, "filter_type", 2))
    if whose is None:
        raise BadFieldError("filter_type is 0, 1 or 2")
    rows = [
        send
        for send in call.corp.mass_sends.values()
        if begins <= send.created <= ends
        and send.chat_type == kind
        and whose[send.personal]
        and creator in ("", send.creator)
    ]
    taken, following = cursors.page(
        rows,
        number=lambda send: send.number,
        of=f"mass:{call.corp.corpid}:{kind}:{whose}:{creator}",
        cursor=fields.text(call.body, "cursor"),
        limit=limit,
        dice=call.world.dice,
        short=call.world.settings.short_pages,
    )
    return {"group_msg_list": [_listed(send) for send in taken], "next_cursor": following}


def _listed(send: MassSend) -> Json:
    """Those that an app made have no creator."""
    return {
        "msgid": send.msgid,
        **({"creator": send.creator} if send.creator else {}),
        "create_time": send.created,
        "create_type": 1 if send.personal else 0,
        "text": {"content": send.text},
        "attachments": send.attachments,
    }


def _page_of(call: Call, rows: list[Json], of: str) -> tuple[list[Json], str]:
    limit = fields.limit(call.body, 500, 1000)
    numbered = list(enumerate(rows, start=1))
    taken, following = cursors.page(
        numbered,
        number=lambda pair: pair[0],
        of=of,
        cursor=fields.text(call.body, "cursor"),
        limit=limit,
        dice=call.world.dice,
        short=call.world.settings.short_pages,
    )
    return [row for _, row in taken], following


def _is_shown(call: Call, task: MassTask) -> bool:
    return task.status == 2 and call.world.clock.now() >= task.shown_from


def tasks(call: Call) -> Json:
    send = _send(call)
    rows: list[Json] = []
    for task in send.tasks.values():
        row: Json = {"userid": task.userid, "status": 0}
        if _is_shown(call, task):
            row.update(status=2, send_time=task.send_time)
        rows.append(row)
    taken, following = _page_of(call, rows, f"tasks:{send.msgid}")
    return {"task_list": taken, "next_cursor": following}


def results(call: Call) -> Json:
    send = _send(call)
    task = send.tasks.get(fields.given(call.body, "userid"))
    if task is None:
        raise ApiError(60111)
    rows = [_result(task, each, shown=_is_shown(call, task)) for each in task.rows]
    if send.chat_type == "group":
        rows = [row for row in rows if row["status"] == 1]
    taken, following = _page_of(call, rows, f"results:{send.msgid}:{task.userid}")
    return {"send_list": taken, "next_cursor": following}


def _result(task: MassTask, row: MassRow, *, shown: bool) -> Json:
    """A customer or a group; of groups only those that it was sent to are listed."""
    to = {"chat_id": row.chat_id} if row.chat_id else {"external_userid": row.external_userid}
    result: Json = {**to, "userid": task.userid, "status": row.status if shown else 0}
    if result["status"] == 1:
        result["send_time"] = row.send_time
    return result


def remind(call: Call) -> Json:
    send, now = _send(call), int(call.world.clock.now())
    send.reminders = [at for at in send.reminders if at > now - DAY_S]
    if len(send.reminders) >= REMINDERS_A_DAY:
        raise ApiError(45009)
    send.reminders.append(now)
    return {}


def cancel(call: Call) -> Json:
    """Stops what no member has confirmed yet."""
    _send(call).cancelled = True
    return {}


def retired(call: Call) -> Json:
    raise ApiError(48005)


ENDPOINTS = {
    "externalcontact/add_msg_template": Endpoint(create, empty=("fail_list",)),
    "externalcontact/get_groupmsg_list_v2": Endpoint(list_all, empty=("group_msg_list",)),
    "externalcontact/get_groupmsg_task": Endpoint(tasks, empty=("task_list",)),
    "externalcontact/get_groupmsg_send_result": Endpoint(results, empty=("send_list",)),
    "externalcontact/get_group_msg_result": Endpoint(retired),
    "externalcontact/remind_groupmsg_send": Endpoint(remind),
    "externalcontact/cancel_groupmsg_send": Endpoint(cancel),
}
