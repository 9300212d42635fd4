// Modals: the topmost view a person has open, with its fields, errors and buttons.
import { blocks } from "./blocks.js";
import { make } from "./dom.js";

const shade = document.getElementById("modal-shade");
const box = document.getElementById("modal");
let shown = { id: null, hash: null, print: "" };
let entered = {};

const plain = (object) => object?.text ?? "";

export function showModal(views, world, act) {
  const view = views.at(-1);
  if (!view) {
    shade.hidden = true;
    shown = { id: null, hash: null, print: "" };
    entered = {};
    return;
  }
  const print = JSON.stringify([view.id, view.hash, view.errors]);
  if (shown.print === print) return;
  if (shown.id !== view.id) entered = {};
  const fresh = shown.id !== view.id;
  shown = { id: view.id, hash: view.hash, print };
  const values = structuredClone(view.state.values);
  const context = {
    me: world.me,
    team: world.team,
    values,
    errors: view.errors,
    use: (action) => act({ type: "click", view_id: view.id, ...action }),
    entered: (blockId, actionId, value) => {
      entered[blockId] = { ...entered[blockId], [actionId]: value };
    },
  };
  // What was typed but not yet sent stays when the app shows another version of the view.
  for (const [blockId, actions] of Object.entries(entered)) {
    for (const [actionId, value] of Object.entries(actions)) {
      const state = values[blockId]?.[actionId];
      if (state && "value" in state) state.value = value;
    }
  }
  const submit = make("button", { type: "submit", class: "button primary submit", disabled: view.submit_disabled }, plain(view.submit) || "Submit");
  const form = make("form", { class: "modal-form" },
    make("header", { class: "modal-head" }, make("h1", {}, plain(view.title)),
      make("button", { type: "button", class: "plain", "aria-label": "Close", onclick: () => act({ type: "close", view_id: view.id, all: true }) }, "✕")),
    make("div", { class: "modal-body" },
      view.errors?.[""] && make("p", { class: "modal-error", role: "alert" }, view.errors[""]),
      blocks(view.blocks, context)),
    make("footer", { class: "modal-foot" },
      make("button", { type: "button", class: "button", onclick: () => act({ type: "close", view_id: view.id }) }, plain(view.close) || (views.length > 1 ? "Back" : "Close")),
      view.submit && submit));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    submit.disabled = true;
    submit.classList.add("busy");
    try {
      await act({ type: "submit", view_id: view.id, values: current(view) });
    } finally {
      submit.disabled = false;
      submit.classList.remove("busy");
    }
  });
  form.noValidate = true;
  const place = box.querySelector(".modal-body")?.scrollTop ?? 0;
  box.replaceChildren(form);
  box.setAttribute("aria-label", plain(view.title));
  shade.hidden = false;
  if (fresh) (box.querySelector("[autofocus], .field, .menu") ?? box.querySelector(".submit") ?? box.querySelector("button"))?.focus();
  else box.querySelector(".modal-body").scrollTop = place;
}

// Send only what is still in the view: the app may have replaced blocks meanwhile.
function current(view) {
  const values = {};
  for (const [blockId, actions] of Object.entries(entered)) {
    for (const [actionId, value] of Object.entries(actions)) {
      if (view.state.values[blockId]?.[actionId]) values[blockId] = { ...values[blockId], [actionId]: value };
    }
  }
  return values;
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !shade.hidden) box.querySelector(".modal-foot .button")?.click();
});
