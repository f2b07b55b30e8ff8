// The paper: strokes by mouse, finger, pen or keys, or a picture in their place.

const SIZE = 280; // Of the paper, in its own units.
const WIDTH = 20; // Of the pen: MNIST's strokes are about two of twenty pixels.
const STEP = 10; // Of the pen that arrow keys move.
const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const NOTHING = { strokes: [], picture: null };

// Begin on a canvas; `pen` shows where the keys' pen is, `changed` is called with every change.
export function createPaper(canvas, pen, changed) {
  // What is asked about is always of one size, whatever the screen's.
  const sent = document.createElement("canvas");
  sent.width = sent.height = SIZE;
  let now = NOTHING; // Strokes, each a list of [x, y], or a picture: {file, image} or {pixels, image}.
  let before = []; // What undo goes back to.
  let cursor = null; // {x, y, down}: the pen that keys move.
  let pointer = null;

  const drawn = () => now.strokes.length > 0 || now.picture !== null;

  function update() {
    redraw();
    changed();
  }

  function redraw() {
    paint(canvas.getContext("2d"), canvas.width, now, null);
  }

  function become(next) {
    before.push(now);
    now = next;
    update();
  }

  const begin = (point) => become({ strokes: [...now.strokes, [point]], picture: null });

  function extend(...points) {
    now.strokes.at(-1).push(...points);
    update();
  }

  function liftPens() {
    pointer = null;
    if (cursor) cursor.down = false;
    showPen();
  }

  function undo() {
    if (before.length === 0) return;
    liftPens();
    now = before.pop();
    update();
  }

  function replaceBy(picture) {
    liftPens();
    if (picture || drawn()) become({ strokes: [], picture });
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
    extend(...(events.length ? events : [event]).map(at));
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
      if (cursor.down) extend([cursor.x, cursor.y]);
    } else return;
    event.preventDefault();
    showPen();
  });
  canvas.addEventListener("blur", () => {
    cursor = null;
    showPen();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", update);

  // As many pixels as the screen has there, or zooming in would show soft edges.
  function fit() {
    const side = Math.round(canvas.clientWidth * devicePixelRatio);
    if (side === 0 || side === canvas.width) return;
    canvas.width = canvas.height = side;
    redraw();
  }
  new ResizeObserver(fit).observe(canvas);
  addEventListener("resize", fit);

  function showPen() {
    pen.hidden = !cursor;
    if (!cursor) return;
    pen.style.left = `${(100 * cursor.x) / SIZE}%`;
    pen.style.top = `${(100 * cursor.y) / SIZE}%`;
    pen.classList.toggle("down", cursor.down);
  }

  return {
    drawn,
    undo,
    replaceBy,
    undoable: () => before.length > 0,
    // What predictor.js asks about.
    drawing() {
      const { picture } = now;
      paint(sent.getContext("2d", { willReadFrequently: true }), SIZE, now, colours().paper);
      return { pixels: picture?.pixels ?? null, picture: picture?.file ? picture : null, canvas: sent };
    },
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
  return dark ? { paper: "#0a0c10", ink: "#fff" } : { paper: "#fff", ink: "#000" };
}

function paint(context, side, { strokes, picture }, ground) {
  context.setTransform(side / SIZE, 0, 0, side / SIZE, 0, 0);
  context.clearRect(0, 0, SIZE, SIZE);
  if (ground) {
    context.fillStyle = ground;
    context.fillRect(0, 0, SIZE, SIZE);
  }
  if (picture) place(context, picture.image);
  context.strokeStyle = context.fillStyle = colours().ink;
  context.lineWidth = WIDTH;
  context.lineCap = context.lineJoin = "round";
  for (const stroke of strokes) trace(context, stroke);
}

function trace(context, stroke) {
  const [first] = stroke;
  context.beginPath();
  context.arc(...first, WIDTH / 2, 0, 7); // A line of no length would leave no mark.
  context.fill();
  context.beginPath();
  context.moveTo(...first);
  // Through the middles of its pieces, so that a fast hand leaves no corners.
  for (let n = 1; n < stroke.length - 1; n += 1) {
    const [[x, y], [a, b]] = [stroke[n], stroke[n + 1]];
    context.quadraticCurveTo(x, y, (x + a) / 2, (y + b) / 2);
  }
  context.lineTo(...stroke.at(-1));
  context.stroke();
}

function place(context, image) {
  const scale = Math.min(SIZE / image.width, SIZE / image.height);
  const [width, height] = [image.width * scale, image.height * scale];
  context.imageSmoothingEnabled = image.width > 28;
  context.imageSmoothingQuality = "high";
  context.drawImage(image, (SIZE - width) / 2, (SIZE - height) / 2, width, height);
}
