// One box ticks all on the page; without this script each is ticked by hand.
(() => {
  const form = document.querySelector("[data-selection]");
  const all = form?.querySelector("[data-select-all]");
  if (!all) return;
  const box = all.querySelector("input");
  const boxes = [...form.querySelectorAll("[name=predictions]")];
  const show = () => {
    const ticked = boxes.filter((one) => one.checked).length;
    box.checked = ticked === boxes.length;
    box.indeterminate = ticked > 0 && !box.checked;
  };
  box.addEventListener("change", () => {
    for (const one of boxes) one.checked = box.checked;
  });
  form.addEventListener("change", (event) => event.target.name === "predictions" && show());
  addEventListener("pageshow", show);
})();
