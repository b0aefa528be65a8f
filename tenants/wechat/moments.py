"""How does a post reach the moments of our members' customers, and what became of it?

The platform prepares a post for some seconds (a job), then asks each member to publish it; only
then customers can see it.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from tenants.wechat import answers
from tenants.wechat.client import WeComClient
from tenants.wechat.content import Attached, Attachments, content
from tenants.wechat.customers import PAGES_LIMIT, page, pages
from tenants.wechat.errors import Retryable, Unknown
from tenants.wechat.transport import Json

TEXT_LIMIT = 2000  # characters
IMAGES_LIMIT = 9
VIDEOS_LIMIT = 1
LINKS_LIMIT = 1
LINK_TITLE_BYTES = 64
SENDERS_LIMIT = 100_000
JOB_DONE = 3
LONGEST_SPAN_S = 30 * 86_400
NOT_PUBLISHED = 41062
KINDS = ("image", "video", "link")


@dataclass(frozen=True, slots=True)
class MomentJob:
    """`done` False: ask again. `errcode` other than 0: no moment was made. `moment_id` names it."""

    done: bool
    errcode: int = 0
    moment_id: str = ""
    invalid_senders: tuple[str, ...] = ()
    invalid_tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Moment:
    """As the platform lists it. The corporation has no `creator`; `created` is Unix seconds."""

    moment_id: str
    creator: str
    created: int | None
    text: str
    attached: tuple[Attached, ...] = ()

    def shows(self, kind: str) -> int:
        return sum(one.kind == kind for one in self.attached)


@dataclass(frozen=True, slots=True)
class MomentPage:
    """`cursor` is empty on the last page."""

    moments: tuple[Moment, ...]
    cursor: str


@dataclass(frozen=True, slots=True)
class MomentShare:
    userid: str
    published: bool


@dataclass(frozen=True, slots=True)
class Reaction:
    """Of a customer; `at` is Unix seconds."""

    external_userid: str
    at: int | None


@dataclass(frozen=True, slots=True)
class Reactions:
    comments: tuple[Reaction, ...]
    likes: tuple[Reaction, ...]


def add_moment_task(
    client: WeComClient,
    *,
    senders: Sequence[str],
    tag_ids: Sequence[str] = (),
    text: str = "",
    attachments: Attachments = (),
) -> str:
    """Not repeatable: settle Unknown with `find_moments`. Answers the job, good for 24 hours.

    Without `senders` all members publish; `tag_ids` are corporation tags: only customers with one
    of them see it. Media ids are those of upload_attachment. At most 10 a minute.
    """
    path = "externalcontact/add_moment_task"
    whom: dict[str, object] = {}
    if senders:
        whom["sender_list"] = {"user_list": list(senders)}
    if tag_ids:
        whom["external_contact_list"] = {"tag_list": list(tag_ids)}
    body: dict[str, object] = {**content(text, attachments), "visible_range": whom}
    jobid = answers.text(client.call("post", path, data=body, repeatable=False), "jobid")
    if not jobid:
        raise Unknown("the answer names no job", api=path)
    return jobid


def get_moment_task_result(client: WeComClient, jobid: str) -> MomentJob:
    """Repeatable. How far the platform is with preparing it."""
    path = "externalcontact/get_moment_task_result"
    answer = client.call("get", path, params={"jobid": jobid}, repeatable=True)
    if answers.number(answer, "status") != JOB_DONE:
        return MomentJob(done=False)
    result = answers.part(answer, "result")
    senders = answers.part(result, "invalid_sender_list")
    customers = answers.part(result, "invalid_external_contact_list")
    return MomentJob(
        done=True,
        errcode=answers.number(result, "errcode") or 0,
        moment_id=answers.text(result, "moment_id"),
        invalid_senders=answers.texts(senders, "user_list"),
        invalid_tags=answers.texts(customers, "tag_list"),
    )


def get_moment_task(client: WeComClient, moment_id: str) -> Iterator[MomentShare]:
    """Repeatable. Who is to publish it, and who has."""
    request = {"moment_id": moment_id, "limit": 1000}
    for answer in pages(client, "post", "externalcontact/get_moment_task", request):
        for one in answers.parts(answer, "task_list"):
            published = answers.number(one, "publish_status") == 1
            yield MomentShare(answers.text(one, "userid"), published)


def get_moment_customer_list(client: WeComClient, moment_id: str, userid: str) -> Iterator[str]:
    """Repeatable. external_userids in the range that was chosen, of one member."""
    path = "externalcontact/get_moment_customer_list"
    yield from _customers(client, path, moment_id, userid, 1000)


def get_moment_send_result(client: WeComClient, moment_id: str, userid: str) -> Iterator[str]:
    """Repeatable. external_userids who can see what a member published. Terminal with
    NOT_PUBLISHED before that."""
    path = "externalcontact/get_moment_send_result"
    yield from _customers(client, path, moment_id, userid, 5000)


def get_moment_comments(client: WeComClient, moment_id: str, userid: str) -> Reactions:
    """Repeatable. Who commented and liked; only customers, not the members themselves."""
    path = "externalcontact/get_moment_comments"
    request = {"moment_id": moment_id, "userid": userid}
    answer = client.call("post", path, data=request, repeatable=True)
    return Reactions(_reactions(answer, "comment_list"), _reactions(answer, "like_list"))


def moment_page(client: WeComClient, *, since: int, until: int, cursor: str = "") -> MomentPage:
    """Repeatable. A page of the moments made between two Unix times (at most 30 days apart), by the
    corporation and by members; go on with its cursor."""
    request = {"start_time": since, "end_time": until, "filter_type": 2, "limit": 20}
    answer, following = page(client, "externalcontact/get_moment_list", request, cursor)
    return MomentPage(
        tuple(_moment(one) for one in answers.parts(answer, "moment_list")), following
    )


def get_moment_list(client: WeComClient, *, since: int, until: int) -> Iterator[Moment]:
    """Repeatable. All pages of it."""
    cursor = ""
    for _ in range(PAGES_LIMIT):
        found = moment_page(client, since=since, until=until, cursor=cursor)
        yield from found.moments
        cursor = found.cursor
        if not cursor:
            return
    raise Retryable("the cursor does not end", api="externalcontact/get_moment_list")


def find_moments(
    client: WeComClient,
    *,
    since: int,
    until: int,
    text: str,
    attachments: Attachments = (),
    known: Collection[str] = (),
) -> tuple[Moment, ...]:
    """Repeatable. The corporation's moments of that content, without those that are `known`.

    A moment is listed when its job is done: none found is no proof in the first minutes.
    """
    kinds = [str(one.get("msgtype", "")) for one in attachments]
    return tuple(
        one
        for one in get_moment_list(client, since=since, until=until)
        if not one.creator
        and one.moment_id not in known
        and one.text == text
        and all(one.shows(kind) == kinds.count(kind) for kind in KINDS)
    )


def cancel_moment_task(client: WeComClient, moment_id: str) -> None:
    """Repeatable. Stops what no member has published yet."""
    path = "externalcontact/cancel_moment_task"
    client.call("post", path, data={"moment_id": moment_id}, repeatable=True)


def _customers(
    client: WeComClient, path: str, moment_id: str, userid: str, limit: int
) -> Iterator[str]:
    request = {"moment_id": moment_id, "userid": userid, "limit": limit}
    for answer in pages(client, "post", path, request):
        for one in answers.parts(answer, "customer_list"):
            external_userid = answers.text(one, "external_userid")
            if external_userid:
                yield external_userid


def _reactions(answer: Json, name: str) -> tuple[Reaction, ...]:
    return tuple(
        Reaction(external_userid, answers.number(one, "create_time"))
        for one in answers.parts(answer, name)
        if (external_userid := answers.text(one, "external_userid"))
    )


def _moment(one: Json) -> Moment:
    return Moment(
        moment_id=answers.text(one, "moment_id"),
        creator=answers.text(one, "creator"),
        created=answers.number(one, "create_time"),
        text=answers.text(answers.part(one, "text"), "content"),
        attached=tuple(
            Attached(kind, answers.text(each, "title"), answers.text(each, "url"))
            for kind in KINDS
            for each in answers.parts(one, kind)
        ),
    )
