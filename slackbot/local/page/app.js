// The page: which workspace, person, channel and thread are shown, kept current by the server's stream of changes.
import { blocks } from "./blocks.js";
import { setUpComposer } from "./composer.js";
import { setZone } from "./dates.js";
import { make, toast } from "./dom.js";
import { setOffered } from "./inputs.js";
import { setUpKeyboard } from "./keyboard.js";
import { avatar, showMessages } from "./messages.js";
import { showModal } from "./modal.js";
import { setDirectory } from "./mrkdwn.js";
import { showDetails } from "./work_object.js";

const at = (id) => document.getElementById(id);
const asked = new URLSearchParams(location.search);
const shown = { team: asked.get("team") ?? "", as: asked.get("as") ?? "", channel: asked.get("channel") ?? "", thread: asked.get("thread"), tab: asked.get("tab") ?? "messages", mark: asked.get("at") };
const read = new Map();
let world = null;
let stream = null;
let waiting = null;

async function get(path, query) {
  const answer = await fetch(`${path}?${new URLSearchParams(query)}`);
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.error);
  return body;
}

async function act(body) {
  const answer = await fetch("/local/act", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ team: shown.team, as: shown.as, wait: 0, ...body }) });
  const result = await answer.json();
  if (!answer.ok) throw new Error(result.error);
  if (!result.ok && result.error && body.type !== "slash") toast(failure(result));
  return result;
}

function failure(result) {
  if (result.error === "app_not_installed") return "No app is connected to this workspace yet.";
  if (result.error === "http_timeout") return "The app did not answer within 3 seconds.";
  return `The app could not be reached or refused (${result.status ?? result.error}).`;
}

const quietly = async (body) => {
  try {
    return await act(body);
  } catch (error) {
    toast(error.message);
    return null;
  }
};

async function loadWorkspace() {
  const workspace = await get("/local/workspace", { team: shown.team });
  const people = workspace.users.filter((user) => !user.is_bot);
  const me = people.find((user) => [user.id, user.name].includes(shown.as)) ?? people[0];
  const channels = workspace.channels.filter((channel) => !channel.is_im);
  const isApp = [shown.channel, `@${shown.channel}`].includes("@copilot") || shown.channel === workspace.app.bot_user_id || workspace.channels.some((channel) => channel.is_im && channel.id === shown.channel);
  const channel = channels.find((one) => [one.id, one.name].includes(shown.channel.replace("#", ""))) ?? channels.find((one) => one.name === "incidents") ?? channels[0];
  const direct = workspace.channels.find((one) => one.is_im && one.members.includes(me.id));
  world = { ...workspace, me: me.id, person: me, people, channels, channel: isApp ? null : channel, direct, users: Object.fromEntries(workspace.users.map((user) => [user.id, user])) };
  Object.assign(shown, { team: workspace.team, as: me.name, channel: isApp ? "@copilot" : channel.name });
  setZone(me.tz);
  setDirectory(world.users, Object.fromEntries(workspace.channels.map((one) => [one.id, one])));
  setOffered(people.map((user) => ({ value: user.id, text: { text: user.real_name } })), channels.map((one) => ({ value: one.id, text: { text: `#${one.name}` } })));
  drawFrame();
}

function drawFrame() {
  const options = (select, list, chosen) => {
    const print = JSON.stringify([list, chosen]);
    if (select.dataset.print === print) return;
    select.dataset.print = print;
    select.replaceChildren(...list.map(([value, label]) => make("option", { value, selected: value === chosen }, label)));
  };
  options(at("team"), world.teams.map((team) => [team.team, team.name]), world.team);
  at("team").classList.toggle("single", world.teams.length < 2);
  options(at("me"), world.people.map((user) => [user.name, user.real_name]), shown.as);
  at("me-avatar").replaceWith(Object.assign(avatar(world.person.real_name, { small: true }), { id: "me-avatar" }));
  at("channels").replaceChildren(...world.channels.map((channel) => {
    const open = channel === world.channel;
    if (open || !read.has(channel.id)) read.set(channel.id, channel.last_ts);
    const unread = !open && channel.last_ts && channel.last_ts > (read.get(channel.id) ?? "");
    return make("li", {}, make("button", { type: "button", class: `${open ? "open" : ""} ${unread ? "unread" : ""}`, "aria-current": open ? "page" : undefined, onclick: () => go({ channel: channel.name, thread: null }) },
      make("span", { class: "sign", "aria-hidden": "true" }, channel.is_private ? "🔒︎" : "#"), channel.name, channel.is_archived && make("small", {}, "archived")));
  }));
  at("apps").replaceChildren(make("li", {}, make("button", { type: "button", class: world.channel ? "" : "open", onclick: () => go({ channel: "@copilot", thread: null, tab: "home" }) },
    avatar(world.app.name, { bot: true, small: true }), world.app.name, make("span", { class: `light ${world.app.installed ? "on" : ""}`, title: world.app.installed ? "connected" : "not connected" }))));
  const channel = world.channel;
  at("title").textContent = channel ? `# ${channel.name}` : world.app.name;
  at("purpose").textContent = channel ? channel.topic.value || channel.purpose.value : "App";
  at("members").textContent = channel ? `${channel.num_members} members` : "";
  at("tabs").hidden = Boolean(channel);
  for (const tab of ["home", "messages"]) {
    at(`tab-${tab}`).setAttribute("aria-selected", String(shown.tab === tab));
    at(`tab-${tab}`).tabIndex = shown.tab === tab ? 0 : -1;
  }
  document.title = `${channel ? `#${channel.name}` : world.app.name} · ${world.name} · local Slack`;
  at("thread").hidden = !shown.thread;
  at("thread-channel").textContent = channel ? `# ${channel.name}` : world.app.name;
  document.body.classList.toggle("with-thread", Boolean(shown.thread));
  at("composer").hidden = !channel && shown.tab === "home";
  composer.refresh();
  threadComposer.refresh();
}

