// Messages as a list: avatars, names, times, blocks, files, reactions and the way into their threads.
import { blocks, picture } from "./blocks.js";
import { ago, dayName, moment, time } from "./dates.js";
import { hue, initials, make } from "./dom.js";
import { emoji } from "./emoji.js";
import { mrkdwn } from "./mrkdwn.js";
import { card } from "./work_object.js";

const QUICK = ["thumbsup", "eyes", "white_check_mark"];
const TOGETHER = 300;

export function avatar(name, { bot = false, small = false } = {}) {
  const face = make("span", { class: `avatar ${small ? "small" : ""} ${bot ? "bot" : ""}`, "aria-hidden": "true" }, bot ? emoji("robot_face") : initials(name));
  if (!bot) face.style.setProperty("--hue", hue(name));
  return face;
}

function author(message, world) {
  if (message.user === "USLACKBOT") return { name: "Slackbot", bot: true };
  const user = world.users[message.user];
  return { name: user?.real_name ?? message.username ?? message.user ?? "Unknown", bot: Boolean(message.bot_id ?? user?.is_bot) };
}

function file(one) {
  const address = one.url_private;
  if (one.mimetype?.startsWith("image/")) {
    const opened = new URL(address, location.href).pathname;
    return make("figure", { class: "file picture" },
      make("figcaption", {}, one.title),
      make("a", { href: opened, target: "_blank", rel: "noopener" }, picture(address, one.alt_txt ?? one.title, "image-body")));
  }
  const path = new URL(address, location.href).pathname;
  return make("a", { class: "file document", href: path, target: "_blank", rel: "noopener" },
    make("span", { class: "file-kind" }, one.filetype?.toUpperCase().slice(0, 4) ?? "FILE"),
    make("span", {}, make("strong", {}, one.title), make("small", {}, `${one.name} · ${size(one.size)}`)));
}

function size(bytes) {
  return bytes < 1024 ? `${bytes} bytes` : bytes < 1048576 ? `${(bytes / 1024).toFixed(1)} kB` : `${(bytes / 1048576).toFixed(1)} MB`;
}

function reactions(message, actions, me) {
  if (!message.reactions?.length) return null;
  return make("div", { class: "reactions" }, message.reactions.map((reaction) => make("button", {
    type: "button",
    class: `reaction ${reaction.users.includes(me) ? "mine" : ""}`,
    title: `${reaction.users.length} with :${reaction.name}:`,
    "aria-label": `${reaction.name.replaceAll("_", " ")}, ${reaction.count}`,
    "aria-pressed": String(reaction.users.includes(me)),
    onclick: () => actions.react(message, reaction.name),
  }, emoji(reaction.name) ?? `:${reaction.name}:`, make("span", {}, String(reaction.count)))));
}

function threadLink(message, actions, world) {
  if (!message.reply_count) return null;
  const faces = (message.reply_users ?? []).slice(0, 4).map((id) => avatar(world.users[id]?.real_name ?? id, { bot: world.users[id]?.is_bot, small: true }));
  return make("button", { type: "button", class: "thread-link", onclick: () => actions.openThread(message.ts) },
    faces,
    make("strong", {}, `${message.reply_count} ${message.reply_count === 1 ? "reply" : "replies"}`),
    make("span", {}, `Last reply ${ago(Number(message.latest_reply))}`));
}

function tools(message, actions, { inThread }) {
  if (message.is_ephemeral || message.subtype === "tombstone") return null;
  return make("div", { class: "tools" },
    QUICK.map((name) => make("button", { type: "button", title: `React with :${name}:`, "aria-label": `React with ${name}`, onclick: () => actions.react(message, name) }, emoji(name))),
    !inThread && make("button", { type: "button", title: "Reply in thread", "aria-label": "Reply in thread", onclick: () => actions.openThread(message.thread_ts ?? message.ts) }, "💬︎ Reply"));
}

