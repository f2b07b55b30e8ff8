// The page: what is drawn on the paper is asked of the predictor, and its answers are shown.

import { createAnswer, inWords } from "./answers.js";
import { createComparison, nameOf } from "./compare.js";
import { createPaper, show28 } from "./paper.js";
import * as predictor from "./predictor.js";

const QUIET = 400; // Milliseconds without a new answer before one is spoken.
const RETRY = 3000; // Milliseconds before a server that is not there is asked again.
const $ = (id) => document.getElementById(id);

const paper = createPaper($("paper"), $("pen"), changed);
const answer = createAnswer($("answer"));
const comparison = createComparison($("more"), refresh);
let first = null; // What answers in the large, {model, format, precision, engine}.

function tell(text, wrong = false) {
  $("status").textContent = text;
  $("status").classList.toggle("wrong", wrong);
}

async function start() {
  try {
    const { default: used, models } = await predictor.models();
    first = used;
    if ($("token-form")) $("token-form").hidden = true;
    answer.setLabels(models.find((model) => model.model === first.model).labels);
    comparison.offer(first, models);
    tell(`${nameOf(first)} is ready.`);
    await showGallery(first.model);
    document.body.classList.remove("starting");
    if (paper.drawn()) refresh();
  } catch (error) {
    if (error.status === 401) {
      tell(predictor.presented() ? "That is not the token." : "", true);
      $("token-form").hidden = false;
      $("token").focus();
    } else {
      tell(inWords(error), true);
      setTimeout(start, RETRY);
    }
  }
}

$("token-form")?.addEventListener("submit", (event) => {
  event.preventDefault();
  predictor.present($("token").value);
  start();
});

let speaking;
function speak(text) {
  clearTimeout(speaking);
  // The table is sorted anew when the hand rests; it would jump otherwise.
  speaking = setTimeout(() => {
    $("spoken").textContent = text;
    comparison.draw();
  }, text ? QUIET : 0);
}

function showNothing() {
  answer.blank();
  comparison.blank();
  speak("");
  $("seen").getContext("2d").clearRect(0, 0, 28, 28);
}

// ---- Answers follow the drawing: one question at a time, then the latest drawing

let busy = false;
let again = false;

function changed() {
  $("undo").disabled = !paper.undoable();
  $("clear").disabled = !paper.drawn();
  $("invitation").hidden = paper.drawn();
  refresh();
}

async function refresh() {
  if (busy) {
    again = true;
    return;
  }
  busy = true;
  do {
    again = false;
    if (paper.drawn() && first) await predict();
  } while (again);
  busy = false;
  if (!paper.drawn()) showNothing();
}

async function predict() {
  const drawing = paper.drawing();
  const question = await predictor.question(drawing);
  if (!(await predictFirst(drawing, question))) return;
  // One after the other, or each would make the others slow.
  for (const wanted of comparison.wanted()) {
    if (again || nameOf(wanted) === nameOf(first)) continue;
    try {
      comparison.take(wanted, await predictor.predict(wanted, question));
    } catch (error) {
      comparison.fail(wanted, inWords(error));
    }
  }
}

// A page that is one file has no "Read a page".
const several = (marks) =>
  `${marks} marks, and one digit is read: ${$("other") ? "\u201cRead a page\u201d reads" : "digit-read and digit-serve read"} them all.`;

async function predictFirst(drawing, question) {
  const begin = performance.now();
  try {
    const found = await predictor.predict(first, question);
    if (!paper.drawn()) return false; // It was cleared meanwhile.
    speak(answer.show(found, first.engine, performance.now() - begin));
    comparison.take(first, found);
    tell(found.others ? several(found.others + 1) : "");
    show28($("seen"), found.pixels ?? drawing.pixels);
    return true;
  } catch (error) {
    if (error.status === 401) start();
    else {
      answer.blank();
      tell(inWords(error), true);
    }
    return false;
  }
}

$("undo").addEventListener("click", paper.undo);
$("clear").addEventListener("click", () => {
  tell("");
  paper.replaceBy(null);
});
addEventListener("keydown", (event) => {
  if (!(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== "z" || event.shiftKey) return;
  if (elsewhere() || event.target.matches("input:not([type=checkbox])")) return;
  event.preventDefault();
  paper.undo();
});

// While a page is read, keys and pictures are meant for that.
const elsewhere = () => document.body.classList.contains("reading");

// ---- Pictures and the gallery

async function take(file) {
  if (!file) return;
  let image;
  try {
    image = await createImageBitmap(file);
  } catch {
    tell(`${file.name}: not a picture that this browser can read.`, true);
    return;
  }
  tell("");
  paper.replaceBy({ file, image });
}

$("file").addEventListener("change", (event) => {
  take(event.target.files[0]);
  event.target.value = "";
});
addEventListener("paste", (event) => {
  if (elsewhere() || event.target.matches?.("input")) return;
  const [file] = event.clipboardData.files;
  if (file) take(file);
  else tell("There is no picture to paste.", true);
});
$("paper").addEventListener("dragover", (event) => {
  event.preventDefault();
  $("paper").classList.add("over");
});
$("paper").addEventListener("dragleave", () => $("paper").classList.remove("over"));
$("paper").addEventListener("drop", (event) => {
  event.preventDefault();
  $("paper").classList.remove("over");
  take(event.dataTransfer.files[0]);
});
// A picture that misses the paper must not replace the page.
for (const type of ["dragover", "drop"]) addEventListener(type, (event) => event.preventDefault());

async function showGallery(model) {
  let digits;
  try {
    digits = await predictor.samples(model);
  } catch {
    $("gallery-title").hidden = true;
    return;
  }
  const buttons = digits.map((pixels, index) => {
    const button = document.createElement("button");
    button.type = "button";
    button.setAttribute("aria-label", `digit ${index + 1} of ${digits.length}`);
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = 28;
    show28(canvas, pixels);
    button.append(canvas);
    button.addEventListener("click", () => paper.replaceBy({ pixels, image: canvas }));
    return button;
  });
  $("gallery").replaceChildren(...buttons);
}

predictor.recall();
start();
