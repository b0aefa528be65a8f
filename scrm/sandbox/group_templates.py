"""Which welcomes for groups does a corp keep ready?"""

from scrm.sandbox import content, fields, media
from scrm.sandbox.calls import Call, Endpoint
from scrm.sandbox.errors import ApiError
from scrm.sandbox.fields import Json
from scrm.sandbox.state_groups import GroupTemplate

MOST_TEMPLATES = 100
TEXT_BYTES = 3000
# Only one goes with the text: the first of these that is given.
KINDS = ("image", "link", "miniprogram", "file", "video")


def _content(call: Call) -> Json:
    text = fields.text(fields.mapping(call.body, "text"), "content")
    if len(text.encode()) > TEXT_BYTES:
        raise ApiError(45002)
    kept: Json = {"text": {"content": text}} if text else {}
    for kind in KINDS:
        given = fields.mapping(call.body, kind)
        if given:
            content.check(call, kind, given)
            kept[kind] = _image(call, given) if kind == "image" else given
            break
    if not kept:
        raise ApiError(40063)
    return kept


def _image(call: Call, given: Json) -> Json:
    """Read back with an address only, whatever it was made from."""
    media_id = fields.text(given, "media_id")
    if not media_id:
        return {"pic_url": fields.text(given, "pic_url")}
    found = media.usable(call.world, call.corp, media_id)
    return {"pic_url": media.picture_of(call.world, call.corp, found)}


def add(call: Call) -> Json:
    fields.flag(call.body, "notify", default=True)
    kept = _content(call)
    if len(call.corp.group_templates) >= MOST_TEMPLATES:
        raise ApiError(41055)
    world = call.world
    template = GroupTemplate(
        template_id="msg" + world.dice.word(29, "template", world.dice.number("template")),
        agentid=call.app.agentid,
        created=int(world.clock.now()),
        content=kept,
    )
    call.corp.group_templates[template.template_id] = template
    return {"template_id": template.template_id}


def _template(call: Call) -> GroupTemplate:
    template = call.corp.group_templates.get(fields.given(call.body, "template_id"))
    if template is None:
        raise ApiError(40058, "invalid template_id")
    return template


def _own(call: Call) -> GroupTemplate:
    template = _template(call)
    if template.agentid != call.app.agentid:
        raise ApiError(301002)
    return template


def edit(call: Call) -> Json:
    template = _own(call)
    template.content = _content(call)
    return {}


def get(call: Call) -> Json:
    return dict(_template(call).content)


def delete(call: Call) -> Json:
    del call.corp.group_templates[_own(call).template_id]
    return {}


ENDPOINTS = {
    "externalcontact/group_welcome_template/add": Endpoint(add),
    "externalcontact/group_welcome_template/edit": Endpoint(edit),
    "externalcontact/group_welcome_template/get": Endpoint(get),
    "externalcontact/group_welcome_template/del": Endpoint(delete),
}
