// The phone wall: what happens in the lab, as it happens, and what a newcomer may do about it.
"use strict";
const WORDS = {
  uk: {
    title: "Стіна телефонів · лабораторія ESOZ Notify", heading: "Стіна телефонів",
    lead: "Лабораторія вдає із себе Дію, Viber, операторів SMS та самі телефони. Номери вигадані, нічого не виходить за межі цієї машини.",
    phones: { one: "телефон", few: "телефони", many: "телефонів", other: "телефона" }, diia: "Дія", on: "Наживо", off: "Зв'язок перервано, з'єднуюся знову…",
    quiet: "Ще нічого не надходило", silent: "Viber офлайн", absent: "поза мережею", read: "прочитано", app: "Лише застосунок Дія",
    emptyTitle: "Телефонів поки немає",
    emptyText: "Номер з'явиться тут, щойно йому щось надішлють. Або створіть телефон самі, наприклад без Viber:",
    fault: "несправність", left: "ще {s} с", other: "English", code: "en", locale: "uk-UA",
    clinic: "Кабінет лікаря", patient: "Пацієнт", kind: "Що сталося", send: "Повідомити", sending: "Надсилаю…",
    sent: "Прийнято: {who}. Дивіться на телефон.", printed: "{who} не має телефону: аркуш виходить із принтера.",
    providers: "Провайдери", works: "працює", broken: "лежить", break: "Зламати", mend: "Полагодити",
    net: "Мережа", noNet: "Без мережі", online: "Онлайн", printer: "Принтер у кабінеті", sheet: "Відкрити аркуш {n}",
    turn: "{what}: увімкнути або вимкнути", smscA: "SMS, оператор A", smscB: "SMS, оператор B",
  },
  en: {
    title: "Phone wall · ESOZ Notify lab", heading: "Phone wall",
    lead: "The lab plays Diia, Viber, the SMS operators and the phones themselves. Numbers are fictitious; nothing leaves this machine.",
    phones: { one: "phone", other: "phones" }, diia: "Diia", on: "Live", off: "Connection lost, trying again…",
    quiet: "Nothing has arrived yet", silent: "Viber offline", absent: "out of coverage", read: "read", app: "Diia app only",
    emptyTitle: "No phones yet",
    emptyText: "A number appears here as soon as something is sent to it. Or make a phone yourself, say one without Viber:",
    fault: "fault", left: "{s} s left", other: "Українська", code: "uk", locale: "en-GB",
    clinic: "The doctor's room", patient: "Patient", kind: "What happened", send: "Tell the patient", sending: "Sending…",
    sent: "Accepted: {who}. Watch the phone.", printed: "{who} has no phone: a sheet leaves the printer.",
    providers: "Providers", works: "works", broken: "down", break: "Break", mend: "Mend",
    net: "Network", noNet: "No network", online: "Online", printer: "The printer in the room", sheet: "Open sheet {n}",
    turn: "{what}: switch on or off", smscA: "SMS, operator A", smscB: "SMS, operator B",
  },
};
const OPERATORS = { kyivstar: "Kyivstar", vodafone: "Vodafone", lifecell: "lifecell", trimob: "TriMob" };
const PROVIDERS = { viber: () => "Viber", "smsc-a": () => words.smscA, "smsc-b": () => words.smscB, diia: () => words.diia };
const KEYS = "123456789*0#", SENDER = "E-health";
const PHONES_MAX = 48, MESSAGES_MAX = 20, SHEETS_SHOWN = 3, SHEET_WIDTH_PX = 794;
let words = WORDS.uk, connected = false, rules = [];
const phones = new Map();
const counts = { diia: 0, viber: 0, sms: 0 };
let clinic = { open: false, patients: [], kinds: [], papers: [] };
const wall = document.getElementById("wall");

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}
function clock(iso) {
  return new Date(iso).toLocaleTimeString(words.locale, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
}
function number(msisdn) {
  if (msisdn.startsWith("tax:")) return words.app;
  return msisdn.replace(/^(\+380)(\d{2})(\d{3})(\d{2})(\d{2})$/, "$1 $2 $3 $4 $5");
}
function owner(msisdn) {
  const patient = clinic.patients.find((one) => one.phones.includes(msisdn));
  return patient ? patient[document.documentElement.lang].owner : "";
}
function fill(text, values) {
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}
/** A switch on a handset: what it has or not. The page draws it again when the lab says that it has changed. */
function toggle(phone, className, label, field, on, value) {
  const made = element("button", "switch " + className, label);
  made.type = "button";
  made.dataset.field = field;
  made.setAttribute("aria-pressed", on);
  made.title = fill(words.turn, { what: label });
  made.addEventListener("click", () => tell("PUT", "/phones/" + encodeURIComponent(phone.msisdn), { [field]: value }));
  return made;
}
async function tell(method, path, body) {
  const headers = body ? { "Content-Type": "application/json" } : {};
  const reply = await fetch(path, { method, headers, body: body && JSON.stringify(body) });
  const told = reply.status === 204 ? null : await reply.json();
  if (!reply.ok) throw new Error(told.detail);
  return told;
}
function drawMessage(message, fresh) {
  const item = element("li", message.channel + (fresh ? " new" : ""));
  const from = element("div", "from");
  from.append(element("span", "", { viber: "Viber", diia: words.diia, sms: "SMS" }[message.channel] || message.channel));
  if (message.channel !== "diia") from.append(element("small", "", SENDER));
  item.append(from);
  if (message.title) item.append(element("div", "title", message.title));
  item.append(element("div", "text", message.text));
  item.append(element("span", "at", clock(message.received_at) + (message.read_at ? " · " + words.read + " ✓✓" : "")));
  return item;
}
function draw(phone) {
  const card = phone.card || (phone.card = element("article", "phone"));
  const screen = element("div", "screen"), bar = element("div", "bar"), who = element("div", "who");
  const last = phone.messages[phone.messages.length - 1];
  bar.append(element("span", "time", last ? clock(last.received_at).slice(0, 5) : "--:--"), element("span", "cam"),
    element("span", "net", OPERATORS[phone.operator] || phone.operator));
  const badges = element("div", "badges");
  const held = document.activeElement && card.contains(document.activeElement) && document.activeElement.dataset.field;
  badges.append(toggle(phone, "diia", words.diia, "diia", phone.diia, !phone.diia),
    toggle(phone, "viber", "Viber", "viber", phone.viber, !phone.viber));
  if (phone.viber) {
    badges.append(toggle(phone, "net", phone.viber_silent ? words.silent : words.online, "viber_silent", !phone.viber_silent, !phone.viber_silent));
  }
  badges.append(toggle(phone, "net", phone.sms_absent ? words.noNet : words.net, "sms_absent", !phone.sms_absent, !phone.sms_absent));
  who.append(element("p", "owner", owner(phone.msisdn)), element("h2", "", number(phone.msisdn)), badges);
  const log = element("ul", "log");
  log.tabIndex = 0;
  log.setAttribute("aria-label", number(phone.msisdn));
  if (!phone.messages.length) log.append(element("li", "none", words.quiet));
  for (const message of phone.messages) { log.append(drawMessage(message, message.fresh)); message.fresh = false; }
  screen.append(bar, who, log);
  card.classList.toggle("buttons", !phone.viber && !phone.diia);
  const keypad = element("div", "keypad");
  keypad.setAttribute("aria-hidden", "true");
  keypad.append(...[...KEYS].map((key) => element("i", "", key)));
  card.replaceChildren(screen, keypad);
  if (held) (card.querySelector(`[data-field="${held}"]`) || card.querySelector(".switch")).focus();
  return card;
}
function showLast(phone) {
  const log = phone.card.querySelector(".log");
  log.scrollTop = log.scrollHeight;
}
function ring(phone) {
  phone.card.classList.add("rings");
  clearTimeout(phone.ringing);
  phone.ringing = setTimeout(() => phone.card.classList.remove("rings"), 1200);
}
function drawEmpty() {
  const old = wall.querySelector(".empty");
  if (old) old.remove();
  if (phones.size || clinic.papers.length) return;
  const box = element("section", "empty");
  box.append(element("h2", "", words.emptyTitle), element("p", "", words.emptyText),
    element("pre", "", `curl -X PUT ${location.origin}/phones/380000000001 \\\n  -H 'Content-Type: application/json' \\\n  -d '{"viber": false, "operator": "lifecell"}'`));
  wall.append(box);
}
function drawCounts() {
  document.getElementById("n-phones").textContent = phones.size;
  document.getElementById("w-phones").textContent = words.phones[new Intl.PluralRules(words.locale).select(phones.size)];
  for (const channel of Object.keys(counts)) document.getElementById("n-" + channel).textContent = counts[channel];
}
function drawWords() {
  document.documentElement.lang = words === WORDS.uk ? "uk" : "en";
  document.title = words.title;
  for (const spot of document.querySelectorAll("[data-t]")) spot.textContent = words[spot.dataset.t];
  for (const spot of document.querySelectorAll("[data-label]")) spot.setAttribute("aria-label", words[spot.dataset.label]);
  const button = document.getElementById("language");
  button.textContent = words.other;
  button.lang = words.code;
}
function drawLive() {
  const live = document.getElementById("live");
  live.classList.toggle("on", connected);
  live.lastElementChild.textContent = connected ? words.on : words.off;
}
function drawFaults() {
  const strip = document.getElementById("faults");
  strip.replaceChildren(...rules.map((rule) => {
    const left = rule.left_s === null ? "" : ", " + words.left.replace("{s}", Math.ceil(rule.left_s));
    const share = rule.share < 1 ? ` ${Math.round(rule.share * 100)} %` : "";
    return element("span", "fault", `${words.fault}: ${rule.provider} · ${rule.fault}${share}${left}`);
  }));
}
function drawProviders() {
  const list = document.getElementById("providers");
  const held = list.contains(document.activeElement) && document.activeElement.dataset.provider;
  list.replaceChildren(...Object.entries(PROVIDERS).map(([provider, name]) => {
    const isBroken = rules.some((rule) => rule.provider === provider);
    const row = element("li", isBroken ? "broken" : "");
    const button = element("button", "", isBroken ? words.mend : words.break);
    button.type = "button";
    button.dataset.provider = provider;
    button.setAttribute("aria-label", `${button.textContent}: ${name()}`);
    button.addEventListener("click", async () => {
      if (isBroken) await tell("DELETE", "/faults?provider=" + provider);
      else await tell("POST", "/faults", { provider, fault: "outage" });
      await watchFaults();
    });
    row.append(element("i"), element("span", "", `${name()}: ${isBroken ? words.broken : words.works}`), button);
    return row;
  }));
  if (held) list.querySelector(`[data-provider="${held}"]`).focus();
}
function drawClinic() {
  document.getElementById("clinic").hidden = !clinic.open;
  const patients = document.getElementById("patients"), kinds = document.getElementById("kinds");
  const chosen = { patient: picked(), kind: kinds.value };
  const language = document.documentElement.lang;
  const cards = clinic.patients.map((one, place) => {
    const label = element("label"), input = element("input");
    Object.assign(input, { type: "radio", name: "patient", value: one.key, checked: chosen.patient ? one.key === chosen.patient : !place });
    label.append(input, element("b", "", one[language].name), element("span", "", one[language].note));
    return label;
  });
  patients.replaceChildren(patients.firstElementChild, ...cards);
  kinds.replaceChildren(...clinic.kinds.map((kind) => new Option(kind[language], kind.name)));
  kinds.value = chosen.kind || "prescription_issued";
}
function picked() {
  const input = document.querySelector("#patients input:checked");
  return input ? input.value : "";
}
function say(text, isWrong) {
  const said = document.getElementById("said");
  said.textContent = text;
  said.classList.toggle("wrong", isWrong);
}
async function order(event) {
  event.preventDefault();
  const button = event.target.querySelector(".primary");
  const patient = picked();
  const who = clinic.patients.find((one) => one.key === patient)[document.documentElement.lang].name;
  button.disabled = true;
  say(words.sending, false);
  try {
    const made = await tell("POST", "/clinic/orders", { patient, kind: document.getElementById("kinds").value });
    say(fill(made.status === "print_required" ? words.printed : words.sent, { who }), false);
  } catch (error) {
    say(error.message, true);
  }
  button.disabled = false;
}
function drawPrinter(fresh) {
  const old = wall.querySelector(".printer");
  if (old) old.remove();
  if (!clinic.papers.length) return;
  const printer = element("article", "printer"), machine = element("div", "machine"), tray = element("div", "tray");
  machine.append(element("h2", "", words.printer), element("i", "light"));
  clinic.papers.slice(-SHEETS_SHOWN).reverse().forEach((id, place) => {
    const sheet = element("div", "sheet" + (fresh && !place ? " new" : "")), frame = element("iframe"), link = element("a");
    const number = clinic.papers.indexOf(id) + 1, path = "/clinic/papers/" + id;
    frame.src = path;
    frame.title = fill(words.sheet, { n: number });
    frame.tabIndex = -1;
    Object.assign(link, { href: path, target: "_blank", rel: "noopener" });
    link.setAttribute("aria-label", frame.title);
    sheet.append(frame, link);
    tray.append(sheet);
  });
  printer.append(machine, tray);
  wall.prepend(printer);
  fitSheets();
}
function fitSheets() {
  for (const sheet of wall.querySelectorAll(".sheet")) {
    sheet.firstElementChild.style.transform = `scale(${sheet.clientWidth / SHEET_WIDTH_PX})`;
  }
}
function drawAll() {
  drawWords(); drawLive(); drawFaults(); drawProviders(); drawClinic();
  wall.replaceChildren(...[...phones.values()].map(draw));
  phones.forEach(showLast);
  drawPrinter(false); drawEmpty(); drawCounts();
}
function known(face) {
  let phone = phones.get(face.msisdn);
  if (!phone) {
    phone = { messages: [] };
    phones.set(face.msisdn, phone);
    if (phones.size > PHONES_MAX) {
      const oldest = phones.keys().next().value;
      if (phones.get(oldest).card) phones.get(oldest).card.remove();
      phones.delete(oldest);
    }
  }
  return Object.assign(phone, face);
}
function same(one, other) {
  return one.provider === other.provider && one.provider_message_id === other.provider_message_id;
}
function change(told) {
  if (told.event === "paper") { clinic.papers.push(told.id); drawPrinter(true); return null; }
  if (told.event === "forget") { phones.clear(); wall.replaceChildren(); drawPrinter(false); for (const c in counts) counts[c] = 0; return null; }
  if (!told.phone) return null;
  const phone = known(told.phone);
  if (told.event === "message") {
    phone.messages = phone.messages.filter((message) => message.provider_message_id !== told.gone).slice(1 - MESSAGES_MAX);
    phone.messages.push({ ...told.message, fresh: true });
    counts[told.message.channel] += 1;
  } else if (told.event === "read") {
    const message = phone.messages.find((one) => same(one, told.message));
    if (message) message.read_at = told.message.read_at;
  }
  return phone;
}
function listen() {
  const stream = new EventSource("/wall/events");
  stream.onopen = () => { connected = true; drawLive(); };
  stream.onerror = () => { connected = false; drawLive(); };
  stream.addEventListener("picture", (event) => {
    phones.clear();
    for (const channel in counts) counts[channel] = 0;
    for (const { messages, ...face } of JSON.parse(event.data)) {
      known(face).messages = messages;
      for (const message of messages) counts[message.channel] += 1;
    }
    drawAll();
  });
  stream.addEventListener("changes", (event) => {
    const touched = new Map();
    for (const told of JSON.parse(event.data)) {
      const phone = change(told);
      if (phone) touched.set(phone, touched.get(phone) || told.event === "message");
    }
    for (const [phone, rings] of touched) {
      const isNew = !phone.card;
      const card = draw(phone);
      if (isNew) wall.append(card);
      showLast(phone);
      if (rings) ring(phone);
    }
    drawEmpty(); drawCounts();
  });
}
async function watchFaults() {
  const before = JSON.stringify(rules.map((rule) => rule.provider));
  try { rules = await tell("GET", "/faults"); } catch { rules = []; }
  drawFaults();
  if (JSON.stringify(rules.map((rule) => rule.provider)) !== before) drawProviders();
}
async function visitClinic() {
  try { clinic = await tell("GET", "/clinic"); } catch { return; }
  drawClinic(); phones.forEach(draw); phones.forEach(showLast); drawPrinter(false); drawEmpty();
}
document.getElementById("language").addEventListener("click", () => {
  words = words === WORDS.uk ? WORDS.en : WORDS.uk;
  drawAll();
});
document.getElementById("clinic").addEventListener("submit", order);
addEventListener("resize", fitSheets);
drawAll();
listen();
visitClinic();
watchFaults();
setInterval(watchFaults, 2000);
