// Block Kit as it looks in Slack: one renderer per block type.
import { link, make } from "./dom.js";
import { inputElement } from "./inputs.js";
import { markdown } from "./markdown.js";
import { textObject } from "./mrkdwn.js";
import { richText } from "./rich_text.js";

const plain = (object) => object?.text ?? "";

// Only this machine's pictures are loaded; others would tell a stranger that someone reads here.
export function picture(address, alt, className) {
  const url = new URL(address, location.href);
  const local = url.pathname.startsWith("/files/") ? url.pathname + url.search : null;
  if (local || ["127.0.0.1", "localhost"].includes(url.hostname)) {
    return make("img", { src: local ?? url.href, alt, class: className, title: alt });
  }
  return make("span", { class: `${className} absent`, role: "img", "aria-label": alt }, link(address, `Picture at ${url.hostname}: ${alt}`));
}

function imageAddress(part, context) {
  if (part.image_url) return part.image_url;
  return part.slack_file?.url ?? `/files/${context.team}/${part.slack_file?.id}/image`;
}

function section(block, context) {
  const body = make("div", { class: "section-body" });
  if (block.text) body.append(make("div", { class: "section-text" }, textObject(block.text)));
  if (block.fields) body.append(make("div", { class: "fields" }, block.fields.map((field) => make("div", { class: "section-field" }, textObject(field)))));
  const accessory = block.accessory && (block.accessory.type === "image"
    ? picture(imageAddress(block.accessory, context), block.accessory.alt_text, "accessory-image")
    : element(block.accessory, block, context));
  return make("div", { class: "block section" }, body, accessory && make("div", { class: "accessory" }, accessory));
}

function element(part, block, context, { acts = true } = {}) {
  const state = context.values?.[block.block_id]?.[part.action_id] ?? initialState(part);
  return inputElement(part, {
    block,
    me: context.me,
    use: context.use,
    state,
    acts,
    entered: (value) => context.entered?.(block.block_id, part.action_id, value),
  });
}

function initialState(part) {
  const state = {};
  for (const [key, value] of Object.entries(part)) {
    if (key === "initial_value") state.value = value;
    else if (key.startsWith("initial_")) state[key.replace("initial_", "selected_")] = value;
  }
  return state;
}

function context_(block, context) {
  return make("div", { class: "block context" }, block.elements.map((part) => (part.type === "image"
    ? picture(imageAddress(part, context), part.alt_text, "context-image")
    : make("span", { class: "context-text" }, textObject(part)))));
}

function image(block, context) {
  return make("figure", { class: "block image" },
    block.title && make("figcaption", {}, textObject(block.title)),
    picture(imageAddress(block, context), block.alt_text, "image-body"));
}

function input(block, context) {
  const error = context.errors?.[block.block_id];
  return make("div", { class: `block input ${error ? "wrong" : ""}`, data: { block: block.block_id } },
    make("label", { class: "input-label" }, plain(block.label), block.optional && make("span", { class: "optional" }, " (optional)")),
    element(block.element, block, context, { acts: Boolean(block.dispatch_action) }),
    error && make("p", { class: "input-error", role: "alert" }, error),
    block.hint && make("p", { class: "hint" }, plain(block.hint)));
}

function cell(part) {
  if (part.type === "rich_text") return richText(part);
  return textObject({ type: "plain_text", text: part.text, emoji: false });
}

function table(block) {
  const settings = block.column_settings ?? [];
  const align = (index, part) => `align-${settings[index]?.align ?? (part.type === "raw_number" ? "right" : "left")} ${settings[index]?.is_wrapped === false ? "no-wrap" : ""}`;
  const [head, ...body] = block.rows;
  const row = (name, parts) => make("tr", {}, parts.map((part, index) => make(name, { class: align(index, part) }, cell(part))));
  return make("div", { class: "block table-scroll" },
    make("table", {}, block.caption && make("caption", {}, block.caption), make("thead", {}, row("th", head)), make("tbody", {}, body.map((parts) => row("td", parts)))));
}

