"""What finding the digit in a picture takes, beside decoding the picture.

    python tests/benchmarks/picture_cost.py

The pictures are of real test digits, one each. CPU time of one thread, in a process that is warm;
the median of rounds, each over all digits.
"""

import io
import os
import time
from collections.abc import Callable
from pathlib import Path

os.environ["OPENBLAS_NUM_THREADS"] = "1"

import click
import numpy as np
from digit_runtime import read_csv
from digit_runtime.contract import Pixels
from digit_runtime.inputs.images import find_digit
from digit_runtime.inputs.pictures import open_pictures
from digit_runtime.terminal import table
from page_maker import blank, draw, noise, picture, stroke

# Side, format, mode and noise of 255.
KINDS = {
    "200x200, PNG": (200, "PNG", "L", 0.0),
    "200x200, PNG, transparent": (200, "PNG", "RGBA", 0.0),
    "200x200, JPEG, noise": (200, "JPEG", "RGB", 6.0),
    "280x280, PNG": (280, "PNG", "L", 0.0),
    "2.2 megapixels, JPEG, noise": (1480, "JPEG", "RGB", 6.0),
}
ROUNDS = 7
# Pixels of a round.
PIXELS = 4_000_000


def made(digits: Pixels, kind: str) -> list[bytes]:
    """Return pictures of a kind, as files."""
    side, form, mode, sigma = KINDS[kind]
    rng = np.random.default_rng(1)
    files = []
    for digit in digits[: max(2, PIXELS // side**2)]:
        sheet = blank(side, side)
        mark = stroke(digit, side // 2)
        y, x = (int(room) for room in rng.integers(1, side - np.array(mark.shape)))
        draw(sheet, mark, y, x, (0.1, 0.1, 0.12))
        if sigma:
            noise(sheet, sigma, rng)
        stream = io.BytesIO()
        picture(sheet).convert(mode).save(stream, form)
        files.append(stream.getvalue())
    return files


def milliseconds(work: Callable[[bytes], object], files: list[bytes]) -> float:
    """Return the CPU time that `work` takes for each of the files."""
    rounds = []
    for _ in range(ROUNDS):
        start = time.thread_time()
        for file in files:
            work(file)
        rounds.append((time.thread_time() - start) / len(files))
    return 1000 * sorted(rounds)[ROUNDS // 2]


def decoded(file: bytes) -> object:
    """Return a picture's greys."""
    return np.asarray(next(open_pictures(file, "picture", first_only=True, enlarge=False)).grey)


@click.command()
@click.option("--data", type=click.Path(path_type=Path, exists=True), default=Path("data/test.csv"))
def main(data: Path) -> None:
    """Print the milliseconds for decoding and finding, by kind of picture."""
    digits = read_csv(data)[0]
    rows = []
    for kind in KINDS:
        files = made(digits, kind)
        decoding, both = milliseconds(decoded, files), milliseconds(find_digit, files)
        finding = both - decoding
        rows.append(
            [kind, f"{decoding:.2f}", f"{finding:.2f}", f"{both:.2f}", f"{finding / decoding:.1f}"]
        )
    click.echo(table(["picture", "ms decoding", "ms finding", "ms", "finding : decoding"], rows))


if __name__ == "__main__":
    main()
