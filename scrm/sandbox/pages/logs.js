// What apps asked, what they were answered, and what they were told in how many attempts.
import { act, button, fill, make, place, read, time } from "./dom.js";
import { say } from "./words.js";

const NEWEST = 40;

// Drawn anew whenever something came; what was open stays open.
function unfold(id, number, title, bad, build) {
  const element = make("details"), summary = make("summary", title, bad ? "bad" : "");
  element.dataset.number = number;
  element.append(summary);
  const show = () => { if (element.open && !element.dataset.full) { element.dataset.full = "1"; element.append(...build()); } };
  element.addEventListener("toggle", show);
  element.open = Boolean(place(id).querySelector(`details[open][data-number="${number}"]`));
  return element;
}

const shown = (value) => (typeof value === "string" ? value : JSON.stringify(value, null, 1));

function call(entry) {
  const isAct = entry.kind === "act";
  const end = isAct ? "" : entry.status === 0 ? say("connection reset") : `${entry.errcode ?? ""} ${entry.errmsg ?? ""}`;
  const marks = [...(entry.faults ?? []), entry.mark ? say(entry.mark) : ""].filter(Boolean);
  const title = [
    `#${entry.seq} ${entry.path.replace("/cgi-bin/", "").replace("/_sim/", "")}`, end, marks.join(", "),
    isAct ? "" : `${entry.latency_ms} ms`].filter(Boolean).join(" · ");
  return unfold("journal-list", entry.seq, title, !isAct && (entry.errcode !== 0 || marks.length > 0), () => [
    make("p", `${time(entry.at)} ${entry.method ?? ""} ${entry.corpid ?? ""}`, "muted"),
    ...[entry.query, entry.body, entry.answer].filter(Boolean).map((value) => make("pre", shown(value)))]);
}

function attempt(each) {
  const answer = each.status ? `HTTP ${each.status} ${each.answer}` : each.error;
  return make("p", `${each.kind} · ${time(each.at)} · ${answer} · ${each.seconds} s`, "muted");
}

function callback(each) {
  const title = `#${each.id} ${each.event} · ${say(each.state)} · ${say("attempts")}: ${each.attempts.length}`;
  return unfold("callbacks-list", each.id, title, ["refused", "failed"].includes(each.state), () => [
    ...each.attempts.map(attempt),
    make("pre", each.xml),
    button("Send again", () => act("callbacks/resend", { id: each.id }))]);
}

export async function showLogs() {
  const [journal, sent] = await Promise.all([read(`journal?limit=${NEWEST}`), read(`callbacks?limit=${NEWEST}`)]);
  const entries = (journal.entries ?? []).reverse(), callbacks = (sent.callbacks ?? []).reverse();
  fill("journal-list", entries, () => entries.map(call));
  fill("callbacks-list", callbacks, () => callbacks.map(callback));
}
