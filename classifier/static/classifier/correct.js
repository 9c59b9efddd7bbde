// A key for each class: 1 to 9, 0 and n press the button that they stand on.
addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.repeat) return;
  if (event.target.closest("input:not([type=checkbox]), select, textarea")) return;
  const button = document.querySelector(`#correction [data-key="${CSS.escape(event.key)}"]`);
  if (!button) return;
  event.preventDefault();
  button.click();
});
// What was swapped in keeps the focus, so that the next key or Tab goes on from there.
addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.target.id === "correction") document.getElementById("correction")?.focus({ preventScroll: true });
});
