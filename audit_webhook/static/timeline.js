// The timeline: a range over the lanes is chosen by dragging or by keys and becomes the time of the search, to the millisecond.
(() => {
  const lanes = document.querySelector(".timeline");
  if (!lanes) return;
  const veil = lanes.querySelector(".veil");
  const range = veil.querySelector(".range");
  const start = Number(lanes.dataset.start);
  const end = Number(lanes.dataset.end);
  const STEP = 0.01;
  let from = null;
  let to = null;
  let isDragging = false;

  const paint = () => {
    range.hidden = from === null;
    if (from === null) return;
    range.style.left = `${Math.min(from, to) * 100}%`;
    range.style.width = `${Math.abs(to - from) * 100}%`;
  };

  const shareAt = (x) => {
    const box = veil.getBoundingClientRect();
    return Math.min(1, Math.max(0, (x - box.left) / box.width));
  };

  const instant = (share) => new Date(Math.round(start + share * (end - start))).toISOString();

  const zoom = () => {
    const [first, last] = [Math.min(from, to), Math.max(from, to)];
    const address = new URL(location.href);
    const time = `since:${instant(first)} until:${instant(Math.max(last, first + 1 / (end - start)))}`;
    address.searchParams.set("q", `${lanes.dataset.timeless} ${time}`.trim());
    location.assign(address);
  };

  const clear = () => { from = to = null; isDragging = false; paint(); };

  // The veil lies under the marks, which stay links: a drag may begin on either.
  lanes.addEventListener("pointerdown", (press) => {
    if (press.button || press.target.closest(".name") || press.clientX < veil.getBoundingClientRect().left) return;
    from = to = shareAt(press.clientX);
    isDragging = true;
  });
  addEventListener("pointermove", (move) => {
    if (!isDragging) return;
    to = shareAt(move.clientX);
    paint();
  });
  addEventListener("pointerup", () => {
    if (!isDragging) return;
    isDragging = false;
    if (Math.abs(to - from) > 0.004) zoom();
    else clear();
  });
  lanes.addEventListener("dragstart", (drag) => drag.preventDefault());

  veil.addEventListener("keydown", (press) => {
    const size = { ArrowRight: STEP, ArrowLeft: -STEP }[press.key];
    if (size) {
      if (from === null) from = to = size > 0 ? 0 : 1;
      to = Math.min(1, Math.max(0, to + size));
      if (!press.shiftKey) from = to;
      range.textContent = "";
      paint();
    } else if (press.key === "Enter" && from !== null && from !== to) zoom();
    else if (press.key === "Escape" && from !== null) clear();
    else return;
    press.preventDefault();
  });
})();
