// Choose, drop, paste or photograph: what is given is sent at once, and how long it is kept stands above it. One file
// leads to the page of its result, many have a row each. Without this script the plain form takes one file.
(() => {
  const form = document.querySelector("[data-upload]");
  const input = form?.querySelector("[data-upload-input]");
  if (!input) return;
  const status = form.querySelector("[data-upload-status]");
  const examples = document.querySelector("[data-examples]");
  const queue = new UploadQueue(document.querySelector("[data-upload-queue]"), form);
  const job = new JobUpload(form.querySelector("[data-upload-job]"), form);
  input.multiple = true;

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

  const isArchive = (file) => file.name.toLowerCase().endsWith(".zip");

  // Everything is sent as soon as it is given: one file as the form, for its result is a page, several as a queue.
  const take = (files) => {
    if (!files.length || form.dataset.sent || job.isBusy) return;
    // An archive, or more files than a person can watch, become a job, which has a page of its own.
    const isAnArchive = files.length === 1 && isArchive(files[0]) && !queue.isOpen;
    if (isAnArchive || files.length > job.mostAtOnce) {
      input.value = "";
      show();
      job.send(isAnArchive ? "archive" : "files", files);
      return;
    }
    if (files.length === 1 && !queue.isOpen) {
      const transfer = new DataTransfer();
      transfer.items.add(files[0]);
      input.files = transfer.files;
      show();
      if (input.checkValidity()) form.requestSubmit();
      return;
    }
    input.value = ""; // what the queue has is not in the form as well
    show();
    examples.hidden = true;
    queue.add(files);
  };

  input.addEventListener("change", () => take([...input.files]));
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
      status.textContent = queue.texts.classifying;
    });
  }
  // How long to keep is chosen once for both.
  examples.addEventListener("submit", () => (examples.elements.keep.value = form.elements.keep.value));
  // Back from the result: the forms can be sent again, and the same file can be chosen again.
  addEventListener("pageshow", () => {
    for (const one of [form, examples]) {
      delete one.dataset.sent;
      one.removeAttribute("aria-busy");
    }
    status.textContent = input.value = "";
    show();
  });
})();
