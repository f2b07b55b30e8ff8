"""What decoding a picture takes, against what is counted before: by format, mode and layout.

    python tests/benchmarks/decoding_memory.py

Each picture is decoded in a process of its own, which has decoded a small one before; counted
is how much the process' peak grew.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
from digit_runtime.contract import Pixels
from digit_runtime.terminal import table
from PIL import Image, TiffImagePlugin

MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "I;16", "I", "F")
# What is written of each mode, beside the plain file.
VARIANTS: dict[str, list[tuple[str, dict[str, object]]]] = {
    "PNG": [("", {}), ("transparent colour", {"transparency": 3})],
    "JPEG": [("", {}), ("progressive", {"progressive": True, "subsampling": 0})],
    "BMP": [("", {})],
    "GIF": [("", {}), ("transparent colour", {"transparency": 3})],
    "TIFF": [
        ("", {}),
        ("LZW", {"compression": "tiff_lzw"}),
        ("LZW, one strip", {"compression": "tiff_lzw", "strip_size": 1 << 30}),
        ("deflate, one strip", {"compression": "tiff_adobe_deflate", "strip_size": 1 << 30}),
        ("JPEG, one strip", {"compression": "jpeg", "strip_size": 1 << 30}),
        ("fax, one strip", {"compression": "group4", "strip_size": 1 << 30}),
    ],
    "WEBP": [("", {}), ("lossless", {"lossless": True, "method": 0, "quality": 0})],
    "PPM": [("", {})],
}
CHILD = """
import json, sys
from pathlib import Path
from PIL import Image
from digit_runtime.inputs import pictures
from digit_runtime.inputs.pictures import open_pictures
from digit_runtime.measuring.meter import peak_bytes
small, large = sys.argv[1:3]
next(open_pictures(Path(small), "small"))
before = peak_bytes()
pictures._MOST_BYTES = 1 << 40
seen = []
counted = pictures.memory_of
pictures.memory_of = lambda *args: seen.append(counted(*args)) or seen[-1]
try:
    next(open_pictures(Path(large), "large"))
    error = None
except Exception as raised:
    error = str(raised)
print(json.dumps([peak_bytes() - before, seen[-1] if seen else 0, error]))
"""


def drawn(side: int) -> Pixels:
    """Return a grey picture that no compression makes small for nothing."""
    rows, columns = np.indices((side, side), np.int32)
    return ((rows * columns // 4096 + rows // 3) % 256).astype(np.uint8)


def in_mode(grey: Pixels, mode: str) -> Image.Image:
    """Return the picture in a mode."""
    if mode == "I;16":
        return Image.fromarray(grey.astype(np.uint16) << 4)
    if mode == "LAB":
        return Image.merge("LAB", [Image.fromarray(grey)] * 3)
    image = Image.fromarray(grey).convert(mode)
    if mode in ("LA", "RGBA"):
        image.putalpha(Image.fromarray(255 - grey))
    return image


def files(folder: Path, side: int) -> Iterator[tuple[str, str, str, Path]]:
    """Yield the format, mode, layout and path of each file that Pillow can write."""
    grey = drawn(side)
    for mode in MODES:
        image = in_mode(grey, mode)
        for form, variants in VARIANTS.items():
            for layout, how in variants:
                path = folder / f"{form}.{form.lower()}"
                if "transparency" in how and mode not in ("L", "P", "RGB"):
                    continue
                options = dict(how)
                if mode == "RGB" and "transparency" in how:
                    options["transparency"] = (3, 3, 3)
                strip = options.pop("strip_size", 65536)
                TiffImagePlugin.STRIP_SIZE = int(str(strip))
                try:
                    image.save(path, form, **options)
                    with Image.open(path) as back:
                        back.load()
                except (OSError, ValueError, KeyError, RuntimeError, TypeError):
                    continue
                yield form, f"{mode} as {back.mode}" if back.mode != mode else mode, layout, path


def cost(small: Path, large: Path) -> tuple[int, int, str | None]:
    """Return how many bytes decoding takes, how many are counted, and an error."""
    run = subprocess.run(
        [sys.executable, "-c", CHILD, str(small), str(large)],
        capture_output=True,
        text=True,
        check=True,
    )
    taken, counted, error = json.loads(run.stdout)
    return taken, counted, error


@click.command()
@click.option("--side", default=4000, show_default=True, help="Of the pictures, in pixels.")
@click.option("--format", "formats", multiple=True, default=tuple(VARIANTS))
def main(side: int, formats: tuple[str, ...]) -> None:
    """Print what each kind of picture takes of a pixel, and what is counted for it."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        small = Path(folder, "small.png")
        Image.fromarray(drawn(300)).save(small)
        for form, mode, layout, path in files(Path(folder), side):
            if form not in formats:
                continue
            taken, counted, error = cost(small, path)
            share = [f"{value / side**2:.1f}" for value in (taken, counted)]
            rows.append(
                [form, mode, layout, *share, "" if taken <= counted + 30e6 else "MORE", error or ""]
            )
            print(rows[-1], file=sys.stderr)
    click.echo(table(["format", "mode", "layout", "taken", "counted", "", ""], rows))


if __name__ == "__main__":
    main()
