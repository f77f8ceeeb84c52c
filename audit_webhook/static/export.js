// Exports with a progress bar: reads the stream, counts, and hands the file over when it is whole.
// Without scripts the same links download directly; what is too large for a page's memory is left to them.
(() => {
  const LARGEST = 512 * 1024 ** 2;
  const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
  const ID = /(?:^|\n)(?:\{"id":")?([0-7][0-9A-HJKMNP-TV-Z]{25})/g;
  const state = document.getElementById("export");
  if (!state) return;
  const bar = state.querySelector("progress");
  const text = state.querySelector("span");
  const cancel = state.querySelector("button");
  const decoder = new TextDecoder();
  let running = null;

  // The first ten characters of an id are its time in milliseconds.
  const timeOf = (id) => [...id.slice(0, 10)].reduce((time, letter) => time * 32 + ALPHABET.indexOf(letter), 0);

  const say = (words) => {
    text.textContent = words;
    state.hidden = false;
  };

  const save = (parts, name, type) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob(parts, { type }));
    link.download = name;
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  };

  const read = async (response, onPart) => {
    const reader = response.body.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      onPart(value);
    }
  };

  const run = async (address) => {
    const mine = new AbortController();
    running = mine;
    const parts = [];
    let size = 0;
    let events = 0;
    let first = 0;
    say("Exporting…");
    bar.removeAttribute("value");
    const response = await fetch(address, { signal: mine.signal });
    if (!response.ok) throw new Error((await response.json()).message);
    const oldest = Date.parse(response.headers.get("X-Oldest"));
    await read(response, (part) => {
      parts.push(part);
      size += part.length;
      if (size > LARGEST) throw new Error("This is too large for a page. Export less, or use audit-webhook search.");
      const ids = [...decoder.decode(part).matchAll(ID)];
      if (!ids.length) return;
      events += ids.length;
      first = first || timeOf(ids[0][1]);
      const share = (first - timeOf(ids[ids.length - 1][1])) / Math.max(1, first - oldest);
      bar.value = Math.min(100, 100 * share);
      say(`${events.toLocaleString()} events, ${(size / 1024 ** 2).toFixed(1)} MB`);
    });
    const [, name] = /filename="([^"]+)"/.exec(response.headers.get("Content-Disposition"));
    save(parts, name, response.headers.get("Content-Type"));
    bar.value = 100;
    say(`${events.toLocaleString()} events exported`);
  };

  document.addEventListener("click", async (click) => {
    const link = click.target.closest("a[data-export]");
    if (!link || click.ctrlKey || click.metaKey || click.shiftKey) return;
    click.preventDefault();
    link.closest("details").open = false;
    running?.abort();
    cancel.hidden = false;
    bar.hidden = false;
    try {
      await run(link.href);
    } catch (error) {
      if (error.name !== "AbortError") say(error.message || "The server cannot be reached.");
      running?.abort();
      bar.hidden = true;
    }
    cancel.hidden = true;
  });

  cancel.addEventListener("click", () => {
    running?.abort();
    state.hidden = true;
  });
})();
