/** A digit classifier in WebAssembly. */
export class Digits {
  /** The model's name. */
  readonly model: string;
  /** How many classes it tells apart. */
  readonly classes: number;
  /** What they are called. */
  readonly labels: string[];
  /** The probabilities of one image or several, 784 bytes each: 0 is background, 255 is ink. */
  predict(pixels: Uint8Array): Float32Array;
  /** The digit in a picture as 784 pixels; null if there is no ink in it. */
  fromImageData(image: { data: Uint8ClampedArray; width: number; height: number }): Uint8Array | null;
  /** The same of one byte for each pixel, row by row. */
  fromGrey(grey: Uint8Array, width: number, height: number): Uint8Array | null;
}

/** Load a model: its bytes, a compiled module, a URL, or the file beside this module. */
export function load(source?: BufferSource | WebAssembly.Module | URL | string): Promise<Digits>;
