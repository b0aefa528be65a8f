// The desk beside a chat: asks the WeCom client whose chat is open, shows that customer, and puts
// scripts into the chat. The words that it says stand in the page, in the reader's language.
const main = document.getElementById("main");
const told = document.getElementById("status");
const APIS = ["getCurExternalContact", "sendChatMessage", "openUserProfile"];
const PATIENCE_MS = 8000;
let customer = "";

const say = (text, tone = "") => {
  told.textContent = text;
  told.className = `notice ${tone}`;
};

class Told extends Error {}

const ask = async (address, body) => {
  const options = body && {
    method: "POST",
    body: new URLSearchParams(body),
    headers: { "X-CSRFToken": main.dataset.csrf },
  };
  const answer = await fetch(address, options);
  if (answer.status === 401) {
    location.reload(); // the page itself leads to the sign-in
    throw new Told("");
  }
  if (answer.ok) return answer;
  const kind = answer.headers.get("Content-Type") || "";
  const why = kind.includes("json") ? (await answer.json()).error : "";
  throw new Told(why || main.dataset.trouble);
};

// --- the client ---

const configure = (signed) =>
  new Promise((resolve, reject) => {
    const parts = ({ timestamp, nonce, signature }) => ({ timestamp, nonceStr: nonce, signature });
    const refused = () => reject(new Told(main.dataset.notAllowed));
    setTimeout(() => reject(new Told(main.dataset.noClient)), PATIENCE_MS);
    wx.error(refused);
    wx.ready(() =>
      wx.agentConfig({
        corpid: signed.corpid,
        agentid: signed.agentid,
        ...parts(signed.agent_config),
        jsApiList: APIS,
        success: resolve,
        fail: refused,
      }),
    );
    wx.config({
      beta: true,
      debug: false,
      appId: signed.corpid,
      ...parts(signed.config),
      jsApiList: ["agentConfig"],
    });
  });

const enter = async (anew) => {
  const url = new URL(main.dataset.signatures, location.href);
  url.searchParams.set("url", location.href.split("#")[0]);
  if (anew) url.searchParams.set("anew", "1");
  const signed = await (await ask(url)).json();
  try {
    await configure(signed);
  } catch (refused) {
    // Perhaps the ticket ended early: once more with a new one.
    if (anew || refused.message !== main.dataset.notAllowed) throw refused;
    await enter(true);
  }
};

const invoke = (name, given) =>
  new Promise((resolve) => wx.invoke(name, given, (answer) => resolve(answer)));

const whose = async () => {
  const answer = await invoke("getCurExternalContact", {});
  if (answer.err_msg !== "getCurExternalContact:ok") throw new Told(main.dataset.noChat);
  return answer.userId;
};

// --- what is shown ---

const show = async (part, address, more = {}) => {
  const query = new URLSearchParams({ customer, ...more });
  document.getElementById(part).innerHTML = await (await ask(`${address}?${query}`)).text();
};

const showPerson = () => show("person", main.dataset.customer);
const showScripts = () =>
  show("scripts", main.dataset.scripts, { q: document.getElementById("words").value });

const open = async () => {
  customer = await whose();
  await Promise.all([showPerson(), showScripts()]);
  say("");
};

const guarded = async (act, button) => {
  if (button) button.disabled = true;
  try {
    await act();
  } catch (error) {
    say(error instanceof Told ? error.message : main.dataset.trouble, "error");
  } finally {
    if (button) button.disabled = false;
  }
};

// --- what is done ---

const refresh = async () => {
  await ask(main.dataset.refresh, { customer });
  await Promise.all([showPerson(), showScripts()]);
  say("");
};

const send = async (content) => {
  const made = await (await ask(main.dataset.message, { customer, content })).json();
  const answer = await invoke("sendChatMessage", { ...made.message, enterChat: true });
  if (answer.err_msg !== "sendChatMessage:ok") throw new Told(main.dataset.notSent);
  try {
    await ask(main.dataset.sent, { receipt: made.receipt });
    say(main.dataset.sentWord, "success");
  } catch {
    say(main.dataset.notNoted, "warning");
  }
  await showPerson();
};

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.dataset.content) guarded(() => send(button.dataset.content), button);
  if (button.dataset.act === "refresh") guarded(refresh, button);
  if (button.dataset.act === "profile") invoke("openUserProfile", { type: 2, userid: customer });
  if (button.getAttribute("role") === "tab") {
    for (const tab of document.querySelectorAll("[role=tab]")) {
      tab.setAttribute("aria-selected", String(tab === button));
      document.getElementById(tab.getAttribute("aria-controls")).hidden = tab !== button;
    }
  }
});

let typing;
document.getElementById("words").addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(() => guarded(showScripts), 250);
});

// The client keeps the page when another chat is opened.
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState !== "visible" || !customer) return;
  guarded(async () => {
    if ((await whose()) !== customer) await open();
  });
});

guarded(async () => {
  if (!window.wx) throw new Told(main.dataset.noClient);
  await enter(false);
  await open();
});
