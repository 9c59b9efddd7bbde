// Images of one's own classes are added: dropped, pasted, chosen as a folder or taken with the camera. Without a script
// the forms do the same.
(() => {
  const SENT_AT_ONCE = 4; // files of one request
  const page = document.querySelector("[data-classifier]");
  const status = page.querySelector("[data-status]");
  const errors = page.querySelector("[data-errors]");
  const token = document.querySelector("[name=csrfmiddlewaretoken]").value;
  const isImage = (file) => file.type.startsWith("image/") || /\.(heic|heif|hif|avif)$/i.test(file.name);
  let total = 0;
  let done = 0;
  let sending = Promise.resolve();

  const say = () => {
    status.textContent = page.dataset.sending.replace("{done}", done).replace("{total}", total);
  };

  const send = async (className, files) => {
    const form = new FormData();
    form.append("class_name", className);
    for (const file of files) form.append("images", file, file.name);
    const headers = { "HX-Request": "true", "X-CSRFToken": token };
    try {
      const response = await fetch(page.dataset.examples, { method: "POST", body: form, headers });
      const answer = new DOMParser().parseFromString(await response.text(), "text/html");
      const found = [...answer.querySelectorAll("li, main p")].map((one) => one.textContent.trim());
      for (const text of found.slice(0, SENT_AT_ONCE)) errors.append(Object.assign(document.createElement("li"), { textContent: text }));
    } catch {
      status.textContent = page.dataset.failed;
      throw new Error("offline");
    }
    done += files.length;
    say();
  };

  // Groups of files by class, one request after the other: the first of them makes the class.
  const add = (groups) => {
    const wanted = groups.filter(([, files]) => files.length);
    if (!wanted.length) return;
    if (done === total) done = total = 0;
    total += wanted.reduce((count, [, files]) => count + files.length, 0);
    say();
    sending = sending.then(async () => {
      for (const [className, files] of wanted) {
        for (let start = 0; start < files.length; start += SENT_AT_ONCE) {
          await send(className, files.slice(start, start + SENT_AT_ONCE));
        }
      }
      // The board says anew how many images there are and what is wrong with them.
      if (done === total) document.dispatchEvent(new Event("classes:changed"));
    }).catch(() => {
      done = total = 0;
    });
  };
  document.addEventListener("classes:add", (event) => add(event.detail));

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

  // A ZIP is sent by its form: a job reads it.
  const isArchive = (file) => /\.zip$/i.test(file.name);
  const sendArchive = (file) => {
    const form = page.querySelector("[data-archive] form");
    const transfer = new DataTransfer();
    transfer.items.add(file);
    form.elements.archive.files = transfer.files;
    form.submit();
  };

  const columnOf = (target) => (target instanceof Element ? target.closest("[data-class]") : null);
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
    const zip = [...event.dataTransfer.files].find(isArchive);
    if (zip) return sendArchive(zip);
    add(await byFolder(event.dataTransfer, columnOf(event.target)?.dataset.class ?? ""));
  });
  // Into the class that has the focus: a click on it is enough.
  document.addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])].filter(isImage);
    add([[columnOf(document.activeElement)?.dataset.class ?? "", files]]);
  });
  page.addEventListener("submit", (event) => {
    if (!event.target.matches("[data-add]")) return;
    event.preventDefault();
    add([[event.target.elements.class_name.value, [...event.target.elements.images.files]]]);
    event.target.reset();
  });

  page.querySelector("[data-folder]").addEventListener("change", (event) => {
    const groups = new Map();
    for (const file of [...event.target.files].filter(isImage)) {
      const folder = file.webkitRelativePath.split("/").at(-2) ?? "";
      groups.set(folder, [...(groups.get(folder) ?? []), file]);
    }
    add([...groups]);
    event.target.value = "";
  });
})();
