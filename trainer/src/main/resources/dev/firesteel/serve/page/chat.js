// The chat: settings, the conversation with one model or the same messages to two.
const byId = id => document.getElementById(id);

const Settings = (() => {
  const DEFAULTS = { mode: "auto", system: "", temperature: "0.8", top_p: "1", top_k: "0", min_p: "0", max_tokens: "512", seed: "", stop_texts: "", coloured: false };
  const STORE = "firesteel-chat";
  const stored = (store, read) => { try { return read(store()); } catch { return null; } };

  function fill(values) {
    for (const [name, value] of Object.entries(values)) {
      const field = byId(name);
      if (field.type === "checkbox") field.checked = value; else field.value = value;
    }
  }

  function keep() {
    const values = {};
    for (const name of Object.keys(DEFAULTS)) values[name] = byId(name).type === "checkbox" ? byId(name).checked : byId(name).value;
    stored(() => localStorage, store => store.setItem(STORE, JSON.stringify(values)));
    stored(() => sessionStorage, store => store.setItem(STORE + "-key", byId("key").value));
  }

  const before = stored(() => localStorage, store => JSON.parse(store.getItem(STORE)));
  fill({ ...DEFAULTS, ...(before || {}) });
  byId("key").value = stored(() => sessionStorage, store => store.getItem(STORE + "-key")) || "";
  byId("settings").addEventListener("input", keep);
  byId("defaults").onclick = () => { fill(DEFAULTS); keep(); };

  /** A number within its limits, or what is wrong with it. */
  function number(name) {
    const field = byId(name);
    if (field.value.trim() === "" && !field.validity.badInput) return undefined;
    if (!field.checkValidity()) {
      open(true);
      field.focus();
      throw new ApiError(0, "setting", `${field.labels[0].textContent} must be a number within its limits: ${field.validationMessage}`);
    }
    return Number(field.value);
  }

  function open(show) {
    byId("settings").hidden = !show;
    byId("settings-button").setAttribute("aria-expanded", String(show));
  }
  byId("settings-button").onclick = () => open(byId("settings").hidden);

  return {
    open,
    /** @param retry how many answers there were: with a fixed seed each has another */
    request(retry) {
      const seed = number("seed");
      const stop = byId("stop_texts").value.split("\n").filter(each => each);
      return {
        temperature: number("temperature"), top_p: number("top_p"), top_k: number("top_k"), min_p: number("min_p"), max_tokens: number("max_tokens"),
        seed: seed === undefined ? undefined : seed + retry, stop: stop.length ? stop : undefined
      };
    }
  };
})();

