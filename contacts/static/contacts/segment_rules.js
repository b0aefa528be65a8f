"use strict";

// What a rule is while it is built: a tree of groups and rows of inputs, read from the rule's JSON
// and written as JSON again. What no row could give back as it came stays raw.
window.segmentRules = (schema) => {
  const GROUPS = { all: ["all", false], any: ["any", false], none: ["any", true], some: ["all", true] };
  const PROPERTY_TESTS = ["in", "at_least", "at_most", "range", "is"];

  const fieldNamed = (name) => schema.fields.find((one) => one.name === name || one.also === name);
  const words = (text) => text.split(/[;；]/).map((part) => part.trim()).filter(Boolean);
  const listed = (value) => (Array.isArray(value) ? value : [value]).map(String);
  const number = (text) => (text === "" || text === null || text === undefined ? null : Number(text));
  const only = (values) => (values.length === 1 ? values[0] : values);
  const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);

  class NoRow extends Error {}

  function written(values) {
    // Several values as one line of text.
    const text = values.join("; ");
    if (JSON.stringify(words(text)) !== JSON.stringify(values)) throw new NoRow();
    return text;
  }

  function day(value) {
    if (value !== undefined && value.length !== 10) throw new NoRow(); // a moment of the API
    return value ?? "";
  }

  // --- a condition as a row ---

  function describe(rule) {
    try { return rowOf(rule); } catch (error) {
      if (error instanceof NoRow) return null;
      throw error;
    }
  }

  function rowOf(rule) {
    if (rule.tag !== undefined) return { what: "tag", values: listed(isObject(rule.tag) ? rule.tag.any : rule.tag) };
    if (rule.segment !== undefined) return { what: "segment", values: listed(isObject(rule.segment) ? rule.segment.name : rule.segment) };
    for (const name of ["event", "order"]) {
      if (rule[name] === undefined) continue;
      const { [name]: main, ...beside } = rule;
      return happened(name, isObject(main) ? main : { [name === "event" ? "kind" : "count"]: main, ...beside });
    }
    const { field: main, ...beside } = rule;
    const { name: called, ...tests } = isObject(main) ? main : { name: main, ...beside };
    const field = typeof called === "string" ? fieldNamed(called) : null;
    if (!field) throw new NoRow();
    return asked(field, tests);
  }

  function asked(field, tests) {
    const name = Object.keys(tests)[0];
    const row = { what: field.name, values: [], test: name, text: "", low: "", high: "" };
    if ("known" in tests) return { ...row, test: tests.known ? "known" : "unknown" };
    if (field.shape === "flag") return { ...row, test: tests.is ? "yes" : "no" };
    if ("is" in tests || "in" in tests) {
      if (field.shape === "number") return { ...row, test: "range", low: tests.is, high: tests.is };
      const values = listed(tests.is ?? tests.in);
      return { ...row, test: "in", values, text: field.shape === "text" ? written(values) : "" };
    }
    if ("after" in tests || "before" in tests) return { ...row, test: "span", low: day(tests.after), high: day(tests.before) };
    if (field.shape === "choice") return { ...row, values: listed(tests[name]) };
    if ("at_least" in tests || "at_most" in tests) return { ...row, test: "range", low: tests.at_least ?? "", high: tests.at_most ?? "" };
    return { ...row, text: String(tests[name] ?? "") };
  }

  function happened(what, given) {
    const row = { what, kinds: listed(given.kind ?? []), test: "at_least", times: 1, most: "", low: "", high: "", window: "ever", days: 30, after: "", before: "", properties: [], distinct: given.distinct || "", sku: written(listed(given.sku ?? [])) };
    if (given.count !== undefined) [row.test, row.times, row.most] = bounded(isObject(given.count) ? given.count : { at_least: given.count });
    else if (what === "order" && given.sum) row.test = "any";
    if (given.sum !== undefined) {
      const [test, low, high] = bounded(isObject(given.sum) ? given.sum : { at_least: given.sum });
      [row.low, row.high] = { at_least: [low, ""], at_most: ["", low], is: [low, low], range: [low, high] }[test];
    }
    if (given.within_days) [row.window, row.days] = ["last", given.within_days];
    else if (given.after || given.before) [row.window, row.after, row.before] = ["span", day(given.after), day(given.before)];
    row.properties = Object.entries(given.properties || {}).map(([name, wanted]) => property(name, wanted));
    return row;
  }

  function bounded(range) {
    // A range as a test with one number, or "range" with two.
    if ("is" in range) return ["is", range.is, ""];
    if ("at_least" in range && "at_most" in range) return ["range", range.at_least, range.at_most];
    const [[test, value]] = Object.entries(range);
    return [test, value, ""];
  }

  function property(name, wanted) {
    if (!isObject(wanted)) return { name, test: "in", value: written(listed(wanted)), low: "", high: "" };
    const [test, low, high] = bounded(wanted);
    return { name, test, value: "", low, high };
  }

  const freshProperty = () => ({ name: "", test: "in", value: "", low: "", high: "" });

  function freshRow(what) {
    if (what === "event" || what === "order") return { negated: false, ...happened(what, {}) };
    const field = fieldNamed(what);
    return { what, negated: false, values: [], text: "", low: "", high: "", test: field ? testsOf(field)[0] : "in" };
  }

  function testsOf(field) {
    const may = (...names) => names.filter((name) => field.tests.includes(name));
    const known = field.tests.includes("known") ? ["known", "unknown"] : [];
    return {
      text: ["in", ...may("contains"), ...(may("at_least").length ? ["range"] : []), ...(may("after").length ? ["span"] : []), ...known],
      choice: ["in", ...may("at_least"), ...known],
      number: ["range", ...known],
      date: [...may("within_days", "more_than_days_ago"), "span", ...known],
      flag: ["yes", "no", ...known],
      known: ["known", "unknown"],
    }[field.shape];
  }

  // --- a row as JSON; null while something is still to be filled in ---

  function ruleOf(row) {
    if (row.raw) return row.raw;
    if (row.what === "tag" || row.what === "segment") return row.values.length ? { [row.what]: only(row.values) } : null;
    if (row.what === "event" || row.what === "order") return whatHappened(row);
    const field = fieldNamed(row.what);
    const tests = field ? testsIn(field, row) : null;
    return tests && { field: field.name, ...tests };
  }

  function testsIn(field, row) {
    const text = String(row.text).trim();
    const days = number(row.text);
    const values = field.shape === "text" ? words(row.text) : row.values;
    switch (row.test) {
      case "known": case "unknown": return { known: row.test === "known" };
      case "yes": case "no": return { is: row.test === "yes" };
      case "in": return values.length ? (values.length === 1 ? { is: values[0] } : { in: values }) : null;
      case "contains": return text ? { contains: text } : null;
      case "range": return ends("at_least", number(row.low), "at_most", number(row.high));
      case "span": return ends("after", row.low || null, "before", row.high || null);
      case "at_least": return row.values.length ? { at_least: row.values[0] } : null;
      default: return days ? { [row.test]: days } : null;
    }
  }

  function ends(lowName, low, highName, high) {
    if (low === null && high === null) return null;
    return { ...(low !== null && { [lowName]: low }), ...(high !== null && { [highName]: high }) };
  }

  function bounds(test, low, high) {
    if (low === null || (test === "range" && high === null)) return null;
    return test === "range" ? { at_least: low, at_most: high } : { [test]: low };
  }

  function whatHappened(row) {
    const given = {};
    if (row.what === "event") {
      if (!row.kinds.length) return null;
      given.kind = only(row.kinds);
    }
    if (row.test !== "any") {
      given.count = bounds(row.test, number(row.times), number(row.most));
      if (!given.count || !Object.values(given.count).every(Number.isInteger)) return null;
      if (row.what === "event" && given.count.at_least === 1 && row.test === "at_least") delete given.count;
    }
    if (row.what === "order") {
      const sum = ends("at_least", String(row.low).trim() || null, "at_most", String(row.high).trim() || null);
      if (sum) given.sum = sum;
      else if (row.test === "any") return null;
      if (words(row.sku).length) given.sku = words(row.sku);
    }
    return within(row, given) && withProperties(row, given) && { [row.what]: given };
  }

  function within(row, given) {
    const found = {
      ever: {},
      last: number(row.days) ? { within_days: number(row.days) } : null,
      span: ends("after", row.after || null, "before", row.before || null),
    }[row.window];
    return found && Object.assign(given, found);
  }

  function withProperties(row, given) {
    const pairs = row.properties.map((one) => [one.name.trim(), wanted(one)]);
    if (pairs.some(([name, value]) => !name || !value)) return null;
    if (pairs.length) given.properties = Object.fromEntries(pairs);
    if (row.distinct.trim()) given.distinct = row.distinct.trim();
    return given;
  }

  function wanted(one) {
    if (one.test === "in") return words(one.value).length ? only(words(one.value)) : null;
    return bounds(one.test, number(one.low), number(one.high));
  }

  function problem(row) {
    // What is wrong with a row although it is filled in; "" when nothing is.
    const properties = row.properties || [];
    const names = properties.map((one) => one.name.trim()).filter(Boolean);
    const twice = names.find((name, place) => names.indexOf(name) !== place);
    if (twice) return schema.say.twice.replace("%(name)s", () => twice);
    const ranges = [...properties, row].filter((one) => one.test === "range").map((one) => [one.low, one.high]);
    if (row.what === "order") ranges.push([row.low, row.high]);
    if (row.kinds && row.test === "range") ranges.push([row.times, row.most]);
    const turned = ranges.some(([low, high]) => number(low) !== null && number(high) !== null && number(low) > number(high));
    return turned ? schema.say.turned : "";
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

  function open(node) {
    // What is still to be filled in or put right: rows, and groups without any.
    if (node.group && node.parts.length) return node.parts.flatMap(open);
    return node.group || ruleOf(node) === null || problem(node) ? [node] : [];
  }

  return { GROUPS, PROPERTY_TESTS, fieldNamed, freshProperty, freshRow, testsOf, treeOf, jsonOf, open, problem };
};
