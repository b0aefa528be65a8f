"use strict";

// The builder of segment rules draws the tree of segment_rules.js over a hidden field of JSON, and
// asks the server while one types whom the rule would find now.
(() => {
  const WINDOWS = ["ever", "last", "span"];
  let schema = {};
  let say = {};
  let rules = {};

  function element(name, attributes = {}, ...children) {
    const made = document.createElement(name);
    Object.entries(attributes).forEach(([key, value]) => {
      if (key === "on") Object.entries(value).forEach(([event, act]) => made.addEventListener(event, act));
      else if (value === true) made.setAttribute(key, "");
      else if (value !== false && value !== null && value !== undefined) made.setAttribute(key, value);
    });
    made.append(...children.filter((child) => child !== null));
    return made;
  }

  const icon = (name) => element("span", { class: "material-symbols-outlined", "aria-hidden": "true" }, name);

  function select(options, value, label, change) {
    const made = element("select", { class: "scrm-select", "aria-label": label, on: { change: () => change(made.value) } });
    options.forEach(([key, text]) => made.append(element("option", { value: key, selected: key === value }, text)));
    return made;
  }

  function input(type, value, label, change, more = {}) {
    const made = element("input", {
      class: "scrm-select", type, value: value ?? "", "aria-label": label, placeholder: more.placeholder ?? label, ...more,
      on: { input: () => change(made.value) },
    });
    return made;
  }

  // --- several values, picked from a list that is searched as one types ---

  function picker(row, key, source, label) {
    const box = element("div", { class: "scrm-picker" });
    const list = element("ul", { class: "scrm-options", role: "listbox", hidden: true });
    let asked = 0;
    const field = element("input", {
      type: "text", "aria-label": label, placeholder: label, autocomplete: "off", role: "combobox", "aria-expanded": "false",
      on: { focus: () => offer(), input: () => offer(), keydown, blur: () => setTimeout(close, 150) },
    });

    const called = (value) => (source.options.find(([key]) => key === value) || [value, schema.called[value] || value])[1];
    function chips() {
      box.querySelectorAll(".scrm-picked").forEach((chip) => chip.remove());
      row[key].forEach((value) => field.before(element("span", { class: "scrm-picked" }, called(value),
        element("button", { type: "button", "aria-label": `${say.remove} ${called(value)}`, on: { click: () => { row[key] = row[key].filter((one) => one !== value); chips(); changed(); } } }, "×"))));
    }
    function pick(value, text) {
      if (!source.options.some(([key]) => key === value)) schema.called[value] = text;
      if (source.one) row[key] = [value];
      else if (!row[key].includes(value)) row[key].push(value);
      field.value = "";
      chips(); close(); changed(); field.focus();
    }
    function close() { list.hidden = true; field.setAttribute("aria-expanded", "false"); }
    function show(options) {
      const open = options.filter(([value]) => !row[key].includes(value)).slice(0, 50);
      const typed = field.value.trim();
      if (source.free && typed && !open.some(([value]) => value === typed)) open.unshift([typed, typed]);
      list.replaceChildren(...open.map(([value, text]) => element("li", { role: "option", "data-value": value, on: { mousedown: (event) => { event.preventDefault(); pick(value, text); } } }, text)));
      if (!open.length) list.append(element("li", { class: "scrm-quiet" }, say.nothing));
      list.hidden = false;
      field.setAttribute("aria-expanded", "true");
    }
    async function offer() {
      const typed = field.value.trim().toLowerCase();
      if (!source.ask) {
        show(source.options.filter(([value, text]) => `${value} ${text}`.toLowerCase().includes(typed)));
        return;
      }
      const number = (asked += 1);
      const answer = await fetch(`${schema.choices}?${new URLSearchParams({ of: source.ask, q: typed })}`, { credentials: "same-origin" });
      if (answer.ok && number === asked) show((await answer.json()).choices);
    }
    function keydown(event) {
      if (event.key === "Escape") close();
      else if (event.key === "Backspace" && !field.value && row[key].length) { row[key].pop(); chips(); changed(); }
      else if (event.key === "Enter") {
        event.preventDefault();
        const first = list.querySelector("[data-value]");
        if (!list.hidden && first) pick(first.dataset.value, first.textContent);
      }
    }
    box.append(field, list);
    chips();
    return box;
  }

  // --- drawing ---

  let holder, hidden, estimate, root, kind;

  function draw() {
    // What had the focus has it again: a choice may change the inputs behind it.
    const fields = () => [...holder.querySelectorAll("select, input, button")];
    const place = fields().indexOf(document.activeElement);
    holder.replaceChildren(drawGroup(root, null));
    if (place >= 0) fields()[place]?.focus();
    changed();
  }

  function drawGroup(node, parent) {
    const box = element("fieldset", { class: "scrm-group" });
    node.box = box;
    const head = element("div", { class: "scrm-row" },
      select(Object.keys(rules.GROUPS).map((key) => [key, say.groups[key]]), node.group, say.join, (value) => { node.group = value; changed(); }),
      parent && remover(node, parent));
    const add = element("div", { class: "scrm-row" },
      element("button", { type: "button", class: "scrm-link", on: { click: () => { node.parts.push(rules.freshRow("tag")); draw(); focusLast(box); } } }, icon("add"), say.addCondition),
      element("button", { type: "button", class: "scrm-link", on: { click: () => { node.parts.push({ group: "any", parts: [rules.freshRow("tag")] }); draw(); } } }, icon("account_tree"), say.addGroup));
    box.append(head, noteLine(), ...node.parts.map((part) => (part.group ? drawGroup(part, node) : drawRow(part, node))), add);
    return box;
  }

  function focusLast(box) {
    const again = holder.querySelectorAll(".scrm-condition select");
    if (again.length) again[again.length - 1].focus();
    return box;
  }

  const noteLine = () => element("p", { class: "scrm-error", role: "alert", hidden: true });

  function remover(node, parent) {
    return element("button", { type: "button", class: "scrm-link scrm-remove", "aria-label": say.remove, title: say.remove, on: { click: () => { parent.parts.splice(parent.parts.indexOf(node), 1); draw(); } } }, icon("close"));
  }

  function drawRow(node, parent) {
    const box = element("div", { class: "scrm-condition" });
    node.box = box;
    if (node.raw) {
      box.append(element("p", { class: "scrm-quiet" }, say.raw), element("code", {}, JSON.stringify(node.raw)), remover(node, parent), noteLine());
      return box;
    }
    const what = element("select", { class: "scrm-select", "aria-label": say.what, on: { change: () => { Object.keys(node).forEach((key) => delete node[key]); Object.assign(node, rules.freshRow(what.value)); draw(); } } });
    schema.groups.forEach(([title, names]) => {
      const group = element("optgroup", { label: title });
      names.forEach(([name, label]) => group.append(element("option", { value: name, selected: name === node.what }, label)));
      what.append(group);
    });
    const yes = node.what === "event" || node.what === "order" ? say.did : node.what === "tag" ? say.wears : node.what === "segment" ? say.isIn : say.holds;
    const holds = select([["", yes[0]], ["not", yes[1]]], node.negated ? "not" : "", say.how, (value) => { node.negated = value === "not"; changed(); });
    box.append(what, holds, ...inputs(node), remover(node, parent), noteLine());
    return box;
  }

  function set(node, key, redraw = false) {
    return (value) => { node[key] = value; if (redraw) draw(); else changed(); };
  }

  function inputs(node) {
    if (node.what === "tag" || node.what === "segment") return [picker(node, "values", { options: [], ask: node.what, one: node.what === "segment" }, say.pick)];
    if (node.what === "event" || node.what === "order") return happening(node);
    const field = rules.fieldNamed(node.what);
    if (!field) return [];
    const tests = rules.testsOf(field).map((name) => [name, say.tests[name]]);
    const shown = [];
    if (tests.length > 1) shown.push(select(tests, node.test, say.how, set(node, "test", true)));
    if (node.test === "range") shown.push(element("span", { class: "scrm-inline" }, numberIn(node, "low", say.from), "–", numberIn(node, "high", say.to)));
    else if (node.test === "span") shown.push(...span(node, "low", "high"));
    else if (node.test === "within_days" || node.test === "more_than_days_ago") shown.push(days(node, "text"));
    else if (node.test === "contains" || (node.test === "in" && field.shape === "text")) shown.push(input("text", node.text, node.test === "in" ? say.several : say.text, set(node, "text")));
    else if (node.test === "in" || node.test === "at_least") shown.push(picker(node, "values", { options: field.choices || [], ask: field.choices ? "" : field.name }, say.pick));
    return shown;
  }

  const numberIn = (row, key, label) => input("number", row[key], label, set(row, key), { step: "any" });
  const labelled = (text, ...fields) => element("label", { class: "scrm-inline" }, element("span", { class: "scrm-quiet" }, text), ...fields);
  const span = (node, low, high) => [labelled(say.fromDay, input("date", node[low], say.fromDay, set(node, low))), labelled(say.beforeDay, input("date", node[high], say.beforeDay, set(node, high)))];
  const days = (node, key) => element("label", { class: "scrm-inline" }, input("number", node[key], say.days, set(node, key), { min: 1, max: 3660, class: "scrm-select scrm-short-number" }), element("span", { class: "scrm-quiet" }, say.days));

  function happening(node) {
    const event = node.what === "event";
    const counts = ["at_least", "at_most", "is", "range", ...(event ? [] : ["any"])].map((name) => [name, say.counts[name]]);
    const times = (key) => input("number", node[key], say.times, set(node, key), { min: 0, class: "scrm-select scrm-short-number" });
    const often = element("span", { class: "scrm-inline" }, select(counts, node.test, say.count, set(node, "test", true)));
    if (node.test === "range") often.append(times("times"), "–", times("most"));
    else if (node.test !== "any") often.append(times("times"));
    if (node.test !== "any") often.append(element("span", { class: "scrm-quiet" }, say.times));
    const when = element("span", { class: "scrm-inline" }, select(WINDOWS.map((name) => [name, say.windows[name]]), node.window, say.when, set(node, "window", true)));
    if (node.window === "last") when.append(days(node, "days"));
    if (node.window === "span") when.append(...span(node, "after", "before"));
    return event ? [picker(node, "kinds", { options: schema.kinds, free: true }, say.pickKind), line(often, when), ...properties(node)] : [line(often, when), worth(node)];
  }

  const line = (...parts) => element("div", { class: "scrm-line" }, ...parts);
  const adder = (text, add) => element("button", { type: "button", class: "scrm-link", on: { click: add } }, icon("add"), text);

  function worth(node) {
    const money = (key, label) => input("text", node[key], label, set(node, key), { inputmode: "decimal", class: "scrm-select scrm-short-number" });
    return line(labelled(say.sum, money("low", say.from), "–", money("high", say.to)), input("text", node.sku, say.sku, set(node, "sku")));
  }

  function properties(node) {
    const shown = node.properties.map((one) => property(one, node));
    if (node.distinct || node.showDistinct) shown.push(line(labelled(say.distinct, input("text", node.distinct, say.property, set(node, "distinct")))));
    const more = line(adder(say.addProperty, () => { node.properties.push(rules.freshProperty()); draw(); }));
    if (!node.distinct && !node.showDistinct) more.append(adder(say.addDistinct, () => { node.showDistinct = true; draw(); }));
    return [...shown, more];
  }

  function property(one, node) {
    const tests = rules.PROPERTY_TESTS.map((name) => [name, say.propertyTests[name]]);
    const wanted = {
      in: () => [input("text", one.value, say.several, set(one, "value"))],
      range: () => [numberIn(one, "low", say.from), "–", numberIn(one, "high", say.to)],
    }[one.test] || (() => [numberIn(one, "low", say.number)]);
    return element("div", { class: "scrm-line scrm-property" },
      input("text", one.name, say.property, set(one, "name")),
      select(tests, one.test, say.how, set(one, "test", true)),
      element("span", { class: "scrm-inline" }, ...wanted()),
      element("button", { type: "button", class: "scrm-link scrm-remove", "aria-label": `${say.remove} ${one.name}`, on: { click: () => { node.properties.splice(node.properties.indexOf(one), 1); draw(); } } }, icon("close")));
  }

  // --- the estimate ---

  let timer = 0;
  let wave = 0;

  function changed() {
    hidden.value = JSON.stringify(rules.jsonOf(root, ""));
    clearTimeout(timer);
    wave += 1;
    mark("", "");
    const open = rules.open(root);
    open.filter((node) => rules.problem(node)).forEach((node) => note(node, rules.problem(node)));
    if (open.length) { tell(say.incomplete, true); return; }
    tell(say.counting, true);
    timer = setTimeout(ask, 500, wave);
  }

  function refuseHalf(event) {
    // Half a rule stays on the page: it is said where something is missing.
    const open = kind && kind.value === "static" ? [] : rules.open(root);
    if (!open.length) return;
    event.preventDefault();
    open.forEach((node) => note(node, rules.problem(node) || (node.group ? say.emptyGroup : say.fill)));
    open[0].box.scrollIntoView({ block: "center" });
  }

  function tell(text, quiet, names = []) {
    estimate.replaceChildren(element("strong", { class: quiet ? "scrm-quiet" : "scrm-value" }, text), ...(names.length ? [element("span", { class: "scrm-quiet" }, names.join(" · "))] : []));
  }

  function mark(path, message) {
    // Says what is wrong at the innermost part that the path names; without a message: nothing is.
    let best = null;
    (function walk(node) {
      node.box.classList.remove("scrm-faulty");
      node.box.querySelector(":scope > .scrm-error").hidden = true;
      if (message && path.startsWith(node.path) && (!best || node.path.length >= best.path.length)) best = node;
      (node.parts || []).forEach(walk);
    })(root);
    if (best) note(best, message);
  }

  function note(node, message) {
    const said = node.box.querySelector(":scope > .scrm-error");
    node.box.classList.add("scrm-faulty");
    said.textContent = message;
    said.hidden = false;
  }

  async function ask(number) {
    const token = document.querySelector("[name=csrfmiddlewaretoken]").value;
    try {
      const answer = await fetch(schema.preview, { method: "POST", credentials: "same-origin", headers: { "Content-Type": "application/json", "X-CSRFToken": token }, body: JSON.stringify({ rule: JSON.parse(hidden.value) }) });
      const told = await answer.json();
      if (number !== wave) return;
      if (told.error) { tell(told.error, true); mark(told.path, told.message); return; }
      tell(told.said, false, told.sample);
    } catch {
      if (number === wave) tell(say.unreachable, true);
    }
  }

  function begin() {
    const builder = document.querySelector("[data-segment-builder]");
    if (!builder) return;
    schema = JSON.parse(document.getElementById("segment-schema").textContent);
    say = schema.say;
    rules = window.segmentRules(schema);
    hidden = builder.querySelector("textarea");
    holder = builder.querySelector("[data-holder]");
    estimate = builder.querySelector("[data-estimate]");
    let stored = {};
    try { stored = JSON.parse(hidden.value || "{}") || {}; } catch { stored = {}; }
    const tree = Object.keys(stored).length ? rules.treeOf(stored) : { group: "all", parts: [rules.freshRow("tag")] };
    root = tree.group ? tree : { group: "all", parts: [tree] };
    draw();
    kind = document.getElementById("id_kind");
    hidden.form.addEventListener("submit", refuseHalf);
    const show = () => { builder.closest(".field-rule, .form-row, fieldset > div")?.classList.toggle("scrm-away", kind.value === "static"); };
    if (kind) { kind.addEventListener("change", show); show(); }
  }

  document.addEventListener("DOMContentLoaded", begin);
})();
