// Where the files of dropped folders were; their names are without folders.
const droppedPaths = new WeakMap();
const pathOf = (file) => file.webkitRelativePath || droppedPaths.get(file) || file.name;

// The files that were dropped; of a folder those in it and below it, as far as `wanted` says so.
const droppedFiles = async (transfer, wanted) => {
  // Both lists are empty as soon as the event is over.
  const files = [...transfer.files];
  const entries = [...transfer.items].map((item) => item.kind === "file" && item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.some((entry) => entry.isDirectory)) return files;

  const promised = (object, method) => new Promise((resolve, reject) => object[method](resolve, reject));
  const found = [];
  const collect = async (entry, within) => {
    if (entry.isFile) {
      const file = await promised(entry, "file");
      if (within) droppedPaths.set(file, entry.fullPath.slice(1));
      if (!within || wanted(file)) found.push(file);
      return;
    }
    const reader = entry.createReader();
    for (;;) {
      const some = await promised(reader, "readEntries"); // a hundred at a time
      if (!some.length) return;
      for (const inner of some) await collect(inner, true);
    }
  };
  for (const entry of entries) await collect(entry, false).catch(() => {}); // what cannot be read is left out
  return found;
};
