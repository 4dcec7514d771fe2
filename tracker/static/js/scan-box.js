/* Continuous scanning. One scan = one request id, made here; a retry sends the same id, so a lost answer never
   makes a second unit. Scans are sent one after the other, in the order they were read. On a bench that keeps its scans
   (data-keep), one without an answer holds the next ones back, and all outlive a reload and a log-out. */

import { Keys } from "./keys.js";
import { playOutcome, setSound, soundIsOn } from "./sounds.js";
import { uuid7 } from "./uuid7.js";
import { forgetScan, keepScan, keptScans, mayKeep } from "./waiting-scans.js";

const GROUP_SEPARATOR = "\u001d"; // FNC1 as a reader transmits it (GS1 General Specifications, section 7.8.3)
const SEPARATOR_SHOWN = "\u2039GS\u203a"; // the control picture U+241D is missing from many fonts
const ANSWER_LIMIT_MS = 15000;
const WAIT_SHOWN_AFTER_MS = 200; // a quick answer shows no waiting card first
const READER_KEY_GAP_MS = 50; // people do not press Tab this soon after a character; readers do
const AGAIN_AFTER_MS = 5000; // how often a bench that keeps its scans tries again by itself
const COUNT = /^[0-9]{1,3}$/; // no code of a device is this short: a number of units in a pack
const REMEMBERED_KEYS = "trace59.keys";

class ScanBox {
  constructor(form) {
    this.form = form;
    this.input = form.querySelector("[data-scan-input]");
    this.results = document.getElementById(form.dataset.results);
    this.queue = []; // scans wait here for their turn
    this.isSending = false;
    this.keepsFor = form.dataset.keep; // who scans, where scans outlive the page
    this.pending = null; // what the last answer asks: a second code, a number of units
    this.open = new Set(); // scans without an answer
    this.lastKeyAt = 0;
    this.keys = new Keys(this.input);
    this.input.addEventListener("keydown", (event) => this.readKey(event));
    form.querySelector("[data-scan-shortcut]").hidden = false;
    form.addEventListener("submit", (event) => this.readSubmit(event));
    if (this.results) {
      this.pending = this.shownQuestion();
      form.elements.photo?.addEventListener("change", () => this.takePhoto());
      this.results.addEventListener("submit", (event) => this.takeStep(event));
      this.showSoundButton();
    }
    if (this.results && this.keepsFor) {
      window.addEventListener("online", () => this.goOn());
      setInterval(() => this.goOn(), AGAIN_AFTER_MS);
      this.restore();
    }
    this.showKeysChoice();
  }

