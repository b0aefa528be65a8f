"""What the two demo businesses are: their staff, channels, products and content."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from analytics.models.seven_factor_fit import Industry


@dataclass(frozen=True)
class ChannelPlan:
    """A channel: share of the new contacts, yuan a contact by kind of cost, how they convert."""

    name: str
    share: float
    costs: tuple[tuple[str, float], ...]
    appeal: float
    private: bool = False  # people whom the business could reach before


@dataclass(frozen=True)
class FitRule:
    """What tells how well a person suits the business, as its operators would write it."""

    name: str
    condition: Mapping[str, object]
    points: int


@dataclass(frozen=True)
class Profile:
    """What the business knows of people beside their names: columns of its contact file."""

    cities: tuple[str, ...]  # the first ones are where most of its customers live
    budget: str  # title of the column
    budgets: tuple[str, str, str]  # little, some, much


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
class SurveyPlan:
    """One question, asked so many days after the first order, or a later one."""

    title: str
    question: str
    scale: int
    order: int
    wait: int  # days
    wrong: tuple[int, int]  # from and to so many days ago something went wrong
    words: tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]  # low, middling, content


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
    profile: Profile
    fit_rules: tuple[FitRule, ...]
    industry: Industry
    fit: tuple[int, int, int, int, int, int, int]  # levels of the seven factors, in their order
    surveys: tuple[SurveyPlan, ...]
    unwanted: str = ""  # a tag that few wear
    steps: tuple[tuple[int | None, int | None, str, int], ...] = field(default=())
    # (minutes, day, text, number of the content piece)


BEAUTY = Business(
    slug="huajian",
    name="花间美妆",
    days=426,
    contacts=1700,
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
        ChannelPlan("小红书 · 笔记", 0.30, (("ad", 33.0), ("bait", 5.0)), 1.15),
        ChannelPlan("抖音 · 直播间", 0.24, (("ad", 38.0), ("agency", 8.0)), 0.85),
        ChannelPlan("天猫 · 包裹卡", 0.22, (("bait", 33.0),), 1.45, private=True),
        ChannelPlan("门店 · 台卡", 0.14, (("staff", 22.0), ("bait", 10.0)), 1.30, private=True),
        ChannelPlan("老客转介绍", 0.10, (("coupon", 42.0),), 1.70, private=True),
    ),
    products=(
        ProductPlan("HJ-001", "花漾小样三件套", "lead_in", 29, 12),
        ProductPlan("HJ-002", "玫瑰补水面膜 10 片", "activity", 89, 30),
        ProductPlan("HJ-003", "丝绒口红 · 豆沙", "hit", 139, 38),
        ProductPlan("HJ-004", "山茶花精华油", "profit", 329, 82),
        ProductPlan("HJ-005", "光感气垫", "hit", 219, 66),
        ProductPlan("HJ-006", "年度护肤礼盒", "extension", 899, 310),
    ),
    tags=("干皮", "油皮", "敏感肌", "混合肌", "新手", "成分党", "送礼"),
    industry=Industry.BEAUTY,
    fit=(3, 3, 4, 4, 4, 4, 3),
    unwanted="同行",
    profile=Profile(
        cities=("上海", "杭州", "北京", "深圳", "成都", "苏州", "郑州", "长沙", "南昌", "洛阳"),
        budget="月护肤预算",
        budgets=("200 元以下", "200–500 元", "500 元以上"),
    ),
    fit_rules=(
        FitRule("预算充足", {"field": "custom.月护肤预算", "is": "500 元以上"}, 30),
        FitRule("预算适中", {"field": "custom.月护肤预算", "is": "200–500 元"}, 15),
        FitRule("预算有限", {"field": "custom.月护肤预算", "is": "200 元以下"}, -20),
        FitRule(
            "住在有门店的城市",
            {"field": "custom.城市", "in": ["上海", "杭州", "北京", "深圳", "成都"]},
            10,
        ),
        FitRule("已知生日", {"field": "birthday", "known": True}, 10),
        FitRule("成分党", {"tag": "成分党"}, 10),
        FitRule("同行", {"tag": "同行"}, -80),
    ),
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
    surveys=(
        SurveyPlan(
            "首单满意度",
            "收到的护肤品还满意吗?",
            scale=5,
            order=1,
            wait=5,
            wrong=(80, 45),
            words=(
                ("瓶盖没拧紧,收到时漏了一半", "快递盒压坏了,口红断了", "等了九天才发货"),
                ("东西可以,包装太简单", "颜色和图片差一点"),
                ("顾问很耐心,推荐的很适合我", "面膜很服帖,会回购", "包装好看,送人也合适"),
            ),
        ),
        SurveyPlan(
            "推荐意愿",
            "你有多愿意把我们推荐给朋友?",
            scale=10,
            order=2,
            wait=10,
            wrong=(80, 45),
            words=(
                ("上次漏液一直没人处理", "换货太慢了"),
                ("价格再友好一点就推荐", "希望多些小样"),
                ("已经推荐给两个同事了", "护肤建议很实在,不硬推销"),
            ),
        ),
    ),
)

SCHOOL = Business(
    slug="qiming",
    name="启明少儿编程",
    days=320,
    contacts=420,
    conversion=0.30,
    repeat=0.55,
    staff=(("sunlei", "孙磊"), ("hejia", "何佳"), ("tangli", "唐丽")),
    channels=(
        ChannelPlan("公众号 · 推文", 0.40, (("ad", 225.0),), 1.0, private=True),
        ChannelPlan("地推 · 商场", 0.35, (("staff", 190.0), ("bait", 40.0)), 0.8),
        ChannelPlan("家长转介绍", 0.25, (("coupon", 200.0),), 1.8, private=True),
    ),
    products=(
        ProductPlan("QM-01", "9.9 元体验课", "lead_in", 10, 6),
        ProductPlan("QM-02", "Scratch 入门 12 课时", "hit", 1680, 620),
        ProductPlan("QM-03", "Python 进阶 36 课时", "profit", 4980, 1900),
    ),
    tags=("一年级", "二年级", "三年级", "四年级以上", "零基础", "考级"),
    profile=Profile(
        cities=("南京", "无锡", "合肥", "芜湖", "徐州", "扬州"),
        budget="年课程预算",
        budgets=("3000 元以下", "3000–8000 元", "8000 元以上"),
    ),
    industry=Industry.EDUCATION,
    fit=(5, 2, 3, 3, 5, 3, 5),
    fit_rules=(
        FitRule("预算充足", {"field": "custom.年课程预算", "is": "8000 元以上"}, 30),
        FitRule("预算适中", {"field": "custom.年课程预算", "is": "3000–8000 元"}, 15),
        FitRule("预算有限", {"field": "custom.年课程预算", "is": "3000 元以下"}, -20),
        FitRule("在有校区的城市", {"field": "custom.城市", "in": ["南京", "无锡", "合肥"]}, 10),
        FitRule("要考级", {"tag": "考级"}, 15),
    ),
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
    surveys=(
        SurveyPlan(
            "体验课满意度",
            "孩子对第一次课满意吗?",
            scale=5,
            order=1,
            wait=3,
            wrong=(70, 40),
            words=(
                ("换了老师,孩子跟不上", "教室太吵,听不清"),
                ("内容不错,时间有点短",),
                ("老师很有耐心,孩子回家还在讲", "孩子主动要继续学"),
            ),
        ),
    ),
)

ALL = (BEAUTY, SCHOOL)
