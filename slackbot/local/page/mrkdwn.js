// Slack's mrkdwn as nodes: bold, italic, strike, code, quotes, links, mentions, dates and emoji.
import { dateText, moment } from "./dates.js";
import { link, make } from "./dom.js";
import { withEmoji } from "./emoji.js";

let directory = { users: {}, channels: {} };

export function setDirectory(users, channels) {
  directory = { users, channels };
}

const unescape = (text) => text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");

export function userMention(id) {
  const name = directory.users[id]?.profile.display_name ?? directory.users[id]?.real_name ?? id;
  return make("span", { class: "mention", title: directory.users[id]?.real_name }, `@${name}`);
}

export function channelMention(id, label) {
  const name = directory.channels[id]?.name ?? label ?? id;
  return make("a", { class: "mention", href: `?channel=${encodeURIComponent(id)}`, data: { channel: id } }, `#${name}`);
}

export function dateNode(seconds, pattern, address, fallback) {
  if (!Number.isFinite(seconds)) return document.createTextNode(fallback ?? "");
  const shown = make("time", { class: "date", title: moment(seconds) }, dateText(seconds, pattern));
  return address ? link(address, shown) : shown;
}

// What stands between < and >.
function special(body) {
  const [target, ...rest] = body.split("|");
  const label = rest.join("|");
  if (target.startsWith("@")) return userMention(target.slice(1));
  if (target.startsWith("#")) return channelMention(target.slice(1), label);
  if (target.startsWith("!date^")) {
    const [, seconds, pattern, address] = target.split("^");
    return dateNode(Number(seconds), unescape(pattern ?? ""), address, unescape(label));
  }
  if (target.startsWith("!subteam^")) return make("span", { class: "mention" }, unescape(label || "@group"));
  if (target.startsWith("!")) return make("span", { class: "mention broadcast" }, `@${target.slice(1)}`);
  return link(unescape(target), ...withEmoji(unescape(label || target.replace(/^mailto:/, ""))));
}

const WRAPS = [
  ["*", "strong"],
  ["_", "em"],
  ["~", "del"],
];

// Inline formatting; a mark opens at a word's start and closes at its end, as in Slack.
function inline(text) {
  const nodes = [];
  let plain = "";
  const flush = () => {
    if (plain) nodes.push(...withEmoji(unescape(plain)));
    plain = "";
  };
  let at = 0;
  while (at < text.length) {
    const letter = text[at];
    const before = at ? text[at - 1] : " ";
    if (letter === "<") {
      const end = text.indexOf(">", at);
      if (end > at + 1) {
        flush();
        nodes.push(special(text.slice(at + 1, end)));
        at = end + 1;
        continue;
      }
    }
    if (letter === "`") {
      const end = text.indexOf("`", at + 1);
      if (end > at + 1 && !text.slice(at, end).includes("\n")) {
        flush();
        nodes.push(make("code", {}, unescape(text.slice(at + 1, end).replace(/<([^>|]*)\|?([^>]*)>/g, (_, target, label) => label || target))));
        at = end + 1;
        continue;
      }
    }
    const wrap = WRAPS.find(([mark]) => mark === letter);
    if (wrap && !/[\p{L}\p{N}]/u.test(before) && /\S/.test(text[at + 1] ?? " ") && text[at + 1] !== letter) {
      const end = closing(text, at, letter);
      if (end > 0) {
        flush();
        nodes.push(make(wrap[1], {}, inline(text.slice(at + 1, end))));
        at = end + 1;
        continue;
      }
    }
    if (letter === "\n") {
      flush();
      nodes.push(make("br"));
      at += 1;
      continue;
    }
    plain += letter;
    at += 1;
  }
  flush();
  return nodes;
}

function closing(text, open, mark) {
  for (let end = open + 2; end < text.length && text[end] !== "\n"; end += 1) {
    if (text[end] === "<") {
      const close = text.indexOf(">", end);
      if (close > 0) end = close;
      continue;
    }
    if (text[end] === mark && /\S/.test(text[end - 1]) && !/[\p{L}\p{N}]/u.test(text[end + 1] ?? " ")) return end;
  }
  return -1;
}

function lines(text) {
  const nodes = [];
  let quoted = [];
  let plain = [];
  const flush = () => {
    if (quoted.length) nodes.push(make("blockquote", {}, inline(quoted.join("\n"))));
    if (plain.length) nodes.push(make("span", {}, inline(plain.join("\n"))));
    [quoted, plain] = [[], []];
  };
  for (const line of text.split("\n")) {
    const quote = /^(?:&gt;|>) ?(.*)$/.exec(line);
    if (quote) {
      if (plain.length) flush();
      quoted.push(quote[1]);
    } else {
      if (quoted.length) flush();
      plain.push(line);
    }
  }
  flush();
  return nodes;
}

export function mrkdwn(text) {
  const nodes = [];
  text.split(/```([\s\S]+?)```\n?/).forEach((part, index) => {
    if (index % 2) nodes.push(make("pre", {}, unescape(part.replace(/^\n/, "").replace(/<([^>|]*)\|?([^>]*)>/g, (_, target, label) => label || target))));
    else if (part) nodes.push(...lines(part));
  });
  return nodes;
}

export function textObject(object) {
  if (!object) return [];
  return object.type === "mrkdwn" ? mrkdwn(object.text) : withBreaks(object.text, object.emoji !== false);
}

function withBreaks(text, names) {
  return text.split("\n").flatMap((line, index) => [...(index ? [make("br")] : []), ...withEmoji(line, { names })]);
}
