// Keyboard shortcuts: 1 to 9, 0, n and y (yes) press the button that shows them. They can be switched off, because voice control
// and shaking hands press keys by accident.
(() => {
  const KEY = "correction-keys";
  let areOn = true;
  try {
    areOn = localStorage.getItem(KEY) !== "off";
  } catch {
    // storage is forbidden: the choice applies to this page only
  }
  const show = () => {
    const label = document.querySelector("[data-keys-switch]");
    if (!label) return;
    label.querySelector("input").checked = areOn;
  };
  addEventListener("change", (event) => {
    if (!event.target.closest("[data-keys-switch]")) return;
    areOn = event.target.checked;
    try {
      if (areOn) localStorage.removeItem(KEY);
      else localStorage.setItem(KEY, "off");
    } catch {
      // as above
    }
  });
  addEventListener("keydown", (event) => {
    if (!areOn || event.ctrlKey || event.altKey || event.metaKey || event.repeat) return;
    if (event.target.closest("input:not([type=checkbox]), select, textarea")) return;
    // The arrows lead to the next results, unless they scroll what has the focus.
    const rel = { ArrowLeft: "prev", ArrowRight: "next" }[event.key];
    const found = rel ? `a[rel=${rel}][aria-keyshortcuts]` : `#correction [data-key="${CSS.escape(event.key)}"]`;
    const button = document.querySelector(found);
    if (!button) return;
    event.preventDefault();
    button.click();
  });
  // Focus the new content, so that the next key or Tab continues from there.
  addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target.id !== "correction") return;
    show();
    document.getElementById("correction")?.focus({ preventScroll: true });
  });
  show();
})();
