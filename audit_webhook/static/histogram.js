// The histogram: a range of bars is chosen by dragging, or by keys, and becomes the time of the search.
(() => {
  const place = document.getElementById("histogram");
  if (!place) return;
  const announcer = document.getElementById("announce");
  const live = document.getElementById("live");
  const facets = document.querySelector("details.facets");
  const REFRESH = 15_000;
  const BAR = 10;
  let from = null;
  let to = null;
  let dragging = false;

  const hits = () => [...place.querySelectorAll(".hit")];
  const firstLast = () => [Math.min(from, to), Math.max(from, to)];

  const paint = () => {
    const brush = place.querySelector(".brush");
    if (!brush) return;
    const [first, last] = firstLast();
    brush.setAttribute("x", from === null ? 0 : first * BAR);
    brush.setAttribute("width", from === null ? 0 : (last - first + 1) * BAR);
  };

  const clear = () => { from = to = null; dragging = false; paint(); };

  const zoom = () => {
    const all = hits();
    const [first, last] = firstLast();
    if (from === null || !all[last]) return;
    const time = `since:${all[first].dataset.since} until:${all[last].dataset.until}`;
    const address = new URL(location.href);
    const before = place.querySelector(".histogram").dataset.timeless;
    address.searchParams.set("q", before ? `${before} ${time}` : time);
    address.searchParams.delete("cursor");
    location.assign(address);
  };

  const barAt = (x) => {
    const box = place.querySelector(".bars").getBoundingClientRect();
    const count = hits().length;
    return Math.min(count - 1, Math.max(0, Math.floor(((x - box.left) / box.width) * count)));
  };

  place.addEventListener("pointerdown", (press) => {
    if (press.button || !press.target.closest(".bars")) return;
    press.preventDefault();
    dragging = true;
    from = to = barAt(press.clientX);
    place.setPointerCapture(press.pointerId);
    paint();
  });
  place.addEventListener("pointermove", (move) => {
    if (!dragging) return;
    to = barAt(move.clientX);
    paint();
  });
  place.addEventListener("pointerup", () => { if (dragging) { dragging = false; zoom(); } });
  place.addEventListener("pointercancel", clear);

  // Keys: arrows move over the bars, with Shift they widen the range, Enter looks at it.
  const step = (size, widens) => {
    const last = hits().length - 1;
    to = to === null ? (size > 0 ? 0 : last) : Math.min(last, Math.max(0, to + size));
    if (!widens || from === null) from = to;
    paint();
    announcer.textContent = hits()[to].textContent.replaceAll("\n", ", ");
  };

  place.addEventListener("keydown", (press) => {
    if (!press.target.closest(".bars") || press.ctrlKey || press.metaKey || press.altKey) return;
    if (press.key === "ArrowRight") step(1, press.shiftKey);
    else if (press.key === "ArrowLeft") step(-1, press.shiftKey);
    else if (press.key === "Enter" && from !== null) zoom();
    else if (press.key === "Escape" && from !== null) { clear(); press.stopPropagation(); }
    else return;
    press.preventDefault();
  });

  const enliven = () => {
    const bars = place.querySelector(".bars");
    if (bars) {
      bars.setAttribute("tabindex", "0");
      bars.setAttribute("role", "application");
      bars.setAttribute("aria-label", `${bars.getAttribute("aria-label")}. Arrow keys choose, Enter looks closer.`);
    }
    clear();
  };

  place.addEventListener("htmx:afterSwap", enliven);
  place.addEventListener("htmx:beforeSwap", (swap) => { if (dragging || from !== null) swap.preventDefault(); });
  enliven();

  const isFollowing = () => live && live.getAttribute("aria-pressed") === "true" && !document.hidden;
  setInterval(() => {
    const address = place.getAttribute("hx-get");
    if (address && isFollowing() && !place.querySelector("[hx-get]")) {
      window.htmx.ajax("GET", address, { target: "#histogram", swap: "innerHTML" });
    }
  }, REFRESH);

  // On a narrow screen the facets wait behind their heading.
  if (facets && matchMedia("(max-width: 1200px)").matches) facets.open = false;
})();
