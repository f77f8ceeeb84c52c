// The side panel and the keyboard of the feed: an event opens beside the list, and Back returns to the same place.
(() => {
  const feed = document.querySelector("main.feed");
  if (!feed) return;
  const panel = document.getElementById("panel");
  const rows = document.getElementById("rows");
  const title = document.title;
  let current = null;
  let waiting = 0;

  const linkOf = (row) => row.querySelector(".line a:not(.aside)");
  const allRows = () => [...rows.querySelectorAll(".row")];
  const holds = (row, id) => (row.dataset.folds || "").split(" ").includes(id);
  const rowOf = (id) => allRows().find((row) => row.dataset.id === id) || allRows().find((row) => holds(row, id));

  const select = (id) => {
    current = id;
    for (const row of rows.querySelectorAll(".row.is-selected")) {
      row.classList.remove("is-selected");
      linkOf(row).removeAttribute("aria-current");
    }
    const row = id && rowOf(id);
    if (!row) return;
    row.classList.add("is-selected");
    linkOf(row).setAttribute("aria-current", "true");
  };

  const isOpen = () => feed.classList.contains("is-open");

  const setOpen = (open) => {
    feed.classList.toggle("is-open", open);
    document.documentElement.classList.toggle("has-drawer", open);
    panel.hidden = !open;
    if (!open) {
      panel.replaceChildren();
      document.title = title;
    }
  };

  const say = (text) => {
    const message = document.createElement("p");
    message.className = "event text-soft";
    message.textContent = text;
    panel.replaceChildren(message);
  };

  const load = async (id, address) => {
    select(id);
    setOpen(true);
    await window.htmx.ajax("GET", address, { target: "#panel", swap: "innerHTML" });
    if (current !== id) return;
    panel.scrollTop = 0;
    const heading = panel.querySelector(".event-title");
    if (heading) document.title = `${heading.textContent.trim()} · Audit`;
  };

  const open = (id, address) => {
    const state = { event: id, address };
    if (isOpen()) history.replaceState(state, "", address);
    else history.pushState(state, "", address);
    load(id, address);
  };

  const openRow = (row) => open(row.dataset.id, linkOf(row).getAttribute("href"));

  const close = () => { if (isOpen()) history.back(); };

  window.addEventListener("popstate", () => {
    const state = history.state;
    if (state && state.event) {
      load(state.event, state.address);
      return;
    }
    const row = current && rowOf(current);
    setOpen(false);
    if (row) linkOf(row).focus({ preventScroll: true });
  });

  panel.addEventListener("htmx:responseError", () => say("This event could not be loaded. It may be past its retention."));
  panel.addEventListener("htmx:sendError", () => say("The server cannot be reached. Close this and try again."));

  rows.addEventListener("click", (click) => {
    const row = click.target.closest(".row");
    if (click.target.closest("a.aside, summary")) return;
    if (!row || click.button || click.ctrlKey || click.metaKey || click.shiftKey || click.altKey) return;
    if (!click.target.closest("a") && String(getSelection())) return; // somebody marks text to copy it
    click.preventDefault();
    const sent = click.target.closest("[data-event]");
    if (sent) open(sent.dataset.event, sent.querySelector("a").getAttribute("href"));
    else openRow(row);
  });

  panel.addEventListener("click", (click) => {
    if (click.target.closest("[data-close-panel]")) close();
  });

  const move = (step) => {
    const all = allRows();
    const focused = document.activeElement.closest && document.activeElement.closest(".row");
    const from = focused || (current && rowOf(current));
    const at = from ? all.indexOf(from) + step : 0;
    const row = all[Math.min(Math.max(at, 0), all.length - 1)];
    if (!row) return;
    linkOf(row).focus({ preventScroll: true });
    row.scrollIntoView({ block: "nearest" });
    select(row.dataset.id);
    clearTimeout(waiting);
    if (isOpen()) waiting = setTimeout(() => openRow(row), 120);
  };

  document.addEventListener("keydown", (press) => {
    if (press.ctrlKey || press.metaKey || press.altKey || document.querySelector("dialog[open]")) return;
    if (press.target.closest("input, textarea, select")) {
      if (press.key === "Escape") press.target.blur();
      return;
    }
    if (press.key === "j") move(1);
    else if (press.key === "k") move(-1);
    else if (press.key === "Escape") close();
  });
})();
