// A digit classifier in WebAssembly, for Node, bundlers and <script type="module">.

const SECTION = "digit";
const PIXELS = 784;
const PAGE = 65536;

// Load a model: its bytes, a compiled module, a URL, or nothing for the file beside this one.
export async function load(source = new URL("./$file", import.meta.url)) {
  const module = source instanceof WebAssembly.Module ? source : await compile(source);
  const { exports } = await WebAssembly.instantiate(module, {});
  return new Digits(module, exports);
}

async function compile(source) {
  if (!(source instanceof URL) && typeof source !== "string") return WebAssembly.compile(source);
  if (String(source).startsWith("file:") && typeof process === "object") {
    const { readFile } = await import("node:fs/promises");
    return WebAssembly.compile(await readFile(new URL(source)));
  }
  const response = await fetch(source);
  if (!response.ok) throw new Error(`$${source}: $${response.status}`);
  return WebAssembly.compile(await response.arrayBuffer());
}

export class Digits {
  #exports;
  #base;

  constructor(module, exports) {
    this.#exports = exports;
    this.#base = (exports.__heap_base.value + 15) & ~15;
    const [section] = WebAssembly.Module.customSections(module, SECTION);
    const stamp = section ? JSON.parse(new TextDecoder().decode(section)) : {};
    this.classes = exports.digit_classes();
    this.model = stamp["digit.model"] ?? "";
    this.labels = stamp["digit.labels"]
      ? JSON.parse(stamp["digit.labels"])
      : Array.from({ length: this.classes }, (_, i) => String(i));
  }

  // The probabilities of one image or several, 784 bytes each: 0 is background, 255 is ink.
  predict(pixels) {
    if (!pixels.length || pixels.length % PIXELS) {
      throw new RangeError(`expected 784 pixels an image, not $${pixels.length}`);
    }
    const count = pixels.length / PIXELS;
    const made = this.#base + ((pixels.length + 15) & ~15);
    const memory = this.#memory(made + 4 * count * this.classes);
    memory.set(pixels, this.#base);
    this.#exports.digit_predict_rows(this.#base, made, count);
    return new Float32Array(this.#exports.memory.buffer, made, count * this.classes).slice();
  }

  // The digit in a picture as 784 pixels; null if there is no ink in it.
  fromImageData({ data, width, height }) {
    const grey = new Uint8Array(width * height);
    for (let i = 0, at = 0; i < grey.length; i += 1, at += 4) {
      // Transparent parts are white paper. The weights are ITU-R 601's.
      const alpha = data[at + 3] / 255;
      const luma = 0.299 * data[at] + 0.587 * data[at + 1] + 0.114 * data[at + 2];
      grey[i] = Math.round(luma * alpha + 255 * (1 - alpha));
    }
    return this.fromGrey(grey, width, height);
  }

  // The same of one byte for each pixel.
  fromGrey(grey, width, height) {
    if (grey.length !== width * height) throw new RangeError("expected width x height bytes");
    const made = this.#base + grey.length;
    const memory = this.#memory(made + PIXELS);
    memory.set(grey, this.#base);
    const status = this.#exports.digit_from_grey_at(this.#base, width, height, made);
    if (status === 2) throw new RangeError(`a picture of $${width} x $${height} is too large`);
    return status ? null : new Uint8Array(this.#exports.memory.buffer, made, PIXELS).slice();
  }

  #memory(end) {
    const { memory } = this.#exports;
    const missing = Math.ceil((end - memory.buffer.byteLength) / PAGE);
    if (missing > 0) memory.grow(missing);
    return new Uint8Array(memory.buffer);
  }
}
