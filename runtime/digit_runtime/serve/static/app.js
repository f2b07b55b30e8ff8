const $ = (id) => document.getElementById(id);
const paper = $("paper");
const ink = paper.getContext("2d", { willReadFrequently: true });
const SIZE = paper.width;
const WIDTH = 20; // Of the pen: MNIST's strokes are about two of twenty pixels.
const STEP = 10; // Of the pen that arrow keys move.
const LARGEST = 1024; // Side of a picture that is sent: the server makes no use of more.
const QUIET = 400; // Milliseconds without a new answer before one is spoken.

const state = {
  strokes: [], // Each a list of [x, y].
  picture: null, // Or what was chosen instead: {blob, image} or {pixels}.
  lanes: [], // {wanted, card, bars}
  busy: false,
  again: false,
  token: "",
  cursor: null, // {x, y, down}: the pen that keys move.
};

// ---- Asking the server

function headers(extra = {}) {
  return state.token ? { ...extra, Authorization: `Bearer ${state.token}` } : extra;
}

async function ask(path, options = {}) {
  const response = await fetch(path, { ...options, headers: headers(options.headers) });
  // What does not come from the application, but from a proxy say, need not be JSON.
  const content = await response.json().catch(() => ({}));
  if (response.ok) return content;
  const error = new Error(content.error ?? `the server said ${response.status}.`);
  error.status = response.status;
  throw error;
}

function tell(text) {
  $("status").textContent = text;
}

function recall() {
  const hash = new URLSearchParams(location.hash.slice(1));
  state.token = hash.get("token") ?? sessionStorage.getItem("token") ?? "";
  if (hash.has("token")) history.replaceState(null, "", location.pathname);
}

async function start() {
  try {
    const { default: first, models } = await ask("models");
    if (state.token) sessionStorage.setItem("token", state.token);
    $("token-form").hidden = true;
    state.lanes = [];
    $("lanes").replaceChildren();
    $("choices").replaceChildren();
    addLane(first, models);
    listChoices(first, models);
    tell(`${name(first)} is ready.`);
    await showGallery(first.model);
    document.body.classList.remove("starting");
    if (drawn()) refresh();
  } catch (error) {
    if (error.status === 401) {
      tell(state.token ? "That is not the token." : "");
      $("token-form").hidden = false;
      $("token").focus();
    } else {
      tell(`The server does not answer: ${error.message}`);
    }
  }
}

$("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  state.token = $("token").value;
  start();
});

// ---- Lanes: what answers, side by side

function name(wanted) {
  return `${wanted.model} ${wanted.format} ${wanted.precision} on ${wanted.engine}`;
}

