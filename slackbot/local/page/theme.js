// Light or dark, before anything is drawn: as was chosen here, else as the system says.
(() => {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const chosen = () => localStorage.getItem("theme");
  const show = () => {
    document.documentElement.dataset.theme = chosen() ?? (dark.matches ? "dark" : "light");
  };
  dark.addEventListener("change", show);
  addEventListener("click", (event) => {
    if (!event.target.closest?.("#theme")) return;
    localStorage.setItem("theme", document.documentElement.dataset.theme === "dark" ? "light" : "dark");
    show();
  });
  show();
})();
