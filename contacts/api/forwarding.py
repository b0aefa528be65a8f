"""Where does the id of a contact lead that was merged into another? 308 to the one it is now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import Http404
from rest_framework.exceptions import NotFound
from rest_framework.response import Response

from contacts.merging import forwarding
from tenants import ids
from tenants.rest.fields import row_id

if TYPE_CHECKING:
    from rest_framework.viewsets import GenericViewSet

    _Base = GenericViewSet[Any]
else:
    _Base = object


class Forwarding(_Base):
    """Put before Resource: `contacts/{old id}/…` answers 308 with the address of the survivor.

    Whoever may not see the survivor gets the same 404 as for an unknown id.
    """

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, NotFound | Http404) and "id" in self.kwargs:
            address = self._address_now()
            if address is not None:
                answer = Response(status=308, headers={"Location": address})
                answer.exception = True  # nothing was done: an Idempotency-Key stays free
                return answer
        return super().handle_exception(exc)

    def _address_now(self) -> str | None:
        given = str(self.kwargs["id"])
        number = row_id(given)
        survivor = forwarding.survivors([number]).get(number) if number is not None else None
        if survivor is None or not self.get_queryset().filter(pk=survivor).exists():
            return None
        path = self.request.get_full_path()
        return path.replace(f"/{given}", f"/{ids.encode(survivor)}", 1)
