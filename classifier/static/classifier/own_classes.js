// Images of one's own classes: dropped, pasted and sorted by keys. Without a script the forms do the same.
(() => {
  const SENT_AT_ONCE = 4; // files of one request
  const page = document.querySelector("[data-classifier]");
  const status = page.querySelector("[data-status]");
  const errors = page.querySelector("[data-errors]");
  const selection = document.getElementById("selection");
  const token = selection.elements.csrfmiddlewaretoken.value;
  const columns = [...page.querySelectorAll("[data-class-id]")];
  const isImage = (file) => file.type.startsWith("image/") || /\.(heic|heif|hif|avif)$/i.test(file.name);
  let total = 0;
  let done = 0;
  let failed = false;
  let sending = Promise.resolve();

  const say = () => {
    status.textContent = page.dataset.sending.replace("{done}", done).replace("{total}", total);
  };

  const send = async (className, files) => {
    const form = new FormData();
    form.append("class_name", className);
    for (const file of files) form.append("images", file);
    const headers = { "HX-Request": "true", "X-CSRFToken": token };
    try {
      const response = await fetch(page.dataset.examples, { method: "POST", body: form, headers });
      const answer = new DOMParser().parseFromString(await response.text(), "text/html");
      const found = [...answer.querySelectorAll("li, main p")].map((one) => one.textContent.trim());
      if (!response.ok || found.length) {
        failed = true;
        for (const text of found.slice(0, SENT_AT_ONCE)) errors.append(Object.assign(document.createElement("li"), { textContent: text }));
      }
    } catch {
      failed = true;
      status.textContent = page.dataset.failed;
      throw new Error("offline");
    }
    done += files.length;
    say();
  };

  // Groups of files by class, one request after the other: the first of them makes the class.
  const add = (groups) => {
    const wanted = groups.filter(([, files]) => files.length);
    total += wanted.reduce((count, [, files]) => count + files.length, 0);
    if (!wanted.length) return;
    say();
    sending = sending.then(async () => {
      for (const [className, files] of wanted) {
        for (let start = 0; start < files.length; start += SENT_AT_ONCE) {
          await send(className, files.slice(start, start + SENT_AT_ONCE));
        }
      }
      // The page says anew how many images there are and what is wrong with them; errors stay to be read.
      if (done === total && !failed) window.location.reload();
    }).catch(() => {});
  };

  const byFolder = async (transfer, fallback) => {
    const entries = [...transfer.items].map((item) => item.kind === "file" && item.webkitGetAsEntry?.()).filter(Boolean);
    const folders = entries.filter((entry) => entry.isDirectory);
    const loose = [...transfer.files].filter(isImage);
    if (!folders.length) return [[fallback, loose]];
    const groups = [];
    for (const folder of folders) groups.push(...(await classesOf(folder)));
    return groups;
  };

  // A folder of images is a class; one of folders has a class in each.
  const classesOf = async (folder) => {
    const files = [];
    const groups = [];
    const reader = folder.createReader();
    for (;;) {
      const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject)); // a hundred at a time
      if (!some.length) break;
      for (const entry of some) {
        if (entry.isDirectory) groups.push(...(await classesOf(entry)));
        else files.push(await new Promise((resolve, reject) => entry.file(resolve, reject)));
      }
    }
    return [[folder.name, files.filter(isImage)], ...groups];
  };

  const columnOf = (target) => (target instanceof Element ? target.closest("[data-class-id]") : null);
  const unmark = () => page.querySelectorAll(".dropping").forEach((one) => one.classList.remove("dropping"));
  document.addEventListener("dragover", (event) => {
    if (!event.dataTransfer.types.includes("Files")) return;
    event.preventDefault();
    unmark();
    columnOf(event.target)?.classList.add("dropping");
  });
  document.addEventListener("drop", async (event) => {
    if (!event.dataTransfer.types.includes("Files")) return;
    event.preventDefault();
    unmark();
    add(await byFolder(event.dataTransfer, columnOf(event.target)?.dataset.class ?? ""));
  });
  document.addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])].filter(isImage);
    add([[columnOf(document.activeElement)?.dataset.class ?? "", files]]);
  });
  for (const form of page.querySelectorAll("[data-add]")) {
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      add([[form.elements.class_name.value, [...form.elements.images.files]]]);
      form.reset();
    });
  }

  page.querySelector("[data-folder]").addEventListener("change", (event) => {
    const groups = new Map();
    for (const file of [...event.target.files].filter(isImage)) {
      const folder = file.webkitRelativePath.split("/").at(-2) ?? "";
      groups.set(folder, [...(groups.get(folder) ?? []), file]);
    }
    add([...groups]);
    event.target.value = "";
  });

  // 1 to 9 move the selected images to a class.
  document.addEventListener("keydown", (event) => {
    const isTyping = event.target.matches("input:not([type=checkbox]), textarea, select");
    if (isTyping || event.ctrlKey || event.metaKey || event.altKey || !/^[1-9]$/.test(event.key)) return;
    const column = columns[event.key - 1];
    if (!column || !page.querySelector("[name=examples]:checked")) return;
    selection.elements.learnt_class.value = column.dataset.classId;
    selection.requestSubmit(selection.querySelector("[value=label]"));
  });
})();
