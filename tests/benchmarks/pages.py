"""How well and how fast pictures are read: pages made from real digits, RapidOCR beside it.

python tests/benchmarks/pages.py --pages 10 --singles 100

`--rapidocr` takes the python of an environment of its own, with rapidocr-onnxruntime 1.4 in it,
which then reads the same pages, in the same run.
"""

import json
import subprocess
import tempfile
import time
from pathlib import Path

import click
import numpy as np
from digit_runtime import Classifier, PixelsError, from_image, load, read_csv, read_digits
from digit_runtime.contract import Labels, Pixels
from digit_runtime.inputs.kaggle_csv import read_labels
from page_maker import EMPTY, PAGES, SINGLE, STRANGE, TOUCHING, Maker
from PIL import Image

RAPIDOCR = """
import json, sys, time
from rapidocr_onnxruntime import RapidOCR
engine = RapidOCR()
engine(sys.argv[1])
found, seconds = [], 0.0
for path in sys.argv[1:]:
    start = time.process_time()
    boxes = engine(path)[0] or []
    seconds += time.process_time() - start
    found.append([(box[0][0][0], box[0][0][1], box[1]) for box in boxes])
print(json.dumps([found, seconds]))
"""


def distance(one: str, two: str) -> int:
    """Return how many digits must be changed, added or removed (Levenshtein)."""
    before = list(range(len(two) + 1))
    for i, a in enumerate(one, 1):
        row = [i]
        for j, b in enumerate(two, 1):
            row.append(min(before[j] + 1, row[-1] + 1, before[j - 1] + (a != b)))
        before = row
    return before[-1]


def marks(text: list[str], found: list[str]) -> tuple[int, int, int]:
    """Return the digits that are right, the lines that are, and the digits that nobody wrote."""
    left, right, whole = list(found), 0, 0
    for line in text:
        best = min(left, key=lambda other: distance(line, other), default="")
        errors = distance(line, best)
        if best:
            left.remove(best)
        right += len(line) - min(errors, len(line))
        whole += errors == 0
    return right, whole, sum(map(len, left))


def made(
    maker: Maker, kind: int, count: int, digits: Pixels, labels: Labels, seed: int
) -> list[tuple[Image.Image, list[str]]]:
    """Return `count` pictures of a kind, each by its own seed."""
    return [
        maker(digits, labels, np.random.default_rng([seed, kind, index])) for index in range(count)
    ]


def singles(classifier: Classifier, digits: Pixels, labels: Labels, count: int, seed: int) -> None:
    """Print a line for each condition of a single digit.

    A wrong answer is the model's own if it reads the digit's row of the CSV as wrongly.
    """
    click.echo(f"{'one digit':32}{'right':>8}{'wrong, p >= .9':>16}{'of these its own':>18}")
    for kind, (name, maker) in enumerate(SINGLE.items()):
        right = bold = own = 0
        pictures = made(maker, kind, count, digits, labels, seed)
        for index, (image, text) in enumerate(pictures):
            try:
                row = classifier.predict_proba(from_image(image))[0]
            except PixelsError:
                continue
            good = classifier.labels[int(row.argmax())] == text[0]
            right += good
            if not good and row.max() >= 0.9:
                bold += 1
                # What a maker draws first.
                drawn = int(np.random.default_rng([seed, kind, index]).integers(len(digits)))
                own += int(classifier.predict(digits[drawn])[0]) == int(row.argmax())
        click.echo(f"{name:32}{right / count:8.1%}{bold:16}{own:18}")


def pages(
    classifier: Classifier, digits: Pixels, labels: Labels, count: int, seed: int, other: str | None
) -> None:
    """Print a line for each kind of page, ours and the other's."""
    click.echo(f"\n{'pages':32}{'digits':>8}{'lines':>8}{'added':>7}{'CPU s':>8}")
    totals: dict[str, np.ndarray] = {}
    for kind, (name, maker) in enumerate({**PAGES, **TOUCHING}.items()):
        sheets = made(maker, kind, count, digits, labels, seed)
        start = time.process_time()
        ours = [[line.text for line in read_digits(image, classifier).lines] for image, _ in sheets]
        rows = [("", ours, time.process_time() - start)]
        if other:
            rows.append(("  RapidOCR", *rapidocr(other, [image for image, _ in sheets])))
        for reader, found, seconds in rows:
            scores = [marks(text, lines) for (_, text), lines in zip(sheets, found, strict=True)]
            right, whole, added = np.sum(scores, axis=0).tolist()
            wanted = sum(len(line) for _, text in sheets for line in text)
            lines = sum(len(text) for _, text in sheets)
            row = np.array([right, wanted, whole, lines, added, seconds, count])
            if name in PAGES:
                totals[reader] = totals.get(reader, 0) + row
            click.echo(_row(reader or name, row))
    for reader, row in totals.items():
        click.echo(_row(f"{reader or '  ours'}, the ten kinds", row))


