// The answers, side by side: one lane for each file and engine that is to answer.

// Begin in an element, with the <template> of one lane.
export function createAnswers(place, template) {
  let lanes = []; // {wanted, card, bars}

  function add(wanted, labels) {
    const card = template.content.cloneNode(true).querySelector("article");
    card.querySelector("h3").textContent = nameOf(wanted);
    const bars = labels.map(bar);
    card.querySelector("ol").append(...bars);
    place.append(card);
    lanes.push({ wanted, card, bars });
  }

  function remove(wanted) {
    lanes.find((lane) => nameOf(lane.wanted) === nameOf(wanted))?.card.remove();
    lanes = lanes.filter((lane) => nameOf(lane.wanted) !== nameOf(wanted));
  }

  function clear() {
    lanes = [];
    place.replaceChildren();
  }

  return { add, remove, clear, lanes: () => [...lanes], blank: () => lanes.forEach(blank) };
}

// Show an answer in its lane; return it in words.
export function show(lane, answer, roundTrip) {
  const [prediction] = answer.predictions;
  const top = prediction.probabilities.indexOf(Math.max(...prediction.probabilities));
  lane.card.querySelector(".digit").textContent = prediction.label;
  lane.card.querySelector(".time").textContent =
    `engine ${answer.engine_milliseconds.toFixed(2)} ms, round trip ${roundTrip.toFixed(0)} ms`;
  lane.bars.forEach((bar, index) => {
    const share = prediction.probabilities[index];
    bar.classList.toggle("top", index === top);
    bar.querySelector(".fill").style.width = `${100 * share}%`;
    bar.querySelector(".value").textContent = `${(100 * share).toFixed(1)} %`;
  });
  return `${prediction.label}, ${Math.round(100 * prediction.probabilities[top])} percent`;
}

export const nameOf = ({ model, format, precision, engine }) =>
  `${model} ${format} ${precision} on ${engine}`;

function blank(lane) {
  lane.card.querySelector(".digit").textContent = "–";
  lane.card.querySelector(".time").textContent = "";
  for (const bar of lane.bars) {
    bar.classList.remove("top");
    bar.querySelector(".fill").style.width = "0";
    bar.querySelector(".value").textContent = "–";
  }
}

function bar(label) {
  const bar = document.createElement("li");
  const [text, track, fill, value] = [0, 1, 2, 3].map(() => document.createElement("span"));
  track.className = "track";
  fill.className = "fill";
  value.className = "value";
  text.textContent = label;
  value.textContent = "–";
  track.append(fill);
  bar.append(text, track, value);
  return bar;
}
