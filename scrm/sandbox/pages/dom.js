// Parts of the page are made here. Every text goes in as text, never as markup.
import { inChinese } from "./refusals.js";
import { language, say } from "./words.js";

export const place = (id) => document.getElementById(id);
const drawn = new Map();

async function talk(method, path, body) {
  try {
    const raw = body === undefined ? undefined : JSON.stringify(body);
    const answer = await fetch("/_sim/" + path, { method, body: raw });
    return await answer.json();
  } catch {
    return { error: say("The sandbox does not answer.") };
  }
}

export const read = (path) => talk("GET", path);

// Does something, and says so when it is refused.
export async function act(path, body = {}, method = "POST") {
  const answer = await talk(method, path, method === "POST" ? body : undefined);
  const refusal = answer.error ?? "";
  place("note").textContent = language() === "zh" ? inChinese(refusal) : refusal;
  return answer;
}

export function make(tag, text, className) {
  const element = document.createElement(tag);
  if (text !== undefined) element.textContent = text;
  if (className) element.className = className;
  return element;
}

export function row(...parts) {
  const element = make("div", undefined, "row");
  element.append(...parts);
  return element;
}

// What an app sent as an address may be anything: only pages can be opened.
export function link(text, address) {
  if (!/^(https?:\/)?\//.test(address)) return make("span", text);
  const element = make("a", text);
  element.href = address;
  if (!address.startsWith("/")) {
    element.target = "_blank";
    element.rel = "noopener";
  }
  return element;
}

// After each click the page is drawn anew: whoever draws it listens to this event.
export const changed = () => document.dispatchEvent(new Event("changed"));

export function button(text, work, { strong = false, off = false } = {}) {
  const element = make("button", say(text), strong ? "strong" : "");
  element.type = "button";
  element.dataset.act = text;
  element.disabled = off;
  element.addEventListener("click", async () => { await work(); changed(); });
  return element;
}

// Replaces what is in a place only when there is something new, so that nothing flickers. Where there
// is nothing it says so, unless that goes without saying.
export function fill(id, facts, build, { quiet = false } = {}) {
  const known = language() + JSON.stringify(facts);
  if (drawn.get(id) === known) return;
  drawn.set(id, known);
  const parts = build(facts);
  if (!parts.length && !quiet) parts.push(make("p", say("none"), "muted"));
  place(id).replaceChildren(...parts);
}

// `options` are pairs of a value and what is read; an empty list leaves one that says so.
export function choices(element, options, value) {
  const shown = options.length ? options : [["", say("none")]];
  const known = JSON.stringify(shown);
  if (drawn.get(element.id + element.name) !== known) {
    drawn.set(element.id + element.name, known);
    element.replaceChildren(...shown.map(([each, text]) => {
      const option = make("option", text);
      option.value = each;
      return option;
    }));
  }
  if (value !== undefined) element.value = options.length ? value : "";
}

export function form(id, work) {
  place(id).addEventListener("submit", async (event) => {
    event.preventDefault();
    const answer = await work(place(id).elements);
    if (!answer.error && place(id).elements.words) place(id).reset();
    changed();
  });
}

export const time = (seconds) => new Date(seconds * 1000).toLocaleString(
  language() === "zh" ? "zh-CN" : "en-GB", { dateStyle: "short", timeStyle: "medium" });
