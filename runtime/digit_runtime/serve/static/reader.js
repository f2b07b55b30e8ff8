// Read a page: a sheet's picture, the boxes on it, and its lines, which can be corrected.

import { inWords, percent } from "./answers.js";
import { copyText } from "./clipboard.js";
import * as predictor from "./predictor.js";

const $ = (id) => document.getElementById(id);
const UNREADABLE = "not a picture that this browser can read";

let lines = []; // Of marks: {box, label, said, unsure, probability, corrected}; label null: no digit.
let labels = [];
let picture = null; // What was read, {image, width, height}.
let chosen = null; // The mark that is being corrected.
let before = []; // What undo goes back to: {mark, label, corrected}.
let latest = 0; // Of several pictures that follow each other, the last counts.

const marks = () => lines.flat();
const doubtful = (mark) => mark.unsure && !mark.corrected && mark.label !== null;
const shown = (mark) => (mark.label === null ? "" : mark.unsure && !mark.corrected ? "?" : mark.label);

// ---- The two views of the page

function view() {
  const reading = location.hash === "#page";
  document.body.classList.toggle("reading", reading);
  $("title").textContent = document.title = reading ? "Read a page" : "Draw a digit";
  $("other").textContent = reading ? "Draw a digit" : "Read a page";
  $("other").href = reading ? "#draw" : "#page";
}
addEventListener("hashchange", view);

// ---- A picture comes in

async function take(file) {
  if (!file) return;
  const turn = (latest += 1);
  $("sheet").classList.add("busy");
  tell("Reading the page.");
  try {
    const image = await createImageBitmap(file).catch(() => {
      throw new Error(`${file.name}: ${UNREADABLE}`);
    });
    const found = await predictor.read(await predictor.sheet({ file, image }));
    if (turn === latest) show(image, found);
  } catch (error) {
    if (turn === latest) tell(inWords(error), true);
  }
  if (turn === latest) $("sheet").classList.remove("busy");
}

function show(image, found) {
  const [page] = found.pages;
  labels = found.labels;
  picture = { image, width: page.width, height: page.height };
  before = [];
  // Words are no digits until somebody says so.
  const read = (found, label) => found.marks.map((mark) => ({ ...mark, ...label, said: mark.label, corrected: false }));
  lines = [...page.lines.map((line) => read(line)), ...page.words.map((line) => read(line, { label: null }))];
  if (page.words.length) lines.sort(([a], [b]) => a.box[1] - b.box[1]);
  const canvas = $("sheet-picture");
  canvas.width = image.width;
  canvas.height = image.height;
  canvas.getContext("2d").drawImage(image, 0, 0);
  $("boxes").replaceChildren(
    ...page.left_out.map((box) => frame(box, "out")),
    ...marks().map((mark) => {
      mark.frame = frame(mark.box, "mark");
      mark.frame.addEventListener("click", () => choose(mark));
      return mark.frame;
    }),
  );
  $("lines").replaceChildren(...lines.map(row));
  $("keypad").replaceChildren(...labels.map((label) => key(label, label)), key("no digit", null));
  $("sheet").classList.add("read");
  const out = [[page.words, "line", " of words"], [page.left_out, "mark", ""]].filter(([found]) => found.length);
  $("left-out").textContent = out.length
    ? `${out.map(([found, noun, of]) => plural(found.length, noun) + of).join(" and ")} left out (crossed)` : "";
  choose(marks().find(doubtful) ?? marks()[0] ?? null);
  redraw();
  if (!marks().length) tell("There are no digits on this picture.");
}

function frame([left, top, width, height], kind) {
  const found = document.createElement("span");
  const share = (value, of) => `${(100 * value) / of}%`;
  found.className = kind;
  found.style.left = share(left, picture.width);
  found.style.top = share(top, picture.height);
  found.style.width = share(width, picture.width);
  found.style.height = share(height, picture.height);
  return found;
}

function row(line, number) {
  const item = document.createElement("li");
  item.setAttribute("aria-label", `line ${number + 1}`);
  for (const mark of line) {
    mark.cell = document.createElement("button");
    mark.cell.type = "button";
    mark.cell.addEventListener("click", () => choose(mark));
    mark.cell.addEventListener("focus", () => choose(mark));
    item.append(mark.cell);
  }
  return item;
}

function key(text, label) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = text;
  button.className = label === null ? "none" : "";
  button.addEventListener("click", () => correct(label));
  return button;
}

// ---- Corrections

