// The images in columns by class: drag them to another class, or select them with arrows and the space bar and press 1
// to 9. The page without a script has the same form.
(() => {
  const EXAMPLES = "application/x-examples";
  const page = document.querySelector("[data-classifier]");
  const status = page.querySelector("[data-status]");
  const board = () => document.getElementById("board");
  const boxes = (within = board()) => [...within.querySelectorAll("[name=examples]")];
  const columns = () => [...board().querySelectorAll("[data-class-id]:not([data-class-id=''])")];
  let changing = Promise.resolve();

  // One image of each column is reached with the tab key, the others with arrows.
  const settle = () => {
    for (const column of board().querySelectorAll("[data-class-id]")) {
      boxes(column).forEach((box, place) => (box.tabIndex = place ? -1 : 0));
    }
  };

  // Put the board of an answer into the page, with what is still selected and focused.
  const renew = (text) => {
    const answer = new DOMParser().parseFromString(text, "text/html");
    const fresh = answer.getElementById("board");
    if (!fresh) return window.location.reload();
    const selected = new Set(boxes().filter((box) => box.checked).map((box) => box.value));
    const focused = document.activeElement?.matches("[name=examples]") ? document.activeElement.value : "";
    board().replaceWith(fresh);
    settle();
    for (const box of boxes()) box.checked = selected.has(box.value);
    boxes().find((box) => box.value === focused)?.focus();
    return answer;
  };

  const change = (learntClass, examples, next) => {
    const form = document.getElementById("selection");
    const body = new FormData();
    body.append("csrfmiddlewaretoken", form.elements.csrfmiddlewaretoken.value);
    body.append("action", "label");
    body.append("learnt_class", learntClass);
    for (const box of examples) {
      body.append("examples", box.value);
      box.checked = false;
    }
    changing = changing.then(async () => {
      try {
        // A button is called "action", too.
        const response = await fetch(form.getAttribute("action"), { method: "POST", body });
        if (!response.ok) throw new Error(response.statusText);
        const answer = renew(await response.text());
        status.textContent = [...(answer?.querySelectorAll("main > .alert, main > p") ?? [])].map((one) => one.textContent.trim()).join(" ");
        boxes().find((box) => box.value === next)?.focus();
      } catch {
        status.textContent = page.dataset.lost;
      }
    });
  };

  document.addEventListener("classes:changed", () => {
    changing = changing.then(async () => {
      const response = await fetch(window.location.href);
      renew(await response.text());
    }).catch(() => {});
  });

  // Dragged: the selected images if it is one of them, else it alone.
  page.addEventListener("dragstart", (event) => {
    const box = event.target.closest?.("li")?.querySelector("[name=examples]");
    if (!box) return;
    const dragged = box.checked ? boxes().filter((one) => one.checked) : [box];
    event.dataTransfer.setData(EXAMPLES, dragged.map((one) => one.value).join(" "));
    event.dataTransfer.effectAllowed = "move";
  });
  const columnOf = (target) => target.closest?.("[data-class-id]");
  const unmark = () => page.querySelectorAll(".dropping").forEach((one) => one.classList.remove("dropping"));
  page.addEventListener("dragover", (event) => {
    if (!event.dataTransfer.types.includes(EXAMPLES)) return;
    unmark();
    const column = columnOf(event.target);
    if (!column) return;
    event.preventDefault();
    column.classList.add("dropping");
  });
  page.addEventListener("dragend", unmark);
  page.addEventListener("drop", (event) => {
    const column = columnOf(event.target);
    if (!column || !event.dataTransfer.types.includes(EXAMPLES)) return;
    event.preventDefault();
    unmark();
    const dragged = new Set(event.dataTransfer.getData(EXAMPLES).split(" "));
    change(column.dataset.classId, boxes().filter((box) => dragged.has(box.value)));
  });

  // The nearest image in the direction of an arrow.
  const towards = (box, key) => {
    const from = box.closest("li").getBoundingClientRect();
    const sideways = key === "ArrowLeft" || key === "ArrowRight";
    const sign = key === "ArrowLeft" || key === "ArrowUp" ? -1 : 1;
    let best;
    for (const other of boxes()) {
      const to = other.closest("li").getBoundingClientRect();
      const [along, across] = sideways ? [to.x - from.x, to.y - from.y] : [to.y - from.y, to.x - from.x];
      if (sign * along < 2) continue;
      const distance = sign * along + 3 * Math.abs(across);
      if (!best || distance < best[0]) best = [distance, other];
    }
    return best?.[1];
  };

  document.addEventListener("keydown", (event) => {
    const isTyping = event.target.matches("input:not([type=checkbox]), textarea, select");
    if (isTyping || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    const focused = event.target.matches("[name=examples]") ? event.target : null;
    if (focused && event.key.startsWith("Arrow")) {
      const other = towards(focused, event.key);
      if (!other) return;
      event.preventDefault();
      focused.tabIndex = -1;
      other.tabIndex = 0;
      other.focus();
      return;
    }
    const column = /^[1-9]$/.test(event.key) && columns()[event.key - 1];
    if (!column) return;
    const selected = boxes().filter((box) => box.checked);
    const moved = selected.length || !focused ? selected : [focused];
    if (!moved.length) return;
    // The next image of the same column has the focus then.
    const others = focused ? boxes(focused.closest("[data-class-id]")) : [];
    const rest = [...others.slice(others.indexOf(focused)), ...others.slice(0, others.indexOf(focused)).reverse()];
    change(column.dataset.classId, moved, rest.find((box) => !moved.includes(box))?.value);
  });
  settle();
})();
