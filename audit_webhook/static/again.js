// What could not be loaded says so and can be tried again; and who comes back to a list finds the place they left.
(() => {
  const KEPT = "feed-place";
  const MOST_PAGES = 40;
  const FRAMES = 20;
  const rows = document.getElementById("rows");
  const histogram = document.getElementById("histogram");
  if (!rows) return;

  const message = (text, act) => {
    const line = document.createElement("p");
    const button = document.createElement("button");
    line.className = "trouble";
    line.setAttribute("role", "status");
    button.type = "button";
    button.className = "button";
    button.textContent = "Try again";
    button.addEventListener("click", () => { line.remove(); act(); });
    line.append(text, " ", button);
    return line;
  };

  const loadOlder = (item) => window.htmx.trigger(item.matches("[hx-get]") ? item : item.querySelector("[hx-get]"), "again");
  const drawHistogram = () => {
    const address = histogram.getAttribute("hx-get");
    window.htmx.ajax("GET", address, { source: histogram, target: histogram, swap: "innerHTML" }).catch(() => {});
  };

  const fail = (failed) => {
    const item = failed.target.closest("#older");
    if (item) {
      item.querySelector(".trouble")?.remove();
      item.append(message("Older events could not be loaded.", () => loadOlder(item)));
    } else if (histogram?.contains(failed.target) && !histogram.querySelector(".trouble")) {
      for (const asks of histogram.querySelectorAll("[hx-get]")) asks.remove();
      histogram.prepend(message("The counts could not be loaded.", drawHistogram));
    }
  };
  for (const name of ["htmx:responseError", "htmx:sendError", "htmx:timeout"]) document.body.addEventListener(name, fail);

  // The range that is chosen here is the one that the feed begins with from now on.
  document.addEventListener("click", (click) => {
    const range = click.target.closest("[data-range]");
    if (range) document.cookie = `range=${range.dataset.range}; path=/; max-age=31536000; samesite=lax`;
  });

  // Which row stood at the top, and where: pages are never kept by the browser, so that their rows are loaded anew.
  const topRow = () => [...rows.getElementsByClassName("row")].find((row) => row.getBoundingClientRect().bottom > 0);
  addEventListener("pagehide", () => {
    const row = topRow();
    const place = { address: location.href, id: row?.dataset.id, top: row?.getBoundingClientRect().top, y: scrollY };
    try { sessionStorage.setItem(KEPT, JSON.stringify(place)); } catch { /* it begins at the top then */ }
  });

  const settled = () => new Promise((done) => {
    for (const name of ["htmx:afterSettle", "htmx:responseError", "htmx:sendError"]) {
      document.body.addEventListener(name, done, { once: true });
    }
  });

  const find = (id) => rows.querySelector(`.row[data-id="${CSS.escape(id)}"]`);

  const restore = async (place) => {
    for (let page = 0; page < MOST_PAGES && !find(place.id); page += 1) {
      const item = document.getElementById("older");
      if (!item || item.querySelector(".trouble")) return;
      const done = settled();
      loadOlder(item);
      await done;
    }
    const row = find(place.id);
    for (let frame = 0; row && frame < FRAMES; frame += 1) { // rows above get their height once they come near
      scrollBy(0, row.getBoundingClientRect().top - place.top);
      await new Promise(requestAnimationFrame);
    }
  };

  history.scrollRestoration = "manual";
  addEventListener("load", () => {
    const [navigation] = performance.getEntriesByType("navigation");
    if (!["back_forward", "reload"].includes(navigation?.type)) return;
    try {
      const place = JSON.parse(sessionStorage.getItem(KEPT) || "{}");
      if (place.address === location.href && place.id && place.y > 0) restore(place);
    } catch { /* storage is forbidden: it begins at the top */ }
  });
})();
