// How this browser shows the feed: dense or not, which searches were recent, and lists of values that can be searched.
(() => {
  const MOST_RECENT = 8;
  const root = document.documentElement;
  const feed = document.querySelector("main.feed");
  if (!feed) return;

  const recall = (name) => { try { return localStorage.getItem(name); } catch { return null; } };
  const remember = (name, value) => { try { localStorage.setItem(name, value); } catch { /* holds for this page */ } };

  // Density
  const buttons = document.querySelectorAll("[data-turn-density]");
  const setDense = (isDense) => {
    if (isDense) root.dataset.density = "compact";
    else delete root.dataset.density;
    for (const button of buttons) button.setAttribute("aria-pressed", String(isDense));
  };
  for (const button of buttons) {
    button.addEventListener("click", () => {
      setDense(root.dataset.density !== "compact");
      remember("density", root.dataset.density || "");
      dispatchEvent(new Event("scroll")); // older events may have come into view
    });
  }
  setDense(recall("density") === "compact");

  // Recent searches, newest first; one that cannot be read is none.
  const list = document.getElementById("recent");
  const query = feed.dataset.query;
  let recent = [];
  try { recent = JSON.parse(recall("recent") || "[]").filter((each) => typeof each === "string"); } catch { recent = []; }
  const others = recent.filter((each) => each !== query).slice(0, MOST_RECENT);
  const isWorthIt = query && !query.startsWith("since:") && !document.getElementById("mistake");
  if (isWorthIt) remember("recent", JSON.stringify([query, ...others]));
  if (list && others.length) {
    for (const text of others) {
      const link = document.createElement("a");
      const piece = document.createElement("span");
      link.href = `${list.closest("details").dataset.feedUrl}?${new URLSearchParams({ q: text })}`;
      link.title = text;
      piece.className = "mono truncate";
      piece.textContent = text;
      link.append(piece);
      list.append(link);
    }
    list.hidden = false;
  }

  // Searching in a long list of values
  document.addEventListener("input", (typed) => {
    const field = typed.target.closest("[data-find-value]");
    if (!field) return;
    const wanted = field.value.trim().toLowerCase();
    for (const item of field.closest("section").querySelectorAll("li")) {
      item.hidden = !item.querySelector(".choose").title.toLowerCase().includes(wanted);
    }
  });
})();
