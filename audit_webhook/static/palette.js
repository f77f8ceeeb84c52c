// Ctrl K from anywhere: the pages, recent searches, and what is typed as a search, on the timeline or as values.
(() => {
  const dialog = document.getElementById("palette");
  if (!dialog) return;
  const input = dialog.querySelector("input");
  const list = dialog.querySelector("[role=listbox]");
  const MOST = 12;
  let active = 0;

  const pages = () => [...document.querySelectorAll(".tabs a")].map((link) => ({ label: link.textContent, note: "Page", href: link.href }));

  const recent = () => {
    try { return JSON.parse(localStorage.getItem("recent") || "[]").filter((each) => typeof each === "string"); } catch { return []; }
  };

  const search = (url, text) => `${url}?${new URLSearchParams({ q: text })}`;

  const offers = (text) => {
    const { feedUrl, timelineUrl, valuesUrl } = dialog.dataset;
    const found = [
      ...pages(), ...recent().map((each) => ({ label: each, note: "Recent search", href: search(feedUrl, each) })),
    ].filter((each) => each.label.toLowerCase().includes(text.toLowerCase()));
    if (text) {
      found.push({ label: text, note: "Search", href: search(feedUrl, text) });
      found.push({ label: text, note: "On the timeline", href: search(timelineUrl, text) });
      found.push({ label: text, note: "As values", href: search(valuesUrl, text) });
    }
    return found.slice(0, MOST);
  };

  const piece = (name, text) => {
    const made = document.createElement("span");
    made.className = name;
    made.textContent = text;
    return made;
  };

  const option = (offer, index) => {
    const item = document.createElement("li");
    item.id = `palette-${index}`;
    item.setAttribute("role", "option");
    item.dataset.href = offer.href;
    item.append(piece("offer", offer.label), piece("hint ml-auto", offer.note));
    return item;
  };

  const mark = (index) => {
    const options = [...list.children];
    if (!options.length) {
      input.removeAttribute("aria-activedescendant");
      return;
    }
    active = (index + options.length) % options.length;
    options.forEach((each, at) => each.setAttribute("aria-selected", String(at === active)));
    options[active].scrollIntoView({ block: "nearest" });
    input.setAttribute("aria-activedescendant", options[active].id);
  };

  const show = () => {
    list.replaceChildren(...offers(input.value.trim()).map(option));
    mark(0);
  };

  const go = (item) => { if (item) location.assign(item.dataset.href); };

  const KEYS = {
    ArrowDown: () => mark(active + 1),
    ArrowUp: () => mark(active - 1),
    Enter: () => go(list.children[active]),
  };

  input.addEventListener("input", show);
  input.addEventListener("keydown", (press) => {
    if (!KEYS[press.key] || press.isComposing) return;
    press.preventDefault();
    KEYS[press.key]();
  });
  list.addEventListener("click", (click) => go(click.target.closest("[role=option]")));

  document.addEventListener("keydown", (press) => {
    if (press.key.toLowerCase() !== "k" || !(press.ctrlKey || press.metaKey) || press.altKey || press.shiftKey) return;
    press.preventDefault();
    if (dialog.open) {
      dialog.close();
      return;
    }
    for (const other of document.querySelectorAll("dialog[open]")) other.close();
    input.value = "";
    show();
    dialog.showModal();
    input.focus();
  });
})();
