// Who answers: the server that this page came from. Any module with the same functions
// can take its place, one that runs a model inside the page for example.

// A drawing is {pixels, picture, canvas}: the 784 values of a digit that is in MNIST's form
// already, or the file of a picture, or else what stands on the canvas.

const LARGEST = 1024; // Side of a picture of one digit: the server makes no use of more.
const PAGE = 2.2e6; // Pixels of a page, likewise.

let token = "";

export class Refused extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

// What can be asked for, and what answers first: {default, models}.
export async function models() {
  const found = await ask("models");
  if (token) sessionStorage.setItem("token", token);
  return found;
}

// Some digits of a model's own, 784 values each.
export async function samples(model) {
  return (await ask(`samples?${new URLSearchParams({ model })}`)).pixels;
}

// What /predict answers, of the model, format, precision and engine that are wanted.
export async function predict(wanted, question) {
  return ask(`predict?${new URLSearchParams(wanted)}`, question);
}

// The drawing as a question, made once for all that are to answer it.
export async function question(drawing) {
  if (drawing.pixels) {
    const body = JSON.stringify({ pixels: drawing.pixels });
    return { method: "POST", headers: { "Content-Type": "application/json" }, body };
  }
  const body = drawing.picture ? await fitting(drawing.picture) : await png(drawing.canvas);
  return { method: "POST", headers: { "Content-Type": body.type || "image/png" }, body };
}

// All digits of a page, as POST /read says it.
export const read = (question) => ask("read", question);

// The picture of a page, {file, image}, as a question.
export async function sheet(picture) {
  const { image } = picture;
  const body = await made(picture, Math.sqrt(PAGE / (image.width * image.height)), "image/jpeg");
  return { method: "POST", headers: { "Content-Type": body.type }, body };
}

// The token is what was typed, or what the address carries, or what was used before.
export function present(given) {
  token = given;
}

export function recall() {
  const hash = new URLSearchParams(location.hash.slice(1));
  token = hash.get("token") ?? sessionStorage.getItem("token") ?? "";
  if (hash.has("token")) history.replaceState(null, "", location.pathname);
}

export const presented = () => token !== "";

async function ask(path, options = {}) {
  const headers = token ? { ...options.headers, Authorization: `Bearer ${token}` } : options.headers;
  const response = await fetch(path, { ...options, headers }).catch(() => {
    throw new Refused("The server cannot be reached; does digit-serve still run?", 0);
  });
  // What does not come from the application, but from a proxy say, need not be JSON.
  const content = await response.json().catch(() => ({}));
  if (response.ok) return content;
  throw new Refused(content.error ?? `The server said ${response.status}.`, response.status);
}

// A photo is larger than the server needs, and may be of a kind that only browsers read.
const fitting = (picture) =>
  made(picture, LARGEST / Math.max(picture.image.width, picture.image.height), "image/png");

async function made({ file, image }, largest, kind) {
  const scale = Math.min(1, largest);
  if (scale === 1 && ["image/png", "image/jpeg"].includes(file.type)) return file;
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(image.width * scale));
  canvas.height = Math.max(1, Math.round(image.height * scale));
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  return blob(canvas, kind);
}

const blob = (canvas, kind) => new Promise((done) => canvas.toBlob(done, kind, 0.92));
const png = (canvas) => blob(canvas, "image/png");
