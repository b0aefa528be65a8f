"use strict";

// Buttons that copy a text, and counters under text fields. Works on pages that htmx swaps in, too.
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button || !navigator.clipboard) return;
  navigator.clipboard.writeText(button.dataset.copy).then(() => {
    button.classList.add("scrm-copied");
    setTimeout(() => button.classList.remove("scrm-copied"), 1500);
  });
});

function countUp(field) {
  const counter = field.parentElement.querySelector(".scrm-counter");
  const preview = document.getElementById(field.dataset.preview || "");
  const bytes = new TextEncoder().encode(field.value).length;
  if (counter) {
    const most = Number(field.dataset.maxBytes);
    counter.textContent = `${bytes} / ${most}`;
    counter.classList.toggle("scrm-over", bytes > most);
  }
  if (preview) preview.textContent = field.value || "–";
}

document.addEventListener("input", (event) => {
  if (event.target.matches("textarea[data-max-bytes]")) countUp(event.target);
});

document.addEventListener("DOMContentLoaded", () => {
  document.querySelectorAll("textarea[data-max-bytes]").forEach((field) => {
    const counter = document.createElement("div");
    counter.className = "scrm-counter";
    counter.setAttribute("role", "status");
    field.insertAdjacentElement("afterend", counter);
    countUp(field);
  });
});

// Adding a step: the empty form is cloned, the management form counts it.
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-add]");
  const form = button && button.closest("[data-prefix]");
  if (!form) return;
  const total = form.querySelector(`[name="${form.dataset.prefix}-TOTAL_FORMS"]`);
  const number = Number(total.value);
  const holder = document.createElement("div");
  holder.innerHTML = form.querySelector("template[data-empty]").innerHTML.replaceAll("__prefix__", number);
  const added = holder.firstElementChild;
  const order = added.querySelector(`[name="${form.dataset.prefix}-${number}-ORDER"]`);
  if (order) order.value = number + 1;
  form.querySelector("[data-forms]").append(added);
  askOnlyWhatCounts(added);
  total.value = number + 1;
  const first = added.querySelector("select, input:not([type=hidden])");
  if (first) first.focus();
});

// A row of a rule asks only what its first answer calls for, and offers the names that fit.
function askOnlyWhatCounts(row) {
  const what = row.querySelector("[data-what]");
  if (!what) return;
  row.querySelectorAll("[data-when]").forEach((field) => {
    field.hidden = field.dataset.when !== "" && field.dataset.when !== what.value;
  });
  const value = row.querySelector("[data-lists]");
  if (!value) return;
  const list = `of-${what.value}`;
  if (value.dataset.lists.split(" ").includes(list)) value.setAttribute("list", list);
  else value.removeAttribute("list");
  const test = row.querySelector("select:not([data-what])");
  value.closest("[data-when]").hidden = ["known", "unknown"].includes(test.value);
}

function showPartOfRule() {
  const part = document.getElementById("id_part");
  ["engagement", "fit"].forEach((name) => {
    const fields = document.querySelector(`.scrm-part-${name}`);
    if (part && fields) fields.classList.toggle("scrm-away", part.value !== name);
  });
}

document.addEventListener("change", (event) => {
  const row = event.target.closest("[data-row]");
  if (row) askOnlyWhatCounts(row);
  if (event.target.id === "id_part") showPartOfRule();
});

document.addEventListener("DOMContentLoaded", () => {
  document.querySelectorAll("[data-row]").forEach(askOnlyWhatCounts);
  showPartOfRule();
});
