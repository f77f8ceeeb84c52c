// Shows times in the zone that was chosen: UTC, the browser's own, or a named one. Queries always mean UTC.
// Times of day stand under the heading of their day; on request rows say how long ago they happened instead.
(() => {
  const root = document.documentElement;
  const select = document.getElementById("zone");
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const PARTS = {
    weekday: "short", day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit",
    second: "2-digit", fractionalSecondDigits: 3, hourCycle: "h23", timeZoneName: "short",
  };
  let zone = "UTC";
  let format = null;

  const recall = (name, otherwise) => {
    try { return localStorage.getItem(name) || otherwise; } catch { return otherwise; }
  };
  const remember = (name, value) => {
    try { localStorage.setItem(name, value); } catch { /* holds for this page */ }
  };

  const choose = (wanted) => {
    try {
      format = new Intl.DateTimeFormat("en-GB", { ...PARTS, timeZone: wanted });
      zone = wanted;
    } catch {
      format = new Intl.DateTimeFormat("en-GB", { ...PARTS, timeZone: "UTC" }); // a browser may know fewer zones
      zone = "UTC";
    }
  };

  const parts = (iso) => Object.fromEntries(format.formatToParts(new Date(iso)).map(({ type, value }) => [type, value]));
  const dayOf = (part) => `${part.weekday} ${part.day} ${part.month} ${part.year}`;
  const clockOf = (part) => `${part.hour}:${part.minute}:${part.second}.${part.fractionalSecond}`;
  const day = (iso) => dayOf(parts(iso));
  const exact = (iso) => { const part = parts(iso); return `${dayOf(part)} ${clockOf(part)} ${part.timeZoneName}`; };
  const short = (iso) => { const part = parts(iso); return `${part.day} ${part.month} ${part.hour}:${part.minute}:${part.second}`; };
  const local = (iso) => { // as a field of a form takes it
    const part = parts(iso);
    const month = String(new Date(Date.parse(`1 ${part.month} 2000`)).getMonth() + 1).padStart(2, "0");
    return `${part.year}-${month}-${part.day.padStart(2, "0")}T${clockOf(part)}`;
  };
  const showsAge = () => root.dataset.times === "ago";

  const clock = (time) => {
    const mark = time.title.startsWith("Time not recorded") ? "~ " : "";
    return mark + (showsAge() ? window.ago(time.dateTime) : clockOf(parts(time.dateTime)));
  };

  // From one bar of the histogram to the next, as long as it has to be.
  const span = (since, until) => {
    const [first, last] = [parts(since), parts(until)];
    const seconds = first.second + last.second !== "0000";
    const write = (part) => `${part.hour}:${part.minute}${seconds ? `:${part.second}` : ""}`;
    const end = dayOf(first) === dayOf(last) ? "" : `${last.day} ${last.month} `;
    return `${first.weekday} ${first.day} ${first.month} ${write(first)}–${end}${write(last)} ${last.timeZoneName}`;
  };

  const tick = (text) => {
    const part = parts(text.dataset.time);
    if (/\d{4}$/.test(text.textContent)) return text.textContent; // a month and its year
    const time = part.second === "00" ? `${part.hour}:${part.minute}` : `${part.hour}:${part.minute}:${part.second}`;
    return time === "00:00" ? `${part.day} ${part.month}` : time;
  };

  const WRITERS = [
    ["time[data-exact]", (time) => { time.textContent = exact(time.dateTime); }],
    ["time[data-clock]", (time) => { time.textContent = clock(time); }],
    ["time[data-day]", (time) => { time.textContent = day(time.dateTime); }],
    ["time[data-short]", (time) => { time.textContent = short(time.dateTime); }],
    ["[data-at]", (each) => { each.title = exact(each.dataset.at); }],
    ["[data-span]", (each) => { each.textContent = span(each.dataset.since, each.dataset.until); }],
    ["[data-time]", (text) => { text.textContent = tick(text); }],
    ["[data-since] > title", (title) => {
      const { since, until } = title.parentElement.dataset;
      title.textContent = [span(since, until), ...title.textContent.split("\n").slice(1)].join("\n");
    }],
    ["[data-zone-name]", (each) => { each.textContent = parts(Date.now()).timeZoneName; }],
    ["input[data-instant]", (input) => { input.value = local(input.dataset.instant); }],
    ["input[data-zone-value]", (input) => { input.value = zone; }],
  ];

  const show = (place) => {
    for (const [selector, write] of WRITERS) for (const each of place.querySelectorAll(selector)) write(each);
  };

  const showAll = () => {
    show(document);
    document.dispatchEvent(new CustomEvent("zone:change"));
  };

  const offer = (name, label) => {
    const option = document.createElement("option");
    option.value = name;
    option.textContent = label;
    return option;
  };

  const start = (wanted) => {
    choose(wanted);
    if (![...select.options].some((option) => option.value === zone)) select.append(offer(zone, zone));
    select.value = zone;
    showAll();
  };

  window.zone = { name: () => zone, day, exact, parts, show };
  if (own !== "UTC") select.append(offer(own, `Browser: ${own}`));

  // All names are hundreds: they come when somebody is about to choose.
  select.addEventListener("focus", () => {
    const known = new Set([...select.options].map((option) => option.value));
    select.append(...Intl.supportedValuesOf("timeZone").filter((name) => !known.has(name)).map((name) => offer(name, name)));
  }, { once: true });

  select.addEventListener("change", () => {
    choose(select.value);
    remember("zone", zone);
    showAll();
  });

  const setAge = (isShown) => {
    if (isShown) root.dataset.times = "ago";
    else delete root.dataset.times;
    for (const button of document.querySelectorAll("[data-turn-times]")) button.setAttribute("aria-pressed", String(isShown));
  };

  document.addEventListener("click", (click) => {
    if (!click.target.closest("[data-turn-times]")) return;
    setAge(!showsAge());
    remember("times", showsAge() ? "ago" : "clock");
    show(document);
  });

  // Another tab chose.
  addEventListener("storage", ({ key, newValue }) => {
    if (key === "zone" && newValue) start(newValue);
    if (key === "times") { setAge(newValue === "ago"); show(document); }
  });

  document.addEventListener("pointerover", (over) => {
    const time = over.target.closest("time[data-ago], time[data-clock]");
    if (time && !time.title.startsWith("Time not")) time.title = `${exact(time.dateTime)} (${window.inWords(time.dateTime)})`;
  });

  document.addEventListener("htmx:afterSwap", (swap) => show(swap.target.parentElement || document));
  setAge(recall("times", "clock") === "ago");
  start(recall("zone", "UTC"));
})();
