// What can be scanned or opened: contact ways, ways into groups, acquisition links, accounts' codes.
import { chosen, fanPhone, staffPhone } from "./chosen.js";
import { act, button, fill, link, make, row } from "./dom.js";
import { say } from "./words.js";

const NEWEST = 15;
const nameOf = (way) => way.state || way.remark || way.config_id.slice(0, 8);

function entry(label, kind, address, buttons) {
  const name = make("span");
  name.append(link(label, address), make("small", " " + say(kind)));
  return row(name, ...buttons);
}

// Both with the customer's phone on the screen, and as somebody new.
async function asCustomer(path, body, customer) {
  const done = await act(path, customer ? { ...body, customer } : body);
  if (done.customer) chosen.customer = done.customer;
  if (done.userid) staffPhone(done.corpid ?? body.corpid ?? chosen.corpid, done.userid);
}

function customerButtons(texts, path, body, customer) {
  return [
    button(texts[0], () => asCustomer(path, body, customer), { off: !customer }),
    button(texts[1], () => asCustomer(path, body)),
  ];
}

const SCANNED = ["Scan", "New person scans"];
const OPENED = ["Open", "New person opens"];

function corpParts(corp, customer) {
  const { corpid } = corp;
  const groups = (way) => customerButtons(SCANNED, "act/group_join", { config_id: way.config_id }, customer);
  const people = (way) => customerButtons(SCANNED, "act/scan", { corpid, config_id: way.config_id }, customer);
  const links = (each) => customerButtons(
    OPENED, "act/open_link", { corpid, link_id: each.link_id, state: "sandbox" }, customer);
  return [
    make("h3", corp.name + " · " + corpid),
    ...corp.contact_ways.map((way) => entry(nameOf(way), "contact way", "/qr/" + way.config_id, people(way))),
    ...corp.join_ways.map((way) => entry(nameOf(way), "way into a group", "/join/" + way.config_id, groups(way))),
    ...corp.links.map((each) => entry(
      each.name + (each.available ? "" : " · " + say("unavailable")), "acquisition link", "/ca/" + each.link_id, links(each))),
    row(make("span", say("acquisition quota") + ": " + corp.balance, "muted"),
      button("Buy 100", () => act("act/buy_quota", { corpid, count: 100 }))),
  ];
}

async function asFan(path, body) {
  const done = await act(path, body);
  if (done.openid) fanPhone(done.appid, done.openid);
}

function codeRow(account, code, person) {
  const image = make("img"), body = { ticket: code.ticket };
  image.src = "/cgi-bin/showqrcode?ticket=" + encodeURIComponent(code.ticket);
  image.alt = "";
  const label = entry(code.scene, "account's code", "/q/" + code.key, [
    button("Scan", () => asFan("act/oa_scan", { ...body, customer: person }), { off: !person }),
    button("New person scans", () => asFan("act/oa_scan", body)),
  ]);
  label.firstChild.prepend(image, " ");
  return label;
}

function accountParts(account, person) {
  return [
    make("h3", account.name + " · " + account.appid),
    ...account.codes.map((code) => codeRow(account, code, person)),
    row(make("span", say("followers") + ": " + account.followers, "muted"),
      button("New person follows", () => asFan("act/oa_follow", { appid: account.appid }))),
  ];
}

// `fan` is on the fan's phone, if anybody is.
export function showCodes(state, fan) {
  const corps = state.corps.map((corp) => ({
    corpid: corp.corpid,
    name: corp.name,
    balance: corp.acquisition_balance,
    contact_ways: corp.contact_ways.slice(-NEWEST).reverse(),
    join_ways: corp.join_ways.slice(-NEWEST).reverse(),
    links: corp.links.slice(-NEWEST).reverse(),
  }));
  const accounts = state.accounts.map((account) => ({
    appid: account.appid,
    name: account.name,
    followers: account.followers,
    codes: account.qr_codes.slice(-NEWEST).reverse().map(
      ({ ticket, scene, url }) => ({ ticket, scene, key: url.split("/").pop() })),
  }));
  const facts = { corps, accounts, customer: chosen.customer, person: fan?.customer ?? "" };
  fill("codes-list", facts, () => [
    ...corps.flatMap((corp) => corpParts(corp, facts.customer)),
    ...accounts.flatMap((account) => accountParts(account, facts.person)),
  ]);
}
