/* A photo or a PDF dropped on a scan box that takes photos: the same as choosing it. */

const DRAGGED = "scan-box-dragged";

function holdsFile(event) {
  return [...(event.dataTransfer?.items ?? [])].some((item) => item.kind === "file");
}

for (const form of document.querySelectorAll("[data-scan-box]")) {
  const chooser = form.elements.photo;
  if (!chooser) {
    continue;
  }
  form.addEventListener("dragover", (event) => {
    if (holdsFile(event)) {
      event.preventDefault();
      event.dataTransfer.dropEffect = "copy";
      form.classList.add(DRAGGED);
    }
  });
  form.addEventListener("dragleave", (event) => {
    if (!form.contains(event.relatedTarget)) {
      form.classList.remove(DRAGGED);
    }
  });
  form.addEventListener("drop", (event) => {
    if (!holdsFile(event)) {
      return;
    }
    event.preventDefault();
    form.classList.remove(DRAGGED);
    for (const file of event.dataTransfer.files) {
      const one = new DataTransfer();
      one.items.add(file);
      chooser.files = one.files;
      chooser.dispatchEvent(new Event("change"));
    }
  });
}

/* A file dropped beside the box must not replace the page, with its scans that wait for an answer. */
window.addEventListener("dragover", (event) => holdsFile(event) && event.preventDefault());
window.addEventListener("drop", (event) => holdsFile(event) && event.preventDefault());
