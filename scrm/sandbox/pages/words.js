// The page in two languages: English is written where it is used, Chinese stands here.
const CHINESE = {
  "WeCom sandbox": "企业微信沙箱",
  "The sandbox does not answer.": "沙箱没有响应。",
  "none": "无",
  // Sections
  "Codes": "扫码", "Codes to scan": "可扫的码", "Staff": "员工", "Staff phone": "员工手机",
  "Customer": "客户", "Customers": "客户", "Customer phone": "客户手机",
  "Fan": "粉丝", "Fan phone": "粉丝手机", "Groups": "客户群", "Messages": "消息",
  "Time and faults": "时间与故障", "Calls": "接口调用", "Callbacks": "回调",
  // Codes
  "contact way": "联系我活码", "way into a group": "群活码", "acquisition link": "获客链接",
  "account's code": "公众号二维码", "unavailable": "不可用",
  "Scan": "扫码", "New person scans": "新人扫码", "Open": "打开", "New person opens": "新人打开",
  "New person follows": "新人关注", "acquisition quota": "获客余量", "Buy 100": "购买 100",
  "followers": "粉丝数",
  // Staff
  "wants to be added": "请求添加", "Accept": "通过", "Accept transfer": "同意转接", "Refuse": "拒绝",
  "mass message": "群发任务", "mass message to groups": "客户群群发任务", "moment": "朋友圈",
  "Confirm": "确认发送", "Publish": "发表", "not accepted yet": "尚未通过",
  "Choose": "选择", "Sidebar": "侧边栏",
  "Address of the sidebar page": "侧边栏页面的地址",
  "Delete": "删除", "Remark": "备注", "Add this customer": "添加这位客户",
  "Create group": "建群", "Invite": "拉入群", "Remove": "移出群", "Rename": "改群名",
  "Dismiss": "解散", "Leave": "退群", "members": "人", "dismissed": "已解散",
  "New name of the group": "新的群名", "Remark for this customer": "给客户的备注",
  "Resign": "离职", "Resign from the company?": "确定要离职吗？", "Dismiss the group?": "确定要解散该群吗？",
  "Send": "发送", "Write to the customer": "对客户说", "Write to the staff": "对员工说",
  "Write to the account": "对公众号说", "New person": "新人", "Name of a new person": "新人的昵称",
  "hands you over to": "把您转接给", "channel": "渠道",
  // Kinds of messages
  "welcome": "欢迎语", "mass": "群发", "chat": "聊天", "app": "应用消息", "transfer": "转接",
  "personal_moment": "个人朋友圈", "group": "群聊", "group_mass": "客户群群发", "group_welcome": "入群欢迎语",
  "custom": "客服消息", "template": "模板消息", "subscribe": "订阅通知", "reply": "自动回复", "fault": "故障提示",
  "image": "图片", "link": "链接", "miniprogram": "小程序", "video": "视频", "file": "文件",
  // Fans
  "Follow": "关注", "Unfollow": "取消关注", "not following": "未关注", "Accept notices": "同意订阅通知",
  // Machine
  "+1 min": "+1 分钟", "+1 hour": "+1 小时", "+1 day": "+1 天", "Clock": "时钟", "speed": "时间流速",
  "Profile": "环境", "calm": "平静", "realistic": "真实", "hostile": "恶劣",
  "staff accept by themselves": "员工自动通过", "staff confirm by themselves": "员工自动确认",
  "Fault": "故障", "Add fault": "添加故障", "Clear faults": "清除故障",
  "Calls or events it strikes": "受影响的接口或事件", "Probability": "概率", "struck": "已触发",
  // Logs
  "attempts": "投递次数", "Send again": "再次投递", "queued": "排队中", "delivered": "已送达",
  "refused": "被拒绝", "failed": "失败", "connection reset": "连接重置", "not simulated": "未模拟",
};

let chosen = remembered() || (navigator.language.startsWith("zh") ? "zh" : "en");

function remembered() {
  try { return localStorage.getItem("language"); } catch { return ""; }
}

export const language = () => chosen;
export const say = (text) => (chosen === "zh" ? CHINESE[text] ?? text : text);

export function switchLanguage() {
  chosen = chosen === "zh" ? "en" : "zh";
  try { localStorage.setItem("language", chosen); } catch { /* a private window forgets it */ }
}

// What stands in the page itself.
export function translate() {
  document.documentElement.lang = chosen === "zh" ? "zh-CN" : "en";
  document.title = say("WeCom sandbox");
  for (const element of document.querySelectorAll("[data-say]")) element.textContent = say(element.dataset.say);
  for (const element of document.querySelectorAll("[data-name]")) {
    element.setAttribute("aria-label", say(element.dataset.name));
    if (element.tagName === "INPUT") element.placeholder = say(element.dataset.name);
  }
  const other = document.getElementById("language");
  other.textContent = chosen === "zh" ? "English" : "中文";
  other.lang = chosen === "zh" ? "en" : "zh-CN";
}
