// The page: what is drawn on the paper is asked of the predictor, and its answers are shown.

import { createAnswers, nameOf, show } from "./answers.js";
import { createPaper, show28 } from "./paper.js";
import * as predictor from "./predictor.js";

const QUIET = 400; // Milliseconds without a new answer before one is spoken.
const $ = (id) => document.getElementById(id);

const paper = createPaper($("paper"), $("pen"), changed);
const answers = createAnswers($("lanes"), $("lane"));

function tell(text) {
  $("status").textContent = text;
}

async function start() {
  try {
    const { default: first, models } = await predictor.models();
    $("token-form").hidden = true;
    answers.clear();
    $("choices").replaceChildren();
    answers.add(first, labelsOf(first, models));
    listChoices(first, models);
    tell(`${nameOf(first)} is ready.`);
    await showGallery(first.model);
    document.body.classList.remove("starting");
    if (paper.drawn()) refresh();
  } catch (error) {
    if (error.status === 401) {
      tell(predictor.presented() ? "That is not the token." : "");
      $("token-form").hidden = false;
      $("token").focus();
    } else {
      tell(`The server does not answer: ${error.message}`);
    }
  }
}

$("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  predictor.present($("token").value);
  start();
});

const labelsOf = (wanted, models) => models.find((model) => model.model === wanted.model).labels;

function listChoices(first, models) {
  for (const model of models) {
    const group = document.createElement("fieldset");
    const legend = document.createElement("legend");
    legend.textContent = model.model;
    group.append(legend);
    $("choices").append(group);
    for (const file of model.files) {
      const { format, precision, engine } = file;
      const wanted = { model: model.model, format, precision, engine };
      const box = document.createElement("input");
      box.type = "checkbox";
      box.checked = nameOf(wanted) === nameOf(first);
      box.addEventListener("change", () => {
        if (box.checked) answers.add(wanted, model.labels);
        else answers.remove(wanted);
        if (paper.drawn()) refresh();
      });
      const label = document.createElement("label");
      const size = document.createElement("span");
      size.className = "size";
      size.textContent = file.bytes ? `${Math.round(file.bytes / 1000).toLocaleString("en")} kB` : "";
      label.append(box, `${format} ${precision} on ${engine}`, size);
      group.append(label);
    }
  }
}

let speaking;
function speak(text) {
  clearTimeout(speaking);
  speaking = setTimeout(() => { $("spoken").textContent = text; }, text ? QUIET : 0);
}

function showNothing() {
  answers.blank();
  speak("");
  $("seen").getContext("2d").clearRect(0, 0, 28, 28);
}

// ---- Answers follow the drawing: one question at a time, then the latest drawing

let busy = false;
let again = false;

function changed() {
  $("undo").disabled = $("clear").disabled = !paper.drawn();
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
    if (paper.drawn()) await predict();
  } while (again);
  busy = false;
  if (!paper.drawn()) showNothing();
}

async function predict() {
  const drawing = paper.drawing();
  const question = await predictor.question(drawing);
  await Promise.all(
    answers.lanes().map(async (lane, index) => {
      const begin = performance.now();
      try {
        const answer = await predictor.predict(lane.wanted, question);
        if (!paper.drawn()) return; // It was cleared meanwhile.
        const said = show(lane, answer, performance.now() - begin);
        if (index === 0) {
          speak(said);
          tell("");
          show28($("seen"), answer.pixels ?? drawing.pixels);
        }
      } catch (error) {
        if (error.status === 401) start();
        else tell(error.message);
      }
    }),
  );
}

$("undo").addEventListener("click", paper.undo);
$("clear").addEventListener("click", () => {
  tell("");
  paper.replaceBy(null);
});

// ---- Pictures and the gallery

async function take(file) {
  if (!file) return;
  let image;
  try {
    image = await createImageBitmap(file);
  } catch {
    tell(`${file.name}: not a picture that this browser can read.`);
    return;
  }
  paper.replaceBy({ file, image });
}

$("file").addEventListener("change", (event) => {
  take(event.target.files[0]);
  event.target.value = "";
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
