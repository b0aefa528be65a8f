"""Live codes: what is planned (plan), at the platform (push), who came (adds), what they read."""

from contacts.livecodes.push import QUEUE, changed, look_again, next_due, retire, work

__all__ = ["QUEUE", "changed", "look_again", "next_due", "retire", "work"]
