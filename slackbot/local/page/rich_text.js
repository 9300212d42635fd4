// Slack's rich_text blocks as nodes.
import { link, make } from "./dom.js";
import { emoji, withEmoji } from "./emoji.js";
import { channelMention, dateNode, userMention } from "./mrkdwn.js";

function styled(node, style = {}) {
  let shown = node;
  if (style.code) shown = make("code", {}, shown);
  if (style.bold) shown = make("strong", {}, shown);
  if (style.italic) shown = make("em", {}, shown);
  if (style.strike) shown = make("del", {}, shown);
  if (style.underline) shown = make("u", {}, shown);
  return shown;
}

function element(part, { emojis = true } = {}) {
  switch (part.type) {
    case "text":
      return part.text.split("\n").flatMap((line, index) => [
        ...(index ? [make("br")] : []),
        styled(make("span", {}, emojis && !part.style?.code ? withEmoji(line, { names: false }) : line), part.style),
      ]);
    case "link":
      return styled(link(part.url, ...withEmoji(part.text || part.url, { names: false })), part.style);
    case "user":
      return userMention(part.user_id);
    case "channel":
      return channelMention(part.channel_id);
    case "emoji":
      return emoji(part.name) ?? `:${part.name}:`;
    case "date":
      return dateNode(part.timestamp, part.format, part.url, part.fallback);
    case "broadcast":
      return make("span", { class: "mention broadcast" }, `@${part.range}`);
    case "color":
      return make("code", {}, part.value);
    default:
      return make("span", { class: "mention" }, `@${part.usergroup_id ?? part.team_id ?? part.type}`);
  }
}

const elements = (parts, options) => parts.flatMap((part) => element(part, options));

const raw = (parts) => parts.map((part) => part.text ?? part.url ?? "").join("");

export function richText(block) {
  return block.elements.map((part) => {
    switch (part.type) {
      case "rich_text_list": {
        const name = part.style === "ordered" ? "ol" : "ul";
        const items = part.elements.map((item) => make("li", {}, elements(item.elements)));
        const start = part.offset ? { start: part.offset + 1 } : {};
        return make(name, { class: `rich-list indent-${part.indent ?? 0}`, ...start }, items);
      }
      case "rich_text_quote":
        return make("blockquote", {}, elements(part.elements));
      case "rich_text_preformatted":
        return make("pre", {}, raw(part.elements));
      default:
        return make("div", {}, elements(part.elements));
    }
  });
}