function body(message, context) {
  if (message.subtype === "tombstone") return [make("p", { class: "tombstone" }, "This message was deleted.")];
  const parts = [];
  const composed = message.blocks?.length === 1 && message.blocks[0].type === "rich_text" && !message.bot_id;
  if (message.blocks?.length && !composed) parts.push(...blocks(message.blocks, context));
  else if (message.text) parts.push(make("div", { class: "text" }, mrkdwn(message.text)));
  for (const attachment of message.attachments ?? []) {
    if (attachment.work_object) {
      const url = attachment.app_unfurl_url;
      parts.push(card(attachment.work_object, { open: () => context.openEntity(url), use: (action) => context.useEntity(url, action) }));
      continue;
    }
    const bar = make("div", { class: "attachment" },
      attachment.pretext && make("div", {}, mrkdwn(attachment.pretext)),
      attachment.title && make("strong", {}, attachment.title),
      attachment.text && make("div", {}, mrkdwn(attachment.text)),
      attachment.blocks && blocks(attachment.blocks, context));
    if (/^#?[0-9a-f]{6}$/i.test(attachment.color ?? "")) bar.style.setProperty("border-color", `#${attachment.color.replace("#", "")}`);
    parts.push(bar);
  }
  if (message.edited) parts.push(make("span", { class: "edited", title: moment(Number(message.edited.ts)) }, "(edited)"));
  return parts;
}

function row(message, previous, world, actions, options) {
  const { name, bot } = author(message, world);
  const seconds = Number(message.ts);
  const follows = previous && previous.user === message.user && previous.bot_id === message.bot_id && !message.is_ephemeral && !previous.is_ephemeral
    && seconds - Number(previous.ts) < TOGETHER && !previous.reply_count && !message.blocks?.some((block) => block.type === "header");
  const context = {
    me: world.me,
    team: world.team,
    use: (action) => actions.use(message, action),
    openEntity: (url) => actions.openEntity(message, url),
    useEntity: (url, action) => actions.useEntity(message, url, action),
  };
  const stamp = make("time", { class: "stamp", title: moment(seconds), datetime: new Date(seconds * 1000).toISOString() }, time(seconds));
  return make("article", { class: `message ${follows ? "follows" : ""} ${message.is_ephemeral ? "ephemeral" : ""} ${message.streaming_state === "in_progress" ? "streaming" : ""}`, tabindex: -1, "aria-label": `${name}, ${time(seconds)}${message.is_ephemeral ? ", only visible to you" : ""}`, "aria-busy": message.streaming_state === "in_progress" ? "true" : undefined, data: { ts: message.ts } },
    message.is_ephemeral && make("p", { class: "only-you" }, emoji("eyes"), " Only visible to you"),
    follows ? stamp : avatar(name, { bot }),
    make("div", { class: "content" },
      !follows && make("header", { class: "by" }, make("strong", {}, name), bot && make("span", { class: "badge" }, "APP"), stamp),
      message.subtype === "thread_broadcast" && make("p", { class: "broadcast" }, options.inThread ? "also sent to the channel" : "replied to a thread"),
      body(message, context),
      (message.files ?? []).map(file),
      reactions(message, actions, world.me),
      !options.inThread && threadLink(message, actions, world)),
    tools(message, actions, options));
}

// Show the messages in a box; rows that did not change are kept, so that menus and scrolling stay as they are.
export function showMessages(box, list, world, actions, options) {
  const atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 60;
  const old = new Map([...box.children].map((child) => [child.dataset.key, child]));
  const wanted = [];
  let lastDay = null;
  let previous = null;
  list.forEach((message, index) => {
    const day = dayName(Number(message.ts));
    if (day !== lastDay && !options.inThread) {
      wanted.push([`day ${day}`, day, () => make("div", { class: "day" }, make("span", {}, day))]);
      previous = null;
    }
    lastDay = day;
    const before = previous;
    wanted.push([message.ts, JSON.stringify([message, before?.ts, before?.user, world.me, ago(Number(message.latest_reply ?? 0))]), () => row(message, before, world, actions, options)]);
    previous = message;
    if (options.inThread && index === 0) {
      const count = list.length - 1;
      wanted.push(["count", String(count), () => make("div", { class: "day left" }, make("span", {}, count === 1 ? "1 reply" : `${count} replies`))]);
      previous = null;
    }
  });
  const shown = wanted.map(([key, print, build]) => {
    const kept = old.get(key);
    if (kept && kept.dataset.print === print) return kept;
    const made = build();
    made.dataset.key = key;
    made.dataset.print = print;
    if (kept) made.classList.add("changed");
    return made;
  });
  const same = shown.length === box.children.length && shown.every((child, index) => box.children[index] === child);
  if (!same) {
    const place = box.scrollTop;
    box.replaceChildren(...shown);
    box.scrollTop = place;
  }
  if (!list.length) box.replaceChildren(make("p", { class: "empty" }, options.empty));
  if (options.toStart) box.scrollTop = 0;
  if (options.toStart || !(atEnd || options.toEnd)) return;
  box.scrollTop = box.scrollHeight;
  // A picture has its height only when it is there.
  for (const picture of box.querySelectorAll("img")) if (!picture.complete) picture.addEventListener("load", () => { box.scrollTop = box.scrollHeight; }, { once: true });
}
