// Who answers: a model inside this page. It has the functions of digit-serve's predictor.js.

import { load } from "./digit.js";

const LARGEST = 1024; // Side of a picture that is looked at: more adds no detail to a digit.
const WANTED = { format: "wasm", precision: "int8", engine: "this browser" };

const bytesOf = (id) =>
  Uint8Array.from(atob(document.getElementById(id).textContent.trim()), (c) => c.charCodeAt(0));

let digits;
let unsureBelow = 0;

export async function models() {
  const content = bytesOf("model");
  digits = await load(content);
  unsureBelow = Number(document.getElementById("unsure-below").textContent);
  const { model, labels } = digits;
  const first = { model, ...WANTED };
  return { default: first, models: [{ model, labels, files: [{ ...WANTED, bytes: content.length }] }] };
}

export async function samples() {
  const all = bytesOf("sample-digits");
  return Array.from({ length: all.length / 784 }, (_, i) => [...all.slice(784 * i, 784 * (i + 1))]);
}

export async function question({ pixels, picture, canvas }) {
  if (pixels) return Uint8Array.from(pixels);
  const own = picture ? fitting(picture.image) : canvas;
  const found = digits.fromImageData(own.getContext("2d").getImageData(0, 0, own.width, own.height));
  return found ?? new Error("the picture has no ink: all of it is nearly one grey");
}

export async function predict(wanted, pixels) {
  if (pixels instanceof Error) throw pixels;
  const begin = performance.now();
  const probabilities = [...digits.predict(pixels)];
  const engine_milliseconds = performance.now() - begin;
  const largest = Math.max(...probabilities);
  const label = digits.labels[probabilities.indexOf(largest)];
  const unsure = largest < unsureBelow;
  return { predictions: [{ label, probabilities, unsure }], engine_milliseconds, pixels: [...pixels], local: true };
}

// There is no server, so none asks for a token.
export function present() {}
export function recall() {}
export const presented = () => false;

function fitting(image) {
  const scale = Math.min(1, LARGEST / Math.max(image.width, image.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(image.width * scale));
  canvas.height = Math.max(1, Math.round(image.height * scale));
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  return canvas;
}
