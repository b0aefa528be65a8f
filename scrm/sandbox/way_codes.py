"""Where do the QR codes of ways lead? The platform answers the address of a picture.

By default the answer is what a phone reads in that picture, which tests can follow at once; the
setting `qr_pictures` makes it the picture.
"""

import io
from typing import Final

import segno

from scrm.sandbox.calls import File
from scrm.sandbox.world import World

MODULE_PIXELS: Final = 10


def address(world: World, page: str) -> str:
    """`page` is the path at which a phone that has scanned the code arrives."""
    if world.settings.qr_pictures:
        return f"{world.base_url}/wwpic/{page}"
    return f"{world.base_url}/{page}"


def picture(world: World, page: str) -> File | None:
    """The PNG that says where this page is; nothing where there is no such way."""
    kind, _, config_id = page.partition("/")
    ways = {"qr": world.state.contact_ways, "join": world.state.join_ways}
    with world.lock:
        if config_id not in ways.get(kind, {}):
            return None
    drawn = io.BytesIO()
    segno.make_qr(f"{world.base_url}/{page}").save(drawn, kind="png", scale=MODULE_PIXELS)
    return File(f"{config_id}.png", "image/png", drawn.getvalue())
