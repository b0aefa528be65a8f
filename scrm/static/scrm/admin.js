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
  total.value = number + 1;
  const first = added.querySelector("input:not([type=hidden])");
  if (first) first.focus();
});
