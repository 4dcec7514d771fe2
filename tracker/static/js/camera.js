/* The camera of a telephone or tablet as a barcode reader. Frames go to the server one at a time; the first one with a code
   is handed to the scan box: as its photo where it takes photos, so that the answer is the verdict, else as its text. */

const LONGEST_SIDE = 1280; // what the server reads in a tenth of a second
const FRAME_GAP_MS = 300;
const BUSY_GAP_MS = 1500;
const ANSWER_LIMIT_MS = 8000;
const JPEG_QUALITY = 0.85;

class Camera {
  constructor(panel) {
    this.panel = panel;
    this.form = panel.closest("[data-scan-box]");
    this.video = panel.querySelector("video");
    this.canvas = document.createElement("canvas");
    this.stream = null;
    this.turn = 0; // a loop that is not of this turn ends by itself
    panel.hidden = false;
    panel.addEventListener("toggle", () => (panel.open ? this.start() : this.stop()));
    panel.querySelector("[data-camera-next]").addEventListener("click", () => this.look());
    document.addEventListener("visibilitychange", () => document.hidden && this.close());
    window.addEventListener("pagehide", () => this.close());
  }

  async start() {
    if (!window.isSecureContext || !navigator.mediaDevices?.getUserMedia) {
      this.say("insecure");
      return;
    }
    this.say("starting");
    try {
      this.stream = await navigator.mediaDevices.getUserMedia({
        audio: false,
        video: { facingMode: "environment", width: { ideal: LONGEST_SIDE } },
      });
    } catch (error) {
      this.say(error.name === "NotAllowedError" ? "forbidden" : "missing");
      return;
    }
    if (!this.panel.open) {
      this.stop(); // closed again while the browser asked
      return;
    }
    this.video.srcObject = this.stream;
    await this.video.play();
    this.look();
  }

  stop() {
    this.turn += 1;
    for (const track of this.stream?.getTracks() ?? []) {
      track.stop();
    }
    this.stream = null;
    this.video.srcObject = null;
  }

  close() {
    this.stop();
    this.panel.open = false;
  }

  /** Look until a code is found; one frame is under way at a time. */
  async look() {
    this.turn += 1;
    const turn = this.turn;
    this.say("looking");
    while (turn === this.turn && this.stream) {
      const frame = await this.takeFrame();
      const answer = frame && (await this.ask(frame));
      if (turn !== this.turn) {
        return;
      }
      if (answer?.texts?.length) {
        this.handOver(frame, answer.texts);
        return;
      }
      await pause(answer ? FRAME_GAP_MS : BUSY_GAP_MS);
    }
  }

  takeFrame() {
    const { videoWidth, videoHeight } = this.video;
    if (!videoWidth) {
      return null;
    }
    const scale = Math.min(1, LONGEST_SIDE / Math.max(videoWidth, videoHeight));
    this.canvas.width = Math.round(videoWidth * scale);
    this.canvas.height = Math.round(videoHeight * scale);
    this.canvas.getContext("2d").drawImage(this.video, 0, 0, this.canvas.width, this.canvas.height);
    return new Promise((resolve) => this.canvas.toBlob(resolve, "image/jpeg", JPEG_QUALITY));
  }

  /** Return what the server reads in a frame; null when it is busy or silent. */
  async ask(frame) {
    const body = new FormData();
    body.set("csrf_token", this.form.elements.csrf_token.value);
    body.set("frame", frame, "frame.jpg");
    try {
      const signal = AbortSignal.timeout(ANSWER_LIMIT_MS);
      const response = await fetch(this.panel.dataset.frames, {
        method: "POST",
        body,
        credentials: "same-origin",
        headers: { "X-Fragment": "1" },
        signal,
      });
      return response.ok && !response.redirected ? await response.json() : null;
    } catch {
      return null;
    }
  }

  handOver(frame, texts) {
    this.say("found");
    const chooser = this.form.elements.photo;
    if (chooser) {
      const files = new DataTransfer();
      files.items.add(new File([frame], "camera.jpg", { type: "image/jpeg" }));
      chooser.files = files.files;
      chooser.dispatchEvent(new Event("change"));
      return;
    }
    this.stop();
    this.form.querySelector("[data-scan-input]").value = texts[0];
    this.form.requestSubmit();
  }

  say(what) {
    for (const message of this.panel.querySelectorAll("[data-camera-message]")) {
      message.hidden = message.dataset.cameraMessage !== what;
    }
    this.video.hidden = !["looking", "found"].includes(what);
    this.panel.querySelector("[data-camera-next]").hidden = what !== "found";
  }
}

function pause(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

for (const panel of document.querySelectorAll("[data-camera]")) {
  new Camera(panel);
}
