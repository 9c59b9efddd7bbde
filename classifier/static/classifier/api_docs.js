// Swagger UI fills every form field with an example, such as a model name that does not exist, and sends it. Here
// fields stay empty until somebody types into them, and empty fields are not sent.
{
  const functions = ui.getSystem().fn;
  const sampleOf = functions.getSampleSchema;
  functions.getSampleSchema = (schema, contentType, ...others) => {
    const isFieldOfForm = contentType === false;
    return isFieldOfForm && schema.get("type") !== "array" ? "" : sampleOf(schema, contentType, ...others);
  };

  const configs = ui.getConfigs();
  const prepare = configs.requestInterceptor;
  configs.requestInterceptor = (request) => {
    if (request.body instanceof FormData) {
      for (const [name, value] of [...request.body]) {
        if (value === "") request.body.delete(name);
      }
    }
    return prepare(request);
  };
}

// Swagger UI has dark colours of its own, under another name.
{
  const root = document.documentElement;
  const follow = () => root.classList.toggle("dark-mode", root.getAttribute("data-bs-theme") === "dark");
  new MutationObserver(follow).observe(root, { attributeFilter: ["data-bs-theme"] });
  follow();
}

// What is drawn is put right for those who cannot see it or have no mouse: names, levels of headings, parts that scroll.
{
  const name = (select) => {
    const row = select.closest("[data-param-name], .response, .opblock-section-request-body");
    return row?.dataset.paramName ?? row?.dataset.code ?? "body";
  };
  const mend = () => {
    const all = (selector) => document.querySelectorAll(`#swagger-ui ${selector}`);
    for (const heading of all(":is(h3, h4, h5):not([aria-level])")) heading.ariaLevel = Number(heading.localName[1]) - 1;
    for (const section of all("section.schemes:not([aria-label])")) section.setAttribute("aria-label", "Authorize");
    for (const select of all("select:not([aria-label], [id])")) select.setAttribute("aria-label", name(select));
    for (const code of all("pre.microlight:not([tabindex])")) code.tabIndex = 0;
    for (const table of all("table[role=region]:not([aria-label])")) table.setAttribute("aria-label", table.id);
  };
  new MutationObserver(mend).observe(document.getElementById("swagger-ui"), { childList: true, subtree: true });
  mend();
}
