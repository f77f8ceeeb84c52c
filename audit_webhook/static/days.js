// The headings of days between the rows of the feed, in the chosen zone, wherever rows come from; and where they stick.
(() => {
  const rows = document.getElementById("rows");
  const bar = document.querySelector(".bar");
  if (!rows) return;
  let known = new WeakMap();

  const dayOf = (row) => {
    if (!known.has(row)) known.set(row, window.zone.day(row.querySelector("time").dateTime));
    return known.get(row);
  };

  const heading = (row) => {
    const made = document.createElement("li");
    const time = document.createElement("time");
    made.className = "day";
    time.dataset.day = "";
    time.dateTime = row.querySelector("time").dateTime;
    time.textContent = dayOf(row);
    made.append(time);
    return made;
  };

  const arrange = () => {
    let before = null;
    for (const item of [...rows.children]) {
      if (item.classList.contains("day")) {
        const next = item.nextElementSibling;
        const isRight = next && next.classList.contains("row") && dayOf(next) !== before && item.textContent === dayOf(next);
        if (isRight) before = dayOf(next);
        else item.remove();
      } else if (item.classList.contains("row")) {
        if (dayOf(item) !== before) item.before(heading(item));
        before = dayOf(item);
      }
    }
    watcher.takeRecords();
  };

  const watcher = new MutationObserver((changes) => {
    for (const change of changes) for (const added of change.addedNodes) if (added.nodeType === 1) window.zone.show(added);
    arrange();
  });

  const measure = () => {
    const isStuck = bar && getComputedStyle(bar).position === "sticky";
    document.documentElement.style.setProperty("--bar", `${isStuck ? bar.offsetHeight : 0}px`);
  };

  document.addEventListener("zone:change", () => { known = new WeakMap(); arrange(); });
  if (bar) new ResizeObserver(measure).observe(bar);
  watcher.observe(rows, { childList: true });
  arrange();
})();