const actions = {
  react: (message, name) => quietly({ type: "react", channel: place(), ts: message.ts, name }),
  openThread: (ts) => go({ thread: ts }),
  use: (message, action) => quietly({ type: "click", channel: place(), ts: message.ts, ...action }),
  openEntity: (message, url) => quietly({ type: "open_entity", channel: place(), ts: message.ts, url }),
  useEntity: (message, url, action) => quietly({ type: "use_entity", channel: place(), ts: message.ts, url, action_id: action.action_id }),
};

const place = () => world.channel?.id ?? world.direct?.id ?? "@copilot";

async function drawMessages({ toEnd = false } = {}) {
  const query = { team: shown.team, as: shown.as, channel: place() };
  const home = !world.channel && shown.tab === "home";
  const [channel, thread, views] = await Promise.all([
    home ? null : get("/local/messages", query),
    shown.thread ? get("/local/messages", { ...query, thread_ts: shown.thread }) : null,
    get("/local/views", { team: shown.team, as: shown.as }),
  ]);
  if (home) drawHome(views.home);
  else {
    at("messages").classList.remove("home");
    const empty = world.channel ? `This is the very beginning of #${world.channel.name}.` : `Say something to ${world.app.name}.`;
    showMessages(at("messages"), channel.messages, world, actions, { inThread: false, empty, toEnd });
  }
  showPrompts(home || world.channel ? null : channel.prompts);
  showWorking(at("working"), channel, null);
  showWorking(at("thread-working"), thread, shown.thread);
  if (thread) showMessages(at("replies"), thread.messages, world, actions, { inThread: true, empty: "This message is gone.", toEnd: false, toStart: toEnd });
  showModal(views.views, world, quietly);
  const opened = views.details;
  showDetails(at("details"), opened, {
    use: (action) => quietly({ type: "use_entity", action_id: action.action_id }),
    refresh: () => quietly({ type: "open_entity", channel: opened.channel, ts: opened.ts, url: opened.url }),
  });
  mark();
}

// Slack's line above the composer while the app works on a thread, with its Stop.
function showWorking(box, found, threadTs) {
  const working = (found?.working ?? []).filter((one) => (threadTs ? one.thread_ts === threadTs : !world.channel));
  const print = JSON.stringify(working);
  if (box.dataset.print === print) return;
  box.dataset.print = print;
  box.hidden = !working.length;
  box.replaceChildren(...working.slice(0, 1).map((one) => make("span", { class: "working-line" },
    make("span", { class: "dots" }, `${world.app.name} is working`), one.title && make("span", { class: "working-title" }, `“${one.title}”`),
    make("button", { type: "button", class: "button small", onclick: () => quietly({ type: "stop", channel: place(), thread_ts: one.thread_ts }) }, "Stop"))));
}

// What the app offers to be asked, in its own pane.
function showPrompts(offered) {
  const box = at("prompts");
  const print = JSON.stringify(offered ?? null);
  if (box.dataset.print === print) return;
  box.dataset.print = print;
  box.hidden = !offered;
  box.replaceChildren(...(offered ? [
    make("p", {}, offered.title || `Ask ${world.app.name}`),
    make("div", { class: "prompt-row" }, offered.prompts.map((prompt) => make("button", { type: "button", class: "button", title: prompt.message, onclick: () => quietly({ type: "message", text: prompt.message, channel: place() }) }, prompt.title))),
  ] : []));
}

function drawHome(view) {
  const box = at("messages");
  const print = view ? `${view.id} ${view.hash}` : "none";
  if (box.dataset.home === print && box.classList.contains("home")) return;
  box.dataset.home = print;
  box.classList.add("home");
  if (!view) box.replaceChildren(make("p", { class: "empty" }, "The app has published nothing here yet."));
  else box.replaceChildren(make("div", { class: "home-body" }, blocks(view.blocks, { me: world.me, team: world.team, values: view.state.values, use: (action) => quietly({ type: "click", view_id: view.id, ...action }) })));
}

