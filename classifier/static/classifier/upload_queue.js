// Many files, each sent on its own and a few at a time, with a row for every one.
class UploadQueue {
  static AT_ONCE = 4;
  static SECONDS_BETWEEN_ANNOUNCEMENTS = 10;

  constructor(section, form) {
    this.section = section;
    this.form = form;
    const { maxMegabytes, tooLarge } = form.dataset;
    this.texts = { ...section.dataset, tooLarge: tooLarge.replace("{limit}", maxMegabytes) };
    this.mostBytes = maxMegabytes * 1e6;
    this.rows = [];
    this.announced = 0;
    this.pausedUntil = 0;
    // A new visitor gets an id with the first response. Until then send one file at a time: four that start together
    // would become four visitors.
    this.isKnown = section.dataset.isKnown === "true";
    this.list = section.querySelector("ul");
    this.thumbnails = new UploadThumbnails(this.list);
    this.warn = (event) => {
      event.preventDefault();
      event.returnValue = true; // older browsers
    };
    this.button("cancel").addEventListener("click", () => this.cancel(this.rows));
    this.button("retry").addEventListener("click", () => this.retry(this.rows.filter((row) => row.state === "failed")));
    this.failedOnly = section.querySelector("[data-failed-only]");
    this.failedOnly.addEventListener("click", () => this.showFailedOnly(this.failedOnly.ariaPressed !== "true"));
  }

  get isOpen() {
    return !this.section.hidden;
  }

  button(action) {
    return this.section.querySelector(`[data-${action}-all]`);
  }

  add(files) {
    this.section.hidden = false;
    this.announced = 0;
    const added = files.map((file) => this.makeRow(file));
    this.rows.push(...added);
    this.list.append(...added.map((row) => row.element));
    this.goOn();
  }

  makeRow(file) {
    const row = new UploadRow(file, this.section.querySelector("template"), this.texts);
    row.cancelButton.addEventListener("click", () => this.cancel([row]));
    row.retryButton.addEventListener("click", () => this.retry([row]));
    const refusal = this.refusal(file);
    if (refusal) row.become("refused", refusal);
    this.thumbnails.add(row.canvas, file);
    return row;
  }

  // Why a file need not be sent at all, in the site's own words; empty if it may be.
  refusal(file) {
    return file.size > this.mostBytes ? this.texts.tooLarge : "";
  }

  cancel(rows) {
    // Those that wait come first: else each that is stopped would let one of them start.
    for (const state of ["waiting", "sending"]) {
      for (const row of rows) if (row.state === state) row.cancel();
    }
    this.report();
  }

  retry(rows) {
    for (const row of rows) row.wait();
    this.goOn();
  }

  // Nothing is sent for so long, because the site asks for it; nothing is lost either.
  pause(seconds) {
    this.pausedUntil = Math.max(this.pausedUntil, performance.now() + 1000 * seconds);
  }

  get secondsPaused() {
    return Math.ceil(Math.max(0, this.pausedUntil - performance.now()) / 1000);
  }

  goOn() {
    if (this.secondsPaused) {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.goOn(), Math.min(1000, this.pausedUntil - performance.now() + 1));
      this.report();
      return;
    }
    const most = this.isKnown ? UploadQueue.AT_ONCE : 1;
    let free = most - this.count("sending");
    for (const row of this.rows) {
      if (free <= 0) break;
      if (row.state !== "waiting") continue;
      row.send(this.form, () => this.settled(row));
      free -= 1;
    }
    this.report();
  }

  settled(row) {
    this.isKnown ||= row.state === "done";
    if (row.secondsToWait) this.pause(row.secondsToWait);
    this.thumbnails.drawStored(row.canvas);
    this.goOn();
  }

  count(...states) {
    return this.rows.filter((row) => states.includes(row.state)).length;
  }

  showFailedOnly(isOn) {
    this.failedOnly.ariaPressed = isOn;
    this.list.classList.toggle("failed-only", isOn);
    this.list.scrollTop = 0;
  }

  report() {
    const failed = this.count("failed", "refused");
    const done = this.count("done");
    const total = this.rows.length - this.count("cancelled");
    const isBusy = this.count("waiting", "sending") > 0;
    let text = this.texts[(isBusy ? "busy" : "finished") + (failed ? "Failed" : "")];
    text = text.replace("{done}", done).replace("{total}", total).replace("{failed}", failed);
    if (isBusy && this.secondsPaused) text += `. ${this.texts.paused.replace("{seconds}", this.secondsPaused)}`;
    this.section.querySelector("[data-upload-summary]").textContent = text;
    this.section.querySelector("[data-upload-progress]").value = total ? (done + failed) / total : 1;
    this.section.setAttribute("aria-busy", isBusy);
    this.button("cancel").hidden = !isBusy;
    this.button("retry").hidden = isBusy || !this.count("failed");
    const isFiltered = this.failedOnly.ariaPressed === "true";
    if (isFiltered && !isBusy && !failed) this.showFailedOnly(false);
    this.failedOnly.hidden = !failed || failed === this.rows.length || (isBusy && !isFiltered);
    this.announce(text, isBusy);
    if (isBusy) addEventListener("beforeunload", this.warn);
    else removeEventListener("beforeunload", this.warn);
  }

  // Read aloud when it begins and when it is done, and now and then in between.
  announce(text, isBusy) {
    const now = performance.now();
    if (isBusy && this.announced && now - this.announced < 1000 * UploadQueue.SECONDS_BETWEEN_ANNOUNCEMENTS) return;
    this.announced = now;
    this.section.querySelector("[data-upload-announcement]").textContent = text;
  }
}
