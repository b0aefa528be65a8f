"""Which QR codes does an account have, what do they carry, and what do they look like?"""

import base64

from scrm.sandbox import fields
from scrm.sandbox.errors import BadFieldError, RefusedError
from scrm.sandbox.fields import Json
from scrm.sandbox.oa.calls import OaCall, OaEndpoint
from scrm.sandbox.oa.errors import OaError
from scrm.sandbox.oa.state import OfficialAccount, QrCode
from scrm.sandbox.qr_images import png
from scrm.sandbox.world import World

NUMBERS = {"QR_SCENE": 2**32 - 1, "QR_LIMIT_SCENE": 100_000}
TEXTS = ("QR_STR_SCENE", "QR_LIMIT_STR_SCENE")
TEXT_CHARS = 64
DEFAULT_S = 60
LONGEST_S = 2_592_000


def address(world: World, code: QrCode) -> str:
    """What the image says: the page on which a person of the sandbox scans it."""
    return f"{world.base_url}/q/{code.key}"


def create(call: OaCall) -> Json:
    action = fields.text(call.body, "action_name")
    if action not in NUMBERS and action not in TEXTS:
        raise OaError(40052)
    number, words = _scene(call.body, action)
    lasting = "_LIMIT_" in action
    expires_in = 0 if lasting else _life(call.body)
    code = _same(call.account, number, words) if lasting else None
    code = code or _new(call, number, words, expires_in)
    shown: Json = {"ticket": code.ticket, "url": address(call.world, code)}
    return shown if lasting else {**shown, "expire_seconds": expires_in}


def _scene(body: Json, action: str) -> tuple[int, str]:
    try:
        scene = fields.mapping(fields.mapping(body, "action_info"), "scene")
        number = fields.integer(scene, "scene_id") if action in NUMBERS else 0
        words = fields.text(scene, "scene_str") if action in TEXTS else ""
    except BadFieldError as error:
        raise OaError(40053) from error
    fits = 1 <= number <= NUMBERS[action] if action in NUMBERS else 1 <= len(words) <= TEXT_CHARS
    if not fits:
        raise OaError(40053)
    return number, words


def _life(body: Json) -> int:
    seconds = fields.integer(body, "expire_seconds", DEFAULT_S)
    if not 1 <= seconds <= LONGEST_S:
        raise BadFieldError(f"expire_seconds is 1 to {LONGEST_S}")
    return seconds


def _same(account: OfficialAccount, number: int, words: str) -> QrCode | None:
    """A lasting code that carries the same scene already."""
    lasting = (code for code in account.qr_codes.values() if not code.expires)
    same = (code for code in lasting if (code.scene_id, code.scene_str) == (number, words))
    return next(same, None)


def _new(call: OaCall, number: int, words: str, expires_in: int) -> QrCode:
    world, codes, now = call.world, call.account.qr_codes, call.world.clock.now()
    for old in [code for code in codes.values() if code.expires and code.expires <= now]:
        del codes[old.ticket]
    lasting = sum(1 for code in codes.values() if not code.expires)
    if not expires_in and lasting >= world.settings.qr_code_limit:
        raise OaError(45029)
    serial = world.dice.number("oa qr code")
    raw = world.dice.octets(70, "oa ticket", serial)
    code = QrCode(
        number=serial,
        # Plain base64, as the platform's: whoever puts it in an address has to quote it.
        ticket="gQ" + base64.b64encode(raw).decode()[2:],
        key=world.dice.word(22, "oa qr code", serial),
        scene_id=number,
        scene_str=words,
        created=int(now),
        expires=now + expires_in if expires_in else 0.0,
    )
    codes[code.ticket] = code
    return code


def find(world: World, *, ticket: str = "", key: str = "") -> tuple[OfficialAccount, QrCode] | None:
    """A code that still works, by its ticket or by the end of its address."""
    now = world.clock.now()
    for account in world.state.accounts.values():
        known = [account.qr_codes[ticket]] if ticket in account.qr_codes else []
        if key:
            known = [code for code in account.qr_codes.values() if code.key == key]
        for code in known:
            if not code.expires or now < code.expires:
                return account, code
    return None


def with_scene(world: World, account: OfficialAccount, scene: str) -> QrCode:
    """The newest code that carries this scene."""
    now = world.clock.now()
    fitting = [
        code
        for code in account.qr_codes.values()
        if code.scene == scene and (not code.expires or now < code.expires)
    ]
    if not fitting:
        raise RefusedError(f"no QR code of this account carries the scene {scene!r}", 404)
    return max(fitting, key=lambda code: code.number)


def image(world: World, ticket: str) -> bytes | None:
    """A PNG of about 430 pixels, or nothing for a ticket that is unknown or over."""
    with world.lock:
        found = find(world, ticket=ticket)
    if found is None:
        return None
    return png(address(world, found[1]))


ENDPOINTS = {"qrcode/create": OaEndpoint(create, daily=100_000, bare=True)}