  /** Take up the scans that an earlier page left without an answer. */
  async restore() {
    for (const kept of await keptScans(this.form.action)) {
      const scan = { ...kept, photo: null };
      const isMine = kept.person === this.keepsFor;
      scan.card = this.makeCard(kept.problem ? "failed" : isMine ? "waiting" : "foreign", scan);
      this.results.prepend(scan.card);
      if (kept.problem) {
        fill(scan.card, kept.problem);
      } else if (isMine) {
        this.send(scan);
      }
    }
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
      const scan = { id: uuid7(), raw, keys, photo: null };
      this.take(this.pending?.kind === "pack" && COUNT.test(raw) ? this.counted(scan) : scan);
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

  /** Return the pack that was asked about, with the number of units that was typed. */
  counted(scan) {
    const { raw, keys, first } = this.pending.scan;
    return { ...scan, raw, keys, first, count: scan.raw };
  }

  /* Sending */

  async take(scan) {
    scan.card = this.makeCard("waiting", scan);
    scan.card.hidden = true;
    this.results.prepend(scan.card);
    this.send(scan);
    if (this.keepsFor) {
      await keepScan(scan, this.form.action, this.keepsFor);
    }
  }

  send(scan) {
    this.open.add(scan);
    setTimeout(() => {
      scan.card.hidden = false;
    }, WAIT_SHOWN_AFTER_MS);
    this.queue.push(scan);
    this.goOn();
  }

  /** Send what waits, in order; where scans are kept, stop at the first that gets no answer. */
  async goOn() {
    if (this.isSending) {
      return;
    }
    this.isSending = true;
    while (this.queue.length) {
      const isAnswered = await this.post(this.queue[0]);
      if (!isAnswered && this.keepsFor) {
        break;
      }
      this.queue.shift();
    }
    this.isSending = false;
  }

  /** Post a scan and show its answer; false where there was none. */
  async post(scan) {
    const body = new FormData(this.form);
    if (this.pending?.kind === "half" && !scan.first) {
      scan.first = this.pending.raw;
    }
    const sent = { request_id: scan.id, keys: scan.keys, first: scan.first ?? "", count: scan.count ?? "" };
    sent[this.form.dataset.rawName] = scan.raw;
    for (const [name, value] of Object.entries(sent)) {
      body.set(name, value);
    }
    body.delete("photo");
    if (scan.photo) {
      body.set("photo", scan.photo);
    }
    const answer = await ask(this.form.action, body);
    if (!answer) {
      return this.keep(scan, "unanswered"); // network down, server gone, or silent for too long
    }
    return this.readAnswer(scan, answer.response, answer.text);
  }

  /** Send a form of a card (a count, a correction, a choice) and put the answer in the card's place. */
  async takeStep(event) {
    const form = event.target;
    if (!form.matches("[data-scan-step]")) {
      return;
    }
    event.preventDefault();
    const card = form.closest("article");
    const answer = await ask(form.action, new FormData(form));
    const cards = answer?.response.ok ? cardsOf(answer.text) : [];
    if (!cards.length) {
      if (answer) {
        form.submit(); // the server's own page tells what is wrong, and keeps what was typed
      } else {
        card.before(this.makeCard("unanswered", { raw: "", photo: null }, { isMute: true }));
      }
      return;
    }
    this.settle(card.dataset.scan);
    if (this.pending?.card === card) {
      this.pending = null; // what it asked for is answered: the next scan is another box
    }
    card.replaceWith(...cards);
    playOutcome(cards[0].dataset.outcome);
    this.announce(cards, cards[0].dataset.outcome === "refused");
    this.focus();
  }

  readAnswer(scan, response, text) {
    if (response.status === 401 || response.redirected) {
      this.renewToken();
      return this.keep(scan, "ended");
    }
    const problem = new DOMParser().parseFromString(text, "text/html").querySelector("[data-problem]");
    const cards = cardsOf(text);
    if (problem && response.status < 500) {
      scan.problem = wordsOf(problem);
      this.open.delete(scan); // an answer: leaving the page loses nothing
      this.keep(scan, "failed");
      if (this.keepsFor) {
        keepScan(scan, this.form.action, this.keepsFor);
      }
      return true;
    }
    if (problem) {
      scan.problem = wordsOf(problem);
      return this.keep(scan, "failed");
    }
    if (!cards.length || response.status >= 500 || /<html/i.test(text)) {
      return this.keep(scan, "unanswered");
    }
    this.showAnswer(scan, cards);
    return true;
  }

  /* Showing */

  showAnswer(scan, parts) {
    this.open.delete(scan);
    parts[0].classList.add("verdict-new");
    scan.card.replaceWith(...parts);
    const said = parts.flatMap((part) => [part, ...part.querySelectorAll("[data-outcome]")]);
    const outcome = worst(said.map((part) => part.dataset.outcome));
    const question = parts.find((part) => part.dataset.pending);
    this.takeQuestion(scan, question);
    playOutcome(outcome);
    this.announce(parts, outcome === "refused" || !outcome);
    this.focusUnlessTyping();
  }

  /** Return the question that the server's own page asks, of a scan that was faster than this script. */
  shownQuestion() {
    const card = this.results.querySelector("[data-pending]");
    const { pending: kind, pendingRaw: raw } = card?.dataset ?? {};
    return card && { kind, raw, card, scan: { id: "", raw, keys: "" } };
  }

  /** Take up the question of an answer, if it asks one: the next scan answers it. A half that waits on stays the same. */
  takeQuestion(scan, card) {
    const asked = this.pending;
    const raw = card?.dataset.pendingRaw;
    const isSame = Boolean(card && asked?.raw === raw);
    const isAnswered = asked && (scan.first === asked.raw || (scan.count && scan.raw === asked.scan.raw));
    this.pending = card ? { kind: card.dataset.pending, raw, card, scan: isSame ? asked.scan : scan } : null;
    if (isSame || isAnswered) {
      asked.card.remove();
    }
    this.settle(isAnswered && !isSame && asked.scan.id);
    if (this.pending?.scan !== scan) {
      this.settle(scan.id);
    } else if (this.keepsFor) {
      keepScan(scan, this.form.action, this.keepsFor); // with the codes before it, which are settled by now
    }
    if (card) {
      card.dataset.scan = this.pending.scan.id; // its own form settles it
    }
  }

  /** Forget a scan that has its answer. */
  settle(id) {
    if (this.keepsFor && id) {
      forgetScan(id);
    }
  }

  /** Keep a scan in sight that was not taken, with the reason, and return false: it has no answer yet. */
  keep(scan, why) {
    if (scan.card.dataset.kept === why && this.keepsFor) {
      return false; // tried again by itself: nothing new to say
    }
    const card = this.makeCard(why, scan);
    if (why === "failed") {
      fill(card, scan.problem);
    }
    scan.card.replaceWith(card);
    scan.card = card;
    playOutcome("refused");
    this.announce([card], true);
    this.focusUnlessTyping();
    return false;
  }

  makeCard(kind, scan, { isMute = false } = {}) {
    const card = this.form
      .querySelector(`[data-scan-template="${kind}"]`)
      .content.firstElementChild.cloneNode(true);
    card.querySelector("[data-raw]").textContent = scan.photo
      ? scan.photo.name
      : (mayKeep(scan) ? scan.raw : "").replaceAll(GROUP_SEPARATOR, SEPARATOR_SHOWN);
    if (kind === "waiting" || isMute) {
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
    delete scan.problem;
    if (this.queue.includes(scan)) {
      this.goOn();
    } else {
      this.send(scan);
    }
  }

  putBack(scan) {
    this.open.delete(scan);
    this.queue = this.queue.filter((other) => other !== scan);
    this.settle(scan.id);
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

  announce(cards, urgent) {
    const region = this.form.querySelector(urgent ? "[data-scan-alert]" : "[data-scan-status]");
    const words = cards.flatMap((card) => [
      ...card.querySelectorAll(".verdict-word, .verdict-number, .verdict-sentence"),
    ]);
    const sentence = words.map((part) => part.textContent.trim()).join(". ") || cards[0].textContent.trim();
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

/** Ask the server for a fragment; null where no answer came. */
async function ask(address, body) {
  try {
    const response = await fetch(address, {
      method: "POST",
      body,
      headers: { "X-Fragment": "1" },
      credentials: "same-origin",
      signal: AbortSignal.timeout(ANSWER_LIMIT_MS),
    });
    return { response, text: await response.text() };
  } catch {
    return null;
  }
}

/** Return the outcome that must not be missed of several: two boxes may be answered by one sound. */
function worst(outcomes) {
  return ["refused", "quarantined", "pending", "accepted"].find((one) => outcomes.includes(one));
}

function cardsOf(text) {
  const answer = new DOMParser().parseFromString(text, "text/html");
  return answer.querySelector("[data-problem]") || /<html/i.test(text)
    ? []
    : [...answer.body.children].map((part) => document.adoptNode(part));
}

function wordsOf(problem) {
  const read = (name) => problem.querySelector(`[data-problem-${name}]`)?.textContent.trim() ?? "";
  return { word: read("title"), sentence: read("detail"), next: read("next"), reference: read("reference") };
}

function fill(card, words) {
  for (const [name, value] of Object.entries(words)) {
    const place = card.querySelector(`[data-${name}]`);
    place.textContent = value;
    place.hidden = !value;
  }
  card.querySelector("[data-reference-line]").hidden = !words.reference;
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
    if (boxes.some((box) => [...box.open].some((scan) => !box.keepsFor || !mayKeep(scan)))) {
      event.preventDefault(); // scans are kept on this page that the server has not answered
    }
  });
}

const boxes = [...document.querySelectorAll("[data-scan-box]")].map((form) => new ScanBox(form));
if (boxes.length) {
  catchKeys(boxes);
}
