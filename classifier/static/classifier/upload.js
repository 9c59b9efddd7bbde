// Drop a file, see it before it is sent, and send it once. Without this script the plain form does the same work.
(() => {
  const form = document.querySelector("[data-upload]");
  const input = form?.querySelector("[data-upload-input]");
  if (!input) return;

  // A reload of the result shows it again instead of sending the file again.
  const result = document.querySelector("[data-result-url]");
  if (result) history.replaceState(null, "", result.dataset.resultUrl);

  const preview = document.createElement("img");
  preview.className = "upload-preview";
  preview.alt = "";
  preview.hidden = true;
  preview.addEventListener("error", () => (preview.hidden = true)); // a kind the browser cannot show
  input.after(preview);

  const show = () => {
    if (preview.src) URL.revokeObjectURL(preview.src);
    const file = input.files[0];
    preview.hidden = !file;
    if (file) preview.src = URL.createObjectURL(file);
  };
  input.addEventListener("change", show);

  const dropZone = document.body;
  const carriesFiles = (event) => event.dataTransfer?.types.includes("Files");
  dropZone.addEventListener("dragover", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    form.classList.add("dropping");
  });
  dropZone.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) form.classList.remove("dropping");
  });
  dropZone.addEventListener("drop", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    form.classList.remove("dropping");
    input.files = event.dataTransfer.files;
    show();
    form.querySelector("[type=submit]").focus();
  });

  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "yes";
    form.setAttribute("aria-busy", "true");
  });
  // Back from the result: the form can be sent again.
  addEventListener("pageshow", () => {
    delete form.dataset.sent;
    form.removeAttribute("aria-busy");
    show();
  });
})();
