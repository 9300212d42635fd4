// Standard Markdown as Slack's `markdown` block shows it: headings, lists, tables, quotes, code and links.
import { link, make } from "./dom.js";
import { withEmoji } from "./emoji.js";

const INLINE = /(`[^`\n]+`)|(\*\*|__)(?=\S)(.+?)\2|(?<![\w*])([*_])(?=\S)([^*_\n]+?)\4(?![\w*])|~~(.+?)~~|!?\[([^\]]*)\]\(([^)\s]+)\)|(https?:\/\/[^\s<>)]+)/;

function inline(text) {
  const nodes = [];
  let rest = text;
  let match;
  while ((match = INLINE.exec(rest))) {
    if (match.index) nodes.push(...withEmoji(rest.slice(0, match.index)));
    const [whole, code, , bold, , italic, strike, label, address, bare] = match;
    if (code) nodes.push(make("code", {}, code.slice(1, -1)));
    else if (bold) nodes.push(make("strong", {}, inline(bold)));
    else if (italic) nodes.push(make("em", {}, inline(italic)));
    else if (strike) nodes.push(make("del", {}, inline(strike)));
    else nodes.push(link(address ?? bare, ...(label ? inline(label) : [address ?? bare])));
    rest = rest.slice(match.index + whole.length);
  }
  if (rest) nodes.push(...withEmoji(rest));
  return nodes;
}

const cells = (line) => line.trim().replace(/^\||\|$/g, "").split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll("\\|", "|"));

function table(rows) {
  const [head, rule, ...body] = rows.map(cells);
  const aligned = rule.map((cell) => (/^:-+:$/.test(cell) ? "center" : /-:$/.test(cell) ? "right" : "left"));
  const row = (kind, values) => make("tr", {}, values.map((value, index) => make(kind, { class: `align-${aligned[index] ?? "left"}` }, inline(value))));
  return make("div", { class: "table-scroll" }, make("table", {}, make("thead", {}, row("th", head)), make("tbody", {}, body.map((values) => row("td", values)))));
}

function list(items) {
  // Each item is [depth, ordered, text]; deeper ones go into the item above them.
  const build = (from, depth) => {
    const root = make(items[from][1] ? "ol" : "ul");
    let at = from;
    while (at < items.length && items[at][0] >= depth) {
      if (items[at][0] > depth && root.lastChild) {
        const [nested, next] = build(at, items[at][0]);
        root.lastChild.append(nested);
        at = next;
        continue;
      }
      const task = /^\[([ xX])\] (.*)$/.exec(items[at][2]);
      root.append(make("li", { class: task ? "task" : undefined }, task ? (task[1] === " " ? "☐ " : "☑ ") : null, inline(task ? task[2] : items[at][2])));
      at += 1;
    }
    return [root, at];
  };
  const [root, next] = build(0, items[0][0]);
  return next < items.length ? [root, list(items.slice(next))] : [root];
}

export function markdown(text) {
  const nodes = [];
  const rows = text.replaceAll("\r\n", "\n").split("\n");
  let at = 0;
  while (at < rows.length) {
    const row = rows[at];
    const item = (line) => /^(\s*)(?:([-*+])|(\d+)[.)])\s+(.*)$/.exec(line ?? "");
    if (!row.trim()) {
      at += 1;
    } else if (/^```/.test(row)) {
      const end = rows.findIndex((line, index) => index > at && /^```/.test(line));
      nodes.push(make("pre", {}, rows.slice(at + 1, end < 0 ? rows.length : end).join("\n")));
      at = end < 0 ? rows.length : end + 1;
    } else if (/^#{1,6} /.test(row)) {
      const [, marks, title] = /^(#+) (.*)$/.exec(row);
      nodes.push(make(`h${Math.min(6, marks.length + 1)}`, { class: "md-heading" }, inline(title)));
      at += 1;
    } else if (/^\s*([-*_])(\s*\1){2,}\s*$/.test(row)) {
      nodes.push(make("hr"));
      at += 1;
    } else if (/^>/.test(row)) {
      const quoted = [];
      while (at < rows.length && /^>/.test(rows[at])) quoted.push(rows[at++].replace(/^> ?/, ""));
      nodes.push(make("blockquote", {}, markdown(quoted.join("\n"))));
    } else if (row.includes("|") && /^\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$/.test(rows[at + 1] ?? "")) {
      const lines = [];
      while (at < rows.length && rows[at].includes("|")) lines.push(rows[at++]);
      nodes.push(table(lines));
    } else if (item(row)) {
      const items = [];
      for (let found; (found = item(rows[at])); at += 1) items.push([Math.floor(found[1].length / 2), Boolean(found[3]), found[4]]);
      nodes.push(...list(items).flat());
    } else {
      const paragraph = [];
      while (at < rows.length && rows[at].trim() && !/^(```|#{1,6} |>)/.test(rows[at]) && !item(rows[at])) paragraph.push(rows[at++]);
      nodes.push(make("p", {}, paragraph.flatMap((line, index) => [...(index ? [make("br")] : []), ...inline(line)])));
    }
  }
  return nodes;
}
