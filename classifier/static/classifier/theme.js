// Light or dark: as the system has it, or as the person chose here. Set before the first paint.
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
})();
