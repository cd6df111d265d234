"use strict";
// Markdown as elements. Text only ever becomes text nodes, so that nothing in it is markup; what is not yet complete, as
// while an answer arrives, is shown as it is.
const Markdown = (() => {
  const DEEPEST = 20;

  function element(tag, className, ...children) {
    const made = document.createElement(tag);
    if (className) made.className = className;
    made.append(...children);
    return made;
  }

  /** A link that is still empty; null if the address is none of the web. */
  function link(address) {
    let url;
    try { url = new URL(address); } catch { return null; }
    if (url.protocol !== "http:" && url.protocol !== "https:") return null;
    const made = element("a");
    made.href = url.href;
    made.rel = "noopener noreferrer";
    made.target = "_blank";
    return made;
  }

  const ESCAPE = /\\([!-\/:-@[-`{-~])/y;
  const LINK = /\[([^\[\]\n]{0,1000})\]\(<?(https?:\/\/[^\s<>()]{1,2000}(?:\([^\s<>()]{0,200}\)[^\s<>()]{0,200})?)>?(?:\s+"[^"\n]{0,200}")?\)/y;
  const ADDRESS = /https?:\/\/[^\s<>"`]{1,2000}/y;
  const MARKS = [["**", "strong"], ["__", "strong"], ["~~", "del"], ["*", "em"], ["_", "em"]];

  function at(pattern, text, position) {
    pattern.lastIndex = position;
    return pattern.exec(text);
  }

  const isWord = letter => letter !== undefined && /[\p{L}\p{N}]/u.test(letter);
  const isSpace = letter => letter === undefined || /\s/.test(letter);

  /** Where a mark that opens before `from` closes, or -1. */
  function closing(text, mark, from) {
    for (let i = text.indexOf(mark, from + 1); i > 0; i = text.indexOf(mark, i + 1)) {
      const after = text[i + mark.length];
      if (isSpace(text[i - 1]) || text[i - 1] === "\\") continue;
      if (mark.length === 1 && (after === mark || text[i - 1] === mark)) { i += after === mark ? 1 : 0; continue; }
      if (mark[0] === "_" && isWord(after)) continue;
      return i;
    }
    return -1;
  }

  function inline(text, into) {
    let plain = "";
    const unclosed = new Set();
    const flush = () => { if (plain) into.append(plain); plain = ""; };
    for (let i = 0; i < text.length;) {
      const letter = text[i];
      let found;
      if (letter === "\\" && (found = at(ESCAPE, text, i))) {
        plain += found[1];
        i += 2;
        continue;
      }
      if (letter === "\n") {
        flush();
        into.append(element("br"));
        i++;
        continue;
      }
      if (letter === "`") {
        const ticks = /`+/y;
        const run = at(ticks, text, i)[0];
        const end = unclosed.has(run) ? -1 : closingTicks(text, run, i + run.length);
        if (end >= 0) {
          flush();
          into.append(element("code", "", text.slice(i + run.length, end).replace(/^ (.*\S.*) $/s, "$1")));
          i = end + run.length;
        } else {
          unclosed.add(run);
          plain += run;
          i += run.length;
        }
        continue;
      }
      if (letter === "[" && (found = at(LINK, text, i))) {
        const made = link(found[2]);
        if (made) {
          inline(found[1] || found[2], made);
          flush();
          into.append(made);
          i += found[0].length;
          continue;
        }
      }
      if (letter === "h" && !isWord(text[i - 1]) && (found = at(ADDRESS, text, i))) {
        const address = found[0].replace(/[.,:;!?'*_)\]}]+$/, "");
        const made = link(address);
        if (made) {
          made.append(address);
          flush();
          into.append(made);
          i += address.length;
          continue;
        }
      }
      const pair = MARKS.find(([mark]) => text.startsWith(mark, i));
      if (pair) {
        const [mark, tag] = pair;
        const opens = !isSpace(text[i + mark.length]) && !(mark[0] === "_" && isWord(text[i - 1]));
        const end = opens && !unclosed.has(mark) ? closing(text, mark, i + mark.length) : -1;
        if (end >= 0) {
          flush();
          const made = element(tag);
          inline(text.slice(i + mark.length, end), made);
          into.append(made);
          i = end + mark.length;
          continue;
        }
        if (opens) unclosed.add(mark);
        plain += mark;
        i += mark.length;
        continue;
      }
      plain += letter;
      i++;
    }
    flush();
  }

  function closingTicks(text, run, from) {
    for (let i = text.indexOf(run, from); i >= 0;) {
      let end = i + run.length;
      if (text[end] !== "`") return i;
      while (text[end] === "`") end++;
      i = text.indexOf(run, end);
    }
    return -1;
  }

  const FENCE = /^( {0,3})(`{3,}|~{3,})\s*([^\s`]*)[^`]*$/;
  const HEADING = /^ {0,3}(#{1,6})(?:[ \t]+(.*))?$/;
  const RULE = /^ {0,3}(?:(?:-[ \t]*){3,}|(?:\*[ \t]*){3,}|(?:_[ \t]*){3,})$/;
  const QUOTE = /^ {0,3}> ?/;
  const ITEM = /^( *)([-*+]|\d{1,9}[.)])(?:[ \t]+(.*))?$/;
  const DIVIDER = /^ *\|?(?: *:?-+:? *\|)* *:?-+:? *\|? *$/;

  const begins = line => FENCE.test(line) || HEADING.test(line) || RULE.test(line) || QUOTE.test(line) || /^ *(?:[-*+]|1[.)])[ \t]+\S/.test(line);

  function cells(row) {
    return row.trim().replace(/^\||\|$/g, "").split("|").map(cell => cell.trim());
  }

  function code(language, lines) {
    const copy = element("button", "small", "Copy");
    copy.type = "button";
    copy.dataset.copy = "";
    const pre = element("pre", "", element("code", "", lines.join("\n")));
    pre.tabIndex = 0;
    pre.setAttribute("role", "region");
    pre.setAttribute("aria-label", language ? "Code: " + language : "Code");
    return element("div", "code", element("div", "code-head", element("span", "", language || "code"), copy), pre);
  }

  function table(lines) {
    const [head, , ...rows] = lines.map(cells);
    const row = (texts, tag) => {
      const made = element("tr");
      head.forEach((ignored, i) => {
        const cell = element(tag);
        inline(texts[i] || "", cell);
        made.append(cell);
      });
      return made;
    };
    return element("table", "", element("thead", "", row(head, "th")), element("tbody", "", ...rows.map(texts => row(texts, "td"))));
  }

  /** Reads the list that begins at a line; returns the line after it. */
  function list(lines, start, into, depth) {
    const first = ITEM.exec(lines[start]);
    const ordered = /\d/.test(first[2]);
    const made = element(ordered ? "ol" : "ul");
    if (ordered && parseInt(first[2], 10) !== 1) made.start = parseInt(first[2], 10);
    const base = first[1].length;
    let i = start;
    while (i < lines.length) {
      const item = ITEM.exec(lines[i]);
      if (!item || RULE.test(lines[i]) || item[1].length > base + 1 || item[1].length < base || /\d/.test(item[2]) !== ordered) break;
      const content = [item[3] || ""];
      const indent = item[1].length + item[2].length + 1;
      for (i++; i < lines.length; i++) {
        const line = lines[i];
        const spaces = /^ */.exec(line)[0].length;
        if (!line.trim()) {
          // A blank line belongs to the item if what follows does.
          const next = lines.slice(i).find(each => each.trim());
          if (next === undefined || /^ */.exec(next)[0].length < Math.min(indent, base + 2)) break;
          content.push("");
        } else if (spaces >= Math.min(indent, base + 2)) {
          content.push(line.slice(Math.min(spaces, indent)));
        } else if (ITEM.test(line) || begins(line) || !content[content.length - 1].trim()) {
          break;
        } else {
          content.push(line);
        }
      }
      const entry = element("li");
      blocks(content, entry, depth + 1);
      // One paragraph needs no element of its own.
      if (entry.firstElementChild?.tagName === "P") entry.firstElementChild.replaceWith(...entry.firstElementChild.childNodes);
      made.append(entry);
      while (i < lines.length && !lines[i].trim() && ITEM.test(lines[i + 1] || "")) i++;
    }
    into.append(made);
    return i;
  }

  function blocks(lines, into, depth) {
    for (let i = 0; i < lines.length;) {
      const line = lines[i];
      let found;
      if (!line.trim()) {
        i++;
      } else if ((found = FENCE.exec(line))) {
        const end = new RegExp("^ {0,3}" + found[2][0] + "{" + found[2].length + ",}\\s*$");
        const inside = [];
        for (i++; i < lines.length && !end.test(lines[i]); i++) inside.push(lines[i]);
        i++;
        into.append(code(found[3], inside));
      } else if ((found = HEADING.exec(line))) {
        const heading = element("h" + Math.min(6, found[1].length + 2));
        inline((found[2] || "").replace(/[ \t]+#+[ \t]*$/, ""), heading);
        into.append(heading);
        i++;
      } else if (RULE.test(line)) {
        into.append(element("hr"));
        i++;
      } else if (QUOTE.test(line) && depth < DEEPEST) {
        const inside = [];
        for (; i < lines.length && QUOTE.test(lines[i]); i++) inside.push(lines[i].replace(QUOTE, ""));
        const quote = element("blockquote");
        blocks(inside, quote, depth + 1);
        into.append(quote);
      } else if (ITEM.test(line) && depth < DEEPEST) {
        i = list(lines, i, into, depth);
      } else if (line.includes("|") && DIVIDER.test(lines[i + 1] || "") && lines[i + 1].includes("-")
          && cells(line).length === cells(lines[i + 1]).length) {
        const rows = [];
        for (; i < lines.length && lines[i].includes("|"); i++) rows.push(lines[i]);
        into.append(table(rows));
      } else {
        const paragraph = [line.trim()];
        for (i++; i < lines.length && lines[i].trim() && !begins(lines[i]); i++) paragraph.push(lines[i].trim());
        const made = element("p");
        inline(paragraph.join("\n"), made);
        into.append(made);
      }
    }
  }

  return {
    element,
    /** Puts a text into an element, in place of what is there. */
    render(text, into) {
      into.replaceChildren();
      blocks(text.replace(/\r\n?/g, "\n").split("\n"), into, 0);
    }
  };
})();
