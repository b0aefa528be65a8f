"""Which files were uploaded? Plain data, as in `state.py`."""

from dataclasses import dataclass


@dataclass
class Media:
    """A file that its corp may use for three days."""

    media_id: str
    kind: str  # image | voice | video | file
    use: str  # message | moment | catalogue
    name: str
    content_type: str
    created: int
    content: str  # base64


@dataclass
class Picture:
    """An image with an address of its own, for good."""

    id: str
    corpid: str
    content_type: str
    created: int
    content: str  # base64
    counted: bool  # against the quota of its day and month