def _row(name: str, row: "np.ndarray") -> str:
    right, wanted, whole, lines, added, seconds, count = row.tolist()
    return f"{name:32}{right / wanted:8.1%}{whole / lines:8.1%}{int(added):7}{seconds / count:8.3f}"


def rapidocr(python: str, images: list[Image.Image]) -> tuple[list[list[str]], float]:
    """Return the lines that RapidOCR reads on each image, and the CPU seconds it takes."""
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for number, image in enumerate(images):
            paths.append(str(Path(folder) / f"{number}.png"))
            image.save(paths[-1])
        run = subprocess.run(
            [python, "-c", RAPIDOCR, *paths], capture_output=True, text=True, check=True
        )
    found, seconds = json.loads(run.stdout.splitlines()[-1])
    return [_lines(boxes) for boxes in found], seconds


def _lines(boxes: list[tuple[float, float, str]]) -> list[str]:
    """Join boxes of one height, from the left; only digits count."""
    lines: list[tuple[float, list[tuple[float, str]]]] = []
    for x, y, text in sorted(boxes, key=lambda box: box[1]):
        text = "".join(c for c in text if c in "0123456789")
        if lines and abs(lines[-1][0] - y) < 25:
            lines[-1][1].append((x, text))
        else:
            lines.append((y, [(x, text)]))
    return ["".join(text for _, text in sorted(line)) for _, line in lines]


def strangers(
    classifier: Classifier, digits: Pixels, labels: Labels, count: int, seed: int
) -> None:
    """Print how many digits are seen where there are none."""
    click.echo(f"\n{'no digits':32}{'pages with any':>16}{'marks called digits':>21}")
    for kind, (name, maker) in enumerate({**EMPTY, **STRANGE}.items()):
        found = [
            read_digits(image, classifier)
            for image, _ in made(maker, kind, count, digits, labels, seed)
        ]
        sure = [sum(not mark.unsure for mark in page.marks) for page in found]
        words = sum(len(line.marks) for page in found for line in page.words)
        seen = words + sum(len(page.marks) + len(page.left_out) for page in found)
        share = f"{sum(sure) / seen:.1%}" if seen else "no marks"
        click.echo(f"{name:32}{sum(map(bool, sure)):13}/{count:<2}{share:>21}")


@click.command()
@click.option("--data", type=click.Path(path_type=Path, exists=True), default=Path("data/test.csv"))
@click.option("--answers", type=click.Path(path_type=Path), default=Path("data/test_labels.csv"))
@click.option("--model", default="cnn", show_default=True)
@click.option("--engine", default="onnxruntime", show_default=True)
@click.option("--singles", "single_count", default=100, show_default=True, help="Of a condition.")
@click.option("--pages", "page_count", default=10, show_default=True, help="Of a kind.")
@click.option("--seed", default=0, show_default=True)
@click.option("--rapidocr", "other", help="The python of an environment with RapidOCR.")
def main(
    data: Path,
    answers: Path,
    model: str,
    engine: str,
    single_count: int,
    page_count: int,
    seed: int,
    other: str | None,
) -> None:
    """Print how much of seeded pages, made from real test digits, is read."""
    digits = read_csv(data)[0]
    labels = read_labels(answers)
    classifier = load(model, engine=engine, threads=1)
    if single_count:
        singles(classifier, digits, labels, single_count, seed)
    if page_count:
        pages(classifier, digits, labels, page_count, seed, other)
        strangers(classifier, digits, labels, page_count, seed)


if __name__ == "__main__":
    main()
