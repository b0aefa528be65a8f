"""What happens when a member publishes a moment, and when people react to it?"""

from scrm.sandbox import days, fields, phones
from scrm.sandbox.calls import Call
from scrm.sandbox.errors import ApiError, RefusedError
from scrm.sandbox.fields import Json
from scrm.sandbox.state import Corp
from scrm.sandbox.state_outreach import Moment, MomentTask, Remark
from scrm.sandbox.world import World

CORPS, PERSONAL = "moment", "personal_moment"


def found(call: Call) -> Moment:
    """The moment that a call names; nobody knows it before it is ready."""
    moment_id = fields.text(call.body, "moment_id")
    if not moment_id:
        raise ApiError(41059)
    moment = call.corp.moments.get(moment_id)
    if moment is None or moment.ready > call.world.clock.now():
        raise ApiError(41060)
    return moment


def expect(world: World, corp: Corp, moment: Moment) -> None:
    """Members may publish by themselves, as they confirm mass sends."""
    wait = world.settings.confirm_after_s
    if wait < 0:
        return

    def work() -> None:
        with world.lock:
            for task in moment.tasks.values():
                if not task.published and task.userid in corp.staff and not moment.cancelled:
                    publish(world, corp, moment, task)

    world.timetable.at(moment.ready, lambda: world.timetable.after(wait, work))


def publish(world: World, corp: Corp, moment: Moment, task: MomentTask) -> None:
    now = world.clock.now()
    if moment.ready > now:
        raise RefusedError("this moment is not ready yet", 409)
    if moment.cancelled:
        raise RefusedError("this moment was cancelled", 409)
    if task.published:
        raise RefusedError(f"{task.userid} has published this moment already", 409)
    task.published = int(now)
    for external_userid in task.chosen:
        if corp.follow(task.userid, external_userid) and _may_see(
            world, corp, moment, task.userid, external_userid
        ):
            task.seen_by.append(external_userid)
            _show(world, corp, moment, task.userid, external_userid)


def _may_see(world: World, corp: Corp, moment: Moment, userid: str, external_userid: str) -> bool:
    """A few of the corp's in a month, and a few of a member's own in a day."""
    now = world.clock.now()
    messages = phones.of_customer(world, corp, external_userid).messages
    if moment.creator:
        kind, since, most = PERSONAL, days.start(now), world.settings.personal_moment_quota
    else:
        kind, since, most = CORPS, days.month_start(now), world.settings.moment_quota
    had = [
        message
        for message in messages
        if (message.kind, message.corpid) == (kind, corp.corpid)
        and message.at >= since
        and (kind == CORPS or message.userid == userid)
    ]
    return len(had) < most


def _show(world: World, corp: Corp, moment: Moment, userid: str, external_userid: str) -> None:
    phones.land(
        world,
        phones.of_customer(world, corp, external_userid),
        PERSONAL if moment.creator else CORPS,
        corp.corpid,
        moment.text,
        moment.attachments,
        userid=userid,
        external_userid=external_userid,
    )


# Acts ------------------------------------------------------------------------------------------


def _moment(world: World, body: Json) -> tuple[Corp, Moment]:
    corp = world.corp(fields.given(body, "corpid"))
    moment = corp.moments.get(fields.given(body, "moment_id"))
    if moment is None:
        raise RefusedError("there is no such moment", 404)
    return corp, moment


def confirm_moment(world: World, body: Json) -> Json:
    """One member, or each who has not published yet."""
    corp, moment = _moment(world, body)
    userid = fields.text(body, "userid")
    if userid and (userid not in moment.tasks or userid not in corp.staff):
        raise RefusedError(f"{userid} was not asked to publish this moment", 404)
    chosen = [moment.tasks[userid]] if userid else list(moment.tasks.values())
    answer: Json = {}
    for task in chosen:
        if userid or (not task.published and task.userid in corp.staff):
            publish(world, corp, moment, task)
            answer[task.userid] = len(task.seen_by)
    return {"published": answer}


def post_moment(world: World, body: Json) -> Json:
    """A member's own moment, for all of the member's customers."""
    corp = world.corp(fields.given(body, "corpid"))
    staff = world.member(corp, fields.given(body, "userid"))
    now, number = world.clock.now(), world.dice.number("moment")
    moment = Moment(
        number=number,
        moment_id="mom" + world.dice.word(29, "moment", number),
        creator=staff.userid,
        created=int(now),
        ready=now,
        visible_to_all=True,
        text=fields.given(body, "text"),
        attachments=[],
    )
    customers = [follow.external_userid for follow in corp.customers_of(staff.userid)]
    task = moment.tasks[staff.userid] = MomentTask(staff.userid, customers)
    corp.moments[moment.moment_id] = moment
    publish(world, corp, moment, task)
    return {"moment_id": moment.moment_id, "seen_by": len(task.seen_by)}


def _remark(world: World, body: Json) -> tuple[MomentTask, Remark]:
    """By the `customer`, or by the member whose moment it is when none is named."""
    corp, moment = _moment(world, body)
    task = moment.tasks.get(fields.given(body, "userid"))
    if task is None or not task.published:
        raise RefusedError("the member has not published this moment", 409)
    at = int(world.clock.now())
    if not fields.text(body, "customer"):
        return task, Remark(task.userid, "", at)
    person = world.person(fields.text(body, "customer"))
    external_userid = person.externals.get(corp.corpid, "")
    if external_userid not in task.seen_by:
        raise RefusedError("this customer does not see the moment", 409)
    return task, Remark("", external_userid, at)


def comment_moment(world: World, body: Json) -> Json:
    task, remark = _remark(world, body)
    task.comments.append(remark)
    return {"comments": len(task.comments)}


def like_moment(world: World, body: Json) -> Json:
    task, remark = _remark(world, body)
    who = (remark.userid, remark.external_userid)
    if any((like.userid, like.external_userid) == who for like in task.likes):
        raise RefusedError("liked already", 409)
    task.likes.append(remark)
    return {"likes": len(task.likes)}


ACTS = {
    "confirm_moment": confirm_moment,
    "post_moment": post_moment,
    "comment_moment": comment_moment,
    "like_moment": like_moment,
}
