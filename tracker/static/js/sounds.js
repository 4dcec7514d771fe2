/* Three sounds that differ in pitch, in number and in length, so that nobody needs a musical ear:
   yes: two short rising notes; hold: two equal notes, slower; no: one long low note. */

const NOTES = {
  accepted: [
    { at: 0, hertz: 880, seconds: 0.08, shape: "sine" },
    { at: 0.09, hertz: 1320, seconds: 0.12, shape: "sine" },
  ],
  quarantined: [
    { at: 0, hertz: 520, seconds: 0.16, shape: "triangle" },
    { at: 0.24, hertz: 520, seconds: 0.16, shape: "triangle" },
  ],
  pending: [{ at: 0, hertz: 660, seconds: 0.07, shape: "sine" }],
  voided: [{ at: 0, hertz: 660, seconds: 0.07, shape: "sine" }],
  refused: [{ at: 0, hertz: 165, seconds: 0.55, shape: "sawtooth" }],
};
const REMEMBERED = "trace59.sound";
const LOUDNESS = 0.18;

let context = null;

export function soundIsOn() {
  try {
    return localStorage.getItem(REMEMBERED) !== "off";
  } catch {
    return true; // storage forbidden by the browser: sounds on, not remembered
  }
}

export function setSound(on) {
  try {
    localStorage.setItem(REMEMBERED, on ? "on" : "off");
  } catch {
    // storage forbidden by the browser: the choice holds for this page only through the button
  }
}

/** Play the sound of an outcome; an outcome without a sound of its own is a "no". */
export function playOutcome(outcome) {
  if (!soundIsOn() || !window.AudioContext) {
    return;
  }
  context ??= new AudioContext();
  context.resume();
  for (const note of NOTES[outcome] ?? NOTES.refused) {
    const start = context.currentTime + note.at;
    const tone = context.createOscillator();
    const volume = context.createGain();
    tone.type = note.shape;
    tone.frequency.value = note.hertz;
    volume.gain.setValueAtTime(LOUDNESS, start);
    volume.gain.exponentialRampToValueAtTime(0.001, start + note.seconds);
    tone.connect(volume).connect(context.destination);
    tone.start(start);
    tone.stop(start + note.seconds);
  }
}
