// A fan's phone: one official account, its menu and what it wrote.
import { chosen, fanPhone } from "./chosen.js";
import { act, button, changed, choices, fill, form, make, place, read, row } from "./dom.js";
import { showMessages } from "./messages.js";
import { say } from "./words.js";

const NEWEST = 50;
const key = (appid, openid) => JSON.stringify([appid, openid]);
const mine = (more) => ({ appid: chosen.appid, customer: chosen.openid, ...more });

async function known(account) {
  const answer = await read("oa/fans/" + encodeURIComponent(account.appid));
  return (answer.fans ?? []).slice(-NEWEST).reverse().map((fan) => ({ account, fan }));
}

export async function chooseFan(state) {
  const all = (await Promise.all(state.accounts.map(known))).flat();
  if (!all.some(({ account, fan }) => account.appid === chosen.appid && fan.openid === chosen.openid)) {
    fanPhone(all[0]?.account.appid ?? "", all[0]?.fan.openid ?? "");
  }
  choices(place("fan-choice"), all.map(({ account, fan }) => [
    key(account.appid, fan.openid), `${fan.name} (${fan.customer}) · ${account.name}`]),
  key(chosen.appid, chosen.openid));
}

function acceptNotices(account) {
  const notices = account.templates.filter((template) => template.kind === "subscribe");
  if (!notices.length) return [];
  const answers = Object.fromEntries(notices.map((template) => [template.template_id, "accept"]));
  return [button("Accept notices", () => act("act/oa_popup", mine({ answers })))];
}

async function press(item) {
  if (item.type === "click") await act("act/oa_click", mine({ key: item.key }));
  if (item.type !== "view") return;
  await act("act/oa_view", mine({ url: item.url }));
  open(item.url, "_blank", "noopener");
}

export function showFan(fan, state) {
  if (!fan) return;
  const account = state.accounts.find((each) => each.appid === chosen.appid);
  fill("fan-about", [chosen, fan.subscribed, account.templates], () => [row(
    make("span", fan.subscribed ? "" : say("not following")),
    fan.subscribed
      ? button("Unfollow", () => act("act/oa_unfollow", mine()))
      : button("Follow", () => act("act/oa_follow", mine()), { strong: true }),
    ...acceptNotices(account))]);
  fill("fan-menu", [chosen, fan.menu], () => (fan.menu.length
    ? [row(make("span"), ...fan.menu.map((item) => button(item.name, () => press(item))))]
    : []), { quiet: true });
  showMessages("fan-messages", fan.messages, [], () => account.name);
}

export function listenToFan() {
  place("fan-choice").addEventListener("change", (event) => {
    if (event.target.value) fanPhone(...JSON.parse(event.target.value));
    changed();
  });
  form("fan-say", ({ words }) => act("act/oa_text", mine({ text: words.value })));
}
