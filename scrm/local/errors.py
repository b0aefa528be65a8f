"""What can go wrong on a person's machine, in words that say what to do?"""


class LocalError(Exception):
    """Its text is a sentence for the person at the terminal; shown without a traceback."""


class PortTakenError(LocalError):
    """Another program took the port between our look and the server's start."""
