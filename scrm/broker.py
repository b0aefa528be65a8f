"""How does a worker live on when Redis goes away? kombu's transport, less what ends the worker.

When the connection is lost while a task runs, kombu (5.7) would put its message back, and later
acknowledge it, through the channel that is closed already: an AttributeError that ends the worker.
Messages are bells here: the work they ring for is rows, and the board rings again.
"""

from kombu.transport import redis


class Channel(redis.Channel):
    do_restore = False  # nothing is put back when the channel closes

    def basic_ack(self, delivery_tag: str, multiple: bool = False) -> None:  # noqa: FBT001, FBT002 - kombu's signature
        if not self.closed:
            super().basic_ack(delivery_tag, multiple)

    def basic_reject(self, delivery_tag: str, requeue: bool = False) -> None:  # noqa: FBT001, FBT002 - kombu's signature
        if not self.closed:
            super().basic_reject(delivery_tag, requeue)


class Transport(redis.Transport):
    Channel = Channel
