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

  const { idsOf, orderOf, allRows, holding, complete, replace } = window.folds;
  const seen = new Set(allRows().flatMap(idsOf));
  let token = rows.dataset.live;
  let held = [];
  let waiting = 0;
  let left = 0;
  let failures = 0;
  let late = 0;
  let trouble = "";
  let timer = 0;
  let request = null;

  const isOn = () => button.getAttribute("aria-pressed") === "true";
  const older = () => document.getElementById("older");
  const count = (number) => (number === 1 ? "1 new event" : `${number.toLocaleString()} new events`);

  const place = (row) => {
    const next = allRows().find((other) => orderOf(other) < orderOf(row));
    // Older than all that is shown: while older pages are to come, it comes with its page.
    if (next) next.before(row);
    else if (older()) {
      late += idsOf(row).length;
      for (const id of idsOf(row)) seen.delete(id);
    }
    else rows.append(row);
  };

  const trim = () => {
    const all = allRows();
    if (all.length <= MOST_ROWS) return;
    for (const row of all.slice(KEPT_ROWS)) {
      for (const id of idsOf(row)) seen.delete(id);
      row.remove();
    }
    const next = document.getElementById("older-template").content.cloneNode(true).firstElementChild;
    const link = next.querySelector("a");
    link.setAttribute("href", link.getAttribute("href") + orderOf(all[KEPT_ROWS - 1]));
    link.setAttribute("hx-get", link.getAttribute("href"));
    older()?.remove();
    rows.append(next);
    window.htmx.process(next);
  };

  const show = () => {
    if (held.length) document.getElementById("blank")?.remove();
    for (const row of held) replace(row);
    for (const row of held) {
      row.classList.add("is-new");
      place(row);
    }
    held = [];
    waiting = 0;
    pill.hidden = true;
    trim();
  };

  const take = (html) => {
    const answer = new DOMParser().parseFromString(html, "text/html").querySelector("[data-live]");
    token = answer.dataset.live;
    const [news, others] = [...answer.children].map((list) => [...list.children]);
    const unseen = new Set(news.flatMap(idsOf).filter((id) => !seen.has(id)));
    const { rows: fresh, lost } = complete(holding(news, unseen), others, held);
    const ids = new Set(fresh.flatMap(idsOf));
    const replaced = holding(held, ids);
    held = [...held.filter((row) => !replaced.includes(row)), ...fresh.map((row) => document.adoptNode(row))];
    for (const id of ids) seen.add(id);
    waiting += unseen.size;
    left += Number(answer.dataset.more) + lost;
    unshown.hidden = left === 0;
    unshown.querySelector("b").textContent = left.toLocaleString();
    if (unseen.size) announcer.textContent = count(unseen.size);
    if (scrollY < AT_TOP) show();
    else if (held.length) {
      pill.textContent = count(waiting);
      pill.hidden = false;
    }
  };

  const tell = () => {
    button.classList.toggle("is-troubled", failures > 0);
    if (!isOn()) state.textContent = "";
    else state.textContent = failures ? `${trouble} Trying again.` : `Following${late ? `. ${late.toLocaleString()} late: further down` : ""}`;
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
      if (response.headers.get("HX-Redirect")) location.assign(response.headers.get("HX-Redirect")); // the session is over
      if (response.status === 400) location.reload(); // the token is too old: the page shows what came meanwhile
      if (!response.ok) throw new Error(`The server failed (${response.status}).`);
      take(await response.text());
      failures = 0;
    } catch (error) {
      if (mine.signal.aborted) return;
      trouble = error instanceof TypeError ? "The server does not answer." : error.message;
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
    for (const id of allRows().flatMap(idsOf)) seen.add(id);
  });

  let wanted = rows.hasAttribute("data-live-start");
  try { wanted = wanted || sessionStorage.getItem("live") === "on"; } catch { /* off then */ }
  if (wanted) turn(true);
})();
