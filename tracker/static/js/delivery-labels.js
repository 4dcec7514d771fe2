/* Takes the units of the cards of a delivery into the form that prints its labels, as the cards come and go. */

const form = document.querySelector("[data-delivery-labels]");
const results = document.querySelector("[data-scan-results]");

function takeUnits() {
  for (const input of form.querySelectorAll("[data-from-card]")) {
    input.remove();
  }
  const known = new Set([...form.querySelectorAll("input[name=unit]")].map((input) => input.value));
  const seen = [...results.querySelectorAll("[data-units]")].flatMap((card) => card.dataset.units.split(" "));
  const taken = new Set([...results.querySelectorAll("[data-units-taken-back]")].map((card) => card.dataset.unitsTakenBack));
  for (const input of form.querySelectorAll("input[name=unit]")) {
    input.disabled = taken.has(input.value);
  }
  for (const number of new Set(seen.reverse().filter((one) => !known.has(one)))) {
    const input = document.createElement("input");
    Object.assign(input, { type: "hidden", name: "unit", value: number });
    input.dataset.fromCard = "";
    form.append(input);
  }
  form.hidden = !form.querySelector("input[name=unit]:enabled");
}

if (form && results) {
  new MutationObserver(takeUnits).observe(results, { childList: true });
}