// A data table is leafed through, a page at a time, as Slack shows it.
function dataTable(block) {
  const shown = table(block);
  const rows = [...shown.querySelectorAll("tbody tr")];
  const size = block.page_size ?? 5;
  if (rows.length <= size) return shown;
  let first = 0;
  const where = make("span", { role: "status" });
  const turn = (by) => {
    first += by;
    rows.forEach((row, index) => { row.hidden = index < first || index >= first + size; });
    where.textContent = `${first + 1}–${Math.min(first + size, rows.length)} of ${rows.length}`;
    back.disabled = first === 0;
    onward.disabled = first + size >= rows.length;
  };
  const back = make("button", { type: "button", class: "button", "aria-label": "Earlier rows", onclick: () => turn(-size) }, "‹");
  const onward = make("button", { type: "button", class: "button", "aria-label": "Later rows", onclick: () => turn(size) }, "›");
  turn(0);
  shown.classList.add("data-table");
  shown.append(make("div", { class: "pages" }, back, where, onward));
  return shown;
}

const MARKS = { pending: "○", in_progress: "◐", complete: "✓", error: "✕" };

function task(block) {
  return make("details", { class: `block task ${block.status}`, open: block.status === "in_progress" || block.status === "error" },
    make("summary", {}, make("span", { class: "task-mark", "aria-label": block.status }, MARKS[block.status] ?? "○"), block.title),
    block.details && make("div", { class: "task-details" }, richText(block.details)),
    block.output && make("div", { class: "task-output" }, richText(block.output)),
    block.sources && make("div", { class: "task-sources" }, block.sources.map((source) => link(source.url, source.text))));
}

// Open while something is under way; afterwards a reader wants the answer, not the way to it.
function plan(block) {
  const tasks = block.tasks ?? [];
  const done = tasks.every((one) => one.status === "complete");
  return make("details", { class: "block plan", open: !done }, make("summary", {}, block.title, make("span", { class: "plan-count" }, ` · ${tasks.length} ${tasks.length === 1 ? "step" : "steps"}`)), tasks.map(task));
}

function card(block, context) {
  return make("div", { class: "block card" },
    block.hero_image && picture(imageAddress(block.hero_image, context), block.hero_image.alt_text, "hero"),
    make("div", { class: "card-body" },
      block.title && make("strong", {}, textObject(block.title)),
      block.subtitle && make("div", { class: "card-subtitle" }, textObject(block.subtitle)),
      block.body && make("div", {}, textObject(block.body)),
      block.actions && make("div", { class: "actions" }, block.actions.map((part) => element(part, block, context)))));
}

function container(block, context) {
  const children = blocks(block.child_blocks, context);
  const title = [block.title && make("strong", {}, plain(block.title)), block.rich_text_title && richText(block.rich_text_title), block.subtitle && make("span", { class: "card-subtitle" }, textObject(block.subtitle))];
  if (block.is_collapsible) return make("details", { class: "block container", open: !block.default_collapsed }, make("summary", {}, title), children);
  return make("div", { class: "block container" }, title, children);
}

const RENDERERS = {
  header: (block) => make("h2", { class: "block header" }, textObject(block.text)),
  section,
  context: context_,
  divider: () => make("hr", { class: "block" }),
  image,
  input,
  table,
  data_table: dataTable,
  card,
  container,
  task_card: task,
  actions: (block, context) => make("div", { class: "block actions" }, block.elements.map((part) => element(part, block, context))),
  context_actions: (block, context) => make("div", { class: "block context-actions" }, block.elements.map((part) => element(part, block, context))),
  rich_text: (block) => make("div", { class: "block rich-text" }, richText(block)),
  markdown: (block) => make("div", { class: "block markdown" }, markdown(block.text)),
  plan,
  carousel: (block, context) => make("div", { class: "block carousel" }, block.elements.map((part) => card(part, context))),
  alert: (block) => make("div", { class: `block alert ${block.level ?? "default"}`, role: "alert" }, textObject(block.text)),
  video: (block) => make("div", { class: "block" }, link(block.title_url ?? block.video_url, plain(block.title))),
  file: (block) => make("div", { class: "block" }, `File ${block.external_id}`),
};

export function blocks(list, context) {
  return list.map((block) => {
    const render = RENDERERS[block.type];
    if (!render) return make("div", { class: "block unknown" }, `A ${block.type} block cannot be shown here.`);
    const shown = render(block, context);
    shown.dataset.block = block.block_id ?? "";
    return shown;
  });
}
