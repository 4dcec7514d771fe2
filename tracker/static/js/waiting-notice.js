/* Says on the list of deliveries that scans of this browser still wait for one of them. */

import { keptScans } from "./waiting-scans.js";

const notice = document.querySelector("[data-waiting-notice]");
if (notice) {
  const counts = new Map();
  for (const scan of await keptScans()) {
    counts.set(scan.box, (counts.get(scan.box) ?? 0) + 1);
  }
  const list = notice.querySelector("ul");
  for (const [box, count] of counts) {
    const entry = notice.querySelector("template").content.firstElementChild.cloneNode(true);
    entry.querySelector("a").href = new URL(box).pathname.replace(/\/lines$/, "");
    entry.querySelector("[data-count]").textContent = count;
    list.append(entry);
  }
  notice.hidden = counts.size === 0;
}
