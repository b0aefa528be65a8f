// Stands in for the scripts that the WeCom client gives to a page: wx.config, wx.agentConfig and
// wx.invoke. It asks the sandbox by loading its own address with a question in the query, so a page
// that allows this script and nothing else can use it.
(() => {
  const here = document.currentScript.src.split("?")[0];
  const waiting = new Map();
  let number = 0;
  let state = 0; // 1: config was right, -1: it was not
  let agent = null;
  const readied = [];
  let failed = () => {};

  const ask = (name, given, done) => {
    const key = String((number += 1));
    waiting.set(key, done);
    const query = new URLSearchParams({ ask: name, key, given: JSON.stringify(given) });
    const script = document.createElement("script");
    script.src = `${here}?${query}`;
    script.onerror = () => wx.sandboxAnswered(key, { errMsg: `${name}:fail no answer` });
    script.onload = () => script.remove();
    document.head.append(script);
  };
  const page = () => location.href.split("#")[0];
  const refused = (name, why, done) =>
    setTimeout(() => done({ errMsg: `${name}:${why}`, err_msg: `${name}:${why}` }));

  window.wx = {
    config(given) {
      ask("config", { ...given, url: page() }, (answer) => {
        state = answer.errMsg === "config:ok" ? 1 : -1;
        if (state < 0) failed(answer);
        // As in the real one: also after a failure.
        for (const act of readied.splice(0)) act();
      });
    },
    ready(act) {
      if (state) act();
      else readied.push(act);
    },
    error(act) {
      failed = act;
    },
    agentConfig(given) {
      const { success = () => {}, fail = () => {}, ...signed } = given;
      ask("agentConfig", { ...signed, url: page() }, (answer) => {
        agent = answer.errMsg === "agentConfig:ok" ? signed : null;
        if (agent) success(answer);
        else fail(answer);
      });
    },
    invoke(name, given, done = () => {}) {
      if (!agent) return refused(name, "fail no agentConfig", done);
      if (!(agent.jsApiList || []).includes(name)) return refused(name, "fail no permission", done);
      return ask(name, { ...given, agent: { ...agent, url: page() } }, done);
    },
    sandboxAnswered(key, answer) {
      const done = waiting.get(key);
      waiting.delete(key);
      if (done) done({ ...answer, err_msg: answer.errMsg });
    },
  };
})();
