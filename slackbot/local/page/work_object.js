// Work Objects: the card below a shared link, and the pane that it opens.
import { moment } from "./dates.js";
import { link, make } from "./dom.js";

const LABELS = {
  status: "Status", severity: "Severity", priority: "Priority", urgency: "Urgency", description: "Description", service: "Service",
  created_by: "Created by", assigned_to: "Assigned to", date_created: "Created", date_updated: "Updated",
};
const REFUSALS = { restricted: "You may not see this here.", not_found: "This does not exist any more.", timeout: "The app took too long." };

// Every field in the order that the app wants; what it does not order follows.
function fieldsOf(payload) {
  const given = Object.entries(payload.fields ?? {}).map(([key, field]) => ({ key, label: LABELS[key] ?? key, ...field }));
  const all = [...given, ...(payload.custom_fields ?? [])];
  const order = payload.display_order ?? [];
  const place = (key) => (order.includes(key) ? order.indexOf(key) : order.length);
  return (order.length ? all.filter((one) => order.includes(one.key)) : all).sort((one, other) => place(one.key) - place(other.key));
}

function value(field) {
  if (field.user) return field.user.text ?? field.user.user_id;
  if (field.key?.startsWith("date_") || field.type === "slack#/types/timestamp") return moment(field.value);
  if (Array.isArray(field.value)) return field.value.map((one) => one.value).join(", ");
  if (field.tag_color) return make("span", { class: `tag ${field.tag_color}` }, field.value);
  return field.link ? link(field.link, String(field.value)) : String(field.value);
}

function body(entity, { most } = {}) {
  const fields = fieldsOf(entity.entity_payload);
  return make("dl", { class: "fields" }, fields.slice(0, most ?? fields.length).map((field) => make("div", { class: field.long ? "long" : undefined }, make("dt", {}, field.label), make("dd", {}, value(field)))));
}

function buttons(entity, use) {
  const { primary_actions: primary = [], overflow_actions: more = [] } = entity.entity_payload.actions ?? {};
  if (!primary.length && !more.length) return null;
  return make("div", { class: "block actions" }, [...primary, ...more].map((action) => (action.url
    ? make("a", { class: "button", href: action.url, target: "_blank", rel: "noopener noreferrer", "aria-label": action.accessibility_label, onclick: () => use(action) }, action.text)
    : make("button", { type: "button", class: `button ${action.style ?? ""}`, "aria-label": action.accessibility_label, onclick: () => use(action) }, action.text))));
}

const origin = (entity) => [entity.entity_payload.attributes.product_name, entity.entity_payload.attributes.display_type].filter(Boolean).join(" · ");

export function card(entity, { open, use }) {
  const attributes = entity.entity_payload.attributes;
  return make("section", { class: "work-object", "aria-label": attributes.title.text },
    make("p", { class: "origin" }, origin(entity)),
    make("button", { type: "button", class: "work-title", "aria-haspopup": "dialog", onclick: open }, attributes.title.text),
    body(entity, { most: 6 }),
    buttons(entity, use));
}

// Show the pane, or put it away; `opened` is what the server says the person has open.
export function showDetails(pane, opened, { use, refresh }) {
  const print = JSON.stringify(opened ?? null);
  if (pane.dataset.print === print) return;
  const wasOpen = !pane.hidden;
  pane.dataset.print = print;
  pane.hidden = !opened;
  document.body.classList.toggle("with-details", Boolean(opened));
  if (!opened) return;
  const entity = opened.entity;
  pane.querySelector("h1").textContent = entity?.entity_payload.attributes.title.text ?? "Details";
  pane.querySelector(".details-body").replaceChildren(...[
    opened.error && make("p", { class: "empty", role: "alert" }, opened.error.custom_message ?? REFUSALS[opened.error.status] ?? "This cannot be shown."),
    !opened.error && entity && make("p", { class: "origin" }, origin(entity)),
    !opened.error && entity && body(entity),
    !opened.error && entity && buttons(entity, use),
    make("p", { class: "details-foot" }, opened.is_waiting ? "Asking the app…" : "", make("button", { type: "button", class: "button small", onclick: refresh }, "Refresh")),
  ].filter(Boolean));
  if (!wasOpen) pane.querySelector("header button").focus();
}
