// Rows that fold many events: which these are, and what happens when one turns out to belong to another command: new
// rows then take the place of all rows that hold any of theirs, so that each event stays on one row.
(() => {
  const MOST_NAMED = 200;
  const rows = document.getElementById("rows");
  if (!rows) return;

  const idsOf = (row) => (row.dataset.folds || row.dataset.id).split(" ");
  const orderOf = (row) => row.dataset.order || row.dataset.id;
  const allRows = () => [...rows.getElementsByClassName("row")];
  const holding = (some, ids) => some.filter((row) => idsOf(row).some((id) => ids.has(id)));

  // Give new rows with those of the others that hold what would be lost with the rows that they replace, and how many
  // events are lost all the same.
  const complete = (fresh, others, held) => {
    const found = [...fresh];
    for (;;) {
      const ids = new Set(found.flatMap(idsOf));
      const lost = new Set(holding([...allRows(), ...held], ids).flatMap(idsOf).filter((id) => !ids.has(id)));
      const more = holding(others.filter((row) => !found.includes(row)), lost);
      if (!more.length) return { rows: found, lost: lost.size };
      found.push(...more);
    }
  };

  const replace = (row) => {
    for (const old of holding(allRows(), new Set(idsOf(row)))) {
      if (old.classList.contains("is-selected")) row.classList.add("is-selected");
      if (old.querySelector(".folds[open]")) row.querySelector(".folds")?.setAttribute("open", "");
      old.remove();
    }
  };

  // What older events the rows have already taken up is named to the server, which then leaves it out.
  document.body.addEventListener("htmx:configRequest", (asked) => {
    if (!asked.target.closest("#older")) return;
    const address = new URL(asked.detail.path, location.href);
    const [before, ...named] = (address.searchParams.get("cursor") || "").split(".");
    const folded = allRows().flatMap(idsOf).filter((id) => id < before);
    const shown = [...new Set([...named, ...folded])].sort().reverse().slice(0, MOST_NAMED);
    address.searchParams.set("cursor", [before, ...shown].join("."));
    asked.detail.path = address.pathname + address.search;
  });

  window.folds = { idsOf, orderOf, allRows, holding, complete, replace };
})();
