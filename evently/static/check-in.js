/* The door: scans go out one after the other and wait while there is no network; sound; the camera.
   Without it the form is sent as forms are. This page never decides by itself: every verdict is the server's. */
(() => {
  "use strict";
  const form = document.getElementById("scan"), code = form.elements.code, gate = form.elements.gate;
  const nonce = document.querySelector("script[nonce]").nonce;
  const remember = (name, value) => { try { localStorage.setItem(name, value); } catch { /* private windows forget */ } };
  const recall = (name) => { try { return localStorage.getItem(name); } catch { return null; } };

  gate.value = gate.value || recall("gate") || "";
  gate.addEventListener("change", () => remember("gate", gate.value));

  /* What was scanned and has no answer yet, the oldest first. Each keeps its key, so that the server does it once. */
  const waiting = [], unsent = document.getElementById("unsent");
  let isSending = false, isAway = false, refusal = 0;
  const busy = (is) => { const panel = document.getElementById("scan-result"); if (is) panel.setAttribute("aria-busy", "true"); else panel.removeAttribute("aria-busy"); };
  const show = () => {
    unsent.hidden = !isAway;
    const scans = waiting.length === 1 ? "1 scan waits" : waiting.length + " scans wait";
    const words = isAway ? "No answer from the box office. " + scans + " here and will be sent again; nobody is let in until then." : "";
    if (unsent.textContent !== words) unsent.textContent = words;
  };
  const showNone = () => {
    document.getElementById("scan-result").replaceWith(document.getElementById("no-answer").content.cloneNode(true));
    sound("unsent");
  };
  const away = () => {
    if (!isAway) showNone();
    isAway = true;
    setTimeout(send, 3000);
  };
  const send = async () => {
    if (isSending || !waiting.length) return;
    isSending = true;
    refusal = 0;
    busy(true);
    const { address, values } = waiting[0];
    let answered = true;
    try {
      await htmx.ajax("POST", address, { source: form.closest(".lane"), target: "#scan-result", swap: "outerHTML", values });
    } catch { answered = false; }
    isSending = false;
    busy(false);
    /* Nobody is there, or there is too much to do: the same again later. */
    if (!answered || refusal === 429 || refusal >= 500) away();
    else {
      waiting.shift();
      isAway = false;
      if (refusal) showNone();
    }
    show();
    if (!isAway) send();
  };
  form.closest(".lane").dataset.quiet = "";
  form.closest(".lane").addEventListener("htmx:responseError", (event) => { refusal = event.detail.xhr.status; });
  /* What the server refuses for good, it says above the page; see evently.js for quiet elements. */
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { elt } = event.detail.requestConfig, { status } = event.detail.xhr;
    if (elt.matches(".lane") && event.detail.isError) event.detail.shouldSwap = status < 500 && status !== 429;
  });
  window.addEventListener("online", () => send());
  window.addEventListener("beforeunload", (event) => { if (waiting.length && isAway) event.preventDefault(); });

  const scan = (address, values) => {
    waiting.push({ address, values: { ...values, gate: gate.value, idempotency_key: crypto.getRandomValues(new Uint32Array(4)).join("-") } });
    send();
    show();
  };
  document.addEventListener("submit", (event) => {
    if (!event.target.matches("[data-door]") || !window.htmx) return;
    event.preventDefault();
    const button = event.submitter, address = button?.getAttribute("formaction") || event.target.getAttribute("action");
    if (button?.name) scan(address, { [button.name]: button.value });
    else if (code.value.trim()) scan(address, { code: code.value });
    code.value = "";
    focus();
  });
  /* Not where that would bring up a keyboard on the screen. */
  const focus = () => { if (!matchMedia("(pointer: coarse)").matches) code.focus({ preventScroll: true }); };
  /* A hand scanner types, wherever the focus is. */
  document.addEventListener("keydown", (event) => {
    if (event.key.length !== 1 || event.key === " " || event.ctrlKey || event.metaKey || event.altKey) return;
    if (!event.target.closest("input, select, textarea")) code.focus({ preventScroll: true });
  });

  /* Two tones up for "come in", a low one for "stop". */
  const toggle = document.getElementById("sound");
  let speaker = null;
  const setSound = (is) => {
    toggle.setAttribute("aria-pressed", is);
    toggle.textContent = is ? "Sound is on" : "Sound is off";
    remember("sound", is ? "on" : "off");
  };
  const tone = (pitch, from, long, kind) => {
    const wave = speaker.createOscillator(), volume = speaker.createGain(), start = speaker.currentTime + from;
    wave.type = kind;
    wave.frequency.value = pitch;
    volume.gain.setValueAtTime(.2, start);
    volume.gain.exponentialRampToValueAtTime(.001, start + long);
    wave.connect(volume).connect(speaker.destination);
    wave.start(start);
    wave.stop(start + long);
  };
  const sound = (verdict) => {
    if (toggle.getAttribute("aria-pressed") !== "true" || !window.AudioContext || ["ready", "undone"].includes(verdict)) return;
    speaker = speaker || new AudioContext();
    if (verdict === "valid") { tone(880, 0, .15, "sine"); tone(1320, .12, .25, "sine"); }
    else tone(verdict === "used" ? 330 : 180, 0, .6, "square");
  };
  /* Whoever tapped a name further down sees the verdict too. */
  const tell = (panel) => {
    panel.scrollIntoView({ block: "nearest" });
    sound(panel.dataset.verdict);
  };
  toggle.hidden = !window.AudioContext;
  setSound(recall("sound") !== "off");
  toggle.addEventListener("click", () => { setSound(toggle.getAttribute("aria-pressed") !== "true"); focus(); });
  document.addEventListener("htmx:load", (event) => { if (event.detail.elt.id === "scan-result") tell(event.detail.elt); });

  /* The camera, read by the browser where it can and by a script of the CDN elsewhere. */
  const button = document.getElementById("use-camera"), video = document.getElementById("camera"), says = document.getElementById("camera-says");
  let stream = null, seen = "", seenAt = 0;
  const load = () => new Promise((done, failed) => {
    const script = document.createElement("script");
    Object.assign(script, { src: button.dataset.reader, integrity: button.dataset.integrity, crossOrigin: "anonymous", nonce, onload: done, onerror: failed });
    document.head.append(script);
  });
  const makeReader = async () => {
    if (window.BarcodeDetector && (await BarcodeDetector.getSupportedFormats()).includes("qr_code")) {
      const detector = new BarcodeDetector({ formats: ["qr_code"] });
      return async () => (await detector.detect(video))[0]?.rawValue;
    }
    if (!window.jsQR) await load();
    const canvas = document.createElement("canvas"), pen = canvas.getContext("2d", { willReadFrequently: true });
    return async () => {
      canvas.width = Math.min(video.videoWidth, 800);
      canvas.height = canvas.width * video.videoHeight / video.videoWidth;
      pen.drawImage(video, 0, 0, canvas.width, canvas.height);
      return jsQR(pen.getImageData(0, 0, canvas.width, canvas.height).data, canvas.width, canvas.height)?.data;
    };
  };
  /* The same ticket stays before the lens for a while. */
  const take = (found) => {
    if (found !== seen || Date.now() - seenAt > 3000) scan(form.getAttribute("action"), { code: found });
    seen = found;
    seenAt = Date.now();
  };
  const watch = async (read) => {
    if (!stream) return;
    const found = video.videoWidth ? await read().catch(() => null) : null;
    if (found) take(found);
    setTimeout(watch, 120, read);
  };
  const stop = () => {
    for (const track of stream?.getTracks() || []) track.stop();
    stream = null;
    video.hidden = true;
    button.setAttribute("aria-pressed", "false");
    button.querySelector("span").textContent = "Use the camera";
  };
  button.hidden = !navigator.mediaDevices;
  button.addEventListener("click", async () => {
    says.textContent = "";
    if (stream) return stop();
    try {
      stream = video.srcObject = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment", width: { ideal: 1280 } } });
      video.hidden = false;
      button.setAttribute("aria-pressed", "true");
      button.querySelector("span").textContent = "Stop the camera";
      await video.play();
      watch(await makeReader());
    } catch {
      stop();
      says.textContent = "The camera cannot be used here. Type the code, or use a hand scanner.";
    }
  });
})();
