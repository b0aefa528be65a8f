// Copy buttons of the desk: data-copy is put on the clipboard, data-done is shown for a moment.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const before = button.innerHTML;
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
    button.textContent = button.dataset.done;
  } catch {
    // No clipboard without https on some phones: select the text instead.
    const text = button.parentElement.querySelector(".link-text");
    if (text) window.getSelection().selectAllChildren(text);
    return;
  }
  setTimeout(() => {
    button.innerHTML = before;
  }, 1500);
});
