// The page of one event: keys lead to the next newer and older event.
(() => {
  document.addEventListener("keydown", (press) => {
    if (press.ctrlKey || press.metaKey || press.altKey || document.querySelector("dialog[open]")) return;
    if (press.target.closest("input, textarea, select")) return;
    document.querySelector(`a[data-key="${CSS.escape(press.key)}"]`)?.click();
  });
})();
