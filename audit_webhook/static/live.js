// Live mode: asks for what arrived since the last answer and puts each event once at its place, newest first.
// Rows never move under somebody who has scrolled down: what arrived meanwhile waits behind a button.
(() => {
  const INTERVAL = 1200;
  const LONGEST_PAUSE = 15_000;
  const MOST_ROWS = 1500;
  const KEPT_ROWS = 1000;
  const AT_TOP = 40;

  const button = document.getElementById("live");
  const rows = document.getElementById("rows");
  if (!button || !rows || !rows.dataset.live) return;
  const pill = document.getElementById("news");
  const state = document.getElementById("live-state");
  const unshown = document.getElementById("unshown");
  const announcer = document.getElementById("announce");

  const seen = new Set([...rows.querySelectorAll(".row")].map((row) => row.dataset.id));
  let token = rows.dataset.live;
  let held = [];
  let left = 0;
  let failures = 0;
  let timer = 0;
  let request = null;

  const isOn = () => button.getAttribute("aria-pressed") === "true";
  const older = () => document.getElementById("older");
  const count = (number) => (number === 1 ? "1 new event" : `${number.toLocaleString()} new events`);

  const place = (row) => {
    const all = rows.getElementsByClassName("row");
    for (const other of all) {
      if (other.dataset.id >= row.dataset.id) continue;
      other.before(row);
      return;
    }
    // Older than all that is shown: while older pages are to come, it comes with its page.
    if (older()) seen.delete(row.dataset.id);
    else rows.append(row);
  };

  const trim = () => {
    const all = [...rows.getElementsByClassName("row")];
    if (all.length <= MOST_ROWS) return;
    for (const row of all.slice(KEPT_ROWS)) {
      seen.delete(row.dataset.id);
      row.remove();
    }
    const next = document.getElementById("older-template").content.cloneNode(true).firstElementChild;
    const link = next.querySelector("a");
    link.setAttribute("href", link.getAttribute("href") + all[KEPT_ROWS - 1].dataset.id);
    link.setAttribute("hx-get", link.getAttribute("href"));
    older()?.remove();
    rows.append(next);
    window.htmx.process(next);
  };

  const show = () => {
    if (held.length) document.getElementById("blank")?.remove();
    for (const row of held) {
      row.classList.add("is-new");
      place(row);
    }
    held = [];
    pill.hidden = true;
    trim();
  };

  const take = (html) => {
    const answer = new DOMParser().parseFromString(html, "text/html").querySelector("[data-live]");
    token = answer.dataset.live;
    left += Number(answer.dataset.more);
    const fresh = [...answer.querySelectorAll(".row")].filter((row) => !seen.has(row.dataset.id));
    for (const row of fresh) seen.add(row.dataset.id);
    held.push(...fresh.map((row) => document.adoptNode(row)));
    unshown.hidden = left === 0;
    unshown.querySelector("b").textContent = left.toLocaleString();
    if (fresh.length) announcer.textContent = count(fresh.length);
    if (scrollY < AT_TOP) show();
    else if (held.length) {
      pill.textContent = count(held.length);
      pill.hidden = false;
    }
  };

  const tell = () => {
    button.classList.toggle("is-troubled", failures > 0);
    if (!isOn()) state.textContent = "";
    else state.textContent = failures ? "The server does not answer. Trying again." : "Following";
  };

  const rest = () => {
    clearTimeout(timer);
    if (request) request.abort();
    request = null;
  };

  const poll = async () => {
    rest();
    if (!isOn() || document.hidden) return;
    const mine = new AbortController();
    request = mine;
    try {
      const response = await fetch(rows.dataset.liveUrl + encodeURIComponent(token), { signal: mine.signal });
      const login = response.headers.get("HX-Redirect"); // the session is over
      if (login) location.assign(login);
      if (!response.ok) throw new Error(String(response.status));
      take(await response.text());
      failures = 0;
    } catch {
      if (mine.signal.aborted) return;
      failures += 1;
    }
    tell();
    timer = setTimeout(poll, Math.min(INTERVAL * 2 ** failures, LONGEST_PAUSE));
  };

  const turn = (on) => {
    button.setAttribute("aria-pressed", String(on));
    try { sessionStorage.setItem("live", on ? "on" : ""); } catch { /* asked again on the next page */ }
    failures = 0;
    tell();
    if (on) poll();
    else rest();
  };

  button.addEventListener("click", () => turn(!isOn()));
  pill.addEventListener("click", () => { scrollTo({ top: 0 }); show(); });
  addEventListener("scroll", () => { if (scrollY < AT_TOP && held.length) show(); }, { passive: true });
  document.addEventListener("visibilitychange", () => { if (document.hidden) rest(); else poll(); });
  document.addEventListener("htmx:afterSwap", () => {
    for (const row of rows.getElementsByClassName("row")) seen.add(row.dataset.id);
  });

  document.addEventListener("keydown", (press) => {
    const typing = press.target.closest("input, textarea, select, dialog[open]");
    if (press.key === "l" && !typing && !press.ctrlKey && !press.metaKey && !press.altKey) turn(!isOn());
  });

  let wanted = rows.hasAttribute("data-live-start");
  try { wanted = wanted || sessionStorage.getItem("live") === "on"; } catch { /* off then */ }
  if (wanted) turn(true);
})();
