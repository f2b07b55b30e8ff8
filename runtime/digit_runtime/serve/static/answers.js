// The answer: the digit, how sure the model is of it, and what else it may be.

const BARS = 12; // Of named classes; the rest would be too small to be seen.

// Begin in an element that holds .digit, .doubt, .bars and .time.
export function createAnswer(card) {
  const [digit, doubt, bars, time] = [".digit", ".doubt", ".bars", ".time"].map((part) =>
    card.querySelector(part),
  );
  let labels = [];

  function setLabels(names) {
    labels = names;
    const words = names.length > 10 || names.some((name) => name.length > 2);
    bars.classList.toggle("words", words);
    digit.classList.toggle("word", names.some((name) => name.length > 2));
    bars.replaceChildren(...names.slice(0, words ? BARS : 10).map(bar));
    blank();
  }

  function blank() {
    digit.textContent = "–";
    doubt.textContent = time.textContent = "";
    card.classList.remove("unsure");
    card.classList.add("nothing");
    for (const item of bars.children) fill(item, null, false);
  }

  // Show what /predict says, and the milliseconds that it took; return it in words.
  function show(answer, engine, roundTrip) {
    const [{ label, probabilities, unsure = false }] = answer.predictions;
    if (label === null) {
      blank();
      doubt.textContent = "The model has no answer to this.";
      return doubt.textContent;
    }
    const ranked = probabilities.map((share, index) => ({ share, index, name: labels[index] }));
    ranked.sort((a, b) => b.share - a.share);
    const shown = bars.classList.contains("words") ? ranked : [...ranked].sort((a, b) => a.index - b.index);
    [...bars.children].forEach((item, place) => {
      const { share, name } = shown[place];
      item.querySelector(".name").textContent = name;
      fill(item, share, name === label);
    });
    card.classList.remove("nothing");
    card.classList.toggle("unsure", unsure);
    digit.textContent = label;
    doubt.textContent = unsure
      ? `unsure: ${label} or ${ranked[1].name}`
      : `${percent(ranked[0].share)} sure`;
    // A page with the model inside asks nobody.
    const way = answer.local ? "" : `, ${roundTrip.toFixed(0)} ms there and back`;
    time.textContent = `${answer.engine_milliseconds.toFixed(2)} ms in ${engine}${way}`;
    return `${label}, ${Math.round(100 * ranked[0].share)} percent${unsure ? ", unsure" : ""}`;
  }

  return { setLabels, blank, show };
}

// What went wrong, for someone who draws or reads.
export function inWords(error) {
  if (error.status === 503) return "The server is busy. Try again.";
  const said = error.message.replace(/^the image: /, "this picture ");
  return said[0].toUpperCase() + said.slice(1) + (/[.!?]$/.test(said) ? "" : ".");
}

// Never more sure than the model is: 99.96 % is not 100 %.
export function percent(share) {
  const value = 100 * share;
  if (value > 99.9 && value < 100) return "99.9 %";
  return `${value.toFixed(value < 99.5 && value >= 10 ? 0 : 1)} %`;
}

function bar(label) {
  const item = document.createElement("li");
  const [name, track, level, value] = ["name", "track", "fill", "value"].map((kind) => {
    const part = document.createElement("span");
    part.className = kind;
    return part;
  });
  name.textContent = label;
  track.append(level);
  item.append(name, track, value);
  return item;
}

function fill(item, share, top) {
  item.classList.toggle("top", top);
  const across = item.parentElement.classList.contains("words");
  item.querySelector(".fill").style[across ? "width" : "height"] = `${100 * (share ?? 0)}%`;
  const seen = share !== null && (across || share >= 0.005);
  item.querySelector(".value").textContent = seen ? percent(share) : "";
}
