// What stands on a phone: what its owner got, and what the owner wrote to the other phone.
import { fill, link, make, place, time } from "./dom.js";
import { say } from "./words.js";

const NEWEST = 40;
const number = (message) => Number(message.id.slice(1));

function bubble(message) {
  const element = make("div", undefined, "bubble" + (message.own ? " own" : ""));
  const from = message.own ? "" : " · " + message.from;
  element.append(make("small", say(message.kind) + from + " · " + time(message.at)), message.text);
  const kinds = message.attachments.map((each) => "[" + say(String(each.msgtype)) + "]");
  if (kinds.length) element.append(make("small", kinds.join(" ")));
  for (const address of message.links) element.append(make("br"), link(address, address));
  return element;
}

// `got` and `wrote` are messages; `from` tells who sent one that was got.
export function showMessages(id, got, wrote, from) {
  const lines = [
    ...got.map((message) => ({ ...message, own: false, from: from(message) })),
    ...wrote.map((message) => ({ ...message, own: true })),
  ].sort((one, other) => one.at - other.at || number(one) - number(other)).slice(-NEWEST);
  fill(id, lines, () => {
    // Once the new ones are there, the last one is in view.
    requestAnimationFrame(() => { place(id).scrollTop = place(id).scrollHeight; });
    return lines.map(bubble);
  });
}

// What one of a pair wrote, as it stands on the other's phone.
export const spoken = (phone, pair) => (phone?.messages ?? []).filter((message) => message.kind === "chat"
  && message.corpid === pair.corpid && message.userid === pair.userid
  && message.external_userid === pair.external_userid);