function addLane(wanted, models) {
  const card = $("lane").content.cloneNode(true).querySelector("article");
  card.querySelector("h3").textContent = name(wanted);
  const { labels } = models.find((model) => model.model === wanted.model);
  const bars = labels.map((label) => {
    const bar = document.createElement("li");
    const track = document.createElement("span");
    track.className = "track";
    const fill = document.createElement("span");
    fill.className = "fill";
    track.append(fill);
    const value = document.createElement("span");
    value.className = "value";
    value.textContent = "–";
    const text = document.createElement("span");
    text.textContent = label;
    bar.append(text, track, value);
    return bar;
  });
  card.querySelector("ol").append(...bars);
  $("lanes").append(card);
  state.lanes.push({ wanted, card, bars });
}

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
      box.checked = name(wanted) === name(first);
      box.addEventListener("change", () => {
        const index = state.lanes.findIndex((lane) => name(lane.wanted) === name(wanted));
        if (box.checked && index < 0) addLane(wanted, models);
        if (!box.checked && index >= 0) state.lanes.splice(index, 1)[0].card.remove();
        if (drawn()) refresh();
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

function showAnswer(lane, answer, roundTrip) {
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

let speaking;
function speak(text) {
  clearTimeout(speaking);
  speaking = setTimeout(() => { $("spoken").textContent = text; }, text ? QUIET : 0);
}

function showNothing() {
  for (const lane of state.lanes) {
    lane.card.querySelector(".digit").textContent = "–";
    lane.card.querySelector(".time").textContent = "";
    for (const bar of lane.bars) {
      bar.classList.remove("top");
      bar.querySelector(".fill").style.width = "0";
      bar.querySelector(".value").textContent = "–";
    }
  }
  speak("");
  $("seen").getContext("2d").clearRect(0, 0, 28, 28);
}

// ---- Answers follow the drawing: one question at a time, then the latest drawing

const drawn = () => state.strokes.length > 0 || state.picture !== null;

async function refresh() {
  if (state.busy) {
    state.again = true;
    return;
  }
  state.busy = true;
  do {
    state.again = false;
    if (drawn()) await predict();
  } while (state.again);
  state.busy = false;
  if (!drawn()) showNothing();
}

async function question() {
  if (state.picture?.pixels) {
    const body = JSON.stringify({ pixels: state.picture.pixels });
    return { method: "POST", headers: { "Content-Type": "application/json" }, body };
  }
  const body = state.picture?.blob ?? (await new Promise((done) => paper.toBlob(done, "image/png")));
  return { method: "POST", headers: { "Content-Type": body.type || "image/png" }, body };
}

async function predict() {
  const options = await question();
  await Promise.all(
    [...state.lanes].map(async (lane) => {
      const begin = performance.now();
      try {
        const answer = await ask(`predict?${new URLSearchParams(lane.wanted)}`, options);
        if (!drawn()) return; // It was cleared meanwhile.
        const said = showAnswer(lane, answer, performance.now() - begin);
        if (lane === state.lanes[0]) {
          speak(said);
          tell("");
          show28($("seen"), answer.pixels ?? state.picture?.pixels);
        }
      } catch (error) {
        if (error.status === 401) start();
        else tell(error.message);
      }
    }),
  );
}

function show28(canvas, pixels) {
  if (!pixels) return;
  const context = canvas.getContext("2d");
  const image = context.createImageData(28, 28);
  pixels.forEach((value, index) => {
    image.data.set([value, value, value, 255], 4 * index);
  });
  context.putImageData(image, 0, 0);
}

// ---- The paper

function colours() {
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  return dark ? { paper: "#0b0d10", ink: "#fff" } : { paper: "#fff", ink: "#000" };
}

function redraw() {
  const { paper: ground, ink: colour } = colours();
  ink.fillStyle = ground;
  ink.fillRect(0, 0, SIZE, SIZE);
  if (state.picture?.image) {
    const { image } = state.picture;
    const scale = Math.min(SIZE / image.width, SIZE / image.height);
    const [width, height] = [image.width * scale, image.height * scale];
    ink.imageSmoothingEnabled = image.width > 28;
    ink.drawImage(image, (SIZE - width) / 2, (SIZE - height) / 2, width, height);
  }
  ink.strokeStyle = ink.fillStyle = colour;
  ink.lineWidth = WIDTH;
  ink.lineCap = ink.lineJoin = "round";
  for (const stroke of state.strokes) {
    ink.beginPath();
    ink.arc(...stroke[0], WIDTH / 2, 0, 7); // A line of no length would leave no mark.
    ink.fill();
    ink.beginPath();
    ink.moveTo(...stroke[0]);
    for (const point of stroke) ink.lineTo(...point);
    ink.stroke();
  }
  $("undo").disabled = $("clear").disabled = !drawn();
}

function changed() {
  redraw();
  refresh();
}

function begin(point) {
  state.picture = null;
  state.strokes.push([point]);
  changed();
}

function extend(point) {
  state.strokes.at(-1).push(point);
  changed();
}

function liftPens() {
  pointer = null;
  if (state.cursor) state.cursor.down = false;
  showPen();
}

function undo() {
  liftPens();
  if (state.picture) state.picture = null;
  else state.strokes.pop();
  changed();
}

function replaceBy(picture) {
  liftPens();
  state.strokes = [];
  state.picture = picture;
  changed();
}

function clear() {
  tell("");
  replaceBy(null);
}

$("undo").addEventListener("click", undo);
$("clear").addEventListener("click", clear);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", changed);

function at(event) {
  const box = paper.getBoundingClientRect();
  return [((event.clientX - box.left) * SIZE) / box.width, ((event.clientY - box.top) * SIZE) / box.height];
}

let pointer = null;
paper.addEventListener("pointerdown", (event) => {
  if (pointer !== null || event.button !== 0) return;
  pointer = event.pointerId;
  paper.setPointerCapture(pointer);
  state.cursor = null;
  showPen();
  begin(at(event));
});
paper.addEventListener("pointermove", (event) => {
  if (event.pointerId !== pointer) return;
  const events = event.getCoalescedEvents?.() ?? [];
  for (const point of events.length ? events : [event]) state.strokes.at(-1).push(at(point));
  changed();
});
for (const type of ["pointerup", "pointercancel"]) {
  paper.addEventListener(type, (event) => {
    if (event.pointerId === pointer) pointer = null;
  });
}

// ---- Drawing with keys

const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

paper.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const move = MOVES[event.key];
  if (event.key === "Backspace") undo();
  else if (event.key === "Escape") clear();
  else if (event.key === " ") {
    state.cursor ??= { x: SIZE / 2, y: SIZE / 2, down: false };
    state.cursor.down = !state.cursor.down;
    if (state.cursor.down) begin([state.cursor.x, state.cursor.y]);
  } else if (move) {
    state.cursor ??= { x: SIZE / 2, y: SIZE / 2, down: false };
    const cursor = state.cursor;
    cursor.x = Math.min(SIZE - WIDTH, Math.max(WIDTH, cursor.x + STEP * move[0]));
    cursor.y = Math.min(SIZE - WIDTH, Math.max(WIDTH, cursor.y + STEP * move[1]));
    if (cursor.down) extend([cursor.x, cursor.y]);
  } else return;
  event.preventDefault();
  showPen();
});
paper.addEventListener("blur", () => {
  state.cursor = null;
  showPen();
});

function showPen() {
  const pen = $("pen");
  pen.hidden = !state.cursor;
  if (!state.cursor) return;
  pen.style.left = `${(100 * state.cursor.x) / SIZE}%`;
  pen.style.top = `${(100 * state.cursor.y) / SIZE}%`;
  pen.classList.toggle("down", state.cursor.down);
}

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
  replaceBy({ blob: await fitting(file, image), image });
}

