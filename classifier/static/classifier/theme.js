// The header: its menus, and light or dark. The latter is as the system has it, or as the person chose here, set before the first paint.
(() => {
  // Django's admin has a "theme" of its own in the same storage, which may be "auto".
  const KEY = "classifier-theme";
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const chosen = () => {
    try {
      const theme = localStorage.getItem(KEY);
      return theme === "light" || theme === "dark" ? theme : null;
    } catch {
      return null; // storage is forbidden: the system's choice applies
    }
  };
  const apply = () => {
    const theme = chosen() ?? (dark.matches ? "dark" : "light");
    document.documentElement.setAttribute("data-bs-theme", theme);
    document.querySelector("[data-theme-switch]")?.setAttribute("aria-pressed", theme === "dark");
  };
  dark.addEventListener("change", apply);
  addEventListener("storage", apply); // chosen in another tab
  apply();

  addEventListener("DOMContentLoaded", () => {
    const button = document.querySelector("[data-theme-switch]");
    if (!button) return;
    button.addEventListener("click", () => {
      const wanted = document.documentElement.getAttribute("data-bs-theme") === "dark" ? "light" : "dark";
      try {
        // The system's own choice needs no note, and is followed again.
        if (wanted === (dark.matches ? "dark" : "light")) localStorage.removeItem(KEY);
        else localStorage.setItem(KEY, wanted);
      } catch {
        document.documentElement.setAttribute("data-bs-theme", wanted);
        return;
      }
      apply();
    });
    apply();
  });

  // An open menu of the header closes with Escape, and when the focus or a click goes elsewhere.
  const close = (event, returnsFocus = false) => {
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      if (!returnsFocus && menu.contains(event.target)) continue;
      menu.open = false;
      if (returnsFocus) menu.querySelector("summary").focus();
    }
  };
  addEventListener("click", close);
  addEventListener("focusin", close);
  addEventListener("keydown", (event) => event.key === "Escape" && close(event, true));
})();
