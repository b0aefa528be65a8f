// A customer's phone: transfers to decide on, staff, groups, messages of corps and of accounts.
import { chosen, staffPhone } from "./chosen.js";
import { act, button, changed, choices, fill, form, make, place, row, time } from "./dom.js";
import { showMessages, spoken } from "./messages.js";
import { say } from "./words.js";

const NEWEST = 100;

export function chooseCustomer(state) {
  const newest = state.customers.slice(-NEWEST).reverse();
  if (!state.customers.some((each) => each.customer === chosen.customer)) {
    chosen.customer = newest[0]?.customer ?? "";
  }
  const older = state.customers.find((each) => each.customer === chosen.customer);
  if (older && !newest.includes(older)) newest.push(older);
  choices(place("customer-choice"), newest.map((each) => [
    each.customer, `${each.name} (${each.customer})`]), chosen.customer);
}

function transferRow(phone, transfer) {
  const pair = { corpid: transfer.corpid, userid: transfer.takeover, customer: phone.customer };
  return row(
    make("span", `${transfer.handover} ${say("hands you over to")} ${transfer.takeover} · ${time(transfer.due)}`),
    button("Accept transfer", () => act("act/accept_transfer", pair), { strong: true }),
    button("Refuse", () => act("act/refuse_transfer", pair)));
}

function staffRow(phone, follow) {
  const { corpid, userid } = follow;
  const name = make("span", userid);
  if (follow.state) name.append(make("small", ` ${say("channel")} ${follow.state}`));
  const same = corpid === chosen.corpid && userid === chosen.userid;
  return row(name,
    button("Choose", () => staffPhone(corpid, userid), { off: same }),
    button("Delete", () => act("act/customer_deletes", { corpid, userid, customer: phone.customer })));
}

function groupRow(phone, group) {
  const { corpid, chat_id } = group;
  const name = make("span", group.name || chat_id.slice(0, 10));
  name.append(make("small", ` ${group.members} ${say("members")}` + (group.dismissed ? " · " + say("dismissed") : "")));
  return group.dismissed ? row(name) : row(name, button(
    "Leave", () => act("act/group_leave", { corpid, chat_id, who: phone.customer })));
}

export function showCustomer(phone, staff, pair) {
  if (!phone) return;
  fill("customer-todo", [phone.customer, phone.transfers], () => phone.transfers.map(
    (transfer) => transferRow(phone, transfer)), { quiet: true });
  fill("customer-people", [chosen, phone.follows], () => phone.follows.map((follow) => staffRow(phone, follow)));
  fill("customer-groups", [phone.customer, phone.groups], () => phone.groups.map((group) => groupRow(phone, group)));
  showMessages("customer-messages", phone.messages, spoken(staff, pair), (message) => message.userid || message.corpid);
}

export function listenToCustomer() {
  place("customer-choice").addEventListener("change", (event) => {
    chosen.customer = event.target.value;
    changed();
  });
  form("customer-say", ({ words }) => act("act/speak", {
    corpid: chosen.corpid, from: chosen.customer, to: chosen.userid, text: words.value,
  }));
  form("customer-new", async ({ words }) => {
    const made = await act("customers", words.value.trim() ? { name: words.value.trim() } : {});
    if (made.customer) chosen.customer = made.customer;
    return made;
  });
}