const Theme = (() => {
  const button = byId("theme");
  const dark = () => (document.documentElement.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  const name = () => { button.textContent = dark() ? "Light" : "Dark"; };
  try { const kept = localStorage.getItem("firesteel-theme"); if (kept) document.documentElement.dataset.theme = kept; } catch { /* Not kept. */ }
  button.onclick = () => {
    document.documentElement.dataset.theme = dark() ? "light" : "dark";
    try { localStorage.setItem("firesteel-theme", document.documentElement.dataset.theme); } catch { /* Not kept. */ }
    name();
  };
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", name);
  name();
})();

const Chat = (() => {
  const { element } = Markdown;
  const page = byId("chat"), turnsElement = byId("turns"), message = byId("message"), notice = byId("notice");
  let models = [];
  let turns = [];
  let running = null;
  /** The first turn that each model sees. */
  let firstSeen = [0, 0];

  const isCompletion = id => {
    const mode = byId("mode").value;
    const model = models.find(each => each.id === id);
    return mode === "completion" || (mode === "auto" && model !== undefined && model.chat === false);
  };

  function complain(text) {
    notice.textContent = text;
    notice.hidden = !text;
  }

  const comparing = () => byId("compare").getAttribute("aria-pressed") === "true";
  const chosen = () => comparing() ? [byId("model").value, byId("second").value] : [byId("model").value];

  function show() {
    const asked = turns.length > 0;
    byId("send").disabled = running !== null || models.length === 0;
    byId("stop").disabled = running === null;
    byId("retry").disabled = running !== null || !asked;
    for (const id of ["model", "second", "compare", "new"]) byId(id).disabled = running !== null;
    byId("save").disabled = running !== null || !asked;
    const completion = chosen().every(isCompletion);
    byId("message-label").textContent = completion ? "Text to continue" : "Message";
    byId("system-field").hidden = completion;
    byId("welcome").textContent = asked || models.length === 0 ? ""
      : completion ? `${chosen().join(" and ")} ${chosen().length > 1 ? "have" : "has"} no chat template, or is asked for completions: each text is continued on its own.`
      : `Write a message to ${chosen().join(" and ")}.`;
    page.classList.toggle("wide", comparing());
  }

  function forget() {
    turns = [];
    firstSeen = [0, 0];
    turnsElement.replaceChildren();
    complain("");
    show();
  }

  async function load() {
    try {
      models = (await Api.get("/v1/models")).data;
      complain(models.length ? "" : "the server has no models");
    } catch (e) {
      models = [];
      if (e.status === 401) {
        Settings.open(true);
        byId("key").focus();
        complain("This server needs an API key: type it under Settings.");
      } else {
        complain(e.message);
      }
    }
    for (const select of [byId("model"), byId("second")]) {
      const before = select.value;
      select.replaceChildren(...models.map(model => { const option = element("option", "", model.id); option.value = model.id; return option; }));
      if (models.some(model => model.id === before)) select.value = before;
    }
    if (models.length > 1 && byId("second").value === byId("model").value) byId("second").value = models[1].id;
    byId("compare").hidden = models.length < 2;
    show();
  }

  /** The conversation with one model, or a part of it. */
  function history(column, from, upTo) {
    const system = byId("system").value.trim();
    const messages = system ? [{ role: "system", content: system }] : [];
    for (const turn of turns.slice(from, upTo)) {
      const answer = turn.answers[column];
      if (!answer || !answer.text.trim()) continue;
      messages.push({ role: "user", content: turn.asked }, { role: "assistant", content: answer.text });
    }
    return messages;
  }

  const atEnd = () => { const box = scroller(); return box.scrollHeight - box.scrollTop - box.clientHeight < 120; };
  const scroller = () => getComputedStyle(page).overflowY === "auto" ? page : page.parentElement;
  const toEnd = () => { const box = scroller(); box.scrollTop = box.scrollHeight; };

  /** Why an answer ended, where a reader may wonder. */
  function reason(answer, settings) {
    if (answer.finish !== "length") return "";
    return answer.length === settings.max_tokens ? "ended at the most tokens of an answer" : "ended because the context is full";
  }

  /** Whether the context was full before there was much of an answer: less than a quarter of it, and of what was asked for. */
  function tooLittleRoom(answer, settings) {
    const context = models.find(model => model.id === answer.model).context_length || 0;
    return answer.finish === "length" && answer.length < Math.min(settings.max_tokens ?? Infinity, Math.floor(context / 4));
  }

  /** Leaves out the oldest exchange that a model still sees before a turn; false if there is none. */
  function forgetOne(turn, column) {
    if (turn.answers[column].plain || firstSeen[column] >= turns.indexOf(turn)) return false;
    firstSeen[column]++;
    turn.answers[column].forgotten = firstSeen[column];
    return true;
  }

  async function fetchAnswer(turn, column, settings, signal) {
    const answer = turn.answers[column];
    const completion = answer.plain;
    for (;;) {
      const body = { model: answer.model, ...settings, stream_options: { include_usage: true } };
      if (completion) Object.assign(body, { prompt: turn.asked, logprobs: true, top_logprobs: 5 });
      else Object.assign(body, { messages: [...history(column, firstSeen[column], turns.indexOf(turn)), { role: "user", content: turn.asked }], logprobs: true, top_logprobs: 5 });
      try {
        for await (const piece of Api.answer(completion ? "/v1/completions" : "/v1/chat/completions", body, signal)) {
          const follow = atEnd();
          answer.add(piece);
          if (follow) toEnd();
        }
        if (!tooLittleRoom(answer, settings) || !forgetOne(turn, column)) {
          answer.end(reason(answer, settings));
          return;
        }
        answer.restart();
      } catch (e) {
        if (e.name === "AbortError") {
          answer.end("stopped");
        } else if (e.code === "context_length_exceeded" && !answer.text && forgetOne(turn, column)) {
          continue;
        } else {
          answer.fail(e.message);
          if (e.status === 401) load();
        }
        return;
      }
    }
  }

  /** Lets the models answer the last turn. */
  async function answerLast() {
    const turn = turns[turns.length - 1];
    const ids = chosen();
    let settings;
    try {
      settings = Settings.request(turn.retries);
    } catch (e) {
      complain(e.message);
      if (!turn.answers.length) { turns.pop(); turn.root.remove(); message.value = turn.asked; }
      show();
      return;
    }
    complain("");
    turn.answers = ids.map(id => new Answer(id, { plain: isCompletion(id), given: isCompletion(id) ? turn.asked : "", coloured: byId("coloured").checked }));
    turn.row.className = "answers" + (ids.length > 1 ? " two" : "");
    turn.row.replaceChildren(...turn.answers.map(answer => answer.root));
    running = new AbortController();
    show();
    toEnd();
    await Promise.all(turn.answers.map((answer, column) => fetchAnswer(turn, column, settings, running.signal)));
    running = null;
    const forgotten = Math.max(...turn.answers.map(answer => answer.forgotten || 0));
    if (forgotten) complain(`The conversation is longer than the model's context: it no longer sees the first ${forgotten === 1 ? "exchange" : forgotten + " exchanges"}.`);
    show();
    toEnd();
  }

  byId("composer").addEventListener("submit", event => {
    event.preventDefault();
    const asked = message.value;
    if (running || models.length === 0) return;
    if (!asked.trim() && !chosen().every(isCompletion)) { message.focus(); return; }
    const mine = element("div", "mine", asked || "(an empty text)");
    const row = element("div", "answers");
    const root = element("article", "turn", mine, row);
    root.setAttribute("aria-label", "Exchange " + (turns.length + 1));
    turns.push({ asked, answers: [], retries: 0, root, row });
    turnsElement.append(root);
    message.value = "";
    answerLast();
  });

  message.addEventListener("keydown", event => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      byId("composer").requestSubmit();
    }
  });
  document.addEventListener("keydown", event => { if (event.key === "Escape" && running) running.abort(); });
  byId("stop").onclick = () => { if (running) running.abort(); message.focus(); };
  byId("retry").onclick = () => { turns[turns.length - 1].retries++; answerLast(); };
  byId("new").onclick = () => { forget(); message.focus(); };
  byId("compare").onclick = () => {
    byId("compare").setAttribute("aria-pressed", String(!comparing()));
    byId("second-part").hidden = !comparing();
    forget();
  };
  byId("model").onchange = forget;
  byId("second").onchange = forget;
  byId("mode").onchange = show;
  byId("key").onchange = load;
  byId("skip").onclick = event => { event.preventDefault(); (page.hidden ? byId("rate-prompt") : message).focus(); };

  byId("save").onclick = () => {
    const lines = [];
    chosen().forEach((id, column) => {
      if (turns.some(turn => turn.answers[column]?.plain)) {
        turns.filter(turn => turn.answers[column]?.text).forEach(turn =>
          lines.push({ prompt: turn.asked, completion: turn.answers[column].text, model: id }));
      } else {
        const messages = history(column, 0, turns.length);
        if (messages.some(each => each.role === "assistant")) lines.push({ messages, model: id });
      }
    });
    if (!lines.length) { complain("There is no answer to save yet."); return; }
    const link = element("a");
    link.href = URL.createObjectURL(new Blob(lines.map(line => JSON.stringify(line) + "\n"), { type: "application/jsonl" }));
    link.download = "conversation.jsonl";
    link.click();
    URL.revokeObjectURL(link.href);
  };

  return {
    start() {
      load();
      message.focus();
    }
  };
})();
