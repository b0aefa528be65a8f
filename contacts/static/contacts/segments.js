"use strict";

// The builder of segment rules: a tree of groups and conditions over a hidden field of JSON, and
// what the rule would find now, asked of the server while one types.
(() => {
  const GROUPS = { all: ["all", false], any: ["any", false], none: ["any", true], some: ["all", true] };
  const WINDOWS = ["ever", "last", "span"];
  let schema = {};
  let say = {};

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
      if (!row[key].includes(value)) row[key].push(value);
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

  // --- what a condition asks: a row of inputs, and its JSON ---

  const words = (text) => text.split(/[;；]/).map((part) => part.trim()).filter(Boolean);
  const listed = (value) => (Array.isArray(value) ? value : [value]).map(String);
  const number = (text) => (text === "" || text === null || text === undefined ? null : Number(text));
  const only = (values) => (values.length === 1 ? values[0] : values);

  function describe(rule) {
    // A condition as a row; null: no row says it.
    if (rule.tag !== undefined) return { what: "tag", values: listed(rule.tag) };
    if (rule.segment !== undefined) return { what: "segment", values: listed(rule.segment) };
    for (const name of ["event", "order"]) {
      if (rule[name] === undefined) continue;
      const { [name]: main, ...beside } = rule;
      const given = typeof main === "object" && !Array.isArray(main) ? { ...main } : { [name === "event" ? "kind" : "count"]: main, ...beside };
      return happened(name, given);
    }
    if (typeof rule.field !== "string") return null;
    const { field: called, ...tests } = rule;
    const field = fieldNamed(called);
    if (!field) return null;
    const keys = Object.keys(tests);
    const row = { what: field.name, values: [], test: keys[0], text: "", low: "", high: "" };
    if (keys.includes("known")) return { ...row, test: tests.known ? "known" : "unknown" };
    if (field.shape === "flag") return { ...row, test: tests.is ? "yes" : "no" };
    if (keys.includes("is") || keys.includes("in")) {
      const values = listed(tests.is ?? tests.in);
      if (field.shape === "number") return { ...row, test: "range", low: tests.is, high: tests.is };
      return { ...row, test: "in", values, text: values.join("; ") };
    }
    if (keys.includes("after") || keys.includes("before")) return { ...row, test: "span", low: (tests.after || "").slice(0, 10), high: (tests.before || "").slice(0, 10) };
    if (field.shape === "choice") return { ...row, values: listed(tests[keys[0]]) };
    if (keys.includes("at_least") || keys.includes("at_most")) return { ...row, test: "range", low: tests.at_least ?? "", high: tests.at_most ?? "" };
    return { ...row, text: String(tests[keys[0]] ?? "") };
  }

  function happened(what, given) {
    const row = { what, kinds: listed(given.kind ?? []), test: "at_least", times: 1, low: "", high: "", window: "ever", days: 30, after: "", before: "", properties: [], distinct: given.distinct || "", sku: listed(given.sku ?? []).join("; ") };
    const count = typeof given.count === "number" ? { at_least: given.count } : given.count;
    if (count && Object.keys(count).length !== 1) return null;
    if (count) [[row.test, row.times]] = Object.entries(count);
    else if (what === "order" && given.sum) row.test = "any";
    const sum = given.sum !== undefined && typeof given.sum !== "object" ? { at_least: given.sum } : given.sum || {};
    if (sum.is !== undefined) return null;
    [row.low, row.high] = [sum.at_least ?? "", sum.at_most ?? ""];
    if (given.within_days) [row.window, row.days] = ["last", given.within_days];
    else if (given.after || given.before) [row.window, row.after, row.before] = ["span", (given.after || "").slice(0, 10), (given.before || "").slice(0, 10)];
    for (const [name, value] of Object.entries(given.properties || {})) {
      if (value !== null && typeof value === "object" && !Array.isArray(value)) return null;
      row.properties.push({ name, value: listed(value).join("; ") });
    }
    return row;
  }

  const fieldNamed = (name) => schema.fields.find((one) => one.name === name || one.also === name);

  function ruleOf(row) {
    // The JSON of a row; null when something is still to be filled in.
    if (row.raw) return row.raw;
    if (row.what === "tag" || row.what === "segment") return row.values.length ? { [row.what]: only(row.values) } : null;
    if (row.what === "event" || row.what === "order") return whatHappened(row);
    const field = fieldNamed(row.what);
    if (!field) return null;
    const leaf = (tests) => ({ field: field.name, ...tests });
    if (row.test === "known" || row.test === "unknown") return leaf({ known: row.test === "known" });
    if (row.test === "yes" || row.test === "no") return leaf({ is: row.test === "yes" });
    if (row.test === "in") {
      const values = field.shape === "text" ? words(row.text) : row.values;
      return values.length ? leaf(values.length === 1 ? { is: values[0] } : { in: values }) : null;
    }
    if (row.test === "contains") return row.text.trim() ? leaf({ contains: row.text.trim() }) : null;
    if (row.test === "range") return bounds(leaf, "at_least", number(row.low), "at_most", number(row.high));
    if (row.test === "span") return bounds(leaf, "after", row.low || null, "before", row.high || null);
    if (row.test === "at_least") return row.values.length ? leaf({ at_least: row.values[0] }) : null;
    const days = number(row.text);
    return days ? leaf({ [row.test]: days }) : null;
  }

  function bounds(leaf, lowName, low, highName, high) {
    if (low === null && high === null) return null;
    return leaf({ ...(low !== null && { [lowName]: low }), ...(high !== null && { [highName]: high }) });
  }

  function whatHappened(row) {
    const given = {};
    if (row.what === "event") {
      if (!row.kinds.length) return null;
      given.kind = only(row.kinds);
    }
    const times = number(row.times);
    if (row.test !== "any") {
      if (times === null || !Number.isInteger(times)) return null;
      if (row.test !== "at_least" || times !== 1 || row.what === "order") given.count = { [row.test]: times };
    }
    if (row.what === "order") {
      const low = String(row.low).trim(), high = String(row.high).trim();
      if (low || high) given.sum = { ...(low && { at_least: low }), ...(high && { at_most: high }) };
      else if (row.test === "any") return null;
      if (words(row.sku).length) given.sku = words(row.sku);
    }
    if (row.window === "last") {
      if (!number(row.days)) return null;
      given.within_days = number(row.days);
    }
    if (row.window === "span") {
      if (!row.after && !row.before) return null;
      if (row.after) given.after = row.after;
      if (row.before) given.before = row.before;
    }
    const properties = row.properties.filter((one) => one.name.trim() || one.value.trim());
    if (properties.some((one) => !one.name.trim() || !one.value.trim())) return null;
    if (properties.length) given.properties = Object.fromEntries(properties.map((one) => [one.name.trim(), only(words(one.value))]));
    if (row.distinct.trim()) given.distinct = row.distinct.trim();
    return { [row.what]: given };
  }

  // --- the tree ---

  function treeOf(rule) {
    let negated = false;
    let inner = rule || {};
    while (inner && inner.not) { negated = !negated; inner = inner.not; }
    for (const join of ["all", "any"]) {
      if (Array.isArray(inner[join])) {
        const kind = negated ? (join === "any" ? "none" : "some") : join;
        return { group: kind, parts: inner[join].map(treeOf) };
      }
    }
    return { negated, ...(describe(inner) || { raw: inner }) };
  }

  function jsonOf(node, path) {
    node.path = path;
    if (node.group) {
      const [join, negated] = GROUPS[node.group];
      const start = [path, negated ? "not" : "", join].filter(Boolean).join(".");
      const parts = node.parts.map((part, place) => jsonOf(part, `${start}[${place}]`));
      return negated ? { not: { [join]: parts } } : { [join]: parts };
    }
    const leaf = ruleOf(node);
    return node.negated && leaf ? { not: leaf } : leaf;
  }

  const complete = (node) => (node.group ? node.parts.length > 0 && node.parts.every(complete) : ruleOf(node) !== null);

  function freshRow(what) {
    if (what === "event" || what === "order") return { negated: false, ...happened(what, {}) };
    const field = fieldNamed(what);
    return { what, negated: false, values: [], text: "", low: "", high: "", test: field ? testsOf(field)[0][0] : "in" };
  }

  function testsOf(field) {
    const known = field.tests.includes("known") ? ["known", "unknown"] : [];
    const names = {
      text: ["in", ...(field.tests.includes("contains") ? ["contains"] : []), ...(field.tests.includes("at_least") ? ["range"] : []), ...(field.tests.includes("after") ? ["span"] : []), ...known],
      choice: ["in", ...(field.tests.includes("at_least") ? ["at_least"] : []), ...known],
      number: ["range", ...known],
      date: [...["within_days", "more_than_days_ago"].filter((name) => field.tests.includes(name)), "span", ...known],
      flag: ["yes", "no", ...known],
      known: ["known", "unknown"],
    }[field.shape];
    return names.map((name) => [name, say.tests[name]]);
  }

  // --- drawing ---

  let holder, hidden, estimate, root;

  function draw() {
    holder.replaceChildren(drawGroup(root, null));
    changed();
  }

  function drawGroup(node, parent) {
    const box = element("fieldset", { class: "scrm-group" });
    node.box = box;
    const head = element("div", { class: "scrm-row" },
      select(Object.keys(GROUPS).map((key) => [key, say.groups[key]]), node.group, say.join, (value) => { node.group = value; changed(); }),
      parent && remover(node, parent));
    const add = element("div", { class: "scrm-row" },
      element("button", { type: "button", class: "scrm-link", on: { click: () => { node.parts.push(freshRow("tag")); draw(); focusLast(box); } } }, icon("add"), say.addCondition),
      element("button", { type: "button", class: "scrm-link", on: { click: () => { node.parts.push({ group: "any", parts: [freshRow("tag")] }); draw(); } } }, icon("account_tree"), say.addGroup));
    box.append(head, ...node.parts.map((part) => (part.group ? drawGroup(part, node) : drawRow(part, node))), add);
    return box;
  }

  function focusLast(box) {
    const again = holder.querySelectorAll(".scrm-condition select");
    if (again.length) again[again.length - 1].focus();
    return box;
  }

  function remover(node, parent) {
    return element("button", { type: "button", class: "scrm-link scrm-remove", "aria-label": say.remove, title: say.remove, on: { click: () => { parent.parts.splice(parent.parts.indexOf(node), 1); draw(); } } }, icon("close"));
  }

  function drawRow(node, parent) {
    const box = element("div", { class: "scrm-condition" });
    node.box = box;
    if (node.raw) {
      box.append(element("p", { class: "scrm-quiet" }, say.raw), element("code", {}, JSON.stringify(node.raw)), remover(node, parent));
      return box;
    }
    const what = element("select", { class: "scrm-select", "aria-label": say.what, on: { change: () => { Object.keys(node).forEach((key) => delete node[key]); Object.assign(node, freshRow(what.value)); draw(); } } });
    schema.groups.forEach(([title, names]) => {
      const group = element("optgroup", { label: title });
      names.forEach(([name, label]) => group.append(element("option", { value: name, selected: name === node.what }, label)));
      what.append(group);
    });
    const yes = node.what === "event" || node.what === "order" ? say.did : node.what === "tag" ? say.wears : node.what === "segment" ? say.isIn : say.holds;
    const holds = select([["", yes[0]], ["not", yes[1]]], node.negated ? "not" : "", say.how, (value) => { node.negated = value === "not"; changed(); });
    box.append(what, holds, ...inputs(node), remover(node, parent), element("p", { class: "scrm-error", role: "alert", hidden: true }));
    return box;
  }

  function set(node, key, redraw = false) {
    return (value) => { node[key] = value; if (redraw) draw(); else changed(); };
  }

  function inputs(node) {
    if (node.what === "tag" || node.what === "segment") return [picker(node, "values", { options: [], ask: node.what }, say.pick)];
    if (node.what === "event" || node.what === "order") return happening(node);
    const field = fieldNamed(node.what);
    if (!field) return [];
    const tests = testsOf(field);
    const shown = [];
    if (tests.length > 1) shown.push(select(tests, node.test, say.how, set(node, "test", true)));
    if (node.test === "range") shown.push(input("number", node.low, say.from, set(node, "low"), { step: "any" }), input("number", node.high, say.to, set(node, "high"), { step: "any" }));
    else if (node.test === "span") shown.push(...span(node, "low", "high"));
    else if (node.test === "within_days" || node.test === "more_than_days_ago") shown.push(days(node, "text"));
    else if (node.test === "contains" || (node.test === "in" && field.shape === "text")) shown.push(input("text", node.text, node.test === "in" ? say.several : say.text, set(node, "text")));
    else if (node.test === "in" || node.test === "at_least") shown.push(picker(node, "values", { options: field.choices || [], ask: field.choices ? "" : field.name }, say.pick));
    return shown;
  }

  const labelled = (text, ...fields) => element("label", { class: "scrm-inline" }, element("span", { class: "scrm-quiet" }, text), ...fields);
  const span = (node, low, high) => [labelled(say.fromDay, input("date", node[low], say.fromDay, set(node, low))), labelled(say.beforeDay, input("date", node[high], say.beforeDay, set(node, high)))];
  const days = (node, key) => element("label", { class: "scrm-inline" }, input("number", node[key], say.days, set(node, key), { min: 1, max: 3660, class: "scrm-select scrm-short-number" }), element("span", { class: "scrm-quiet" }, say.days));

  function happening(node) {
    const event = node.what === "event";
    const counts = ["at_least", "at_most", "is", ...(event ? [] : ["any"])].map((name) => [name, say.counts[name]]);
    const shown = event ? [picker(node, "kinds", { options: schema.kinds, free: true }, say.pickKind)] : [];
    shown.push(select(counts, node.test, say.count, set(node, "test", true)));
    if (node.test !== "any") shown.push(labelledAfter(say.times, input("number", node.times, say.times, set(node, "times"), { min: 0, class: "scrm-select scrm-short-number" })));
    shown.push(select(WINDOWS.map((name) => [name, say.windows[name]]), node.window, say.when, set(node, "window", true)));
    if (node.window === "last") shown.push(days(node, "days"));
    if (node.window === "span") shown.push(...span(node, "after", "before"));
    if (!event) {
      shown.push(labelled(say.sum, input("text", node.low, say.from, set(node, "low"), { inputmode: "decimal", class: "scrm-select scrm-short-number" }), input("text", node.high, say.to, set(node, "high"), { inputmode: "decimal", class: "scrm-select scrm-short-number" })));
      shown.push(input("text", node.sku, say.sku, set(node, "sku")));
      return shown;
    }
    node.properties.forEach((one) => shown.push(element("span", { class: "scrm-property" },
      input("text", one.name, say.property, (value) => { one.name = value; changed(); }), "=",
      input("text", one.value, say.value, (value) => { one.value = value; changed(); }),
      element("button", { type: "button", class: "scrm-link", "aria-label": say.remove, on: { click: () => { node.properties.splice(node.properties.indexOf(one), 1); draw(); } } }, icon("close")))));
    if (node.distinct || node.showDistinct) shown.push(labelled(say.distinct, input("text", node.distinct, say.property, set(node, "distinct"))));
    shown.push(element("button", { type: "button", class: "scrm-link", on: { click: () => { node.properties.push({ name: "", value: "" }); draw(); } } }, icon("add"), say.addProperty));
    if (!node.distinct && !node.showDistinct) shown.push(element("button", { type: "button", class: "scrm-link", on: { click: () => { node.showDistinct = true; draw(); } } }, icon("add"), say.addDistinct));
    return shown;
  }

  const labelledAfter = (text, field) => element("label", { class: "scrm-inline" }, field, element("span", { class: "scrm-quiet" }, text));

  // --- the estimate ---

  let timer = 0;
  let wave = 0;

  function changed() {
    hidden.value = JSON.stringify(jsonOf(root, ""));
    clearTimeout(timer);
    wave += 1;
    mark("", "");
    if (!complete(root)) { tell(say.incomplete, true); return; }
    tell(say.counting, true);
    timer = setTimeout(ask, 500, wave);
  }

  function tell(text, quiet, names = []) {
    estimate.replaceChildren(element("strong", { class: quiet ? "scrm-quiet" : "scrm-value" }, text), ...(names.length ? [element("span", { class: "scrm-quiet" }, names.join(" · "))] : []));
  }

  function mark(path, message) {
    let best = null;
    (function walk(node) {
      const note = node.box && !node.group ? node.box.querySelector(":scope > .scrm-error") : null;
      if (note) note.hidden = true;
      if (node.box) node.box.classList.remove("scrm-faulty");
      if (message && path.startsWith(node.path) && (!best || node.path.length >= best.path.length)) best = node;
      (node.parts || []).forEach(walk);
    })(root);
    if (!best || !best.box) return;
    best.box.classList.add("scrm-faulty");
    const note = best.group ? null : best.box.querySelector(":scope > .scrm-error");
    if (note) { note.textContent = message; note.hidden = false; }
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
    hidden = builder.querySelector("textarea");
    holder = builder.querySelector("[data-holder]");
    estimate = builder.querySelector("[data-estimate]");
    let stored = {};
    try { stored = JSON.parse(hidden.value || "{}") || {}; } catch { stored = {}; }
    const tree = Object.keys(stored).length ? treeOf(stored) : { group: "all", parts: [freshRow("tag")] };
    root = tree.group ? tree : { group: "all", parts: [tree] };
    draw();
    const kind = document.getElementById("id_kind");
    const show = () => { builder.closest(".field-rule, .form-row, fieldset > div")?.classList.toggle("scrm-away", kind.value === "static"); };
    if (kind) { kind.addEventListener("change", show); show(); }
  }

  document.addEventListener("DOMContentLoaded", begin);
})();
