// Choose, drop, paste or photograph: one file is seen before it is sent, and its result is a page; many are sent at once,
// with a row for each. Without this script the plain form takes one file.
(() => {
  const form = document.querySelector("[data-upload]");
  const input = form?.querySelector("[data-upload-input]");
  if (!input) return;
  const submit = form.querySelector("[type=submit]");
  const examples = document.querySelector("[data-examples]");
  const queue = new UploadQueue(document.querySelector("[data-upload-queue]"), form);
  input.multiple = true;

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
    preview.removeAttribute("src");
    const file = input.files[0];
    preview.hidden = !file;
    if (file) preview.src = URL.createObjectURL(file);
    complain(file ? queue.refusal(file) : "");
  };
  const complain = (text) => {
    input.setCustomValidity(text);
    if (text) input.reportValidity();
  };

  const take = (files) => {
    if (!files.length) return;
    if (files.length === 1 && !queue.isOpen) {
      const transfer = new DataTransfer();
      transfer.items.add(files[0]);
      input.files = transfer.files;
      show();
      submit.focus();
      return;
    }
    const chosenBefore = [...input.files].filter((file) => !files.includes(file));
    input.value = ""; // what the queue has is not in the form as well
    show();
    submit.hidden = examples.hidden = true;
    queue.add([...chosenBefore, ...files]);
  };

  input.addEventListener("change", () => (input.files.length > 1 || queue.isOpen ? take([...input.files]) : show()));
  const camera = form.querySelector("[data-upload-camera]");
  camera.addEventListener("change", () => {
    take([...camera.files]);
    camera.value = "";
  });

  const suffixes = input.accept.split(",").filter((type) => type.startsWith("."));
  const isImage = (file) =>
    file.type.startsWith("image/") || suffixes.some((suffix) => file.name.toLowerCase().endsWith(suffix));
  const carriesFiles = (event) => event.dataTransfer?.types.includes("Files");
  addEventListener("dragover", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    form.classList.add("dropping");
  });
  addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) form.classList.remove("dropping");
  });
  addEventListener("drop", async (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    form.classList.remove("dropping");
    const files = await droppedFiles(event.dataTransfer, isImage);
    if (files.length) take(files);
    else complain(queue.texts.noImages);
  });
  addEventListener("paste", (event) => {
    if (event.target.closest?.("input:not([type=file]), textarea, [contenteditable]")) return;
    const files = [...event.clipboardData.files].filter(isImage);
    if (files.length) event.preventDefault();
    take(files);
  });

  for (const one of [form, examples]) {
    one.addEventListener("submit", (event) => {
      if (one.dataset.sent) event.preventDefault();
      one.dataset.sent = "yes";
      one.setAttribute("aria-busy", "true");
    });
  }
  // Back from the result: the forms can be sent again.
  addEventListener("pageshow", () => {
    for (const one of [form, examples]) {
      delete one.dataset.sent;
      one.removeAttribute("aria-busy");
    }
    if (!queue.isOpen) show();
  });
})();
