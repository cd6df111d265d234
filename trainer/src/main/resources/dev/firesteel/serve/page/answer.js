// One answer on the page: it grows as it arrives, as Markdown, as plain text or as coloured tokens.
class Answer {
  /** @param given what the answer continues, shown before it; of completions */
  constructor(model, options) {
    const { element } = Markdown;
    this.model = model;
    this.text = "";
    this.tokens = [];
    this.given = options.given || "";
    this.plain = options.plain;
    this.coloured = options.coloured;
    this.finished = false;
    this.failed = false;
    this.body = element("div", "body");
    this.body.setAttribute("aria-live", "polite");
    this.facts = element("span", "facts");
    this.toggle = element("button", "small", "Tokens");
    this.toggle.type = "button";
    this.toggle.hidden = true;
    this.toggle.onclick = () => this.colour(!this.coloured);
    this.copy = element("button", "small", "Copy");
    this.copy.type = "button";
    this.copy.hidden = true;
    this.copy.onclick = () => copyText(this.text, this.copy);
    const who = element("h3", "who", model);
    this.sources = element("div", "sources");
    this.root = element("section", "answer running", who, this.body, this.sources,
      element("div", "bar", this.facts, this.toggle, this.copy));
    this.root.setAttribute("aria-label", "Answer of " + model);
    this.body.setAttribute("aria-busy", "true");
    this.began = performance.now();
    this.count = 0;
    this.draw();
  }

  add(piece) {
    this.text += piece.text;
    this.tokens.push(...piece.tokens);
    this.count += piece.tokens.length || (piece.text ? 1 : 0);
    if (piece.usage) this.usage = piece.usage;
    if (piece.finish) this.finish = piece.finish;
    if (piece.citations) this.cite(piece.citations);
    if (this.coloured && piece.tokens.length) {
      Tokens.add(this.list, piece.tokens);
    } else if (!this.drawing) {
      // Many pieces may come in one frame.
      this.drawing = requestAnimationFrame(() => { this.drawing = 0; if (!this.coloured) this.draw(); });
    }
  }

  /** Shows the passages that the answer is drawn from. */
  cite(citations) {
    const { element } = Markdown;
    this.sources.replaceChildren(...citations.map(each => element("details", "",
      element("summary", "", `[${each.index}] ${each.source}, line ${each.line}`), element("p", "", each.text))));
  }

  /** Begins once more. */
  restart() {
    this.text = "";
    this.tokens = [];
    this.count = 0;
    this.finish = undefined;
    this.usage = undefined;
    this.draw();
  }

  /** How many tokens there are. */
  get length() {
    return this.usage ? this.usage.completion_tokens : this.count;
  }

  /** Shows the tokens with their probabilities, or the text. */
  colour(on) {
    this.coloured = on;
    this.draw();
  }

  draw() {
    const { element } = Markdown;
    if (this.list) Tokens.end(this.list);
    this.list = null;
    const coloured = this.coloured && (this.tokens.length > 0 || !this.finished);
    this.toggle.setAttribute("aria-pressed", String(coloured));
    this.body.className = "body" + (coloured ? " tokens" : this.plain ? " plain" : "");
    if (coloured) {
      this.list = element("span");
      Tokens.begin(this.list);
      Tokens.add(this.list, this.tokens);
      this.body.replaceChildren(...(this.given ? [element("span", "given", this.given)] : []), this.list);
    } else if (this.plain) {
      this.body.replaceChildren(...(this.given ? [element("span", "given", this.given)] : []), this.text);
    } else {
      Markdown.render(this.text, this.body);
    }
  }

  /** @param reason why it ended, for the reader; empty if there is nothing to say */
  end(reason) {
    if (this.drawing) cancelAnimationFrame(this.drawing);
    this.drawing = 0;
    this.finished = true;
    this.root.classList.remove("running");
    this.draw();
    if (!this.text && !this.failed) this.body.append(Markdown.element("em", "", "(nothing)"));
    this.body.removeAttribute("aria-busy");
    const seconds = (performance.now() - this.began) / 1000;
    const count = this.length;
    const facts = [];
    if (count) facts.push(count === 1 ? "1 token" : count + " tokens", `${(count / seconds).toFixed(1)} tokens/s`);
    if (reason) facts.push(reason);
    this.facts.textContent = facts.join(", ");
    this.toggle.hidden = this.tokens.length === 0;
    this.copy.hidden = !this.text;
  }

  fail(message) {
    this.failed = true;
    this.end("");
    this.body.append(Markdown.element("p", "error", message));
  }
}

/** Copies a text; where the page is not trusted with the clipboard (plain HTTP), by a selection. */
async function copyText(text, button) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = Markdown.element("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
    button.focus();
  }
  const before = button.textContent;
  if (before === "Copied") return;
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = before; }, 1500);
}

document.addEventListener("click", event => {
  const button = event.target.closest?.("button[data-copy]");
  if (button) copyText(button.closest(".code").querySelector("code").textContent, button);
});
