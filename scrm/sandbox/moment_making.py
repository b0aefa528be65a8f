"""May an app have this moment published, by whom, and for whose eyes?

Creating a moment publishes nothing. The platform prepares it for some seconds; then each member's
task waits until that member publishes it.
"""

from scrm.sandbox import days, fields, media, publishing, tags
from scrm.sandbox.calls import Call, Endpoint
from scrm.sandbox.contact_ways import members
from scrm.sandbox.errors import TEXTS, ApiError
from scrm.sandbox.fields import Json
from scrm.sandbox.state_outreach import Moment, MomentJob, MomentTask

TEXT_CHARS = 2000
TEXT_BYTES = 4000
TITLE_BYTES = 64
MOST = {"image": 9, "video": 1, "link": 1}
MOST_USERS = 100_000
A_MINUTE = 10
JOB_LIFE_S = days.DAY_S


def create(call: Call) -> Json:
    world, corp, now = call.world, call.corp, call.world.clock.now()
    world.limits.allow(corp.corpid, "add_moment_task", most=A_MINUTE)
    text, attachments = _content(call)
    month = sum(
        1
        for moment in corp.moments.values()
        if not moment.creator and moment.created >= days.month_start(now)
    )
    if month >= world.settings.moment_tasks_a_month:
        raise ApiError(41078)
    number = world.dice.number("moment")
    moment = Moment(
        number=number,
        moment_id="mom" + world.dice.word(29, "moment", number),
        creator="",
        created=int(now),
        ready=now + world.settings.moment_job_s[1],
        visible_to_all=True,
        text=text,
        attachments=attachments,
    )
    job = MomentJob(world.dice.word(40, "moment job", number), now, moment.moment_id, [], [], [])
    _address(call, moment, job)
    if moment.tasks:
        corp.moments[moment.moment_id] = moment
        publishing.expect(world, corp, moment)
    else:
        job.moment_id = ""
    corp.moment_jobs[job.jobid] = job
    return {"jobid": job.jobid}


def _content(call: Call) -> tuple[str, list[Json]]:
    text = fields.text(fields.mapping(call.body, "text"), "content")
    attachments = fields.mappings(call.body, "attachments")
    if not text and not attachments:
        raise ApiError(41089)
    if len(text) > TEXT_CHARS or len(text.encode()) > TEXT_BYTES:
        raise ApiError(45002, "invalid text size")
    kinds = {fields.text(attachment, "msgtype") for attachment in attachments}
    if len(kinds) > 1 or kinds - set(MOST):
        raise ApiError(41065)
    for kind in kinds:
        if len(attachments) > MOST[kind]:
            raise ApiError(41064)
        for attachment in attachments:
            _check(call, kind, fields.mapping(attachment, kind))
    return text, attachments


def _check(call: Call, kind: str, content: Json) -> None:
    file = "image" if kind == "link" else kind
    media.usable(call.world, call.corp, fields.text(content, "media_id"), file, use=media.MOMENT)
    if kind == "link":
        fields.given(content, "url")
        if len(fields.text(content, "title").encode()) > TITLE_BYTES:
            raise ApiError(40058, "title is longer than 64 bytes")


def _address(call: Call, moment: Moment, job: MomentJob) -> None:
    """Fills in who is asked to publish, for which customers, and what of the range was no good."""
    wanted = fields.mapping(call.body, "visible_range")
    senders = fields.mapping(wanted, "sender_list")
    customers = fields.mapping(wanted, "external_contact_list")
    users = fields.strings(senders, "user_list", most=MOST_USERS)
    parties = fields.integers(senders, "department_list")
    labels = fields.strings(customers, "tag_list")
    good = tags.living(call.corp, labels)
    job.bad_tags = [label for label in labels if label not in good]
    job.bad_users = [userid for userid in users if not _may_publish(call, userid)]
    job.bad_departments = [party for party in parties if not _reachable(call, [], [party])]
    everybody = list(call.corp.staff) if not users and not parties else users
    moment.visible_to_all = not labels
    for userid in _reachable(call, everybody, parties):
        chosen = [
            follow.external_userid
            for follow in call.corp.customers_of(userid)
            if not labels or set(good) & set(follow.tag_ids)
        ]
        # Tags alone ask only the members who have such customers.
        if chosen or users or parties or not labels:
            moment.tasks[userid] = MomentTask(userid, chosen)


def _may_publish(call: Call, userid: str) -> bool:
    staff = call.corp.staff.get(userid)
    return bool(staff and staff.active and staff.customer_contact and call.app.sees(userid))


def _reachable(call: Call, users: list[str], parties: list[int]) -> list[str]:
    return [userid for userid in members(call.corp, users, parties) if _may_publish(call, userid)]


def progress(call: Call) -> Json:
    """1 begun, 2 under way, 3 done; only then `result` means anything."""
    job = call.corp.moment_jobs.get(fields.text({**call.query, **call.body}, "jobid"))
    age = call.world.clock.now() - job.created if job else 0.0
    if job is None or age > JOB_LIFE_S:
        raise ApiError(40058, "invalid jobid")
    status = 1 + sum(1 for limit in call.world.settings.moment_job_s if age >= limit)
    done = status == 3
    code = 60111 if done and not job.moment_id else 0
    return {
        "status": status,
        "type": "add_moment_task",
        "result": {
            "errcode": code,
            "errmsg": TEXTS[code] if code else "ok",
            "moment_id": job.moment_id if done else "",
            "invalid_sender_list": {
                "user_list": job.bad_users if done else [],
                "department_list": job.bad_departments if done else [],
            },
            "invalid_external_contact_list": {"tag_list": job.bad_tags if done else []},
        },
    }


def cancel(call: Call) -> Json:
    """Stops what no member has published yet."""
    moment = publishing.found(call)
    if moment.creator:
        raise ApiError(41060)
    moment.cancelled = True
    return {}


ENDPOINTS = {
    "externalcontact/add_moment_task": Endpoint(create),
    "externalcontact/get_moment_task_result": Endpoint(progress),
    "externalcontact/cancel_moment_task": Endpoint(cancel),
}