// Bring the message of a permalink into view, once.
function mark() {
  const wanted = shown.mark ?? null;
  if (!wanted) return;
  const row = document.querySelector(`#replies [data-ts="${CSS.escape(wanted)}"]`) ?? document.querySelector(`#messages [data-ts="${CSS.escape(wanted)}"]`);
  if (!row) return;
  row.scrollIntoView({ block: "start" });
  row.classList.add("marked");
  shown.mark = null;
}

function remember() {
  const query = new URLSearchParams();
  for (const name of ["team", "as", "channel", "thread"]) if (shown[name]) query.set(name, shown[name]);
  if (!world.channel) query.set("tab", shown.tab);
  history.replaceState(null, "", `?${query}`);
}

async function go(change) {
  const moved = "channel" in change || "as" in change || "team" in change;
  Object.assign(shown, change);
  document.body.classList.remove("drawer");
  await loadWorkspace();
  remember();
  if (moved) at("messages").replaceChildren();
  if (moved || change.thread) at("replies").replaceChildren();
  await drawMessages({ toEnd: true });
  if ("as" in change || "team" in change) listen();
  // In Slack the app's pane stands beside the conversation; here it takes its place, and what was looked at last counts.
  if (world.channel && world.app.installed) look();
  if (!world.channel && ("channel" in change || "tab" in change || "as" in change)) quietly({ type: "open_home", tab: shown.tab });
}

async function look() {
  const body = { team: shown.team, as: shown.as, wait: 0, type: "look", channel: place(), ...(shown.thread ? { thread_ts: shown.thread } : {}) };
  await fetch("/local/act", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) }).catch(() => null);
}

const closeDetails = () => quietly({ type: "close_entity" });

function changed(kind) {
  if (kind === "people" || kind === "channels") waiting = { ...waiting, frame: true };
  waiting ??= {};
  if (waiting.timer) return;
  waiting.timer = setTimeout(async () => {
    waiting = null;
    try {
      await loadWorkspace();
      await drawMessages();
    } catch (error) {
      toast(error.message);
    }
  }, 40);
}

function listen() {
  stream?.close();
  stream = new EventSource(`/local/stream?${new URLSearchParams({ team: shown.team, as: shown.as })}`);
  stream.onmessage = (event) => {
    at("offline").hidden = true;
    changed(JSON.parse(event.data).kind);
  };
  stream.onerror = () => {
    at("offline").hidden = false;
  };
}

function send(text, threadTs) {
  const where = { channel: place(), ...(threadTs ? { thread_ts: threadTs } : {}) };
  const command = /^(\/[a-z0-9_-]+)\s*([\s\S]*)$/.exec(text);
  if (command) return act({ type: "slash", command: command[1], text: command[2], ...where });
  return act({ type: "message", text, ...where });
}

const composer = setUpComposer(at("composer"), {
  label: () => (world?.channel ? `Message #${world.channel.name}` : `Message ${world?.app.name ?? ""}`),
  commands: () => world?.app.commands ?? [],
  send: (text) => send(text),
});
const threadComposer = setUpComposer(at("thread-composer"), {
  label: () => "Reply in this thread",
  commands: () => world?.app.commands ?? [],
  send: (text) => {
    // Whoever writes wants to see what they wrote, and what is answered.
    at("replies").scrollTop = at("replies").scrollHeight;
    return send(text, shown.thread);
  },
});

at("team").addEventListener("change", (event) => go({ team: event.target.value, as: "", channel: "", thread: null }));
at("me").addEventListener("change", (event) => go({ as: event.target.value }));
at("menu").addEventListener("click", () => document.body.classList.toggle("drawer"));
at("shade").addEventListener("click", () => document.body.classList.remove("drawer"));
at("thread-close").addEventListener("click", () => go({ thread: null }));
at("details-close").addEventListener("click", closeDetails);
setUpKeyboard({
  boxes: [at("messages"), at("replies")],
  tabs: [at("tab-home"), at("tab-messages")],
  openThread: (ts) => { if (!shown.thread) go({ thread: ts }); },
  closeThread: () => {
    if (!at("details").hidden) closeDetails();
    else if (shown.thread) go({ thread: null });
  },
});
at("tab-home").addEventListener("click", () => go({ tab: "home" }));
at("tab-messages").addEventListener("click", () => go({ tab: "messages" }));
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll(".overflow-menu")) menu.hidden = true;
  const mention = event.target.closest("a.mention[data-channel]");
  if (mention) {
    event.preventDefault();
    go({ channel: mention.dataset.channel, thread: null });
  }
});

await go({ tab: shown.tab });
listen();
