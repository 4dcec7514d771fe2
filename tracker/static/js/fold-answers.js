/* Leaves the newest answer of a bench whole and folds those before it to one row each, once: from then on a person opens
   and closes them. What somebody is typing in stays open. */

const folded = new WeakSet();

function foldEarlier(results) {
  const [newest, ...earlier] = [...results.children].filter((card) => !card.hidden);
  newest?.querySelector(":scope > .verdict-rest")?.setAttribute("open", "");
  for (const card of earlier.filter((one) => !folded.has(one) && !one.contains(document.activeElement))) {
    card.querySelector(":scope > .verdict-rest")?.removeAttribute("open");
    folded.add(card);
  }
}

for (const results of document.querySelectorAll("[data-scan-results]")) {
  new MutationObserver(() => foldEarlier(results)).observe(results, {
    childList: true,
    subtree: true,
    attributeFilter: ["hidden"],
  });
}
