// Colours the field names of the query while it is typed: a copy of the text lies behind the transparent input.
(() => {
  const input = document.getElementById("q");
  const mirror = document.getElementById("q-mirror");
  if (!input || !mirror) return;

  const TERM = /"(?:\\.|[^"\\])*"|[A-Za-z]+:/g;

  const paint = () => {
    const text = input.value;
    const pieces = [];
    let end = 0;
    for (const found of text.matchAll(TERM)) {
      if (found[0].startsWith('"')) continue;
      pieces.push(text.slice(end, found.index));
      const field = document.createElement("b");
      field.textContent = found[0];
      pieces.push(field);
      end = found.index + found[0].length;
    }
    pieces.push(text.slice(end));
    mirror.replaceChildren(...pieces);
    mirror.scrollLeft = input.scrollLeft;
  };

  input.addEventListener("input", paint);
  input.addEventListener("scroll", () => { mirror.scrollLeft = input.scrollLeft; });
  paint();
})();
