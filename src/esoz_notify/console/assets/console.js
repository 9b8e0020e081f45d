// Keeps the parts marked data-live fresh, opens the print window, asks for passkeys. Without it all but passkeys works.
"use strict";

const EVERY_MS = 4000;
const NOT_CHANGED = new Map();

let lost = "";

function say(live) {
  if (live) lost = "";
  else lost ||= new Date().toLocaleTimeString("uk");
  for (const sign of document.querySelectorAll("[data-live-sign]")) {
    sign.classList.toggle("on", live);
    const words = live ? sign.dataset.on : `${sign.dataset.off} ${lost}`;
    const spot = sign.querySelector("span");
    if (spot.textContent !== words) spot.textContent = words;
  }
}

// A new part takes over what the reader was doing in the old one: the focus, and what was unfolded.
function put(spot, text) {
  const focused = spot.contains(document.activeElement) ? document.activeElement.id : "";
  const open = [...spot.querySelectorAll("details[open]")].map((one) => one.id);
  const fresh = new DOMParser().parseFromString(text, "text/html");
  spot.replaceChildren(...fresh.body.childNodes);
  for (const id of open) spot.querySelector(`#${CSS.escape(id)}`)?.setAttribute("open", "");
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
}

async function refresh(spot) {
  const answer = await fetch(spot.dataset.live, { cache: "no-store" });
  if (answer.redirected) location.reload();
  if (!answer.ok) throw new Error("not ok");
  const text = await answer.text();
  if (NOT_CHANGED.get(spot) !== text) put(spot, text);
  NOT_CHANGED.set(spot, text);
}

async function look(spots) {
  if (!document.hidden) {
    try {
      await Promise.all(spots.map(refresh));
      say(true);
    } catch {
      say(false);
    }
  }
  setTimeout(look, EVERY_MS, spots);
}

// What can be pushed is: one connection, open only while somebody looks. Where the server or the browser has none to
// give, the part is fetched like any other.
const SILENT_MS = 12000;

function listen(spot) {
  if (!window.EventSource) return look([spot]);
  let source, silence, refused = false;
  const heard = (live) => {
    clearTimeout(silence);
    silence = setTimeout(heard, SILENT_MS, false);
    say(live);
  };
  const open = () => {
    source = new EventSource(spot.dataset.stream);
    source.addEventListener("part", (one) => { put(spot, one.data); heard(true); });
    source.addEventListener("beat", () => heard(true));
    source.addEventListener("over", () => location.reload());
    source.addEventListener("error", () => {
      say(false);
      refused = source.readyState === EventSource.CLOSED;
      if (refused) { clearTimeout(silence); look([spot]); }
    });
  };
  document.addEventListener("visibilitychange", () => {
    if (refused) return;
    source.close();
    clearTimeout(silence);
    if (!document.hidden) open();
  });
  open();
}

const spots = [...document.querySelectorAll("[data-live]")];
const fetched = spots.filter((one) => !one.dataset.stream);
if (fetched.length) look(fetched);
for (const spot of spots) if (spot.dataset.stream) listen(spot);

const button = document.querySelector("[data-print]");
if (button) {
  const frame = document.getElementById(button.dataset.print);
  const print = () => frame.contentWindow.print();
  button.hidden = false;
  button.addEventListener("click", print);
  // Once, when the reader has just asked for the sheet: not when the page is reloaded or gone back to.
  const [entry] = performance.getEntriesByType("navigation");
  if (entry && entry.type === "navigate") {
    if (frame.contentDocument?.readyState === "complete" && frame.contentDocument.URL !== "about:blank") print();
    else frame.addEventListener("load", print, { once: true });
  }
}

// A passkey is made or asked for by the browser; what it brings goes with the form. Old browsers never see the button.
const reads = { create: "parseCreationOptionsFromJSON", get: "parseRequestOptionsFromJSON" };
for (const ask of document.querySelectorAll("[data-passkey]")) {
  const way = ask.dataset.passkey;
  const read = window.PublicKeyCredential?.[reads[way]];
  ask.hidden = !read;
  ask.addEventListener("click", async () => {
    const said = ask.parentElement.querySelector("[role=alert]");
    said.hidden = true;
    try {
      const publicKey = read.call(PublicKeyCredential, JSON.parse(ask.dataset.options));
      const made = await navigator.credentials[way]({ publicKey });
      ask.form.querySelector("[name$=credential]").value = JSON.stringify(made);
      ask.form.submit();
    } catch {
      said.textContent = ask.dataset.failed;
      said.hidden = false;
    }
  });
}
