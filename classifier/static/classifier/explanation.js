// The box that lays the heat map over the image.
document.querySelector("[data-heat]")?.addEventListener(
  "change",
  ({ target }) => {
    const template = target.closest("figure").querySelector("[data-heat-image]");
    template.replaceWith(template.content);
  },
  { once: true },
);
// The slider over the map of what the network looked at; without this script the map shows as it is.
(() => {
  const arm = () => {
    const slider = document.getElementById("map-strength");
    const map = document.querySelector("[data-map] img + img");
    if (!slider || slider.dataset.armed) return;
    slider.dataset.armed = "yes";
    const show = () => (map.style.opacity = slider.value / 100);
    slider.addEventListener("input", show);
    show();
  };
  addEventListener("htmx:afterSwap", (event) => {
    if (!document.getElementById("explanation") || event.detail.target.id === "correction") return;
    arm();
    document.getElementById("explanation")?.focus({ preventScroll: true });
  });
  arm();
})();
