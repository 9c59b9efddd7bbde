// The progress of a job is replaced every two seconds: too often to be read aloud. Say it at every tenth, and when the
// state changes.
(() => {
  const announcement = document.querySelector("[data-announcement]");
  const section = () => document.querySelector("#progress");
  let { step } = section().dataset;
  document.addEventListener("htmx:afterSettle", () => {
    if (section().dataset.step === step) return;
    step = section().dataset.step;
    announcement.textContent = section().querySelector("[data-summary]").textContent.replace(/\s+/g, " ").trim();
  });
})();
