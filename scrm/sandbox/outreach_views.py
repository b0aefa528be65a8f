"""What can be seen from outside of moments, acquisition links and transfers?"""

from scrm.sandbox import handing_over, links
from scrm.sandbox.acquisition import url_of
from scrm.sandbox.fields import Json
from scrm.sandbox.state import Corp, Person
from scrm.sandbox.state_outreach import Moment
from scrm.sandbox.world import World


def of_corp(world: World, corp: Corp) -> Json:
    return {
        "links": [
            {
                "link_id": link.link_id,
                "name": link.name,
                "url": url_of(world, link),
                "available": link.available,
                "customers": len(link.customers),
            }
            for link in corp.links.values()
        ],
        "acquisition_balance": links.balance(world, corp),
        "moments": list(corp.moments),
        "resigned": list(corp.resigned),
    }


def of_staff(world: World, corp: Corp, userid: str) -> Json:
    """Moments that wait for the member to publish them, and those that were."""
    now = world.clock.now()
    return {
        "moments": [
            _moment(moment, userid)
            for moment in corp.moments.values()
            if userid in moment.tasks and moment.ready <= now
        ]
    }


def _moment(moment: Moment, userid: str) -> Json:
    task = moment.tasks[userid]
    return {
        "moment_id": moment.moment_id,
        "text": moment.text,
        "attachments": moment.attachments,
        "published": task.published,
        "cancelled": moment.cancelled,
        "seen_by": len(task.seen_by),
        "comments": len(task.comments),
        "likes": len(task.likes),
    }


def of_customer(world: World, person: Person) -> Json:
    """Transfers that wait for the customer's word, or for a day to pass."""
    return {
        "transfers": [
            {
                "corpid": corp.corpid,
                "handover": transfer.handover,
                "takeover": transfer.takeover,
                "due": transfer.due,
            }
            for corp in world.state.corps.values()
            for transfer in handing_over.waiting(corp, person.externals.get(corp.corpid, ""))
        ]
    }
