// Buttons, menus and fields. `use(action)` is called with what a person does: {action_id, block_id, value}.
import { make, svg } from "./dom.js";
import { emoji } from "./emoji.js";
import { textObject } from "./mrkdwn.js";

const plain = (object) => object?.text ?? "";

// The names of people and channels that pickers offer; set by the app.
let offered = { users: [], channels: [] };

export function setOffered(users, channels) {
  offered = { users, channels };
}

function confirmed(confirm, go) {
  if (!confirm) return go();
  const dialog = make("dialog", { class: "confirm" },
    make("h2", {}, plain(confirm.title) || "Are you sure?"),
    make("p", {}, textObject(confirm.text)),
    make("footer", {},
      make("button", { type: "button", class: "button", onclick: () => dialog.close() }, plain(confirm.deny) || "Cancel"),
      make("button", { type: "button", class: `button ${confirm.style === "danger" ? "danger" : "primary"}`, onclick: () => { dialog.close(); go(); } }, plain(confirm.confirm) || "Yes"),
    ),
  );
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

async function pressed(button, run) {
  button.classList.add("busy");
  button.disabled = true;
  try {
    await run();
  } finally {
    button.classList.remove("busy");
    button.disabled = false;
  }
}

function pressButton(element, context, { value = element.value, className = "button", label = null } = {}) {
  const button = make("button", {
    type: "button",
    class: `${className} ${element.style ?? ""}`,
    "aria-label": element.accessibility_label,
    data: { action: element.action_id },
    onclick: () => confirmed(element.confirm, () => {
      if (element.url && /^https?:/i.test(element.url)) window.open(element.url, "_blank", "noopener");
      pressed(button, () => context.use({ action_id: element.action_id, block_id: context.block.block_id, value }));
    }),
  }, label ?? textObject({ ...element.text, type: "plain_text" }));
  return button;
}

const ICONS = { trash: "❌", refresh: "🔄", copy: "📝", edit: "📝", search: "🔍" };

function feedback(element, context) {
  const side = (part, name) => {
    const button = pressButton({ ...part, action_id: element.action_id }, context, {
      value: part.value,
      className: "button thumb",
      label: [emoji(name), make("span", { class: "thumb-label" }, plain(part.text))],
    });
    button.title = part.accessibility_label ?? plain(part.text);
    return button;
  };
  return make("span", { class: "feedback", data: { action: element.action_id } }, side(element.positive_button, "thumbsup"), side(element.negative_button, "thumbsdown"));
}

function optionsOf(element) {
  if (element.type.includes("users")) return offered.users;
  if (element.type.includes("channels") || element.type.includes("conversations")) return offered.channels;
  return element.options ?? [];
}

function select(element, context, { many = false } = {}) {
  const state = context.state ?? {};
  const chosen = new Set(many
    ? (state.selected_options?.map((option) => option.value) ?? state.selected_users ?? state.selected_channels ?? state.selected_conversations ?? [])
    : [state.selected_option?.value ?? state.selected_user ?? state.selected_channel ?? state.selected_conversation].filter(Boolean));
  const option = (one) => make("option", { value: one.value, selected: chosen.has(one.value) }, plain(one.text));
  const box = make("select", { class: "menu", multiple: many, "aria-label": plain(element.placeholder) || "Choose", data: { action: element.action_id } });
  if (!many) box.append(make("option", { value: "", disabled: true, selected: chosen.size === 0, hidden: true }, plain(element.placeholder) || "Choose…"));
  if (element.option_groups) {
    for (const group of element.option_groups) box.append(make("optgroup", { label: plain(group.label) }, group.options.map(option)));
  } else box.append(...optionsOf(element).map(option));
  const value = () => (many ? [...box.selectedOptions].map((one) => one.value) : box.value);
  box.addEventListener("change", () => {
    context.entered?.(value());
    if (context.acts) confirmed(element.confirm, () => context.use({ action_id: element.action_id, block_id: context.block.block_id, value: value() }));
  });
  return box;
}

function choices(element, context, kind) {
  const state = context.state ?? {};
  const chosen = new Set((state.selected_options ?? [state.selected_option]).filter(Boolean).map((option) => option.value));
  const name = `${context.block.block_id}-${element.action_id}-${Math.random()}`;
  const group = make("div", { class: "choices", role: kind === "radio" ? "radiogroup" : "group", data: { action: element.action_id } });
  for (const option of element.options) {
    const box = make("input", { type: kind, name, value: option.value, checked: chosen.has(option.value) });
    box.addEventListener("change", () => {
      const checked = [...group.querySelectorAll("input:checked")].map((one) => one.value);
      const value = kind === "radio" ? checked[0] : checked;
      context.entered?.(value);
      if (context.acts) context.use({ action_id: element.action_id, block_id: context.block.block_id, value });
    });
    group.append(make("label", {}, box, make("span", {}, textObject(option.text), option.description && make("small", {}, textObject(option.description)))));
  }
  return group;
}

function overflow(element, context) {
  const menu = make("div", { class: "overflow-menu", role: "menu", hidden: true });
  for (const option of element.options) {
    menu.append(make("button", { type: "button", role: "menuitem", onclick: () => {
      menu.hidden = true;
      confirmed(element.confirm, () => context.use({ action_id: element.action_id, block_id: context.block.block_id, value: option.value }));
    } }, textObject(option.text)));
  }
  const button = make("button", { type: "button", class: "button overflow", "aria-label": "More", "aria-haspopup": "menu", data: { action: element.action_id }, onclick: (event) => {
    event.stopPropagation();
    const opening = menu.hidden;
    for (const other of document.querySelectorAll(".overflow-menu")) other.hidden = true;
    menu.hidden = !opening;
  } }, "⋯");
  return make("span", { class: "overflow-holder" }, button, menu);
}

function field(element, context, type) {
  const box = element.multiline || type === "rich"
    ? make("textarea", { rows: 4, placeholder: plain(element.placeholder) })
    : make("input", { type, placeholder: plain(element.placeholder), min: element.min_value, max: element.max_value, step: element.is_decimal_allowed ? "any" : undefined });
  const state = context.state ?? {};
  const old = state.value ?? state.selected_date ?? state.selected_time ?? state.rich_text_value?.elements?.[0]?.elements?.[0]?.text;
  if (old !== undefined && old !== null) box.value = old;
  if (element.max_length) box.maxLength = element.max_length;
  box.dataset.action = element.action_id;
  box.classList.add("field");
  if (element.focus_on_load) box.autofocus = true;
  box.addEventListener("input", () => context.entered?.(box.value));
  if (context.acts) box.addEventListener("change", () => context.use({ action_id: element.action_id, block_id: context.block.block_id, value: box.value }));
  return box;
}

function dateTime(element, context) {
  const box = make("input", { type: "datetime-local", class: "field", data: { action: element.action_id } });
  const old = context.state?.selected_date_time;
  if (old) box.value = new Date(old * 1000 - new Date().getTimezoneOffset() * 60000).toISOString().slice(0, 16);
  box.addEventListener("change", () => {
    const value = Math.floor(new Date(box.value).getTime() / 1000);
    context.entered?.(value);
    if (context.acts) context.use({ action_id: element.action_id, block_id: context.block.block_id, value });
  });
  return box;
}

// `context`: {block, use, state?, entered?, acts, me}. `acts`: using it tells the app at once.
export function inputElement(element, context) {
  if (element.visible_to_user_ids && !element.visible_to_user_ids.includes(context.me)) return null;
  switch (element.type) {
    case "button":
    case "workflow_button":
      return pressButton(element, context);
    case "icon_button":
      return pressButton(element, context, { className: "button icon", label: [make("span", { "aria-hidden": "true" }, ICONS[element.icon] ?? "•"), " ", plain(element.text)] });
    case "feedback_buttons":
      return feedback(element, context);
    case "overflow":
      return overflow(element, context);
    case "checkboxes":
      return choices(element, context, "checkbox");
    case "radio_buttons":
      return choices(element, context, "radio");
    case "datepicker":
      return field(element, context, "date");
    case "timepicker":
      return field(element, context, "time");
    case "datetimepicker":
      return dateTime(element, context);
    case "plain_text_input":
      return field(element, context, "text");
    case "rich_text_input":
      return field(element, context, "rich");
    case "email_text_input":
      return field(element, context, "email");
    case "url_text_input":
      return field(element, context, "url");
    case "number_input":
      return field(element, context, "number");
    default:
      if (element.type.startsWith("multi_")) return select(element, context, { many: true });
      if (element.type.endsWith("_select")) return select(element, context);
      return make("span", { class: "unknown" }, `${element.type} cannot be shown here`);
  }
}

export const chevron = () => svg([["path", { d: "M7 10l5 5 5-5", fill: "none", stroke: "currentColor", "stroke-width": "2" }]], { class: "chevron", "aria-hidden": "true" });
