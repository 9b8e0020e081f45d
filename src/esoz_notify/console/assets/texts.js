// Shows the words of the form on the phones while they are typed. Without it the button beside does the same.
"use strict";

const PAUSE_MS = 350;
const form = document.querySelector("[data-preview]");
const spot = document.getElementById("text-preview");
let asked = 0;
let timer = 0;

async function show() {
  const turn = ++asked;
  const answer = await fetch(form.dataset.preview, { method: "POST", body: new URLSearchParams(new FormData(form)) });
  // An older answer, or a page instead of the part because the session is over: what is typed stays.
  if (turn !== asked || !answer.ok || answer.redirected) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  if (spot.querySelector("#longest")?.open) fresh.getElementById("longest").open = true;
  spot.replaceChildren(...fresh.body.childNodes);
  document.getElementById("sms-count").textContent = spot.querySelector("[data-counter]").textContent;
}

form?.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(() => show().catch(() => {}), PAUSE_MS);
});
