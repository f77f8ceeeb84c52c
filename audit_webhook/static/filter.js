// From an event to the next query: a click on a value of a row, or x, offers to see only such events or to leave them
// out. Values in the panel narrow the query that is shown, instead of beginning a new one.
(() => {
  const CELLS = { badge: "verb", outcome: "code" };
  const dialog = document.getElementById("filters");
  const rows = document.getElementById("rows");
  const input = document.getElementById("q");
  if (!dialog || !rows) return;
  const list = document.getElementById("filters-list");
  const query = () => input.defaultValue;

  const focusOn = (field, choice) => {
    const item = list.querySelector(`[data-field="${field}"]`) || list.querySelector("[data-field]");
    const links = item ? item.querySelectorAll("a") : [];
    if (links.length) links[choice].focus();
  };

  const open = async (row, field, choice) => {
    const address = dialog.dataset.url.replace("ID", row.dataset.id);
    const response = await fetch(`${address}?${new URLSearchParams({ q: query() })}`);
    if (!response.ok) return;
    const parsed = new DOMParser().parseFromString(await response.text(), "text/html");
    list.replaceChildren(...[...parsed.body.children].map((each) => document.adoptNode(each)));
    if (!dialog.open) dialog.showModal();
    if (field) focusOn(field, choice);
    else list.querySelector(".around a")?.focus();
  };

  document.addEventListener("click", (click) => {
    if (click.button || click.ctrlKey || click.metaKey || click.shiftKey || click.altKey) return;
    const term = click.target.closest("#panel [data-term]");
    if (term) {
      click.preventDefault();
      const words = new URLSearchParams({ q: query(), term: new URL(term.href).searchParams.get("q") });
      location.assign(`${dialog.dataset.narrowUrl}?${words}`);
      return;
    }
    const cell = click.target.closest("#rows .row > :is(time, .badge, .cell, .outcome)");
    if (!cell || String(getSelection())) return;
    click.stopPropagation(); // else the event would open
    const name = Object.keys(CELLS).find((each) => cell.classList.contains(each));
    open(cell.closest(".row"), cell.dataset.field || CELLS[name] || "", 0); // the time leads to what was around it
  }, true);

  document.addEventListener("keydown", (press) => {
    if (!"ax".includes(press.key) || press.ctrlKey || press.metaKey || press.altKey) return;
    if (press.target.closest("input, textarea, select") || document.querySelector("dialog[open]")) return;
    const row = document.activeElement.closest(".row") || rows.querySelector(".row.is-selected");
    if (!row) return;
    press.preventDefault();
    if (press.key === "x") open(row, "user", 1);
    else open(row, "", 0);
  });

  // As many columns as fit: the rest can be chosen once another is given up.
  const columns = [...document.querySelectorAll("input[name=columns][type=checkbox]")];
  const limit = () => {
    const isFull = columns.filter((each) => each.checked).length >= Number(dialog.dataset.mostColumns);
    for (const each of columns) each.disabled = isFull && !each.checked;
  };
  for (const each of columns) each.addEventListener("change", limit);
  limit();

  // A search through stored JSON goes on by itself until somebody stops it.
  document.addEventListener("click", (click) => {
    const button = click.target.closest("[data-stop-scan]");
    if (!button) return;
    const item = button.closest(".scan");
    window.htmx.trigger(item, "htmx:abort");
    const stopped = item.cloneNode(true);
    for (const name of ["hx-get", "hx-trigger", "hx-swap"]) stopped.removeAttribute(name);
    stopped.querySelector("[data-stop-scan]").remove();
    item.replaceWith(stopped);
    stopped.querySelector("a").focus();
  });
})();
