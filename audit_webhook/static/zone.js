// Shows exact times in the zone that was chosen: UTC, the browser's own, or a named one. Queries always mean UTC.
(() => {
  const select = document.getElementById("zone");
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const PARTS = {
    weekday: "short", day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit",
    second: "2-digit", fractionalSecondDigits: 3, hourCycle: "h23", timeZoneName: "short",
  };
  let format = null;

  const choose = (zone) => {
    try {
      format = new Intl.DateTimeFormat("en-GB", { ...PARTS, timeZone: zone });
    } catch {
      zone = "UTC"; // a browser may know fewer zones than the one that chose
      format = new Intl.DateTimeFormat("en-GB", { ...PARTS, timeZone: zone });
    }
    return zone;
  };

  const write = (iso) => {
    const part = Object.fromEntries(format.formatToParts(new Date(iso)).map(({ type, value }) => [type, value]));
    const time = `${part.hour}:${part.minute}:${part.second}.${part.fractionalSecond}`;
    return `${part.weekday} ${part.day} ${part.month} ${part.year} ${time} ${part.timeZoneName}`;
  };

  const show = (root) => {
    for (const time of root.querySelectorAll("time[data-exact]")) time.textContent = write(time.dateTime);
  };

  const offer = (zone, label) => {
    const option = document.createElement("option");
    option.value = zone;
    option.textContent = label;
    return option;
  };

  let zone = "UTC";
  try { zone = localStorage.getItem("zone") || zone; } catch { /* forbidden storage: UTC on each page */ }
  zone = choose(zone);
  if (own !== "UTC") select.append(offer(own, `Browser: ${own}`));
  if (zone !== "UTC" && zone !== own) select.append(offer(zone, zone));
  select.value = zone;

  // All names are hundreds: they come when somebody is about to choose.
  select.addEventListener("focus", () => {
    const known = new Set([...select.options].map((option) => option.value));
    select.append(...Intl.supportedValuesOf("timeZone").filter((name) => !known.has(name)).map((name) => offer(name, name)));
  }, { once: true });

  select.addEventListener("change", () => {
    choose(select.value);
    try { localStorage.setItem("zone", select.value); } catch { /* holds for this page */ }
    show(document);
  });

  document.addEventListener("pointerover", (over) => {
    const time = over.target.closest("time[data-ago]");
    if (time) time.title = write(time.dateTime);
  });

  document.addEventListener("htmx:afterSwap", (swap) => show(swap.target.parentElement || document));
  show(document);
})();
