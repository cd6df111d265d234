// Rating: two answers to a prompt, of which a person names the better one. Which model wrote which is not shown.
const Rate = (() => {
  const { element } = Markdown;
  const answers = byId("rate-answers"), verdicts = byId("verdicts"), prompt = byId("rate-prompt");
  const VERDICTS = ["left", "right", "tie", "skip"];
  let pair = null;
  let busy = false;

  function complain(text) {
    byId("rate-notice").textContent = text;
    byId("rate-notice").hidden = !text;
  }

  function show(state) {
    const { rated, undecided, remaining, out } = state;
    byId("rate-progress").textContent = `${rated} ${rated === 1 ? "rating" : "ratings"} in ${out}`
      + (undecided ? `, ${undecided} undecided` : "")
      + (state.prompts ? `; ${remaining.length} of ${state.prompts} prompts remain` : "");
    byId("rate-rest").hidden = !state.prompts;
    byId("rate-rest-title").textContent = `Remaining prompts: ${remaining.length}`;
    byId("rate-list").replaceChildren(...remaining.map(text => element("li", "", text)));
    return state;
  }

  function able() {
    byId("rate-ask").disabled = busy;
    for (const verdict of VERDICTS) {
      const better = verdict === "left" || verdict === "right";
      byId("verdict-" + verdict).disabled = busy || pair === null || (better && !pair.comparable);
    }
    verdicts.hidden = pair === null;
  }

  function clear() {
    pair = null;
    answers.replaceChildren();
    byId("rate-shown").textContent = "";
    able();
  }

  /** @param asked a prompt that was typed; undefined for the next of the file */
  async function ask(asked) {
    if (busy) return;
    busy = true;
    complain("");
    clear();
    byId("rate-shown").textContent = asked ?? "";
    answers.replaceChildren(element("p", "hint", "The answers are being written \u2026"));
    try {
      pair = await Api.post("/rate/pair", asked === undefined ? {} : { prompt: asked });
      byId("rate-shown").textContent = pair.prompt;
      answers.replaceChildren(...pair.answers.map((text, i) => {
        const body = element("div", "body");
        Markdown.render(text, body);
        if (!text.trim()) body.append(element("em", "", "(nothing)"));
        const name = "Answer " + (i + 1);
        const made = element("section", "answer", element("h3", "who", name), body);
        made.setAttribute("aria-label", name);
        return made;
      }));
      if (!pair.comparable) complain("The two answers are the same, or one of them has no text, after several tries: skip them, or call them equal.");
    } catch (e) {
      clear();
      if (e.status === 401) { Settings.open(true); byId("key").focus(); }
      complain(e.status === 401 ? "This server needs an API key: type it under Settings, then try again." : e.message);
    }
    busy = false;
    able();
    if (pair) byId("rate-shown").focus({ preventScroll: true });
  }

  async function judge(verdict) {
    if (busy || !pair || byId("verdict-" + verdict).disabled) return;
    busy = true;
    able();
    let next = null;
    try {
      const state = show(await Api.post("/rate/verdict", { id: pair.id, verdict, rater: byId("rater").value.trim() || undefined }));
      clear();
      prompt.value = "";
      next = state.remaining.length ? () => ask() : () => prompt.focus();
    } catch (e) {
      complain(e.message);
    }
    busy = false;
    able();
    if (next) next();
  }

  for (const verdict of VERDICTS) byId("verdict-" + verdict).onclick = () => judge(verdict);
  byId("rate-form").addEventListener("submit", event => {
    event.preventDefault();
    if (!prompt.value.trim()) { complain("A prompt must have text: type one."); prompt.focus(); return; }
    ask(prompt.value);
  });
  prompt.addEventListener("keydown", event => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); byId("rate-form").requestSubmit(); }
  });
  try { byId("rater").value = localStorage.getItem("firesteel-rater") || ""; } catch { /* Not kept. */ }
  byId("rater").onchange = () => { try { localStorage.setItem("firesteel-rater", byId("rater").value); } catch { /* Not kept. */ } };

  async function start() {
    try {
      const state = show(await Api.get("/rate/state"));
      complain("");
      if (state.remaining.length) ask(); else prompt.focus();
    } catch (e) {
      if (e.status === 401) { Settings.open(true); byId("key").focus(); }
      complain(e.status === 401 ? "This server needs an API key: type it under Settings." : e.message);
    }
  }

  return {
    start() {
      document.title = "Firesteel: rating";
      byId("chat").hidden = true;
      byId("rate").hidden = false;
      byId("rate").classList.add("wide");
      // Sampling is the server's, so that all ratings of a file are of the same.
      for (const id of ["models", "compare", "new", "save"]) byId(id).hidden = true;
      byId("settings").querySelectorAll(".field, .legend, #defaults").forEach(each => { each.hidden = !each.contains(byId("key")); });
      byId("skip").href = "#rate-prompt";
      byId("skip").textContent = "Skip to the prompt";
      byId("key").onchange = start;
      document.addEventListener("keydown", event => {
        if (event.ctrlKey || event.metaKey || event.altKey || /^(?:INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName)) return;
        const verdict = { 1: "left", 2: "right", t: "tie", s: "skip" }[event.key.toLowerCase()];
        if (verdict) { event.preventDefault(); judge(verdict); }
      });
      start();
    }
  };
})();

(location.pathname === "/rate" ? Rate : Chat).start();
