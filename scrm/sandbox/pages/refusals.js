// What the sandbox refuses, in Chinese. It says it in English to every caller; {} stands for what it
// names there, in order, and {1}, {2} … for the same in Chinese.
const CHINESE = [
  ["there is no corp {}", "没有企业 {1}"],
  ["corp {} has no app {}", "企业 {1} 没有应用 {2}"],
  ["corp {} has no staff {}", "企业 {1} 没有员工 {2}"],
  ["there is no official account {}", "没有公众号 {1}"],
  ["account {} has no fan {}", "公众号 {1} 没有粉丝 {2}"],
  ["there is no customer {}", "没有客户 {1}"],
  // Adding each other
  ["there is no such contact way", "没有这个联系我活码"],
  ["nobody behind this contact way can take customers", "这个活码下没有可接待客户的员工"],
  ["there is no request to accept", "没有待通过的好友请求"],
  ["{} and this customer have added each other already", "{1} 与这位客户已互为好友"],
  ["{} and this customer have not added each other", "{1} 与这位客户还不是好友"],
  ["there is no such link", "没有这个获客链接"],
  ["this link is unavailable", "这个获客链接不可用"],
  ["count and days are above 0", "数量和天数须大于 0"],
  ["no transfer of this customer is waiting", "这位客户没有待处理的转接"],
  // Mass messages and moments
  ["nobody can be sent to", "没有可以发送的客户"],
  ["there is no such mass send", "没有这个群发任务"],
  ["{} has no share in this mass send", "这个群发任务没有分配给 {1}"],
  ["{} has confirmed this task already", "{1} 已确认过这个群发任务"],
  ["this mass send was cancelled", "这个群发任务已停止"],
  ["this mass send does not allow a member to pick customers", "这个群发任务不允许员工挑选客户"],
  ["there is no such moment", "没有这条朋友圈"],
  ["this moment is not ready yet", "这条朋友圈还在准备中"],
  ["this moment was cancelled", "这条朋友圈已停止"],
  ["{} was not asked to publish this moment", "这条朋友圈没有分配给 {1}"],
  ["{} has published this moment already", "{1} 已发表过这条朋友圈"],
  ["the member has not published this moment", "员工还没有发表这条朋友圈"],
  ["this customer does not see the moment", "这位客户看不到这条朋友圈"],
  ["liked already", "已经点过赞"],
  // Groups
  ["there is no such group", "没有这个群"],
  ["this group was dismissed", "这个群已解散"],
  ["{} is not in this group", "{1} 不在这个群里"],
  ["{} may not have customer groups", "{1} 没有客户群权限"],
  ["{} owns this group already", "{1} 已是群主"],
  ["a group has at most {} members", "一个群最多 {1} 人"],
  ["scene is 1 (invited) or 2 (by an invitation's link)", "入群方式为 1（由成员邀请）或 2（通过邀请链接）"],
  ["nobody is named who is not in this group already", "请选择还不在群里的人"],
  ["the owner must hand the group over or dismiss it", "群主不能退群：请先转让或解散"],
  ["those who are removed must be in the group, and not own it", "只能移出群里的非群主成员"],
  ["administrators must be in the group, and not own it", "管理员须是群里的非群主成员"],
  ["there is no such join way", "没有这个群活码"],
  ["no group behind this join way can take anybody", "这个群活码下的群都满了"],
  ["there is no such group welcome template", "没有这个入群欢迎语"],
  // Tags and staff
  ["there is no such corp tag", "没有这个企业标签"],
  ["there is no such tag group", "没有这个标签组"],
  ["there is no such tag or group", "没有这个标签或标签组"],
  ["there is no such tag, or none is named", "没有这个标签，或没有填写标签"],
  ["the tags cannot be made: {}", "无法创建标签：{1}"],
  ["there is such a member already", "已有这位员工"],
  ["there is a member {} already", "已有员工 {1}"],
  ["there is no such department", "没有这个部门"],
  ["the parent is unknown, or below the department itself", "上级部门不存在，或是它自己的下级"],
  ["only an empty department below the top can be deleted", "只能删除顶级以下的空部门"],
  // Official accounts
  ["how is one of {}", "关注方式只能是：{1}"],
  ["there is no such QR code, or it has expired", "没有这个二维码，或已过期"],
  ["no QR code of this account carries the scene {}", "这个公众号没有场景值为 {1} 的二维码"],
  ["this person does not follow the account", "这个人没有关注公众号"],
  ["nobody can write more than {} bytes at once", "一条消息最多 {1} 字节"],
  ["this fan's menu has no {} button with the {} {}", "粉丝的菜单里没有这个按钮：{1}，{2} 为 {3}"],
  ["answers maps template ids to accept or reject", "须按模板 id 填写 accept 或 reject"],
  ["there is no subscription template {}", "没有订阅通知模板 {1}"],
  ["an answer is one of {}", "回答只能是：{1}"],
  ["this account has no callback URL", "这个公众号没有设置回调地址"],
  // Machine
  ["this app has no callback URL", "这个应用没有设置回调地址"],
  ["there is no callback {}", "没有回调 {1}"],
  ["the callback URL gave no answer within its time: {}", "回调地址没有按时响应：{1}"],
  ["the callback URL took {} s to answer the check", "回调地址用了 {1} 秒才响应验证"],
  ["the callback URL answered HTTP {} and not the exact echo: the token, the key or the id differ, or the URL is another page",
    "回调地址返回 HTTP {1}，内容与验证串不符：Token、密钥或 id 不一致，或地址填错"],
  ["there is no fault {} on {}: {} or {}", "{2} 没有 {1} 这种故障：可用 {3}，{4}"],
  ["there is no setting {}", "没有设置项 {1}"],
  ["{} does not fit the setting {}, which is {} now", "{1} 不能用于设置项 {2}（现为 {3}）"],
  ["there is no profile {}: {}", "没有行为模式 {1}：可用 {2}"],
  ["scale is above 0 and at most 100000", "倍速须大于 0，不超过 100000"],
  ["time does not go back", "时间不能倒退"],
  ["pages of other sites may not steer the sandbox", "其他网站的页面不能操作沙箱"],
  ["there is no {} /_sim/{}", "没有接口 {1} /_sim/{2}"],
  // Fields
  ["{} is missing", "缺少 {1}"],
  ["{} is out of range", "{1} 超出范围"],
  ["{} has more than {} items", "{1} 最多 {2} 项"],
  ["{} is longer than {} characters", "{1} 最多 {2} 个字符"],
  ["{} must be a number", "{1} 须为数字"],
  ["{} must be a string", "{1} 须为文字"],
  ["{} must be an integer", "{1} 须为整数"],
  ["{} must be an object", "{1} 须为对象"],
  ["{} must be true or false", "{1} 须为 true 或 false"],
  ["{} must be a list of integers", "{1} 须为整数列表"],
  ["{} must be a list of objects", "{1} 须为对象列表"],
  ["{} must be a list of strings", "{1} 须为文字列表"],
];

const literal = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
const patterns = CHINESE.map(([english, chinese]) => [
  new RegExp("^" + english.split("{}").map(literal).join("(.*)") + "$", "s"), chinese]);

// What is named stands in quotes there, as Python writes it.
const bare = (value) => value.replace(/^(['"])(.*)\1$/s, "$2");

export function inChinese(sentence) {
  for (const [pattern, chinese] of patterns) {
    const found = pattern.exec(sentence);
    if (found) return chinese.replace(/\{(\d)\}/g, (_all, number) => bare(found[Number(number)] ?? ""));
  }
  return sentence;
}
