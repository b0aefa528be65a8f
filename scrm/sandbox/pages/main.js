// Draws the page, again after every click, and every few seconds for what others did.
import { chosen } from "./chosen.js";
import { showCodes } from "./codes.js";
import { chooseCustomer, listenToCustomer, showCustomer } from "./customer.js";
import { place, read } from "./dom.js";
import { chooseFan, listenToFan, showFan } from "./fan.js";
import { showLogs } from "./logs.js";
import { listenToMachine, showMachine } from "./machine.js";
import { chooseStaff, listenToStaff, showStaff } from "./staff.js";
import { say, switchLanguage, translate } from "./words.js";

const EVERY_MS = 2500;
const good = (answer) => (answer.error ? null : answer);
let running = false, again = false;

const phone = async (kind, ...parts) => (parts.every(Boolean)
  ? good(await read([kind, ...parts.map(encodeURIComponent)].join("/"))) : null);

// A phone that is nobody's shows nothing and takes no words.
function dim(kind, isThere) {
  place(kind).classList.toggle("empty", !isThere);
  for (const element of place(kind).querySelectorAll("form [name=words], form button")) {
    element.disabled = !isThere && element.form.id !== "customer-new";
  }
}

async function draw() {
  const state = await read("state");
  if (state.error) { place("note").textContent = state.error; return; }
  if (place("note").textContent === say("The sandbox does not answer.")) place("note").textContent = "";
  chooseStaff(state);
  chooseCustomer(state);
  await chooseFan(state);
  const [staff, customer, fan, faults] = await Promise.all([
    phone("staff", chosen.corpid, chosen.userid), phone("customers", chosen.customer),
    phone("oa/fans", chosen.appid, chosen.openid), read("faults")]);
  const pair = {
    corpid: chosen.corpid, userid: chosen.userid, external_userid: customer?.externals[chosen.corpid] ?? "" };
  showMachine(state, faults.rules ?? []);
  showCodes(state, fan);
  showStaff(staff, customer, pair);
  showCustomer(customer, staff, pair);
  showFan(fan, state);
  for (const [kind, there] of [["staff", staff], ["customer", customer], ["fan", fan]]) dim(kind, there);
  await showLogs();
}

// One after the other: a click while the page is being drawn has it drawn once more.
async function refresh() {
  again = true;
  if (running) return;
  running = true;
  try {
    while (again) { again = false; await draw(); }
  } finally {
    running = false;
  }
}

place("language").addEventListener("click", () => { switchLanguage(); translate(); refresh(); });
document.addEventListener("changed", refresh);
listenToStaff();
listenToCustomer();
listenToFan();
listenToMachine();
translate();
refresh();
setInterval(() => { if (!document.hidden) refresh(); }, EVERY_MS);
