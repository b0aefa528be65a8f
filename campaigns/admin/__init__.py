"""One message to many, in the admin."""

from campaigns.admin import broadcasts, recipients

__all__ = ["broadcasts", "recipients"]
