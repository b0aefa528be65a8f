"""Which moments were there, who published them, who can see them, and who reacted?"""

from collections.abc import Callable
from typing import TypeVar

from scrm.sandbox import cursors, days, fields
from scrm.sandbox.calls import Call, Endpoint
from scrm.sandbox.errors import ApiError, BadFieldError
from scrm.sandbox.fields import Json
from scrm.sandbox.publishing import found
from scrm.sandbox.state_outreach import Moment, MomentTask, Remark

LONGEST_SPAN_S = 30 * days.DAY_S
FILTERS = {0: (True, False), 1: (False, True), 2: (True, True)}

Row = TypeVar("Row")


def _page(
    call: Call,
    rows: list[Row],
    number: Callable[[Row], int],
    of: str,
    limits: tuple[int, int],
) -> tuple[list[Row], str]:
    """`limits` are the usual and the largest; more than that means the usual."""
    usual, most = limits
    limit = fields.integer(call.body, "limit", usual)
    if limit < 1:
        raise BadFieldError("limit is 1 or more")
    return cursors.page(
        rows,
        number=number,
        of=of,
        cursor=fields.text(call.body, "cursor"),
        limit=limit if limit <= most else usual,
        dice=call.world.dice,
        short=call.world.settings.short_pages,
    )


def list_all(call: Call) -> Json:
    begins, ends = fields.integer(call.body, "start_time"), fields.integer(call.body, "end_time")
    creator = fields.text(call.body, "creator")
    kinds = FILTERS.get(fields.integer(call.body, "filter_type", 2))
    if not 0 <= ends - begins <= LONGEST_SPAN_S or kinds is None:
        raise BadFieldError("start_time to end_time is at most 30 days, filter_type 0, 1 or 2")
    now = call.world.clock.now()
    rows = [
        moment
        for moment in call.corp.moments.values()
        if begins <= moment.created <= ends
        and moment.ready <= now
        and kinds[bool(moment.creator)]
        and creator in ("", moment.creator)
        and any(call.app.sees(userid) for userid in moment.tasks)
    ]
    of = f"moments:{call.corp.corpid}:{kinds}:{creator}"
    taken, following = _page(call, rows, lambda moment: moment.number, of, (20, 20))
    return {"next_cursor": following, "moment_list": [_shown(moment) for moment in taken]}


def _shown(moment: Moment) -> Json:
    """The corp's moments have no creator."""
    shown: Json = {"moment_id": moment.moment_id}
    if moment.creator:
        shown["creator"] = moment.creator
    shown |= {
        "create_time": moment.created,
        "create_type": 1 if moment.creator else 0,
        "visible_type": 1 if moment.visible_to_all else 0,
        "text": {"content": moment.text},
    }
    images = []
    for attachment in moment.attachments:
        kind = fields.text(attachment, "msgtype")
        content = fields.mapping(attachment, kind)
        if kind == "image":
            images.append({"media_id": content["media_id"]})
        if kind == "video":
            shown["video"] = dict.fromkeys(("media_id", "thumb_media_id"), content["media_id"])
        if kind == "link":
            shown["link"] = {"title": content.get("title", ""), "url": content["url"]}
    return {**shown, "image": images} if images else shown


def _tasks(call: Call, moment: Moment) -> list[MomentTask]:
    return [task for task in moment.tasks.values() if call.app.sees(task.userid)]


def _task(call: Call, moment: Moment) -> MomentTask:
    userid = fields.given(call.body, "userid")
    if not call.app.sees(userid):
        raise ApiError(50002)
    task = moment.tasks.get(userid)
    if task is None:
        raise ApiError(41061)
    return task


def tasks(call: Call) -> Json:
    moment = found(call)
    if moment.creator:
        raise ApiError(41060)
    rows: list[Json] = [
        {"userid": task.userid, "publish_status": 1 if task.published else 0}
        for task in _tasks(call, moment)
    ]
    of = f"moment tasks:{moment.moment_id}"
    taken, following = _page_of_rows(call, rows, of, (500, 1000))
    return {"next_cursor": following, "task_list": taken}


def _page_of_rows(
    call: Call, rows: list[Json], of: str, limits: tuple[int, int]
) -> tuple[list[Json], str]:
    numbered = list(enumerate(rows, start=1))
    taken, following = _page(call, numbered, lambda pair: pair[0], of, limits)
    return [row for _, row in taken], following


def chosen(call: Call) -> Json:
    """The range as it was chosen, of one member or of all."""
    moment = found(call)
    of_whom = _tasks(call, moment)
    if fields.text(call.body, "userid"):
        of_whom = [_task(call, moment)]
    rows: list[Json] = [
        {"userid": task.userid, "external_userid": external_userid}
        for task in of_whom
        for external_userid in task.chosen
    ]
    of = f"moment customers:{moment.moment_id}:{fields.text(call.body, 'userid')}"
    taken, following = _page_of_rows(call, rows, of, (500, 1000))
    return {"next_cursor": following, "customer_list": taken}


def _published(call: Call, moment: Moment) -> MomentTask:
    task = _task(call, moment)
    if not task.published:
        raise ApiError(41062)
    return task


def seen_by(call: Call) -> Json:
    moment = found(call)
    task = _published(call, moment)
    rows: list[Json] = [{"external_userid": each} for each in task.seen_by]
    of = f"moment results:{moment.moment_id}:{task.userid}"
    taken, following = _page_of_rows(call, rows, of, (3000, 5000))
    return {"next_cursor": following, "customer_list": taken}


def reactions(call: Call) -> Json:
    task = _published(call, found(call))
    return {
        "comment_list": [_remark(remark) for remark in task.comments],
        "like_list": [_remark(remark) for remark in task.likes],
    }


def _remark(remark: Remark) -> Json:
    """Either the member's id or the customer's, never both."""
    who: Json = {"userid": remark.userid}
    if remark.external_userid:
        who = {"external_userid": remark.external_userid}
    return {**who, "create_time": remark.at}


ENDPOINTS = {
    "externalcontact/get_moment_list": Endpoint(list_all, empty=("moment_list",)),
    "externalcontact/get_moment_task": Endpoint(tasks, empty=("task_list",)),
    "externalcontact/get_moment_customer_list": Endpoint(chosen, empty=("customer_list",)),
    "externalcontact/get_moment_send_result": Endpoint(seen_by, empty=("customer_list",)),
    "externalcontact/get_moment_comments": Endpoint(reactions, empty=("comment_list", "like_list")),
}
