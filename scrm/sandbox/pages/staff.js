// A member's phone: what waits to be confirmed, customers, groups, messages.
import { chosen, staffPhone } from "./chosen.js";
import { act, button, changed, choices, fill, form, make, place, row } from "./dom.js";
import { showMessages, spoken } from "./messages.js";
import { say } from "./words.js";

const NEWEST = 30;
const key = (corpid, userid) => JSON.stringify([corpid, userid]);
const mine = (more) => ({ corpid: chosen.corpid, userid: chosen.userid, ...more });

export function chooseStaff(state) {
  const all = state.corps.flatMap((corp) => corp.staff.map((member) => ({ corp, member })));
  const here = all.some(({ corp, member }) => corp.corpid === chosen.corpid && member.userid === chosen.userid);
  if (!here) staffPhone(all[0]?.corp.corpid ?? "", all[0]?.member.userid ?? "");
  choices(place("staff-choice"), all.map(({ corp, member }) => [
    key(corp.corpid, member.userid), `${member.name} (${member.userid}) · ${corp.name}`]),
  key(chosen.corpid, chosen.userid));
}

function requestRow(follow) {
  return row(make("span", follow.name + " " + say("wants to be added")), button(
    "Accept", () => act("act/accept", mine({ customer: follow.customer })), { strong: true }));
}

function taskRow(task) {
  const kind = say(task.chat_type === "group" ? "mass message to groups" : "mass message");
  return row(
    make("span", `${kind} (${task.customers.length}): ${task.text.slice(0, 60)}`),
    button("Confirm", () => act("act/confirm_task", mine({ msgid: task.msgid })), { strong: true }));
}

function momentRow(moment) {
  return row(
    make("span", say("moment") + ": " + moment.text.slice(0, 60)),
    button("Publish", () => act("act/confirm_moment", mine({ moment_id: moment.moment_id })), { strong: true }));
}

function showTodo(phone) {
  const waiting = phone.customers.filter((follow) => follow.half);
  const facts = {
    requests: [...phone.requests, ...waiting],
    tasks: phone.tasks.filter((task) => !task.status && !task.cancelled),
    moments: phone.moments.filter((moment) => !moment.published && !moment.cancelled),
  };
  fill("staff-todo", [chosen, facts], () => [
    ...facts.requests.map(requestRow), ...facts.tasks.map(taskRow), ...facts.moments.map(momentRow),
  ], { quiet: true });
}

function remark(follow) {
  const text = prompt(say("Remark for this customer"), follow.remark);
  return text === null ? undefined : act("act/edit_remark", mine({ customer: follow.customer, remark: text }));
}

// In the console of the platform an app's page is put beside chats; here whoever sits at the phone
// names it once.
function sidebar(follow) {
  const name = "sidebar " + chosen.corpid;
  let url = "";
  try { url = localStorage.getItem(name) ?? ""; } catch { /* a private window forgets it */ }
  url = prompt(say("Address of the sidebar page"), url || "http://127.0.0.1:8000/desk/sidebar/…/");
  if (!url) return;
  try { localStorage.setItem(name, url); } catch { /* the same */ }
  window.open("/chat?" + new URLSearchParams(mine({ customer: follow.customer, url })), "_blank", "noopener");
}

function customerRow(follow) {
  const name = make("span", follow.name + (follow.remark ? ` (${follow.remark})` : ""));
  const about = [follow.half ? say("not accepted yet") : "", follow.state && say("channel") + " " + follow.state];
  name.append(make("small", " " + about.filter(Boolean).join(" · ")));
  const same = follow.customer === chosen.customer;
  return row(name,
    button("Choose", () => { chosen.customer = follow.customer; }, { off: same }),
    button("Sidebar", () => sidebar(follow), { off: follow.half }),
    button("Remark", () => remark(follow)),
    button("Delete", () => act("act/staff_deletes", mine({ customer: follow.customer }))));
}

function showPeople(phone, customer) {
  const stranger = customer && !phone.customers.some((follow) => follow.customer === customer.customer);
  const newest = phone.customers.slice(-NEWEST).reverse();
  fill("staff-people", [chosen, newest, stranger], () => [
    ...newest.map(customerRow),
    ...(stranger ? [row(make("span", customer.name, "muted"), button(
      "Add this customer", () => act("act/apply", mine({ customer: customer.customer }))))] : []),
  ]);
}

function groupRow(group, customer, inside) {
  const { chat_id } = group, { corpid, userid } = chosen;
  const size = ` ${group.members} ${say("members")}` + (group.dismissed ? " · " + say("dismissed") : "");
  const name = make("span", group.name || chat_id.slice(0, 10));
  name.append(make("small", size));
  if (group.dismissed) return row(name);
  const who = customer ? [customer.customer] : [];
  const rename = () => {
    const text = prompt(say("New name of the group"), group.name);
    return text ? act("act/group_rename", { corpid, chat_id, name: text }) : undefined;
  };
  return row(name,
    inside
      ? button("Remove", () => act("act/group_remove", { corpid, chat_id, who }))
      : button("Invite", () => act("act/group_invite", { corpid, chat_id, by: userid, who }), { off: !customer }),
    button("Rename", rename),
    ...(group.owner === userid ? [button("Dismiss", () => confirm(say("Dismiss the group?"))
      && act("act/group_dismiss", { corpid, chat_id }))] : []));
}

function showGroups(phone, customer) {
  const inside = (customer?.groups ?? []).map((group) => group.chat_id);
  const create = () => act("act/group_create", {
    corpid: chosen.corpid, owner: chosen.userid, name: phone.name + " · VIP",
    members: customer ? [customer.customer] : [],
  });
  fill("staff-groups", [chosen, phone.groups, inside], () => [
    ...phone.groups.slice(-NEWEST).reverse().map((group) => groupRow(group, customer, inside.includes(group.chat_id))),
    row(make("span"), button("Create group", create)),
  ]);
}

// `pair` is the member and the customer whose phones are on the screen.
export function showStaff(phone, customer, pair) {
  if (!phone) return;
  showTodo(phone);
  showPeople(phone, customer);
  showGroups(phone, customer);
  const names = Object.fromEntries(phone.customers.map((follow) => [follow.external_userid, follow.name]));
  showMessages("staff-messages", phone.messages, spoken(customer, pair),
    (message) => names[message.external_userid] ?? say(message.agentid ? "app" : message.kind));
  fill("staff-end", chosen, () => [row(make("span"), button("Resign", () => confirm(say("Resign from the company?"))
    && act("act/resign", mine())))]);
}

export function listenToStaff() {
  place("staff-choice").addEventListener("change", (event) => {
    if (event.target.value) staffPhone(...JSON.parse(event.target.value));
    changed();
  });
  form("staff-say", ({ words }) => act("act/speak", {
    corpid: chosen.corpid, from: chosen.userid, to: chosen.customer, text: words.value,
  }));
}
