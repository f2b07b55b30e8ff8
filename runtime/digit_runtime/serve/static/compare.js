// The comparison: what is ticked answers as well, and all of it stands in one sorted table.

import { percent } from "./answers.js";

const REMEMBERED = 9; // Times of which the median is shown: a single one jumps.
const COLUMNS = [
  { title: "Answer", by: (row) => row.label ?? "" },
  { title: "Model", by: (row) => nameOf(row.wanted) },
  { title: "Sure", by: (row) => -(row.share ?? -1) },
  { title: "ms", by: (row) => median(row.times) },
  { title: "kB", by: (row) => row.bytes },
];

export const nameOf = ({ model, format, precision, engine }) =>
  `${model} ${format} ${precision} on ${engine}`;

// Begin in a <details>; `changed` is called with a tick. Without one, nothing is compared.
export function createComparison(place, changed) {
  if (!place) return { offer() {}, take() {}, fail() {}, blank() {}, draw() {}, wanted: () => [] };
  const choices = place.querySelector("#choices");
  const table = place.querySelector("table");
  const note = place.querySelector("#ranking-note");
  const rows = new Map(); // By name: {wanted, bytes, label, share, unsure, times, problem}
  let sorted = { column: 3, down: false };

  const heads = COLUMNS.map(({ title }, column) => {
    const head = document.createElement("th");
    const button = document.createElement("button");
    head.scope = "col";
    button.type = "button";
    button.textContent = title;
    button.addEventListener("click", () => {
      sorted = { column, down: sorted.column === column && !sorted.down };
      draw();
    });
    head.append(button);
    return head;
  });
  table.tHead.rows[0].replaceChildren(...heads);

  function offer(first, models) {
    rows.clear();
    choices.replaceChildren(
      ...models.map((model) => {
        const group = document.createElement("fieldset");
        const legend = document.createElement("legend");
        legend.textContent = model.model;
        group.append(legend, ...model.files.map((file) => choice(model.model, file, first)));
        return group;
      }),
    );
    draw();
  }

  function choice(model, { format, precision, engine, bytes }, first) {
    const wanted = { model, format, precision, engine };
    const name = nameOf(wanted);
    const box = document.createElement("input");
    const label = document.createElement("label");
    const size = document.createElement("span");
    const tick = () => {
      if (box.checked) rows.set(name, { wanted, bytes: bytes ?? 0, times: [] });
      else rows.delete(name);
    };
    box.type = "checkbox";
    box.checked = name === nameOf(first);
    tick();
    box.addEventListener("change", () => {
      tick();
      draw();
      changed();
    });
    size.className = "size";
    size.textContent = bytes ? kilobytes(bytes) : "";
    label.append(box, `${format} ${precision} on ${engine}`, size);
    return label;
  }

  function take(wanted, answer) {
    const row = rows.get(nameOf(wanted));
    if (!row) return;
    const [{ label, probabilities, unsure }] = answer.predictions;
    const share = probabilities && Math.max(...probabilities);
    const times = [...row.times, answer.engine_milliseconds].slice(-REMEMBERED);
    Object.assign(row, { label, share, unsure, times, problem: null });
  }

  function fail(wanted, problem) {
    const row = rows.get(nameOf(wanted));
    if (row) Object.assign(row, { label: null, share: null, problem });
  }

  function blank() {
    for (const row of rows.values()) Object.assign(row, { label: null, share: null, problem: null });
    draw();
  }

  function draw() {
    const { by } = COLUMNS[sorted.column];
    const order = [...rows.values()].sort((a, b) => (by(a) > by(b)) - (by(a) < by(b)));
    if (sorted.down) order.reverse();
    heads.forEach((head, column) => {
      head.removeAttribute("aria-sort");
      if (column === sorted.column) head.ariaSort = sorted.down ? "descending" : "ascending";
    });
    const slowest = Math.max(...order.map((row) => median(row.times)).filter(Number.isFinite), 0);
    table.tBodies[0].replaceChildren(...order.map((row) => line(row, slowest)));
    table.hidden = order.length === 0;
    note.textContent = order.length === 0
      ? "Nothing is ticked. What is ticked answers every drawing, and stands here."
      : "The time is the engine's, the median of the last answers.";
  }

  place.addEventListener("toggle", changed);
  const wanted = () => (place.open ? [...rows.values()].map((row) => row.wanted) : []);
  return { offer, take, fail, blank, draw, wanted };
}

function line(row, slowest) {
  const { model, format, precision, engine } = row.wanted;
  const line = document.createElement("tr");
  const said = cell(row.label ?? "–", row.unsure && row.label ? "said unsure" : "said");
  if (row.unsure && row.label) said.title = "unsure";
  const name = cell(`${model} ${precision}`, "");
  const how = document.createElement("small");
  how.textContent = row.problem ?? `${format} on ${engine}`;
  name.append(how);
  const time = median(row.times);
  line.append(
    said,
    name,
    measure(row.share === null || row.share === undefined ? "" : percent(row.share), row.share ?? 0),
    measure(Number.isFinite(time) ? time.toFixed(time < 10 ? 2 : 1) : "", time / slowest || 0),
    cell(row.bytes ? kilobytes(row.bytes).replace(" kB", "") : "", "number"),
  );
  return line;
}

function measure(text, share) {
  const found = cell(text, "measure");
  if (text) {
    const bar = document.createElement("span");
    bar.style.width = `${100 * share}%`;
    found.append(bar);
  }
  return found;
}

function cell(text, kind) {
  const found = document.createElement("td");
  found.textContent = text;
  found.className = kind;
  return found;
}

function median(times) {
  const ordered = [...times].sort((a, b) => a - b);
  return ordered.length ? ordered[Math.floor(ordered.length / 2)] : Infinity;
}

const kilobytes = (bytes) => `${Math.round(bytes / 1000).toLocaleString("en")} kB`;
