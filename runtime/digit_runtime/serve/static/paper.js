// The paper: strokes by mouse, finger, pen or keys, or a picture in their place.

const SIZE = 280; // Of the paper, in its own units.
const WIDTH = 20; // Of the pen: MNIST's strokes are about two of twenty pixels.
const STEP = 10; // Of the pen that arrow keys move.
const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

// Begin on a canvas; `pen` shows where the keys' pen is, `changed` is called with every change.
export function createPaper(canvas, pen, changed) {
  const ink = canvas.getContext("2d", { willReadFrequently: true });
  let strokes = []; // Each a list of [x, y].
  let picture = null; // Or what was chosen instead: {file, image} or {pixels, image}.
  let cursor = null; // {x, y, down}: the pen that keys move.
  let pointer = null;

  const drawn = () => strokes.length > 0 || picture !== null;

  function update() {
    redraw();
    changed();
  }

  function redraw() {
    const { paper: ground, ink: colour } = colours();
    ink.fillStyle = ground;
    ink.fillRect(0, 0, SIZE, SIZE);
    if (picture) place(ink, picture.image);
    ink.strokeStyle = ink.fillStyle = colour;
    ink.lineWidth = WIDTH;
    ink.lineCap = ink.lineJoin = "round";
    for (const stroke of strokes) {
      ink.beginPath();
      ink.arc(...stroke[0], WIDTH / 2, 0, 7); // A line of no length would leave no mark.
      ink.fill();
      ink.beginPath();
      ink.moveTo(...stroke[0]);
      for (const point of stroke) ink.lineTo(...point);
      ink.stroke();
    }
  }

  function begin(point) {
    picture = null;
    strokes.push([point]);
    update();
  }

  function liftPens() {
    pointer = null;
    if (cursor) cursor.down = false;
    showPen();
  }

  function undo() {
    liftPens();
    if (picture) picture = null;
    else strokes.pop();
    update();
  }

  function replaceBy(given) {
    liftPens();
    strokes = [];
    picture = given;
    update();
  }

  function at(event) {
    const box = canvas.getBoundingClientRect();
    return [
      ((event.clientX - box.left) * SIZE) / box.width,
      ((event.clientY - box.top) * SIZE) / box.height,
    ];
  }

  canvas.addEventListener("pointerdown", (event) => {
    if (pointer !== null || event.button !== 0) return;
    pointer = event.pointerId;
    canvas.setPointerCapture(pointer);
    cursor = null;
    showPen();
    begin(at(event));
  });
  canvas.addEventListener("pointermove", (event) => {
    if (event.pointerId !== pointer) return;
    const events = event.getCoalescedEvents?.() ?? [];
    for (const point of events.length ? events : [event]) strokes.at(-1).push(at(point));
    update();
  });
  for (const type of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(type, (event) => {
      if (event.pointerId === pointer) pointer = null;
    });
  }

  canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const move = MOVES[event.key];
    if (event.key === "Backspace") undo();
    else if (event.key === "Escape") replaceBy(null);
    else if (event.key === " ") {
      cursor ??= { x: SIZE / 2, y: SIZE / 2, down: false };
      cursor.down = !cursor.down;
      if (cursor.down) begin([cursor.x, cursor.y]);
    } else if (move) {
      cursor ??= { x: SIZE / 2, y: SIZE / 2, down: false };
      cursor.x = Math.min(SIZE - WIDTH, Math.max(WIDTH, cursor.x + STEP * move[0]));
      cursor.y = Math.min(SIZE - WIDTH, Math.max(WIDTH, cursor.y + STEP * move[1]));
      if (cursor.down) {
        strokes.at(-1).push([cursor.x, cursor.y]);
        update();
      }
    } else return;
    event.preventDefault();
    showPen();
  });
  canvas.addEventListener("blur", () => {
    cursor = null;
    showPen();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", update);

  function showPen() {
    pen.hidden = !cursor;
    if (!cursor) return;
    pen.style.left = `${(100 * cursor.x) / SIZE}%`;
    pen.style.top = `${(100 * cursor.y) / SIZE}%`;
    pen.classList.toggle("down", cursor.down);
  }

  redraw();
  return {
    drawn,
    undo,
    replaceBy,
    // What predictor.js asks about.
    drawing: () => ({
      pixels: picture?.pixels ?? null,
      picture: picture?.file ? picture : null,
      canvas,
    }),
  };
}

// Show the 784 values of a digit on a canvas of 28 x 28.
export function show28(canvas, pixels) {
  if (!pixels) return;
  const context = canvas.getContext("2d");
  const image = context.createImageData(28, 28);
  pixels.forEach((value, index) => {
    image.data.set([value, value, value, 255], 4 * index);
  });
  context.putImageData(image, 0, 0);
}

function colours() {
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  return dark ? { paper: "#0b0d10", ink: "#fff" } : { paper: "#fff", ink: "#000" };
}

function place(ink, image) {
  const scale = Math.min(SIZE / image.width, SIZE / image.height);
  const [width, height] = [image.width * scale, image.height * scale];
  ink.imageSmoothingEnabled = image.width > 28;
  ink.drawImage(image, (SIZE - width) / 2, (SIZE - height) / 2, width, height);
}
