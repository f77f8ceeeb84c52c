// The keys of the feed: from row to row, with the event beside them, and out of it.
(() => {
  if (!window.feed) return;
  const { allRows, linkOf, rowOf, select, isOpen, close, openRow, current } = window.feed;
  let waiting = 0;

  const move = (step) => {
    const all = allRows();
    const focused = document.activeElement.closest && document.activeElement.closest(".row");
    const from = focused || (current() && rowOf(current()));
    const at = from ? all.indexOf(from) + step : 0;
    const row = all[Math.min(Math.max(at, 0), all.length - 1)];
    if (!row) return;
    linkOf(row).focus({ preventScroll: true });
    row.scrollIntoView({ block: "nearest" });
    select(row.dataset.id);
    clearTimeout(waiting);
    if (isOpen()) waiting = setTimeout(() => openRow(row, false), 120);
  };

  document.addEventListener("keydown", (press) => {
    if (press.ctrlKey || press.metaKey || press.altKey || document.querySelector("dialog[open]")) return;
    if (press.target.closest("input, textarea, select")) {
      if (press.key === "Escape") press.target.blur();
      return;
    }
    if (press.key === "j") move(1);
    else if (press.key === "k") move(-1);
    else if (press.key === "l") document.getElementById("live")?.click();
    else if (press.key === "Escape") close();
  });
})();
