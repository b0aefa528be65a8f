"""Which member of staff is meant by a userid, today's or one that they had before?"""

from collections.abc import Collection

from tenants.models import FormerUserid, Staff


def known(userids: Collection[str]) -> dict[str, int]:
    """Inside a scope: staff ids by userid; unknown ones are left out."""
    found = dict(Staff.objects.filter(userid__in=userids).values_list("userid", "id"))
    missing = [userid for userid in userids if userid not in found]
    if missing:
        former = FormerUserid.objects.filter(userid__in=missing)
        found |= dict(former.values_list("userid", "staff_id"))
    return found
