// Nothing was stored: a reload leads to the form instead of sending the file again.
history.replaceState(null, "", document.querySelector("[data-another]").href);