function choose(mark) {
  chosen = mark;
  for (const other of marks()) {
    other.cell.classList.toggle("chosen", other === mark);
    other.frame.classList.toggle("chosen", other === mark);
    // One stop for the tab key; arrows go on from there.
    other.cell.tabIndex = other === (mark ?? marks()[0]) ? 0 : -1;
  }
  $("correction").hidden = !mark;
  if (!mark) return;
  const { said, label, probability, unsure, corrected } = mark;
  $("chosen-says").textContent = corrected
    ? `${label ?? "no digit"}, by you; read as ${said}`
    : `${said}, ${unsure ? "unsure, " : ""}${percent(probability)}`;
  for (const button of $("keypad").children) {
    button.setAttribute("aria-pressed", `${button.textContent === (label ?? "no digit")}`);
  }
  const [left, top, width, height] = mark.box;
  const scale = picture.image.width / picture.width;
  const side = 1.5 * Math.max(width, height);
  const [x, y] = [left + (width - side) / 2, top + (height - side) / 2];
  const canvas = $("chosen-picture");
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.drawImage(picture.image, x * scale, y * scale, side * scale, side * scale, 0, 0, canvas.width, canvas.height);
}

function correct(label) {
  if (!chosen) return;
  const { corrected } = chosen;
  before.push({ mark: chosen, label: chosen.label, corrected });
  chosen.label = label;
  chosen.corrected = true;
  step(1);
  redraw();
}

function undo() {
  const last = before.pop();
  if (!last) return;
  Object.assign(last.mark, { label: last.label, corrected: last.corrected });
  redraw();
  last.mark.cell.focus();
}

function step(by) {
  const all = marks();
  const next = all[all.indexOf(chosen) + by];
  if (next) next.cell.focus();
  choose(next ?? chosen);
}

function stepLine(by) {
  const at = lines.findIndex((line) => line.includes(chosen));
  const next = lines[at + by];
  next?.[Math.min(lines[at].indexOf(chosen), next.length - 1)].cell.focus();
}

function redraw() {
  for (const mark of marks()) {
    const unsure = doubtful(mark);
    const none = mark.label === null;
    mark.cell.textContent = none ? "·" : mark.label;
    mark.cell.setAttribute("aria-label", none ? "no digit" : `${mark.label}${unsure ? ", unsure" : ""}`);
    mark.frame.dataset.says = none ? "" : `${mark.label}${unsure ? "?" : ""}`;
    for (const element of [mark.cell, mark.frame]) {
      element.classList.toggle("unsure", unsure);
      element.classList.toggle("corrected", mark.corrected);
      element.classList.toggle("none", none);
    }
  }
  $("page-undo").disabled = before.length === 0;
  $("copy").disabled = marks().length === 0;
  $("next-unsure").hidden = !marks().some(doubtful);
  tell(counts());
}

function counts() {
  const written = marks().filter((mark) => mark.label !== null);
  const unsure = written.filter(doubtful).length;
  const writtenLines = lines.filter((line) => line.some((mark) => mark.label !== null)).length;
  const said = `${plural(written.length, "digit")} in ${plural(writtenLines, "line")}`;
  return unsure ? `${said}, ${unsure} unsure` : said;
}

const plural = (number, noun) => `${number} ${noun}${number === 1 ? "" : "s"}`;

function tell(text, wrong = false) {
  $("page-status").textContent = text;
  $("page-status").classList.toggle("wrong", wrong);
}

$("lines").addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || !chosen) return;
  const typed = labels.find((label) => label.toLowerCase() === event.key.toLowerCase());
  if (typed !== undefined) correct(typed);
  else if (event.key === "Delete" || event.key === "Backspace") correct(null);
  else if (event.key === "ArrowRight") step(1);
  else if (event.key === "ArrowLeft") step(-1);
  else if (event.key === "ArrowDown") stepLine(1);
  else if (event.key === "ArrowUp") stepLine(-1);
  else return;
  event.preventDefault();
});
$("page-undo").addEventListener("click", undo);
addEventListener("keydown", (event) => {
  if (!document.body.classList.contains("reading")) return;
  if (!(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== "z" || event.shiftKey) return;
  event.preventDefault();
  undo();
});
$("next-unsure").addEventListener("click", () => {
  const all = marks();
  const at = all.indexOf(chosen) + 1;
  const next = [...all.slice(at), ...all.slice(0, at)].find(doubtful);
  next?.cell.focus();
});

// ---- Copy

$("copy").addEventListener("click", async () => {
  const text = lines.map((line) => line.map(shown).join("")).filter(Boolean).join("\n");
  await copyText(text);
  $("copy").focus();
  tell(text.includes("?") ? "Copied; a ? stands for a digit that is unsure." : "Copied.");
});

// ---- Where pictures come from

for (const id of ["photograph", "choose"]) {
  $(id).addEventListener("change", (event) => {
    take(event.target.files[0]);
    event.target.value = "";
  });
}
addEventListener("paste", (event) => {
  if (!document.body.classList.contains("reading") || event.target.matches?.("input")) return;
  const [file] = event.clipboardData.files;
  if (file) take(file);
  else tell("There is no picture to paste.", true);
});
for (const type of ["dragover", "dragleave", "drop"]) {
  $("sheet").addEventListener(type, (event) => {
    event.preventDefault();
    $("sheet").classList.toggle("over", type === "dragover");
    if (type === "drop") take(event.dataTransfer.files[0]);
  });
}

view();
