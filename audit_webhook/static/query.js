// Colours the field names of the query while it is typed: a copy of the text lies behind the transparent input.
(() => {
  const input = document.getElementById("q");
  const mirror = document.getElementById("q-mirror");
  if (!input || !mirror) return;

  const TERM = /("(?:\\.|[^"\\])*")|(-?)([A-Za-z]+:)((?:[<>]=?)?(?:\([^()]*\)|"(?:\\.|[^"\\])*"|[^\s()"]*))/g;

  const element = (name, ...content) => {
    const made = document.createElement(name);
    made.append(...content);
    return made;
  };

  const paint = () => {
    const text = input.value;
    const pieces = [];
    let end = 0;
    for (const found of text.matchAll(TERM)) {
      const [all, phrase, minus, field, value] = found;
      if (phrase) continue;
      const at = found.index;
      pieces.push(text.slice(end, at));
      pieces.push(element("span", element("s", minus), element("b", field), value));
      end = at + all.length;
    }
    pieces.push(text.slice(end));
    mirror.replaceChildren(...pieces);
    mirror.scrollLeft = input.scrollLeft;
  };

  input.addEventListener("input", paint);
  input.addEventListener("scroll", () => { mirror.scrollLeft = input.scrollLeft; });
  input.form.classList.add("is-mirrored");
  paint();
})();
