// Where a person writes: plain messages, and slash commands.
import { make, toast } from "./dom.js";

// `send(text)` resolves to the answer of /local/act.
export function setUpComposer(form, { label, commands, send }) {
  const box = make("textarea", { rows: 1, "aria-label": label() });
  const button = make("button", { type: "submit", class: "send", "aria-label": "Send" }, "➤");
  const hint = make("p", { class: "composer-hint" });
  const refresh = () => {
    box.placeholder = label();
    box.setAttribute("aria-label", label());
    hint.replaceChildren(make("kbd", {}, "Enter"), " sends · ", make("kbd", {}, `${commands()[0] ?? "/sre"} help`), " lists commands");
  };
  const grow = () => {
    box.style.height = "auto";
    box.style.height = `${Math.min(box.scrollHeight, 200)}px`;
  };
  form.append(make("div", { class: "composer-box" }, box, button), hint);
  box.addEventListener("input", () => {
    grow();
    form.classList.toggle("command", box.value.startsWith("/"));
  });
  box.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      form.requestSubmit();
    }
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const text = box.value.trim();
    if (!text) return;
    box.value = "";
    form.classList.remove("command");
    grow();
    try {
      await send(text);
    } catch (error) {
      if (!box.value) box.value = text;
      toast(error.message);
    }
    box.focus();
  });
  refresh();
  return { refresh, focus: () => box.focus() };
}
