// Tokens of an answer coloured by their probability, with the alternatives on hover and on keyboard focus.
const Tokens = (() => {
  const { element } = Markdown;
  const tip = document.getElementById("tip");
  let shownFor = null;

  const percent = logprob => {
    const share = 100 * Math.exp(logprob);
    return share >= 99.95 ? "100 %" : share >= 0.1 ? share.toFixed(1) + " %" : "< 0.1 %";
  };

  /** Line ends and other characters that are not seen, as signs. */
  const visible = text => JSON.stringify(text).slice(1, -1).replace(/\\"/g, "\"").replace(/\\\\/g, "\\").replace(/ /g, "\u00b7");

  function level(logprob) {
    const p = Math.exp(logprob);
    return p >= 0.8 ? 0 : p >= 0.5 ? 1 : p >= 0.2 ? 2 : p >= 0.05 ? 3 : 4;
  }

  /** The token that was chosen, and the others, most likely first. */
  function ranked(token) {
    const others = token.top.filter(each => each.text !== token.text);
    return [{ ...token, chosen: true }, ...others].sort((a, b) => b.logprob - a.logprob);
  }

  function show(span, token) {
    const table = element("table", "", element("caption", "", "This token and its alternatives"));
    for (const each of ranked(token)) {
      const share = element("span", "share");
      share.style.width = Math.max(1, 100 * Math.exp(each.logprob)) + "%";
      table.append(element("tr", each.chosen ? "chosen" : "",
        element("td", "text", visible(each.text)), element("td", "", percent(each.logprob)), element("td", "bar-cell", share)));
    }
    tip.replaceChildren(table);
    tip.hidden = false;
    shownFor = span;
    const at = span.getClientRects()[0] || span.getBoundingClientRect();
    const below = at.bottom + tip.offsetHeight + 4 < innerHeight;
    tip.style.left = Math.max(4, Math.min(at.left, innerWidth - tip.offsetWidth - 4)) + "px";
    tip.style.top = Math.max(4, below ? at.bottom + 2 : at.top - tip.offsetHeight - 2) + "px";
  }

  function hide() {
    tip.hidden = true;
    shownFor = null;
  }

  document.addEventListener("keydown", event => { if (event.key === "Escape" && shownFor) { hide(); event.stopPropagation(); } }, true);
  document.addEventListener("scroll", hide, true);
  tip.addEventListener("mouseleave", hide);

  function span(token) {
    const made = element("span", "token p" + level(token.logprob));
    made.setAttribute("role", "option");
    made.setAttribute("aria-selected", "false");
    made.tabIndex = -1;
    made.setAttribute("aria-label", ranked(token)
      .map(each => `${each.chosen ? "chosen " : ""}\u201c${visible(each.text)}\u201d ${percent(each.logprob)}`).join(", "));
    const lines = token.text.split("\n");
    lines.forEach((line, i) => {
      if (i > 0) made.append(element("span", "end", "\u21b5"), "\n");
      made.append(line);
    });
    made.addEventListener("mouseenter", () => show(made, token));
    made.addEventListener("mouseleave", event => { if (!tip.contains(event.relatedTarget)) hide(); });
    made.addEventListener("focus", () => {
      made.parentElement.querySelectorAll('[tabindex="0"]').forEach(each => { each.tabIndex = -1; each.setAttribute("aria-selected", "false"); });
      made.tabIndex = 0;
      made.setAttribute("aria-selected", "true");
      show(made, token);
    });
    made.addEventListener("blur", hide);
    return made;
  }

  function move(event) {
    const all = [...event.currentTarget.children];
    const here = all.indexOf(document.activeElement);
    const to = { ArrowRight: here + 1, ArrowDown: here + 1, ArrowLeft: here - 1, ArrowUp: here - 1, Home: 0, End: all.length - 1 }[event.key];
    if (to === undefined || here < 0) return;
    event.preventDefault();
    (all[to] || all[here]).focus();
  }

  return {
    /** Makes an element a list of tokens, one of which is reached with Tab and the others with arrow keys. */
    begin(into) {
      into.replaceChildren();
      into.setAttribute("role", "listbox");
      into.setAttribute("aria-orientation", "horizontal");
      into.setAttribute("aria-label", "Tokens with their probabilities; arrow keys move");
      into.onkeydown = move;
    },
    add(into, tokens) {
      tokens.forEach(token => into.append(span(token)));
      if (into.firstElementChild && !into.querySelector('[tabindex="0"]')) into.firstElementChild.tabIndex = 0;
    },
    end(into) {
      hide();
      for (const name of ["role", "aria-orientation", "aria-label"]) into.removeAttribute(name);
      into.onkeydown = null;
    }
  };
})();
