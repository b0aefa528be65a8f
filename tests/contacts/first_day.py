"""What other systems gave a new operator: one customer twice, who read of late, who bought."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from django.utils import timezone

PEOPLE = """客户编号,姓名,手机号,渠道,添加时间,所属员工,标签
C1,林小雨,13800000001,小红书,2026-10-01,guide1,美妆
C2,王欣怡,13800000002,抖音,2026-10-02,guide1,美妆
C3,陈子涵,13800000003,抖音,2026-10-03,guide2,美妆;竞品
C4,赵磊,13800000004,门店,2026-10-04,guide2,母婴
C5,周雨晨,13800000005,小红书,2026-10-05,guide1,美妆
C6,林小雨,13800000001,小红书,2026-10-06,guide2,美妆
"""


def files(folder: Path) -> list[tuple[str, Path]]:
    """What other systems gave: C1, C2 and C3 have read twice of late, C2 has bought."""
    read, bought = folder / "阅读行为.csv", folder / "订单.csv"
    days = [timezone.localdate() - timedelta(days=ago) for ago in (3, 5)]
    rows = [
        f"{who}-{day},{who},content.read,{day},\n" for who in ("C1", "C2", "C3") for day in days
    ]
    read.write_text("事件编号,客户编号,事件,时间,属性\n" + "".join(rows), "utf-8")
    bought.write_text(f"订单号,客户编号,付款时间,金额\nO1,C2,{days[0]},199.00\n", "utf-8")
    people = folder / "客户名单.csv"
    people.write_text(PEOPLE, "gb18030")
    return [("contacts", people), ("events", read), ("orders", bought)]
