"use strict";

// Selects that search while one types tell jQuery of a change, and nobody else: whoever counts the
// audience listens to the form.
document.addEventListener("DOMContentLoaded", () => {
  const form = document.getElementById("broadcast_form");
  if (!form || !window.django || !window.django.jQuery) return;
  window.django.jQuery(form).on("select2:select select2:unselect", () => {
    form.dispatchEvent(new Event("change", { bubbles: true }));
  });
});
