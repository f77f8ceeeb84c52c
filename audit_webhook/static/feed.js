// The side panel and the keyboard of the feed: an event opens beside the list, and Back returns to the same place.
(() => {
  const feed = document.querySelector("main.feed");
  if (!feed) return;
  const panel = document.getElementById("panel");
  const rows = document.getElementById("rows");
  const title = document.title;
  let current = null;
  let retry = null;

  const linkOf = (row) => row.querySelector(".line a:not(.aside)");
  const allRows = () => [...rows.getElementsByClassName("row")];
  const holds = (row, id) => (row.dataset.folds || "").split(" ").includes(id);
  const rowOf = (id) => rows.querySelector(`.row[data-id="${CSS.escape(id)}"]`) || allRows().find((row) => holds(row, id));

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

  const fill = (name) => {
    panel.replaceChildren(document.getElementById(name).content.cloneNode(true));
  };

  const say = (text) => {
    fill("panel-trouble");
    panel.querySelector("p").textContent = text;
    panel.querySelector("[data-again]").addEventListener("click", () => retry());
  };

  // While it loads there is an outline, and the last event stays when keys step quickly.
  const load = async (id, address, takesFocus) => {
    select(id);
    setOpen(true);
    retry = () => load(id, address, true);
    if (!panel.querySelector(".event-title")) fill("panel-loading");
    const text = new URLSearchParams({ q: feed.dataset.query });
    try {
      await window.htmx.ajax("GET", `${address}?${text}`, { source: panel, target: panel, swap: "innerHTML" });
    } catch {
      return; // said by what listens for it
    }
    const heading = panel.querySelector(".event-title");
    if (current !== id || !heading) return;
    panel.scrollTop = 0;
    document.title = `${heading.textContent.trim()} · Audit`;
    heading.tabIndex = -1;
    if (takesFocus) heading.focus({ preventScroll: true });
  };

  // The address stays that of the search, so that a reload or a link shows the search with the event beside it.
  const addressWith = (id) => {
    const address = new URL(location.href);
    if (id) address.searchParams.set("event", id);
    else address.searchParams.delete("event");
    address.hash = "";
    return address;
  };

  const open = (id, address, takesFocus) => {
    const state = { event: id, address, isPushed: isOpen() ? Boolean(history.state?.isPushed) : true };
    if (isOpen()) history.replaceState(state, "", addressWith(id));
    else history.pushState(state, "", addressWith(id));
    load(id, address, takesFocus);
  };

  const openRow = (row, takesFocus) => open(row.dataset.id, linkOf(row).getAttribute("href"), takesFocus);

  const shut = () => {
    const row = current && rowOf(current);
    setOpen(false);
    if (row) linkOf(row).focus({ preventScroll: true });
  };

  const close = () => {
    if (!isOpen()) return;
    if (history.state?.isPushed) history.back();
    else {
      history.replaceState(null, "", addressWith(""));
      shut();
    }
  };

  addEventListener("popstate", () => {
    const state = history.state;
    if (state && state.event) load(state.event, state.address, false);
    else shut();
  });

  panel.addEventListener("htmx:responseError", (answer) => {
    const status = answer.detail.xhr.status;
    say(status === 404 ? "This event could not be loaded. It may be past its retention." : `This event could not be loaded (${status}).`);
  });
  panel.addEventListener("htmx:sendError", () => say("The server cannot be reached."));

  rows.addEventListener("click", (click) => {
    const row = click.target.closest(".row");
    if (click.target.closest("a.aside, summary")) return;
    if (!row || click.button || click.ctrlKey || click.metaKey || click.shiftKey || click.altKey) return;
    if (!click.target.closest("a") && String(getSelection())) return; // somebody marks text to copy it
    click.preventDefault();
    const sent = click.target.closest("[data-event]");
    if (sent) open(sent.dataset.event, sent.querySelector("a").getAttribute("href"), true);
    else openRow(row, true);
  });

  panel.addEventListener("click", (click) => {
    if (click.target.closest("[data-close-panel]")) close();
  });

  window.feed = { allRows, linkOf, rowOf, select, isOpen, close, openRow, current: () => current };

  const wanted = new URL(location.href).searchParams.get("event");
  if (wanted) {
    const address = feed.dataset.eventUrl.replace("ID", encodeURIComponent(wanted));
    if (!history.state?.event) history.replaceState({ event: wanted, address, isPushed: false }, "");
    document.addEventListener("DOMContentLoaded", () => load(wanted, address, false));
  }
})();
