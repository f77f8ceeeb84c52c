// What every page has: the theme, menus that close, the help dialog, copy buttons, trees that unfold, times that stay true.
(() => {
  const THEMES = ["system", "light", "dark"];

  document.addEventListener("alpine:init", () => {
    window.Alpine.data("theme", () => ({
      choice: document.documentElement.dataset.theme || "system",
      get title() { return `Theme: ${this.choice}`; },
      get symbol() { return `#i-${this.choice}`; },
      turn() {
        this.choice = THEMES[(THEMES.indexOf(this.choice) + 1) % THEMES.length];
        if (this.choice === "system") delete document.documentElement.dataset.theme;
        else document.documentElement.dataset.theme = this.choice;
        try { localStorage.setItem("theme", this.choice); } catch { /* kept for this page only */ }
      },
    }));
    window.Alpine.data("menu", () => ({
      close() { this.$root.open = false; },
      leave() { this.$root.open = false; this.$root.querySelector("summary").focus(); },
    }));
  });

  // Printing: paper cannot be unfolded.
  let unfolded = [];
  window.addEventListener("beforeprint", () => {
    unfolded = [...document.querySelectorAll(".page details:not([open])")];
    for (const each of unfolded) each.open = true;
  });
  window.addEventListener("afterprint", () => {
    for (const each of unfolded) each.open = false;
    unfolded = [];
  });

  // Copying
  const copyByHand = (text) => {
    // Without https a browser offers no clipboard to scripts; a selected text field still has one.
    const field = document.createElement("textarea");
    field.value = text;
    field.readOnly = true;
    field.className = "sr-only";
    document.body.append(field);
    field.select();
    const worked = document.execCommand("copy");
    field.remove();
    return worked;
  };

  const copy = async (text) => {
    if (!navigator.clipboard) return copyByHand(text);
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      return copyByHand(text);
    }
  };

  const answer = (button, text) => {
    const label = button.dataset.label || (button.dataset.label = button.textContent);
    button.textContent = text;
    clearTimeout(button.waiting);
    button.waiting = setTimeout(() => { button.textContent = label; }, 1600);
  };

  const textToCopy = (button) => {
    const { copyFrom, copyText } = button.dataset;
    if (copyFrom) return document.getElementById(copyFrom).textContent;
    return copyText || new URL(button.dataset.copyLink, location.href).href;
  };

  // Folding
  const foldAll = (button, open) => {
    for (const each of button.closest(".block").querySelectorAll(".tree details")) each.open = open;
  };

  const ACTIONS = {
    "[data-copy]": async (button) => answer(button, (await copy(textToCopy(button))) ? "Copied" : "Select and copy"),
    "[data-unfold]": (button) => foldAll(button, true),
    "[data-fold]": (button) => foldAll(button, false),
    "[data-opens]": (button) => document.getElementById(button.dataset.opens).showModal(),
    "[data-closes]": (button) => button.closest("dialog").close(),
  };

  document.addEventListener("click", (click) => {
    for (const [selector, act] of Object.entries(ACTIONS)) {
      const button = click.target.closest(selector);
      if (!button) continue;
      click.preventDefault(); // the button may stand in a summary, which would fold
      act(button);
      return;
    }
    if (click.target.matches("dialog")) click.target.close(); // a click on the backdrop
  });

  // A token that was just made is on the answer to a form, and a reload would make another one.
  if (document.getElementById("fresh")) history.replaceState(null, "", document.getElementById("fresh").closest("[data-page]").dataset.page);

  // Keys
  const isTyping = (target) => target.closest("input, textarea, select, [contenteditable]") !== null;

  document.addEventListener("keydown", (press) => {
    if (press.ctrlKey || press.metaKey || press.altKey || isTyping(press.target)) return;
    if (press.key === "?") document.getElementById("help").showModal();
    else if (press.key === "/" && document.getElementById("q")) document.getElementById("q").select();
    else return;
    press.preventDefault();
  });

  // Times
  const ago = (iso) => {
    const seconds = Math.round((Date.now() - Date.parse(iso)) / 1000);
    const size = Math.abs(seconds);
    const sign = seconds < 0 ? "in " : "";
    if (size < 5) return "now";
    if (size < 60) return `${sign}${size} s`;
    if (size < 3600) return `${sign}${Math.floor(size / 60)} min`;
    if (size < 86400) return `${sign}${Math.floor(size / 3600)} h`;
    return size < 30 * 86400 ? `${sign}${Math.floor(size / 86400)} d` : iso.slice(0, 10);
  };

  // As it stands in a sentence: "27 s ago", "in 3 min", "now", or the day.
  const inWords = (iso) => {
    const text = ago(iso);
    return /^\d+ [a-z]+$/.test(text) ? `${text} ago` : text;
  };
  window.ago = ago;
  window.inWords = inWords;

  const refreshTimes = () => {
    if (document.hidden) return;
    const chosen = document.documentElement.dataset.times === "ago" ? "time[data-ago], time[data-clock]" : "time[data-ago]";
    for (const time of document.querySelectorAll(chosen)) time.textContent = ago(time.dateTime);
  };
  setInterval(refreshTimes, 10_000);
  document.addEventListener("visibilitychange", refreshTimes);
})();
