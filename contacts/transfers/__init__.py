"""Handing customers and groups over at WeCom: who can be moved (plan), calling and polling
(running), what the answers mean (verdicts), what a callback settles (told), what done means
(completing).
"""

from contacts.transfers.plan import QUEUE
from contacts.transfers.running import next_due, work

__all__ = ["QUEUE", "next_due", "work"]
