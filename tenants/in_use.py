"""May a row not go yet, and who keeps it?"""

from django.db import models


class StillInUse(models.ProtectedError):
    """Raised by an `on_delete`; the message is for people and says by what."""
