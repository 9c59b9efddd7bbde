// Many files, or an archive: one request, which leads to the page of a job.
class JobUpload {
  constructor(section, form) {
    this.section = section;
    this.form = form;
    this.texts = section.dataset;
    const part = (name) => section.querySelector(`[data-job-${name}]`);
    [this.progress, this.status, this.error, this.cancelButton] = ["progress", "status", "error", "cancel"].map(part);
    this.cancelButton.addEventListener("click", () => this.request?.abort());
    part("send").addEventListener("click", (event) => {
      event.preventDefault();
      const { files, folder, archive } = form.elements;
      if (archive.files.length) this.send("archive", [...archive.files]);
      else this.send("files", [...files.files, ...folder.files]);
    });
    this.warn = (event) => {
      event.preventDefault();
      event.returnValue = true; // older browsers
    };
  }

  get mostAtOnce() {
    return Number(this.texts.mostAtOnce);
  }

  get isBusy() {
    return Boolean(this.request);
  }

  // Why the files need not be sent at all; empty if they may be.
  refusal(files) {
    const bytes = files.reduce((sum, file) => sum + file.size, 0);
    if (!files.length) return this.texts.nothing;
    if (files.length > this.texts.mostFiles) return this.texts.tooMany;
    return bytes > this.texts.mostMegabytes * 1e6 ? this.texts.tooLarge : "";
  }

  // field: "archive" for one ZIP archive, "files" for images; those of a folder are sent with their paths.
  send(field, files) {
    if (this.isBusy) return;
    this.section.open = true;
    this.error.textContent = this.refusal(files);
    if (this.error.textContent) return;
    const fields = new FormData();
    for (const name of ["csrfmiddlewaretoken", "keep", "classifier"]) {
      // The classifier is there for people who have one.
      if (this.form.elements[name]) fields.set(name, this.form.elements[name].value);
    }
    fields.set("kind", "classify");
    for (const file of files) fields.append(field, file, pathOf(file));
    this.request = new XMLHttpRequest();
    this.request.open("POST", this.texts.action);
    this.request.setRequestHeader("HX-Request", "true"); // only the reason if it is refused
    this.request.upload.addEventListener("progress", (event) => this.show(event.loaded / event.total));
    this.request.addEventListener("load", () => this.read(this.request));
    this.request.addEventListener("error", () => (this.error.textContent = this.texts.unreachable));
    this.request.addEventListener("loadend", () => this.end());
    addEventListener("beforeunload", this.warn);
    this.progress.hidden = this.cancelButton.hidden = false;
    this.show(0);
    this.request.send(fields);
  }

  show(share) {
    this.progress.value = share;
    const percent = new Intl.NumberFormat(document.documentElement.lang, { style: "percent" });
    // Read aloud at every tenth.
    const text = share === 1 ? this.texts.arrived : this.texts.sending;
    const shown = text.replace("{percent}", percent.format(Math.floor(share * 10) / 10));
    if (this.status.textContent !== shown) this.status.textContent = shown;
  }

  read({ status, responseText }) {
    const page = this.request.getResponseHeader("HX-Redirect");
    if (page) {
      removeEventListener("beforeunload", this.warn);
      location.assign(page);
      return;
    }
    const answer = new DOMParser().parseFromString(responseText, "text/html").querySelector("[data-upload-answer]");
    this.error.textContent = answer?.textContent.trim() ?? (status === 413 ? this.texts.tooLarge : this.texts.failed);
  }

  end() {
    removeEventListener("beforeunload", this.warn);
    this.request = undefined;
    this.progress.hidden = this.cancelButton.hidden = true;
    this.status.textContent = "";
  }
}
