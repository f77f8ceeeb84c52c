// Runs before the first paint, so that a chosen theme never flashes: marks that scripts run, and which theme is wanted.
(() => {
  const root = document.documentElement;
  root.classList.add("js");
  try {
    const chosen = localStorage.getItem("theme");
    if (chosen === "light" || chosen === "dark") root.dataset.theme = chosen;
    addEventListener("storage", ({ key, newValue }) => { // another tab chose
      if (key !== "theme") return;
      if (newValue === "light" || newValue === "dark") root.dataset.theme = newValue;
      else delete root.dataset.theme;
    });
  } catch {
    // Storage may be forbidden; the system's theme is then used.
  }
})();
