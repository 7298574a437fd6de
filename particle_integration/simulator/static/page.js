// Shows the shelf and keeps it up to date by asking every half second what has changed.

const LOOK_MILLISECONDS = 500;
const DANCE_MILLISECONDS = 4000;
const one = (selector, root = document) => root.querySelector(selector);

const cards = new Map();
const known = new Map();
let change = -1;
let boot = "";
let defaults = null;

async function ask(path, options = {}) {
  const response = await fetch(path, options);
  const body = await response.json();
  if (!response.ok) throw new Error(body.error);
  return body;
}

const order = (path, body) =>
  ask(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body ?? {}) });

function hold(card, name, milliseconds) {
  card.classList.remove(name);
  void card.offsetWidth; // lets the animation start again
  card.classList.add(name);
  clearTimeout(card[name]);
  card[name] = setTimeout(() => card.classList.remove(name), milliseconds);
}

function makeCard(device) {
  const card = one("[data-device-template]").content.cloneNode(true).firstElementChild;
  one("[data-press]", card).addEventListener("click", () => {
    hold(card, "pressed", 600);
    order(`devices/${device.id}/press`).catch(refuse);
  });
  one("[data-plug]", card).addEventListener("click", () => {
    order(`devices/${device.id}/plug`, { online: !known.get(device.id).online }).then(look).catch(refuse);
  });
  one("[data-shelf]").append(card);
  cards.set(device.id, card);
  return card;
}

function stateText(device) {
  const place = device.online ? "online" : device.unplugged ? "unplugged" : "offline";
  const waiting = device.waiting ? `, ${device.waiting} waiting` : "";
  return `${place}${waiting} · ${device.presses} ${device.presses === 1 ? "press" : "presses"}`;
}

function likesText(device) {
  if (!device.dances) return "";
  const likes = device.likes || "1";
  const times = `danced ${device.dances} ${device.dances === 1 ? "time" : "times"}`;
  return `· ${times}, last for ${likes} ${likes === "1" ? "like" : "likes"}`;
}

function show(device) {
  const before = known.get(device.id);
  const card = cards.get(device.id) ?? makeCard(device);
  known.set(device.id, device);
  card.classList.toggle("offline", !device.online);
  one("h2", card).textContent = device.name;
  one("[data-state]", card).textContent = stateText(device);
  one("[data-likes]", card).textContent = likesText(device);
  const plug = one("[data-plug]", card);
  plug.textContent = device.online ? "Unplug" : "Plug in";
  plug.setAttribute("aria-label", `${plug.textContent}: ${device.name}`);
  plug.setAttribute("aria-pressed", String(!device.online));
  one("[data-press]", card).setAttribute("aria-label", `Press: ${device.name}`);
  const image = one("img", card);
  if (device.picture && (!before || before.presses !== device.presses || image.hidden)) {
    image.src = `devices/${device.id}/picture?press=${device.presses}`;
    image.hidden = false;
  }
  if (before && device.dances > before.dances) hold(card, "dancing", DANCE_MILLISECONDS);
  if (before && device.presses > before.presses) hold(card, "pressed", 600);
}

function refuse(error) {
  const place = one("[data-refused]");
  place.textContent = error.message;
  place.hidden = false;
}

function read(input, value) {
  if (input.type === "checkbox") return input.checked;
  if (Array.isArray(value)) return input.value.split(",").map((part) => part.trim()).filter(Boolean);
  return Number(input.value);
}

function makeFault(name, value, doc) {
  const item = one("[data-fault-template]").content.cloneNode(true).firstElementChild;
  const input = one("input", item);
  item.dataset.fault = name;
  input.type = typeof value === "boolean" ? "checkbox" : Array.isArray(value) ? "text" : "number";
  if (input.type === "number") input.step = Number.isInteger(value) && !name.endsWith("_seconds") ? "1" : "any";
  one(".name", item).textContent = name.replaceAll("_", " ");
  one("small", item).textContent = doc;
  input.addEventListener("change", async () => {
    one("[data-refused]").hidden = true;
    await order("faults", { [name]: read(input, value) }).catch(refuse);
    look();
  });
  one("[data-faults]").append(item);
}

function showFaults(faults) {
  let active = 0;
  for (const [name, value] of Object.entries(faults)) {
    const item = one(`[data-fault="${name}"]`);
    const input = one("input", item);
    const isOn = String(value) !== String(defaults[name]);
    active += isOn;
    item.classList.toggle("on", isOn);
    if (input === document.activeElement && input.type !== "checkbox") continue;
    if (input.type === "checkbox") input.checked = value;
    else input.value = Array.isArray(value) ? value.join(", ") : value;
  }
  one("[data-fault-count]").textContent = active ? `· ${active} on` : "";
}

function showCounts(counts) {
  for (const place of document.querySelectorAll("[data-count]")) {
    place.textContent = counts[place.dataset.count].toLocaleString();
  }
  const hidden = counts.devices - cards.size;
  const more = one("[data-more]");
  more.hidden = hidden <= 0;
  more.textContent = `and ${hidden.toLocaleString()} more that are not shown`;
}

async function look() {
  const state = await ask(`state?after=${change}`);
  if (boot && state.boot !== boot) location.reload();
  boot = state.boot;
  change = state.change;
  state.devices.forEach(show);
  showCounts(state.counts);
  showFaults(state.faults);
}

async function watch() {
  if (!document.hidden) {
    try {
      await look();
      one("[data-lost]").hidden = true;
    } catch {
      one("[data-lost]").hidden = false;
    }
  }
  setTimeout(watch, LOOK_MILLISECONDS);
}

one("[data-clear]").addEventListener("click", async () => {
  one("[data-refused]").hidden = true;
  await ask("faults", { method: "DELETE" });
  look();
});

const docs = await ask("faults?explain");
const standard = await ask("faults?defaults");
defaults = standard;
for (const [name, doc] of Object.entries(docs)) makeFault(name, standard[name], doc);
watch();
