// A device's page in the admin: calls a function without leaving the page, and shows what becomes
// of every call of this device as it happens. Without this script the form and the links do.
import {connectLive} from "../live/live.js";

const section = document.querySelector("[data-calls]");
if (section) watchCalls(section);

function watchCalls(section) {
  const deviceId = Number(section.dataset.deviceId);
  // A call that the socket told of: the slower answer to the form's request must not set it back.
  const toldBySocket = new Set();

  connectLive({
    path: "/ws/staff/",
    after: Number(section.dataset.after),
    epoch: section.dataset.epoch,
    onUpdate(update) {
      if (update.type === "call.changed" && update.call.device.id === deviceId) {
        toldBySocket.add(update.call.id);
        showCall(section, update.call);
      } else if (update.type === "device.changed" && update.device.id === deviceId) {
        const state = update.device.is_online ? "online" : "offline";
        section.querySelector("[data-device-online]").replaceChildren(copyOf(section, state));
      }
    },
    onState(state) {
      showState(section, state);
    },
    onReset() {
      window.location.reload();
    },
  });

  const form = section.querySelector("[data-call-form]");
  form?.addEventListener("submit", async (event) => {
    event.preventDefault();
    const call = await post(section, form);
    if (!call) return;
    if (!toldBySocket.has(call.id)) showCall(section, call);
    const row = rowOf(section, call.id);
    if (row) fill(row, "asked_by", call.asked_by);
  });
}

// Returns the call that was asked for, or null after saying what is wrong.
async function post(section, form) {
  const problem = section.querySelector("[data-call-problem]");
  const button = form.querySelector("[type=submit]");
  button.disabled = true; // a second click would be a second call
  problem.hidden = true;
  try {
    const response = await fetch(form.action, {
      method: "POST",
      body: new FormData(form),
      headers: {Accept: "application/json"},
    });
    const answer = await response.json();
    if (response.ok) return answer.call;
    problem.textContent = answer.error;
  } catch {
    problem.textContent = form.dataset.textFailed;
  } finally {
    button.disabled = false;
  }
  problem.hidden = false;
  return null;
}

function showCall(section, call) {
  const row = rowOf(section, call.id) ?? addRow(section, call);
  fill(row, "return_value", call.return_value);
  fill(row, "seconds", call.seconds === null ? "" : call.seconds.toFixed(2));
  fill(row, "error", call.error);
  // A dance grows while likes join it.
  fill(row, "what", `${call.function}(${call.argument})`);
  row.querySelector("[data-field=state]").replaceChildren(copyOf(section, call.state));
}

function addRow(section, call) {
  const rows = section.querySelector("[data-call-rows]");
  const blank = section.querySelector("[data-blank-row]").content.querySelector("tr");
  const row = blank.cloneNode(true);
  row.dataset.call = call.id;
  const asked = row.querySelector("[data-field=asked_at]");
  asked.dateTime = call.asked_at;
  asked.textContent = new Date(call.asked_at).toLocaleString();
  const cause = section.querySelector(`template[data-cause="${CSS.escape(call.cause)}"]`);
  fill(row, "asked_by", cause ? cause.content.textContent : call.cause);
  rows.prepend(row);
  while (rows.rows.length > Number(section.dataset.shown)) rows.rows[rows.rows.length - 1].remove();
  section.querySelector("[data-no-calls]").hidden = true;
  return row;
}

function rowOf(section, callId) {
  return section.querySelector(`tr[data-call="${Number(callId)}"]`);
}

function fill(row, field, value) {
  row.querySelector(`[data-field=${field}]`).textContent = value ?? "";
}

function copyOf(section, label) {
  const template = section.querySelector(`template[data-label="${CSS.escape(label)}"]`);
  return template ? template.content.cloneNode(true) : document.createTextNode(label);
}

function showState(section, state) {
  const shown = section.querySelector("[data-live-state]");
  const isLive = state === "live";
  shown.textContent = isLive ? shown.dataset.textLive : shown.dataset.textLost;
  shown.hidden = false;
  section.querySelector("[data-refresh]").hidden = isLive;
}
