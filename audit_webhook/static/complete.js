// Completes the query while it is typed: a list of fields, and of values with their counts, below the search box.
(() => {
  const PAUSE = 120;
  const input = document.getElementById("q");
  if (!input || !input.dataset.completeUrl) return;

  const list = document.createElement("ul");
  list.id = "offers";
  list.className = "offers";
  list.hidden = true;
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", "Completions");
  input.form.append(list);
  const ROLE = { role: "combobox", "aria-autocomplete": "list", "aria-controls": list.id, "aria-expanded": "false" };
  for (const [name, value] of Object.entries(ROLE)) input.setAttribute(name, value);

  let timer = 0;
  let request = null;
  let answer = null;
  let active = -1;

  const isOpen = () => !list.hidden;

  const close = () => {
    clearTimeout(timer);
    request?.abort();
    list.hidden = true;
    active = -1;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  };

  const mark = (index) => {
    const options = [...list.querySelectorAll("[role=option]")];
    active = (index + options.length) % options.length;
    options.forEach((option, at) => option.setAttribute("aria-selected", String(at === active)));
    options[active].scrollIntoView({ block: "nearest" });
    input.setAttribute("aria-activedescendant", options[active].id);
  };

  const piece = (name, text) => {
    const made = document.createElement("span");
    made.className = name;
    made.textContent = text;
    return made;
  };

  const option = (offer, index) => {
    const item = document.createElement("li");
    item.id = `offer-${index}`;
    item.setAttribute("role", "option");
    item.setAttribute("aria-selected", "false");
    item.append(piece("offer", offer.label), piece("hint", offer.note));
    if (offer.events !== null) item.append(piece("count", offer.events.toLocaleString()));
    return item;
  };

  const show = () => {
    if (!answer.offers.length) {
      close();
      return;
    }
    list.replaceChildren(...answer.offers.map(option));
    if (answer.counted) {
      const about = piece("about", `Counts: the newest ${answer.counted.toLocaleString()} events`);
      const row = document.createElement("li");
      row.setAttribute("role", "presentation");
      row.append(about);
      list.append(row);
    }
    active = -1;
    list.hidden = false;
    input.setAttribute("aria-expanded", "true");
    input.removeAttribute("aria-activedescendant");
  };

  const ask = async () => {
    request?.abort();
    const mine = new AbortController();
    request = mine;
    const at = input.selectionStart;
    const text = input.value;
    const words = new URLSearchParams({ before: text.slice(0, at), after: text.slice(at) });
    try {
      const response = await fetch(`${input.dataset.completeUrl}?${words}`, { signal: mine.signal });
      if (!response.ok) throw new Error(String(response.status));
      answer = await response.json();
    } catch {
      if (!mine.signal.aborted) close();
      return;
    }
    if (document.activeElement === input && input.value === text) show();
  };

  const accept = (index) => {
    const { text } = answer.offers[index];
    const isWhole = !text.endsWith(":");
    const gap = isWhole && !answer.tail ? " " : "";
    input.value = `${answer.head}${text}${gap}${answer.tail}`;
    const at = answer.head.length + text.length + gap.length;
    input.setSelectionRange(at, at);
    close();
    input.dispatchEvent(new Event("input", { bubbles: true }));
    if (isWhole) clearTimeout(timer);
    else ask();
  };

  const KEYS = {
    ArrowDown: () => { if (isOpen()) mark(active + 1); else ask(); return true; },
    ArrowUp: () => { if (isOpen()) mark(active < 0 ? -1 : active - 1); return isOpen(); },
    Enter: () => { const chosen = active; if (chosen >= 0) accept(chosen); else close(); return chosen >= 0; },
    Tab: () => { const chosen = active; if (chosen >= 0) accept(chosen); else close(); return chosen >= 0; },
    Escape: () => { const was = isOpen(); close(); return was; },
  };

  input.addEventListener("input", () => {
    clearTimeout(timer);
    if (input.value.trim()) timer = setTimeout(ask, PAUSE);
    else close();
  });
  input.addEventListener("keydown", (press) => {
    if (press.ctrlKey || press.metaKey || press.altKey || press.isComposing || !KEYS[press.key]) return;
    if (!KEYS[press.key]()) return;
    press.preventDefault();
    press.stopPropagation(); // else Escape would leave the search box too
  });
  input.addEventListener("blur", close);
  list.addEventListener("mousedown", (press) => {
    press.preventDefault(); // the search box keeps the focus
    const item = press.target.closest("[role=option]");
    if (item) accept([...list.children].indexOf(item));
  });
})();
