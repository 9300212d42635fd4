// The page without a mouse: arrows go through messages and tabs, Enter opens a thread, Escape closes it, / goes to the composer.
const typing = (target) => target.closest("input, textarea, select, [contenteditable]");

// Messages are one stop of the Tab key; inside, the arrows move, and Tab reaches a message's own buttons.
function move(box, from, step) {
  const rows = [...box.querySelectorAll(".message")];
  if (!rows.length) return;
  const at = rows.indexOf(from);
  const next = rows[Math.min(rows.length - 1, Math.max(0, at < 0 ? rows.length - 1 : at + step))];
  for (const row of rows) row.tabIndex = row === next ? 0 : -1;
  next.focus();
}

export function setUpKeyboard({ boxes, tabs, closeThread, openThread }) {
  for (const box of boxes) {
    box.addEventListener("keydown", (event) => {
      if (typing(event.target)) return;
      const row = event.target.closest(".message");
      if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        event.preventDefault();
        move(box, row, event.key === "ArrowDown" ? 1 : -1);
      } else if (event.key === "Enter" && event.target === row && row.dataset.ts) {
        event.preventDefault();
        openThread(row.dataset.ts);
      }
    });
  }
  tabs[0].parentElement.addEventListener("keydown", (event) => {
    const at = tabs.indexOf(event.target);
    if (at < 0 || !["ArrowLeft", "ArrowRight"].includes(event.key)) return;
    const next = tabs[(at + (event.key === "ArrowRight" ? 1 : tabs.length - 1)) % tabs.length];
    next.focus();
    next.click();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && document.getElementById("modal-shade").hidden && !document.querySelector("dialog[open]")) closeThread();
    else if (event.key === "/" && !typing(event.target) && !event.ctrlKey && !event.metaKey) {
      const open = document.body.classList.contains("with-thread") ? "#thread-composer textarea" : "#composer textarea";
      const box = document.querySelector(open);
      if (box?.offsetParent) box.focus();
    }
  });
  // What is behind a modal is out of reach, for Tab as for screen readers.
  const shade = document.getElementById("modal-shade");
  let before = null;
  new MutationObserver(() => {
    const open = !shade.hidden;
    if (open && !document.getElementById("frame").inert) before = document.activeElement;
    document.getElementById("frame").inert = open;
    if (!open && before?.isConnected) before.focus();
    if (!open) before = null;
  }).observe(shade, { attributes: true, attributeFilter: ["hidden"] });
}
