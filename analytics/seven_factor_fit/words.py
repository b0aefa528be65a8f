"""The questionnaire in words: each factor's question, and an example for each of its levels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from analytics.seven_factor_fit.rule import Suited


@dataclass(frozen=True)
class Asked:
    """`levels` begin with 1. `why` says what the factor has to do with the private domain."""

    title: str
    question: str
    why: str
    levels: Sequence[str]


def asked() -> Mapping[str, Asked]:
    """By key of a factor, in the reader's language."""
    return {
        "trial_cost": _trial_cost(),
        "brand_strength": _brand_strength(),
        "loyalty": _loyalty(),
        "purchase_cycle": _purchase_cycle(),
        "audience_precision": _audience_precision(),
        "differentiation": _differentiation(),
        "order_value": _order_value(),
    }


def of_band(band: Suited) -> str:
    return {
        Suited.MADE: _("Made for the private domain"),
        Suited.WELL: _("Well suited"),
        Suited.PARTLY: _("Suited in part"),
        Suited.HARDLY: _("Hardly suited"),
    }[band]


def advice(band: Suited) -> str:
    """What follows from it, in one sentence."""
    return {
        Suited.MADE: _("Make it the main line: people, content and budget first go here."),
        Suited.WELL: _("Worth a team of its own. Build on the strengths, watch LTV against CAC."),
        Suited.PARTLY: _("Start small, with one play on a strength, and grow what pays back."),
        Suited.HARDLY: _(
            "Sell on public platforms; keep the private domain for service and for the best "
            "customers."
        ),
    }[band]


def _trial_cost() -> Asked:
    return Asked(
        _("Trial cost"),
        _("What does a wrong purchase cost your customer?"),
        _("The more there is to lose, the more trust is needed first, and trust grows in talks."),
        (
            _("Hardly anything: a pack of hair ties"),
            _("A little money: a lipstick"),
            _("Money and trouble: a coat, a dinner for guests"),
            _("Much money, or months: a mattress, a language course"),
            _("Health, savings or years: an insurance, an operation"),
        ),
    )


def _brand_strength() -> Asked:
    return Asked(
        _("Brand strength"),
        _("How many buy because of the name alone?"),
        _("Reversed: a famous name sells by itself, an unknown one needs people who vouch for it."),
        (
            _("None: nobody knows the name"),
            _("A few: it is known nearby, or to insiders"),
            _("Some: it is known in its trade or its city"),
            _("Many: it is known in the whole country"),
            _("Most: a household name that people ask for"),
        ),
    )


def _loyalty() -> Asked:
    return Asked(
        _("Loyalty"),
        _("Do customers who are content stay with you?"),
        _("Who stays is worth the care, and brings others."),
        (
            _("No, they buy what is cheapest today: tissues"),
            _("They change without a thought: bottled water"),
            _("They come back if it is handy: a brand of snacks"),
            _("They prefer you and say so: skin care, a hairdresser"),
            _("You are a part of their life: a school, a sport"),
        ),
    )


def _purchase_cycle() -> Asked:
    return Asked(
        _("Purchase cycle"),
        _("How soon is it bought again?"),
        _("Every repeat purchase costs no new customer. The shorter the cycle, the more points."),
        (
            _("Hardly ever: a wedding, a flat"),
            _("Every few years: a refrigerator, glasses"),
            _("Once or twice a year: a coat, a course"),
            _("Every one to three months: skin care, coffee beans"),
            _("Every month or more often: cat food, fruit, nappies"),
        ),
    )


def _audience_precision() -> Asked:
    return Asked(
        _("Audience precision"),
        _("How clearly can you say who buys?"),
        _("Content meets people better when they have the same worries."),
        (
            _("Anybody: salt, batteries"),
            _("Roughly by age or sex: shampoo, T-shirts"),
            _("By walk of life: office workers, students"),
            _("By situation: parents of a first-grader, keepers of cats"),
            _("A circle that knows itself: Hanfu, fly fishing"),
        ),
    )


def _differentiation() -> Asked:
    return Asked(
        _("Differentiation"),
        _("What do you have that others do not?"),
        _("What is different gives something to tell; what is alike is compared by price."),
        (
            _("Nothing, it is alike everywhere: rice cookers, plain socks"),
            _("The looks or the packing"),
            _("A difference one can name: an ingredient, a method"),
            _("A style or know-how with stories to tell"),
            _("One of a kind: own design, own research, a teacher of renown"),
        ),
    )


def _order_value() -> Asked:
    return Asked(
        _("Order value"),
        _("How much is one order?"),
        _("The margin of an order must pay for the people who look after the customer."),
        (
            _("Less than 50 yuan: hair ties, snacks"),
            _("50 to 200 yuan: fruit, a T-shirt"),
            _("200 to 600 yuan: skin care, a toy"),
            _("600 to 3,000 yuan: a coat, a course of massages"),
            _("More than 3,000 yuan: jewellery, training, insurance"),
        ),
    )
