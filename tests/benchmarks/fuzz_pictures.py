"""Throw odd and damaged pictures at digit-read: each is read, or refused in one line.

Half of them are whole files that were damaged at random, half are small pictures of any mode
and size with any content. A seed tells how to repeat a find:

    python tests/benchmarks/fuzz_pictures.py --inputs 100000
"""

import io
import json
import time
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import click
import numpy as np
from digit_runtime import load, read_csv
from digit_runtime.contract import Pixels
from digit_runtime.measuring.meter import peak_bytes
from digit_runtime.reading.answers import as_csv
from digit_runtime.reading.run import read_file
from fuzz import damaged
from PIL import Image, TiffImagePlugin

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "I;16", "I", "F")
# How else a format may be written.
LAYOUTS: dict[str, tuple[dict[str, Any], ...]] = {
    "PNG": ({}, {"transparency": 3}),
    "GIF": ({}, {"transparency": 3}),
    "JPEG": ({}, {"progressive": True}, {"exif": b"Exif\0\0MM\0*\0\0\0\b" + bytes(30)}),
    "WEBP": ({}, {"lossless": True}),
    "TIFF": (
        {},
        *(
            {"compression": name}
            for name in ("tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg", "group4")
        ),
    ),
}
# One picture may take this long on a busy machine; a longer one hangs.
MOST_SECONDS = 30.0
# Pictures by which the peak of memory grows by more bytes are named.
STEP = 20_000_000


def content(kind: int, height: int, width: int, digits: Pixels, rng: np.random.Generator) -> Pixels:
    """Return a grey picture of a kind, uint8 ``[height, width]``."""
    rows, columns = np.indices((height, width))
    step = int(rng.integers(1, 40))
    match kind:
        case 0:
            grey = rng.integers(0, 256, (height, width))
        case 1:
            grey = (rows // step + columns // step) % 2 * 255
        case 2:
            grey = (rows * int(rng.integers(-3, 4)) + columns * int(rng.integers(-3, 4))) % 256
        case 3:
            grey = np.where((rows // step) % 3 == 0, 0, 255)
        case 4:
            grey = np.full((height, width), int(rng.integers(256)))
        case 5:
            grey = np.full((height, width), 255)
            for _ in range(int(rng.integers(1, 60))):
                y, x = int(rng.integers(height)), int(rng.integers(width))
                grey[y : y + int(rng.integers(1, 30)), x : x + int(rng.integers(1, 30))] = 0
        case 6:
            grey = np.where(rng.random((height, width)) < rng.random() / 4, 0, 255)
        case _:
            sheet = Image.new("L", (width, height), 255)
            for _ in range(int(rng.integers(1, 30))):
                side = int(rng.integers(5, 80))
                digit = Image.fromarray(255 - digits[rng.integers(len(digits))].reshape(28, 28))
                place = int(rng.integers(-20, width)), int(rng.integers(-20, height))
                sheet.paste(digit.resize((side, side)).rotate(int(rng.integers(-30, 30))), place)
            grey = np.asarray(sheet)
    return np.asarray(grey if rng.random() < 0.7 else 255 - grey, np.uint8)


def odd(digits: Pixels, rng: np.random.Generator) -> bytes:
    """Return the file of an odd picture."""
    longest = 20 if rng.random() < 0.1 else 260
    height, width = (int(side) for side in rng.integers(1, longest, 2))
    if rng.random() < 0.03:
        height, width = (1, 3000) if rng.random() < 0.5 else (3000, 1)
    grey = content(int(rng.integers(9)), height, width, digits, rng)
    mode = MODES[rng.integers(len(MODES))]
    if mode == "I;16":
        image = Image.fromarray(grey.astype(np.uint16) << int(rng.integers(9)))
    elif mode == "F":
        values = grey.astype(np.float32) * np.float32(10.0 ** int(rng.integers(-40, 30)))
        values[rng.random(values.shape) < 0.01] = np.nan
        image = Image.fromarray(values)
    else:
        image = Image.fromarray(grey).convert(mode)
    if mode in ("LA", "RGBA"):
        image.putalpha(Image.fromarray(rng.integers(0, 256, grey.shape).astype(np.uint8)))
    stream = io.BytesIO()
    form = FORMATS[rng.integers(len(FORMATS))]
    layouts = LAYOUTS.get(form, ({},))
    TiffImagePlugin.STRIP_SIZE = int(rng.choice([65536, 1 << 30]))
    try:
        image.save(stream, form, **layouts[rng.integers(len(layouts))])
    except (OSError, ValueError, TypeError):  # Not every format holds every mode.
        stream = io.BytesIO()
        image.save(stream, "TIFF")
    return stream.getvalue()


def one(number: int, seed: int, digits: Pixels) -> bytes:
    """Return the file with that number."""
    rng = np.random.default_rng([seed, number])
    data = odd(digits, rng)
    return damaged(data, rng) if number % 2 else data


@click.command()
@click.option("--data", type=click.Path(path_type=Path, exists=True), default=Path("data/test.csv"))
@click.option("--model", default="tiny", show_default=True)
@click.option("--inputs", default=100_000, show_default=True)
@click.option("--first", default=0, show_default=True, help="Number of the first.")
@click.option("--seed", default=0, show_default=True)
def main(data: Path, model: str, inputs: int, first: int, seed: int) -> None:
    """Print how many were read and refused; stop at the first that does neither."""
    warnings.simplefilter("ignore")
    digits = read_csv(data)[0][:200]
    classifier = load(model, engine="onnxruntime", threads=1)
    counts: Counter[str] = Counter()
    longest, slowest, begin = 0.0, 0, time.monotonic()
    peak = peak_bytes() or 0
    for number in range(first, first + inputs):
        told: list[str] = []
        start = time.monotonic()
        try:
            answer = read_file(one(number, seed, digits), "a.png", classifier, None, told.append)
            json.dumps(answer.as_json(), allow_nan=False)
            as_csv([answer])
            assert len(told) == len(answer.pages) + (answer.error is not None)
        except Exception as error:
            raise AssertionError(f"{number}: {error!r}") from error
        if answer.error is not None and (
            len(answer.error.splitlines()) != 1 or "a.png" in answer.error
        ):
            raise AssertionError(f"{number}: {answer.error}")
        seconds = time.monotonic() - start
        if seconds > MOST_SECONDS:
            raise AssertionError(f"{number}: took {seconds:.0f} s")
        if seconds > longest:
            longest, slowest = seconds, number
        counts["read" if answer.error is None else "refused"] += 1
        counts["digits"] += sum(len(page.marks) for page in answer.pages)
        if (peak_bytes() or 0) > peak + STEP:
            peak = peak_bytes() or 0
            click.echo(f"{number:,}: peak {peak / 1e6:.0f} MB", err=True)
        if (number + 1) % 10_000 == 0:
            click.echo(f"{number + 1:,} after {time.monotonic() - begin:,.0f} s", err=True)
    click.echo(
        f"{inputs:,} pictures, {counts['read']:,} read with {counts['digits']:,} digits, "
        f"{counts['refused']:,} refused in one line; the slowest ({slowest}) took {longest:.1f} s; "
        f"peak memory {(peak_bytes() or 0) / 1e6:.0f} MB; {time.monotonic() - begin:.0f} s"
    )


if __name__ == "__main__":
    main()
