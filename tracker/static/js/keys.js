/* The physical keys of a scan. KeyboardEvent.code does not depend on the layout: it tells what a reader meant where the
   computer wrote something else, and shows digits that come from the keypad. Read by tracker/workstations/rules.py. */

const SHIFT = 1;
const CONTROL = 2;
const ALT = 4;
const SILENT = /^(Shift|Control|Alt|Meta|CapsLock|NumLock|Enter|NumpadEnter|Tab|F\d+)/;
const EDITING = /^(Backspace|Delete|Arrow|Home|End|Insert|Undo)/;

export class Keys {
  constructor(input) {
    this.input = input;
    this.forget();
    this.isUseless = input.value !== ""; // a text that nobody typed here
    input.addEventListener("keydown", (event) => this.note(event));
    for (const change of ["paste", "cut", "drop"]) {
      input.addEventListener(change, () => this.giveUp());
    }
  }

  note(event) {
    this.compare(event);
    if (EDITING.test(event.code) || (event.ctrlKey && /^Key[AVXZ]$/.test(event.code))) {
      this.giveUp();
    } else if (!SILENT.test(event.code)) {
      const bits = (event.shiftKey ? SHIFT : 0) + (event.ctrlKey ? CONTROL : 0) + (event.altKey ? ALT : 0);
      this.pressed.push([event.code, bits]);
    }
  }

  /** Keys tell the text only when each one is added at its end: a text that is replaced begins anew. */
  compare(event) {
    const { value, selectionStart, selectionEnd } = this.input;
    const isReplaced = value && selectionStart === 0 && selectionEnd === value.length;
    if (isReplaced || (!value && this.isUseless)) {
      this.forget();
    } else if (event.target === this.input && (selectionStart !== selectionEnd || selectionEnd !== value.length)) {
      this.giveUp();
    }
  }

  /** The text was edited: keys and text no longer tell the same. */
  giveUp() {
    this.isUseless = true;
  }

  forget() {
    this.pressed = [];
    this.isUseless = false;
  }

  /** The keys since the last scan as JSON, empty when they cannot be trusted. */
  take() {
    const keys = this.isUseless || !this.pressed.length ? "" : JSON.stringify(this.pressed);
    this.forget();
    return keys;
  }
}
