/* Continuous scanning. One scan = one request id, made here; a retry sends the same id, so a lost answer never
   makes a second unit. Scans are sent one after the other, in the order they were read. */

import { Keys } from "./keys.js";
import { playOutcome, setSound, soundIsOn } from "./sounds.js";
import { uuid7 } from "./uuid7.js";

const GROUP_SEPARATOR = "\u001d"; // FNC1 as a reader transmits it (GS1 General Specifications, section 7.8.3)
const SEPARATOR_SHOWN = "\u2039GS\u203a"; // the control picture U+241D is missing from many fonts
const ANSWER_LIMIT_MS = 15000;
const WAIT_SHOWN_AFTER_MS = 200; // a quick answer shows no waiting card first
const READER_KEY_GAP_MS = 50; // people do not press Tab this soon after a character; readers do
const REMEMBERED_KEYS = "trace59.keys";

class ScanBox {
  constructor(form) {
    this.form = form;
    this.input = form.querySelector("[data-scan-input]");
    this.results = document.getElementById(form.dataset.results);
    this.line = Promise.resolve(); // scans wait here for their turn
    this.open = new Set(); // scans without an answer
    this.lastKeyAt = 0;
    this.keys = new Keys(this.input);
    this.input.addEventListener("keydown", (event) => this.readKey(event));
    form.querySelector("[data-scan-shortcut]").hidden = false;
    form.addEventListener("submit", (event) => this.readSubmit(event));
    if (this.results) {
      form.elements.photo?.addEventListener("change", () => this.takePhoto());
      this.showSoundButton();
    }
    this.showKeysChoice();
  }

  /* Reading */

  readKey(event) {
    const sinceLastKey = event.timeStamp - this.lastKeyAt;
    this.lastKeyAt = event.timeStamp;
    if (event.ctrlKey && event.code === "BracketRight") {
      // Readers send the group separator as Ctrl and the key right of P's neighbour, whatever the layout prints on it.
      event.preventDefault();
      this.input.setRangeText(GROUP_SEPARATOR, this.input.selectionStart, this.input.selectionEnd, "end");
    } else if (event.key === "Tab" && !event.shiftKey && this.input.value && sinceLastKey < READER_KEY_GAP_MS) {
      event.preventDefault(); // a reader set to end with Tab
      this.form.requestSubmit();
    }
  }

  readSubmit(event) {
    const keys = this.keys.take();
    if (!this.results) {
      this.form.elements.keys.value = keys;
      return;
    }
    event.preventDefault();
    const raw = this.input.value;
    if (raw.trim()) {
      this.input.value = "";
      this.take({ id: uuid7(), raw, keys, photo: null });
    } else if (this.form.elements.photo?.files.length) {
      this.takePhoto();
    }
    this.focus();
  }

  takePhoto() {
    const chooser = this.form.elements.photo;
    const photo = chooser.files[0];
    if (photo) {
      chooser.value = "";
      this.take({ id: uuid7(), raw: "", keys: "", photo });
    }
  }

  /* Sending */

  take(scan) {
    scan.card = this.makeCard("waiting", scan);
    scan.card.hidden = true;
    this.results.prepend(scan.card);
    this.send(scan);
  }

  send(scan) {
    this.open.add(scan);
    setTimeout(() => {
      scan.card.hidden = false;
    }, WAIT_SHOWN_AFTER_MS);
    this.line = this.line.then(() => this.post(scan));
  }

  async post(scan) {
    const body = new FormData(this.form);
    body.set("request_id", scan.id);
    body.set(this.form.dataset.rawName, scan.raw);
    body.set("keys", scan.keys);
    body.delete("photo");
    if (scan.photo) {
      body.set("photo", scan.photo);
    }
    let response;
    let text;
    try {
      response = await fetch(this.form.action, {
        method: "POST",
        body,
        headers: { "X-Fragment": "1" },
        credentials: "same-origin",
        signal: AbortSignal.timeout(ANSWER_LIMIT_MS),
      });
      text = await response.text();
    } catch {
      this.keep(scan, "unanswered"); // network down, server gone, or silent for too long
      return;
    }
    this.readAnswer(scan, response, text);
  }

  readAnswer(scan, response, text) {
    if (response.status === 401 || response.redirected) {
      this.keep(scan, "ended");
      return;
    }
    const answer = new DOMParser().parseFromString(text, "text/html");
    const problem = answer.querySelector("[data-problem]");
    const card = answer.body.firstElementChild;
    if (problem) {
      this.keep(scan, "failed", problem);
      if (response.status < 500) {
        this.open.delete(scan); // an answer: leaving the page loses nothing
      }
    } else if (!card || response.status >= 500 || /<html/i.test(text)) {
      this.keep(scan, "unanswered");
    } else {
      this.showAnswer(scan, [...answer.body.children].map((part) => document.adoptNode(part)));
    }
  }

  /* Showing */

  showAnswer(scan, parts) {
    this.open.delete(scan);
    parts[0].classList.add("verdict-new");
    scan.card.replaceWith(...parts);
    const said = parts.flatMap((part) => [part, ...part.querySelectorAll("[data-outcome]")]);
    const outcome = said.find((part) => part.dataset.outcome)?.dataset.outcome;
    playOutcome(outcome);
    this.announce(parts[0], outcome === "refused" || !outcome);
    this.focusUnlessTyping();
  }

