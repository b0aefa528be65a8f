"""Do people of the demo business buy as people do, so that what is predicted of them is seen?"""

import csv
import io
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from analytics.prediction import learning, purchases
from scrm.demo.businesses import BEAUTY
from scrm.demo.history import History

MONDAY = datetime(2026, 11, 23, 12, tzinfo=ZoneInfo("Asia/Shanghai"))


def days_of(now: datetime) -> purchases.Days:
    orders = csv.DictReader(io.StringIO(History(BEAUTY, now).files()["orders"].decode()))
    days: dict[tuple[int, int], list[int]] = {}
    for order in orders:
        day = purchases.number(date.fromisoformat(order["付款时间"][:10]))
        fen = (int(order["金额"]) - int(order["退款金额"] or 0)) * 100
        bought = days.setdefault((int(order["客户编号"][2:]), day), [0, 0])
        bought[0] += fen
        bought[1] += fen - int(order["成本"]) * 100
    rows = np.array([(*key, *fen) for key, fen in sorted(days.items())], dtype=np.int64)
    return purchases.Days(*rows.T)


@pytest.mark.parametrize("weekday", range(7))
def test_the_demo_can_be_predicted_on_each_weekday(weekday: int) -> None:
    now = MONDAY + timedelta(days=weekday)
    fit, found = learning.learn(days_of(now), now.date())
    assert fit.reason == ""
    assert found is not None
    assert fit.backtest is not None
    expected, actual = (sum(fit.backtest[each]) for each in ("expected", "actual"))
    assert expected == pytest.approx(actual, rel=0.4)
    assert min(fit.alive) > 0
