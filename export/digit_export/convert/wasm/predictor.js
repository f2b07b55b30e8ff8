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
  if (pixels) return { pixels: Uint8Array.from(pixels), others: 0 };
  const own = picture ? fitting(picture.image) : canvas;
  const image = own.getContext("2d").getImageData(0, 0, own.width, own.height);
  const found = digits.fromImageData(image);
  return found ? { pixels: found, others: furtherMarks(image) }
    : new Error("the picture has no ink: all of it is nearly one grey");
}

export async function predict(wanted, question) {
  if (question instanceof Error) throw question;
  const { pixels, others } = question;
  const begin = performance.now();
  const probabilities = [...digits.predict(pixels)];
  const engine_milliseconds = performance.now() - begin;
  const largest = Math.max(...probabilities);
  const label = digits.labels[probabilities.indexOf(largest)];
  const unsure = largest < unsureBelow;
  return { predictions: [{ label, probabilities, unsure }], engine_milliseconds, pixels: [...pixels], others, local: true };
}

// There is no server, so none asks for a token.
export function present() {}
export function recall() {}
export const presented = () => false;

// How many marks a drawing has besides the largest; a photo, whose paper is not one grey, says 0.
function furtherMarks({ width, height, data }) {
  const far = (at) => Math.abs(data[4 * at + 1] - data[1]) > 96;
  for (let x = 0; x < width; x += 1) if (far(x) || far(x + width * (height - 1))) return 0;
  for (let y = 0; y < height; y += 1) if (far(y * width) || far(y * width + width - 1)) return 0;
  const seen = new Uint8Array(width * height);
  const marks = [];
  for (let start = 0; start < seen.length; start += 1) {
    if (seen[start] || !far(start)) continue;
    const mark = { left: width, right: 0, top: height, bottom: 0 };
    const open = [start];
    seen[start] = 1;
    while (open.length) {
      const at = open.pop();
      const [x, y] = [at % width, Math.floor(at / width)];
      mark.left = Math.min(mark.left, x);
      mark.right = Math.max(mark.right, x + 1);
      mark.top = Math.min(mark.top, y);
      mark.bottom = Math.max(mark.bottom, y + 1);
      for (const next of [at - 1, at + 1, at - width, at + width]) {
        if (seen[next] || !far(next)) continue;
        seen[next] = 1;
        open.push(next);
      }
    }
    marks.push(mark);
  }
  const size = ({ left, right, top, bottom }) => (right - left) * (bottom - top);
  const [main, ...rest] = marks.sort((a, b) => size(b) - size(a));
  // What is lower, or above or below, is a part of it.
  const beside = ({ left, right }) => Math.min(right, main.right) - Math.max(left, main.left) < 0.4 * (right - left);
  return rest.filter((mark) => mark.bottom - mark.top >= 0.6 * (main.bottom - main.top) && beside(mark)).length;
}

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
