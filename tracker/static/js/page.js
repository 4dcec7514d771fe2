/* What every page does: small comforts, and the one key of barcode readers that browsers do not type. */

const menuButton = document.querySelector("[data-menu-button]");
menuButton?.addEventListener("click", () => {
  const open = menuButton.getAttribute("aria-expanded") === "true";
  menuButton.setAttribute("aria-expanded", String(!open));
});

document.querySelector("[data-takes-focus]")?.focus();

for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
}

for (const button of document.querySelectorAll("[data-tick-all]")) {
  button.hidden = false;
  button.addEventListener("click", () => {
    for (const box of button.form.querySelectorAll("input[type=checkbox]")) {
      box.checked = true;
    }
  });
}

/* A page that waits for the worker looks again by itself; a link does the same without scripts. */
const waiting = document.querySelector("[data-reload-seconds]");
if (waiting) {
  setTimeout(() => window.location.reload(), Number(waiting.dataset.reloadSeconds) * 1000);
}

/* A form pressed twice is sent once; coming back with the browser's arrow makes it usable again. */
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method !== "post") {
    return;
  }
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "yes";
  setTimeout(() => delete form.dataset.sent, 4000);
});
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) {
    delete form.dataset.sent;
  }
});

/* Readers send the group separator as Ctrl and the key right of P's neighbour; the scan box has its own, for a queue. */
document.addEventListener("keydown", (event) => {
  const field = event.target;
  if (event.defaultPrevented || !event.ctrlKey || event.code !== "BracketRight" || !field.matches?.("input")) {
    return;
  }
  if (field.type === "text" && !field.readOnly) {
    event.preventDefault();
    field.setRangeText("\u001d", field.selectionStart, field.selectionEnd, "end");
  }
});
