"""What the two demo businesses are: their staff, channels, products and content."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class ChannelPlan:
    """A channel: share of the new contacts, cost a contact in yuan, how well they convert."""

    name: str
    share: float
    cost: float
    appeal: float


@dataclass(frozen=True)
class ProductPlan:
    sku: str
    name: str
    role: str
    price: int  # yuan
    cost: int


@dataclass(frozen=True)
class Piece:
    title: str
    kind: str
    purpose: str
    body: str


@dataclass(frozen=True)
class Business:
    slug: str
    name: str
    days: int  # of history
    contacts: int
    conversion: float  # share that ever buys
    repeat: float  # chance that a buyer buys once more
    staff: tuple[tuple[str, str], ...]  # userid, name
    channels: tuple[ChannelPlan, ...]
    products: tuple[ProductPlan, ...]
    tags: tuple[str, ...]
    contents: tuple[Piece, ...]
    welcome: str
    steps: tuple[tuple[int | None, int | None, str, int], ...] = field(default=())
    # (minutes, day, text, number of the content piece)


BEAUTY = Business(
    slug="huajian",
    name="花间美妆",
    days=400,
    contacts=1300,
    conversion=0.34,
    repeat=0.42,
    staff=(
        ("linxiaoyu", "林小雨"),
        ("chenjing", "陈静"),
        ("zhaomin", "赵敏"),
        ("wufang", "吴芳"),
        ("zhouting", "周婷"),
    ),
    channels=(
        ChannelPlan("小红书 · 笔记", 0.30, 9.5, 1.15),
        ChannelPlan("抖音 · 直播间", 0.24, 14.0, 0.85),
        ChannelPlan("天猫 · 包裹卡", 0.22, 2.8, 1.45),
        ChannelPlan("门店 · 台卡", 0.14, 1.5, 1.30),
        ChannelPlan("老客转介绍", 0.10, 6.0, 1.70),
    ),
    products=(
        ProductPlan("HJ-001", "花漾小样三件套", "lead_in", 29, 12),
        ProductPlan("HJ-002", "玫瑰补水面膜 10 片", "activity", 89, 30),
        ProductPlan("HJ-003", "丝绒口红 · 豆沙", "hit", 139, 38),
        ProductPlan("HJ-004", "山茶花精华油", "profit", 329, 82),
        ProductPlan("HJ-005", "光感气垫", "hit", 219, 66),
        ProductPlan("HJ-006", "年度护肤礼盒", "extension", 899, 310),
    ),
    tags=("干皮", "油皮", "敏感肌", "混合肌", "新手", "成分党", "送礼", "同行"),
    contents=(
        Piece("换季护肤的三个误区", "article", "awareness", "换季泛红别急着叠加功效,先稳住屏障。"),
        Piece("肤质小测试", "form", "nurture", "五个问题,找到你的肤质和护理顺序。"),
        Piece("口红试色合集", "article", "nurture", "黄皮、冷白皮都适合的六个色号。"),
        Piece("会员价目表", "price", "choice", "本月会员价与赠品清单。"),
        Piece("新客专享 20 元券", "coupon", "choice", "满 99 元可用,七天内有效。"),
        Piece("空瓶回收计划", "article", "advocacy", "带空瓶来门店,换积分和小样。"),
    ),
    welcome="你好呀 %NICKNAME%,我是花间美妆的护肤顾问。回复“测试”,帮你看看适合的护理方案~",
    steps=(
        (1, None, "先送你一份换季护肤小贴士,两分钟就能看完:", 0),
        (None, 1, "做一个肤质小测试吧,结果出来我帮你搭配:", 1),
        (None, 3, "很多姐妹问试色,整理好啦:", 2),
        (None, 7, "给你留了一张新客券,这周都能用:", 4),
    ),
)

SCHOOL = Business(
    slug="qiming",
    name="启明少儿编程",
    days=260,
    contacts=280,
    conversion=0.16,
    repeat=0.30,
    staff=(("sunlei", "孙磊"), ("hejia", "何佳"), ("tangli", "唐丽")),
    channels=(
        ChannelPlan("公众号 · 推文", 0.40, 22.0, 1.0),
        ChannelPlan("地推 · 商场", 0.35, 35.0, 0.8),
        ChannelPlan("家长转介绍", 0.25, 15.0, 1.8),
    ),
    products=(
        ProductPlan("QM-01", "9.9 元体验课", "lead_in", 10, 6),
        ProductPlan("QM-02", "Scratch 入门 12 课时", "hit", 1680, 620),
        ProductPlan("QM-03", "Python 进阶 36 课时", "profit", 4980, 1900),
    ),
    tags=("一年级", "二年级", "三年级", "四年级以上", "零基础", "考级"),
    contents=(
        Piece("几岁开始学编程合适?", "article", "awareness", "比年龄更重要的三个信号。"),
        Piece("逻辑思维小测评", "form", "nurture", "十分钟,和孩子一起完成。"),
        Piece("课程与价目", "price", "choice", "三个阶段的课程安排与费用。"),
    ),
    welcome="您好,我是启明的课程顾问。请问孩子今年几年级?我先发一份学习路线给您。",
    steps=(
        (1, None, "先看看几岁开始合适:", 0),
        (None, 2, "和孩子一起做个小测评:", 1),
    ),
)

ALL = (BEAUTY, SCHOOL)
