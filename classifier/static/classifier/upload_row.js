// One file of many: its row in the list, and the request that carries it.
// It is "waiting", "sending", then "done", "refused" (permanently), "failed" (can be retried) or "cancelled".
class UploadRow {
  static SECONDS_TO_WAIT = 5; // where a proxy before the site asks to wait and does not say for how long

  constructor(file, template, texts) {
    this.file = file;
    this.texts = texts;
    // The site keeps what arrives twice under one number once: an answer that was lost is asked for again.
    const bytes = [...crypto.getRandomValues(new Uint8Array(16))];
    this.submission = bytes.map((byte) => byte.toString(16).padStart(2, "0")).join("");
    this.element = template.content.firstElementChild.cloneNode(true);
    const part = (name) => this.element.querySelector(name);
    this.canvas = part("canvas");
    this.progress = part("progress");
    this.outcome = part("[data-outcome]");
    this.retryButton = part("[data-retry]");
    this.cancelButton = part("[data-cancel]");
    part("[data-name]").textContent = part("[data-name]").title = file.name;
    part("[data-size]").textContent = UploadRow.size(file.size);
    for (const button of [this.retryButton, this.cancelButton]) {
      button.setAttribute("aria-label", `${button.textContent}: ${file.name}`);
    }
    this.wait();
  }

  static size(bytes) {
    // As sizes.py has it.
    const units = ["kilobyte", "megabyte", "gigabyte"];
    let [value, unit, unitDisplay] = [bytes, "byte", "long"];
    while (Math.round(value) >= 1000 && units.length) [value, unit, unitDisplay] = [value / 1000, units.shift(), "short"];
    const options = { style: "unit", unit, unitDisplay, maximumFractionDigits: value < 9.95 ? 1 : 0 };
    return new Intl.NumberFormat(document.documentElement.lang, options).format(value);
  }

  get isUnderWay() {
    return this.state === "waiting" || this.state === "sending";
  }

  get canBeRetried() {
    return this.state === "failed" || this.state === "cancelled";
  }

  // Every change of state goes through here; `outcome` is a text, or what the site answered.
  become(state, ...outcome) {
    const focused = document.activeElement;
    this.state = this.element.dataset.state = state;
    this.outcome.replaceChildren(...outcome);
    this.retryButton.hidden = !this.canBeRetried;
    this.cancelButton.hidden = !this.isUnderWay;
    // If the focused button has disappeared, focus the one that replaces it.
    if (focused === this.cancelButton && this.canBeRetried) this.retryButton.focus();
    if (focused === this.retryButton && this.isUnderWay) this.cancelButton.focus();
  }

  wait() {
    this.arrived = false;
    this.progress.value = 0;
    this.become("waiting", this.texts.waiting);
  }

  // Sends the file with the form's own fields; `settled` is called once, however it ends.
  send(form, settled) {
    const fields = new FormData(form);
    fields.set("image", this.file);
    fields.set("submission", this.submission);
    this.request = new XMLHttpRequest();
    this.request.open("POST", form.action);
    this.request.setRequestHeader("HX-Request", "true"); // only the part of the page that this row shows
    this.request.upload.addEventListener("progress", (event) => this.show(event.loaded / event.total));
    this.request.upload.addEventListener("load", () => this.show(1));
    this.request.addEventListener("load", () => this.read(this.request));
    this.request.addEventListener("error", () => this.become("failed", this.texts.unreachable));
    this.request.addEventListener("loadend", settled);
    this.show(0);
    this.request.send(fields);
  }

  show(share) {
    this.arrived = share === 1;
    if (this.arrived) this.progress.removeAttribute("value");
    else this.progress.value = share;
    const text = this.arrived ? this.texts.classifying : this.texts.sending;
    if (this.state !== "sending" || this.outcome.textContent !== text) this.become("sending", text);
  }

  read({ status, responseText }) {
    this.secondsToWait = 0;
    const page = new DOMParser().parseFromString(responseText, "text/html");
    const answer = page.querySelector("[data-upload-answer]");
    if (status === 200 && answer) {
      this.canvas.dataset.stored = answer.dataset.thumbnail ?? ""; // none of what is not kept
      this.become("done", ...page.body.childNodes);
    } else if (status === 429) {
      // Too many in too little time: it was not taken, and is sent again when the site says so.
      this.secondsToWait = Number(this.request.getResponseHeader("Retry-After")) || UploadRow.SECONDS_TO_WAIT;
      this.wait();
    } else if (status === 413 || (status === 400 && answer)) {
      // A proxy before the site has its own limit, and no words for it.
      this.become("refused", answer?.textContent ?? this.texts.tooLarge);
    } else {
      this.become("failed", answer?.textContent ?? this.texts.failed);
    }
  }

  cancel() {
    this.become("cancelled", this.arrived ? this.texts.cancelledLate : this.texts.cancelled);
    this.request?.abort();
  }
}