// A photo is larger than the server needs, and may be of a kind that only browsers read.
async function fitting(file, image) {
  const scale = Math.min(1, LARGEST / Math.max(image.width, image.height));
  if (scale === 1 && ["image/png", "image/jpeg"].includes(file.type)) return file;
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(image.width * scale));
  canvas.height = Math.max(1, Math.round(image.height * scale));
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((done) => canvas.toBlob(done, "image/png"));
}

$("file").addEventListener("change", (event) => {
  take(event.target.files[0]);
  event.target.value = "";
});
paper.addEventListener("dragover", (event) => {
  event.preventDefault();
  paper.classList.add("over");
});
paper.addEventListener("dragleave", () => paper.classList.remove("over"));
paper.addEventListener("drop", (event) => {
  event.preventDefault();
  paper.classList.remove("over");
  take(event.dataTransfer.files[0]);
});
// A picture that misses the paper must not replace the page.
for (const type of ["dragover", "drop"]) addEventListener(type, (event) => event.preventDefault());

async function showGallery(model) {
  let samples;
  try {
    samples = await ask(`samples?${new URLSearchParams({ model })}`);
  } catch {
    $("gallery-title").hidden = true;
    return;
  }
  const buttons = samples.pixels.map((pixels, index) => {
    const button = document.createElement("button");
    button.type = "button";
    button.setAttribute("aria-label", `digit ${index + 1} of ${samples.pixels.length}`);
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = 28;
    show28(canvas, pixels);
    button.append(canvas);
    button.addEventListener("click", () => replaceBy({ pixels, image: canvas }));
    return button;
  });
  $("gallery").replaceChildren(...buttons);
}

redraw();
recall();
start();
