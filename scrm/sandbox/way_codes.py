"""Where do the QR codes of ways lead? The platform answers the address of a picture.

By default the answer is what a phone reads in that picture, which tests can follow at once; the
setting `qr_pictures` makes it the picture.
"""

from collections.abc import Collection

from scrm.sandbox.calls import File
from scrm.sandbox.qr_images import png
from scrm.sandbox.world import World


def address(world: World, page: str) -> str:
    """`page` is the path at which a phone that has scanned the code arrives."""
    if world.settings.qr_pictures:
        return f"{world.base_url}/wwpic/{page}"
    return f"{world.base_url}/{page}"


def picture(world: World, page: str) -> File | None:
    """The PNG that says where this page is; nothing where there is no such way."""
    kind, _, config_id = page.partition("/")
    state = world.state
    ways: dict[str, Collection[str]] = {"qr": state.contact_ways, "join": state.join_ways}
    with world.lock:
        if config_id not in ways.get(kind, {}):
            return None
    return File(f"{config_id}.png", "image/png", png(f"{world.base_url}/{page}"))