  /** Keep a scan in sight that was not taken, with the reason. */
  keep(scan, why, problem = null) {
    const card = this.makeCard(why, scan);
    if (problem) {
      fillFromProblem(card, problem);
    }
    scan.card.replaceWith(card);
    scan.card = card;
    playOutcome("refused");
    this.announce(card, true);
    this.focusUnlessTyping();
  }

  makeCard(kind, scan) {
    const card = this.form
      .querySelector(`[data-scan-template="${kind}"]`)
      .content.firstElementChild.cloneNode(true);
    card.querySelector("[data-raw]").textContent = scan.photo
      ? scan.photo.name
      : scan.raw.replaceAll(GROUP_SEPARATOR, SEPARATOR_SHOWN);
    if (kind === "waiting") {
      card.querySelector("[data-actions]").remove();
      return card;
    }
    card.dataset.kept = kind;
    card.querySelector("[data-retry]").addEventListener("click", () => this.retry(scan, kind));
    const putBack = card.querySelector("[data-return]");
    putBack.hidden = Boolean(scan.photo);
    putBack.addEventListener("click", () => this.putBack(scan));
    return card;
  }

  async retry(scan, kind) {
    const card = this.makeCard("waiting", scan);
    scan.card.replaceWith(card);
    scan.card = card;
    this.focus();
    if (kind !== "unanswered") {
      await this.renewToken();
    }
    this.send(scan);
  }

  putBack(scan) {
    this.open.delete(scan);
    scan.card.remove();
    this.input.value = scan.raw;
    this.keys.giveUp();
    this.focus();
  }

  /** After a new log-in the page's token is stale: take the one of the page as the server gives it now. */
  async renewToken() {
    try {
      const response = await fetch(window.location.href, { credentials: "same-origin" });
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      const token = page.querySelector("[data-scan-box] [name=csrf_token]");
      if (token) {
        this.form.elements.csrf_token.value = token.value;
      }
    } catch {
      // the retry that follows meets the same silence, and says so
    }
  }

  announce(card, urgent) {
    const region = this.form.querySelector(urgent ? "[data-scan-alert]" : "[data-scan-status]");
    const words = card.querySelectorAll(".verdict-word, .verdict-number, .verdict-sentence");
    const sentence = [...words].map((part) => part.textContent.trim()).join(". ") || card.textContent.trim();
    region.textContent = "";
    requestAnimationFrame(() => {
      region.textContent = sentence;
    });
  }

  /* Focus and choices */

  focus() {
    this.input.focus({ preventScroll: true });
  }

  focusUnlessTyping() {
    if (!isEditable(document.activeElement)) {
      this.focus();
    }
  }

  showSoundButton() {
    const button = this.form.querySelector("[data-scan-sound]");
    const show = () => {
      const on = soundIsOn();
      button.setAttribute("aria-pressed", String(on));
      button.querySelector("[data-on]").hidden = !on;
      button.querySelector("[data-off]").hidden = on;
    };
    button.addEventListener("click", () => {
      setSound(!soundIsOn());
      show();
      this.focus();
    });
    button.hidden = false;
    show();
  }

  /** Keys typed anywhere go to the box, unless the person switches that off (WCAG 2.2, criterion 2.1.4). */
  showKeysChoice() {
    const choice = this.form.querySelector("[data-scan-keys]");
    this.takesKeys = choice.querySelector("input");
    this.takesKeys.checked = readChoice(REMEMBERED_KEYS);
    this.takesKeys.addEventListener("change", () => rememberChoice(REMEMBERED_KEYS, this.takesKeys.checked));
    choice.hidden = false;
  }
}

function fillFromProblem(card, problem) {
  const copy = (from, to) => {
    const found = problem.querySelector(`[data-problem-${from}]`);
    const place = card.querySelector(`[data-${to}]`);
    place.textContent = found?.textContent.trim() ?? "";
    place.hidden = !found;
    return Boolean(found);
  };
  copy("title", "word");
  copy("detail", "sentence");
  copy("next", "next");
  card.querySelector("[data-reference-line]").hidden = !copy("reference", "reference");
}

function isEditable(element) {
  return Boolean(
    element?.matches("textarea, select, [contenteditable], input:not([type=checkbox], [type=radio], [type=file])"),
  );
}

function readChoice(name) {
  try {
    return localStorage.getItem(name) !== "off";
  } catch {
    return true; // storage forbidden by the browser: the choice holds for this page only
  }
}

function rememberChoice(name, on) {
  try {
    localStorage.setItem(name, on ? "on" : "off");
  } catch {
    // storage forbidden by the browser: the choice holds for this page only
  }
}

function catchKeys(boxes) {
  let current = boxes[0];
  for (const box of boxes) {
    box.input.addEventListener("focus", () => {
      current = box;
    });
  }
  document.addEventListener("keydown", (event) => {
    if (event.key === "F2") {
      event.preventDefault();
      current.input.focus();
      return;
    }
    const plain = event.key.length === 1 && event.key !== " " && !event.ctrlKey && !event.altKey && !event.metaKey;
    if (!plain || !current.takesKeys.checked || isEditable(document.activeElement)) {
      return;
    }
    if (event.key === "/") {
      event.preventDefault();
    }
    current.keys.note(event);
    current.input.focus(); // the character that is being typed lands in the box
  });
  window.addEventListener("beforeunload", (event) => {
    if (boxes.some((box) => box.open.size)) {
      event.preventDefault(); // scans are kept on this page that the server has not answered
    }
  });
}

const boxes = [...document.querySelectorAll("[data-scan-box]")].map((form) => new ScanBox(form));
if (boxes.length) {
  catchKeys(boxes);
}
