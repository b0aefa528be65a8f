// The clock, how kind the world is, and what goes wrong in it.
import { act, button, changed, choices, fill, form, make, place, row, time } from "./dom.js";
import { say } from "./words.js";

const JUMPS = [["+1 min", 60], ["+1 hour", 3600], ["+1 day", 86400]];
const SPEEDS = [1, 10, 60, 1440];
// What a ticked box sets, and what an empty one.
const BY_THEMSELVES = [
  ["staff accept by themselves", "accept_after_s", 1],
  ["staff confirm by themselves", "confirm_after_s", 1],
];

function speed(scale) {
  const select = make("select");
  select.setAttribute("aria-label", say("speed"));
  select.id = "machine-speed";
  for (const each of new Set([...SPEEDS, scale])) select.append(new Option("×" + each, each, false, each === scale));
  select.addEventListener("change", async () => {
    await act("clock", { scale: Number(select.value) });
    changed();
  });
  return select;
}

function box(text, name, ticked, value) {
  const label = make("label"), input = make("input");
  input.type = "checkbox";
  input.name = name;
  input.checked = ticked;
  input.addEventListener("change", async () => {
    await act("settings", { [name]: input.checked ? value : -1 });
    changed();
  });
  label.append(input, " " + say(text));
  return label;
}

function ruleRow(rule) {
  const where = `${rule.on} · ${rule.kind}${rule.kind === "errcode" ? " " + rule.errcode : ""} · ${rule.path}`;
  return make("p", `${where} · ${rule.probability} · ${say("struck")} ${rule.struck}`, "muted");
}

export function showMachine(state, rules) {
  const { settings, scale } = state;
  place("clock").textContent = `${time(state.now)} ×${scale}`;
  fill("machine-clock", scale, () => [row(
    make("span", say("Clock")), ...JUMPS.map(([text, seconds]) => button(text, () => act("clock", { advance_s: seconds }))), speed(scale))]);
  const boxes = BY_THEMSELVES.map(([text, name, value]) => [text, name, settings[name] >= 0, value]);
  fill("machine-profiles", [state.profiles, boxes], () => [row(
    make("span", say("Profile")),
    ...state.profiles.map((name) => button(name, () => act("profile", { name }))),
    ...boxes.map((each) => box(...each)))]);
  const kinds = Object.entries(state.fault_kinds).flatMap(([on, each]) => each.map(
    (kind) => [JSON.stringify([on, kind]), `${on} · ${kind}`]));
  choices(place("machine-fault").elements.kind, kinds);
  fill("machine-rules", rules, () => [
    ...rules.map(ruleRow),
    ...(rules.length ? [button("Clear faults", () => act("faults", undefined, "DELETE"))] : []),
  ]);
}

export function listenToMachine() {
  form("machine-fault", ({ kind, path, probability }) => {
    const [on, name] = JSON.parse(kind.value);
    return act("faults", { on, kind: name, path: path.value.trim() || "*", probability: Number(probability.value) });
  });
}
