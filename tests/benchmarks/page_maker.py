"""Make pictures of handwriting from real digits, with their text: seeded, numpy and Pillow.

`SINGLE` makes pictures of one digit, 350x350; `PAGES` sheets of 1,400x1,000 with lines of 4 to
10 digits; `EMPTY` sheets without a digit.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click
import numpy as np
from digit_runtime import read_csv
from digit_runtime.contract import Labels, Pixels
from digit_runtime.inputs.kaggle_csv import read_labels
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

Field = NDArray[Any]
Rng = np.random.Generator

BLUE: Final = (0.66, 0.78, 0.92)
RED: Final = (0.93, 0.66, 0.68)
DESK: Final = (0.36, 0.26, 0.18)


@dataclass
class Sheet:
    """Paper, float32 ``[H, W, 3]`` from 0 to 1, and what is written on it, line by line."""

    paper: Field
    text: list[str]

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.paper.shape[0], self.paper.shape[1]


def stroke(digit: Pixels, height: int) -> Field:
    """Return the digit's ink as coverage from 0 to 1, `height` pixels high, its margins cut."""
    image = Image.fromarray(digit.reshape(28, 28))
    scale = height / 20
    wide = image.resize((round(28 * scale),) * 2, Image.Resampling.BICUBIC)
    values = np.asarray(wide, np.float32) / 255
    steep = max(1.0, scale / 1.5)
    coverage = np.clip((values - 0.45) * steep + 0.5, 0, 1)
    rows, columns = (np.flatnonzero((coverage > 0.3).any(axis=axis)) for axis in (1, 0))
    return coverage[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def blank(height: int, width: int, colour: float | tuple[float, ...] = 0.98) -> Sheet:
    """Return a sheet of one colour."""
    return Sheet(np.full((height, width, 3), colour, np.float32), [])


def draw(sheet: Sheet, ink: Field, y: int, x: int, colour: tuple[float, ...]) -> None:
    """Put ink on the paper; what would stand outside is cut off."""
    height, width = sheet.size
    ink = ink[max(0, -y) : height - y, max(0, -x) : width - x]
    y, x = max(0, y), max(0, x)
    part = sheet.paper[y : y + ink.shape[0], x : x + ink.shape[1]]
    part += ink[..., None] * (np.array(colour, np.float32) - part)


def light(sheet: Sheet, low: float, rng: Rng) -> None:
    """Let the light fall to `low` across the sheet, in a random direction."""
    height, width = sheet.size
    angle = rng.uniform(0, 2 * np.pi)
    ramp = np.add.outer(
        np.sin(angle) * np.linspace(-1, 1, height), np.cos(angle) * np.linspace(-1, 1, width)
    )
    ramp = (ramp - ramp.min()) / np.ptp(ramp)
    sheet.paper *= (1 - (1 - low) * ramp)[..., None].astype(np.float32)


def shadow(sheet: Sheet, depth: float, rng: Rng, soft: float = 12) -> None:
    """Lay a shadow with an edge over part of the sheet."""
    height, width = sheet.size
    angle = rng.uniform(0, 2 * np.pi)
    reach = np.add.outer(
        np.sin(angle) * (np.arange(height) - rng.uniform(0.35, 0.65) * height),
        np.cos(angle) * (np.arange(width) - rng.uniform(0.35, 0.65) * width),
    )
    sheet.paper *= (1 - depth * np.clip(reach / soft + 0.5, 0, 1))[..., None].astype(np.float32)


def noise(sheet: Sheet, sigma: float, rng: Rng) -> None:
    """Add a camera's noise, `sigma` of 255."""
    sheet.paper += rng.standard_normal(sheet.size, np.float32)[..., None] * np.float32(sigma / 255)


def rules(sheet: Sheet, rng: Rng, step: int, *, squared: bool, margin: bool = False) -> None:
    """Print blue lines or squares, and perhaps a red margin."""
    height, width = sheet.size
    thick = max(1, round(width / 700))
    for y in range(int(rng.integers(step // 3, step)), height, step):
        sheet.paper[y : y + thick] = BLUE
    if squared:
        for x in range(int(rng.integers(step // 3, step)), width, step):
            sheet.paper[:, x : x + thick] = BLUE
    if margin:
        x = width // 12
        sheet.paper[:, x : x + thick + 1] = RED


def write(
    sheet: Sheet,
    digits: Pixels,
    labels: Labels,
    rng: Rng,
    *,
    gap: tuple[int, int] = (12, 40),
    ink: tuple[float, ...] = (0.1, 0.1, 0.14),
    boxes: bool = False,
) -> None:
    """Write lines of 4 to 10 random digits; with `boxes`, one to a box of a printed form."""
    height, width = sheet.size
    size = int(rng.integers(44, 66))
    pitch = round(size * rng.uniform(1.7, 2.4))
    top, left = int(rng.integers(60, 120)), int(rng.integers(150, 220))
    while top + size + 70 < height:
        x, chosen = left + int(rng.integers(-25, 25)) * (not boxes), []
        side = round(size * 1.45)
        for _ in range(rng.integers(4, 11)):
            index = int(rng.integers(len(digits)))
            mark = stroke(digits[index], round(size * rng.uniform(0.88, 1.1)))
            if x + max(mark.shape[1], side) > width - 60:
                break
            if boxes:
                _box(sheet, top - (side - size) // 2, x, side)
                inset = np.maximum(4, (side - np.array(mark.shape)) // 2)
                dy, dx = (rng.integers(-4, 5, 2) + inset).tolist()
                draw(sheet, mark, top - (side - size) // 2 + dy, x + dx, ink)
                x += side
            else:
                drop = int(rng.integers(-4, 5)) + (size - mark.shape[0]) // 2
                draw(sheet, mark, top + drop, x, ink)
                x += mark.shape[1] + int(rng.integers(gap[0], gap[1] + 1))
            chosen.append(str(labels[index]))
        sheet.text.append("".join(chosen))
        top += pitch


def _box(sheet: Sheet, y: int, x: int, side: int) -> None:
    for part in (
        np.s_[y : y + 2, x : x + side + 2],
        np.s_[y + side : y + side + 2, x : x + side + 2],
        np.s_[y : y + side, x : x + 2],
        np.s_[y : y + side, x + side : x + side + 2],
    ):
        sheet.paper[part] = 0.12


def on_desk(sheet: Sheet, rng: Rng, turn: float = 4.0, lean: float = 0.04) -> None:
    """Photograph the sheet askew, lying on a brown desk."""
    height, width = sheet.size
    angle = np.deg2rad(rng.uniform(-turn, turn))
    corners = np.array([[0, 0], [0, height], [width, height], [width, 0]], float)
    middle = np.array([width, height]) / 2
    turned = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    seen = (corners - middle) @ turned.T * 0.88 + middle
    seen += rng.uniform(-lean, lean, (4, 2)) * [width, height] * 0.5
    system = []
    for (x, y), (u, v) in zip(seen, corners, strict=True):
        system.append([x, y, 1, 0, 0, 0, -u * x, -u * y])
        system.append([0, 0, 0, x, y, 1, -v * x, -v * y])
    numbers = np.linalg.solve(np.array(system), corners.reshape(-1))
    image = Image.fromarray(_bytes(sheet.paper)).convert("RGBA")
    image = image.transform(
        image.size, Image.Transform.PERSPECTIVE, numbers.tolist(), Image.Resampling.BICUBIC
    )
    values = np.asarray(image, np.float32) / 255
    grain = rng.normal(1, 0.04, (height, 1, 1)) * rng.normal(1, 0.02, (1, width, 1))
    desk = np.array(DESK, np.float32) * grain.astype(np.float32)
    sheet.paper = desk + values[..., 3:] * (values[..., :3] - desk)


def blur(sheet: Sheet, radius: float) -> None:
    """Blur as a lens out of focus."""
    image = Image.fromarray(_bytes(sheet.paper)).filter(ImageFilter.GaussianBlur(radius))
    sheet.paper = np.asarray(image, np.float32) / 255


def dirt(sheet: Sheet, rng: Rng) -> None:
    """Add specks, faint stains and the dark edges of a scanner's lid."""
    height, width = sheet.size
    for _ in range(60):
        radius = rng.uniform(0.8, 3.2)
        y, x = int(rng.integers(0, height)), int(rng.integers(0, width))
        grid = np.hypot(*np.mgrid[-4:5, -4:5])
        speck = np.clip(radius - grid + 0.5, 0, 1).astype(np.float32)
        draw(sheet, speck * np.float32(rng.uniform(0.4, 1)), y - 4, x - 4, (0.15, 0.13, 0.1))
    for _ in range(4):
        radius = int(rng.integers(30, 110))
        y, x = int(rng.integers(0, height)), int(rng.integers(0, width))
        grid = np.hypot(*np.mgrid[-radius : radius + 1, -radius : radius + 1])
        stain = np.clip((radius - grid) / 6, 0, 1) * (0.12 + 0.1 * (grid > radius - 6))
        draw(sheet, stain.astype(np.float32), y - radius, x - radius, (0.6, 0.45, 0.25))
    sheet.paper[:, : int(rng.integers(6, 25))] = 0.08
    sheet.paper[: int(rng.integers(3, 15))] = 0.12


def letters(sheet: Sheet, rng: Rng) -> None:
    """Print words in the letters that no digit looks like, in Pillow's own font."""
    from PIL import ImageFont

    image = Image.fromarray(_bytes(sheet.paper))
    pen = ImageDraw.Draw(image)
    font = ImageFont.load_default(int(rng.integers(40, 64)))
    alphabet = list("abcdefghjkmnpqrtuvwxyzABCDEFGHJKLMNPQRTUVWXYZ")
    height, width = sheet.size
    for y in range(60, height - 90, 100):
        words = " ".join("".join(rng.choice(alphabet, rng.integers(3, 8))) for _ in range(6))
        pen.text((100, y), words[: width // 42], fill=(26, 26, 30), font=font)
    sheet.paper = np.asarray(image, np.float32) / 255


def scenery(sheet: Sheet, rng: Rng) -> None:
    """Paint what a camera may see that is no sheet: soft shapes, edges and texture."""
    height, width = sheet.size
    image = Image.fromarray(_bytes(sheet.paper))
    pen = ImageDraw.Draw(image)
    for _ in range(140):
        x, y = int(rng.integers(0, width)), int(rng.integers(0, height))
        a, b = (int(side) for side in rng.integers(8, 260, 2))
        colour = tuple(int(c) for c in rng.integers(20, 240, 3))
        shape = rng.integers(0, 4)
        if shape == 0:
            pen.ellipse((x, y, x + a, y + b), fill=colour)
        elif shape == 1:
            pen.rectangle((x, y, x + a, y + b), fill=colour)
        elif shape == 2:
            pen.line((x, y, x + a, y + b), fill=colour, width=int(rng.integers(1, 14)))
        else:
            corners = rng.integers(-120, 120, (5, 2)) + np.array([x, y])
            pen.polygon([(int(u), int(v)) for u, v in corners], fill=colour)
    sheet.paper = np.asarray(image.filter(ImageFilter.GaussianBlur(1.5)), np.float32) / 255
    noise(sheet, 5, rng)


def picture(sheet: Sheet) -> Image.Image:
    """Return the sheet as an image."""
    return Image.fromarray(_bytes(sheet.paper))


def as_jpeg(image: Image.Image, quality: int = 85) -> Image.Image:
    """Return what is left of an image after JPEG."""
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=quality)
    stream.seek(0)
    return Image.open(stream).convert("RGB")


def _bytes(values: Field) -> NDArray[np.uint8]:
    grey: NDArray[np.uint8] = np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8)
    return grey


Made = tuple[Image.Image, list[str]]
Maker = Callable[[Pixels, Labels, Rng], Made]


def single(change: Callable[[Sheet, Rng], None], **how: object) -> Maker:
    """Return a maker of pictures of one digit, 350x350; `how` says its paper, ink, height, ..."""

    def make(digits: Pixels, labels: Labels, rng: Rng) -> Made:
        index = int(rng.integers(len(digits)))
        colour = how.get("paper", 0.98)
        sheet = blank(350, 350, colour)  # type: ignore[arg-type]
        before = how.get("before")
        if callable(before):
            before(sheet, rng)
        heights: Any = how.get("height", (110, 190))
        lower, upper = heights
        mark = stroke(digits[index], int(rng.integers(lower, upper)))
        turn = float(how.get("turn", 0))  # type: ignore[arg-type]
        if turn:
            image = Image.fromarray(_bytes(mark))
            angle = float(rng.choice([-turn, turn]))
            turned = image.rotate(angle, Image.Resampling.BICUBIC, expand=True)
            mark = np.asarray(turned, np.float32) / 255
        room = 350 - np.array(mark.shape) - 2 * 45
        y, x = (45 + int(rng.integers(0, max(1, side))) for side in room)
        draw(sheet, mark, y, x, how.get("ink", (0.1, 0.1, 0.12)))  # type: ignore[arg-type]
        change(sheet, rng)
        image = picture(sheet)
        after = how.get("after")
        image = after(image) if callable(after) else image
        return image, [str(labels[index])]

    return make


def _frame(width: int, inset: int) -> Callable[[Sheet, Rng], None]:
    def change(sheet: Sheet, rng: Rng) -> None:
        inner = sheet.paper[
            inset + width : 350 - inset - width, inset + width : 350 - inset - width
        ]
        kept = inner.copy()
        sheet.paper[inset : 350 - inset, inset : 350 - inset] = 0.12
        inner[:] = kept

    return change


def _sheet_on_desk(sheet: Sheet, rng: Rng) -> None:
    inner = sheet.paper[36:314, 36:314].copy()
    sheet.paper[:] = np.array(DESK, np.float32)
    noise(sheet, 6, rng)
    sheet.paper[36:314, 36:314] = inner * 0.85
    noise(sheet, 4, rng)


def _fax(image: Image.Image) -> Image.Image:
    return image.point(lambda value: value * 0.85).convert("1")


def _nothing(sheet: Sheet, rng: Rng) -> None:
    pass


SINGLE: Final[dict[str, Maker]] = {
    "clean scan": single(_nothing),
    "blue ink": single(_nothing, ink=(0.1, 0.2, 0.6)),
    "pencil": single(lambda s, r: noise(s, 3, r), ink=(0.55, 0.55, 0.56)),
    "chalk": single(lambda s, r: noise(s, 3, r), paper=0.15, ink=(0.85, 0.85, 0.82)),
    "small, 40 px": single(_nothing, height=(32, 44)),
    "blurred": single(lambda s, r: blur(s, 4)),
    "turned by 20 degrees": single(_nothing, turn=20),
    "light falls to 60 %": single(lambda s, r: light(s, 0.6, r)),
    "light falls to 40 %": single(lambda s, r: light(s, 0.4, r)),
    "shadow edge of 30 %": single(lambda s, r: shadow(s, 0.3, r)),
    "shadow edge of 50 %": single(lambda s, r: shadow(s, 0.5, r)),
    "blue lined paper": single(_nothing, before=lambda s, r: rules(s, r, 45, squared=False)),
    "blue squared paper": single(_nothing, before=lambda s, r: rules(s, r, 34, squared=True)),
    "frame of 1 px": single(_frame(1, 0)),
    "form's box": single(_frame(3, 12)),
    "sheet on a desk": single(_sheet_on_desk, after=as_jpeg),
    "camera noise 16": single(lambda s, r: noise(s, 16, r), paper=0.8),
    "fax, dithered": single(_nothing, after=_fax),
}


def _page(
    after: Callable[[Sheet, Rng], None] = _nothing,
    before: Callable[[Sheet, Rng], None] = _nothing,
    paper: float | tuple[float, ...] = 0.97,
    jpeg: bool = False,
    **how: object,
) -> Maker:
    def make(digits: Pixels, labels: Labels, rng: Rng) -> Made:
        sheet = blank(1000, 1400, paper)
        before(sheet, rng)
        write(sheet, digits, labels, rng, **how)  # type: ignore[arg-type]
        after(sheet, rng)
        image = picture(sheet)
        return (as_jpeg(image) if jpeg else image), sheet.text

    return make


def _pencilled(sheet: Sheet, rng: Rng) -> None:
    light(sheet, 0.55, rng)
    noise(sheet, 7, rng)


def _photographed(sheet: Sheet, rng: Rng) -> None:
    on_desk(sheet, rng)
    light(sheet, 0.75, rng)
    blur(sheet, 1.2)
    noise(sheet, 4, rng)


def _chalked(sheet: Sheet, rng: Rng) -> None:
    light(sheet, 0.7, rng)
    noise(sheet, 5, rng)


PAGES: Final[dict[str, Maker]] = {
    "plain": _page(),
    "shadow with an edge": _page(lambda s, r: shadow(s, 0.45, r, 25)),
    "lined, with a margin": _page(before=lambda s, r: rules(s, r, 62, squared=False, margin=True)),
    "squared": _page(before=lambda s, r: rules(s, r, 40, squared=True)),
    "pencil, noise, uneven light": _page(_pencilled, ink=(0.5, 0.5, 0.52), jpeg=True),
    "askew and blurred on a desk": _page(_photographed, jpeg=True),
    "chalk on a board": _page(_chalked, paper=(0.16, 0.22, 0.18), ink=(0.86, 0.86, 0.82)),
    "digits 1 to 5 pixels apart": _page(gap=(1, 5)),
    "black form boxes": _page(boxes=True),
    "specks, stains, scan edges": _page(dirt),
}


# Harder than the ten: what only cutting can read.
TOUCHING: Final[dict[str, Maker]] = {"digits that touch": _page(gap=(-7, 0))}


def _empty(*changes: Callable[[Sheet, Rng], None], paper: float = 0.97) -> Maker:
    def make(digits: Pixels, labels: Labels, rng: Rng) -> Made:
        sheet = blank(1000, 1400, paper)
        for change in changes:
            change(sheet, rng)
        return picture(sheet), []

    return make


EMPTY: Final[dict[str, Maker]] = {
    "blank": _empty(),
    "blank, uneven light": _empty(lambda s, r: light(s, 0.5, r), lambda s, r: noise(s, 3, r)),
    "blank, lined": _empty(lambda s, r: rules(s, r, 62, squared=False, margin=True)),
    "blank, noisy": _empty(lambda s, r: noise(s, 14, r), paper=0.85),
}
STRANGE: Final[dict[str, Maker]] = {"letters": _empty(letters), "photograph": _empty(scenery)}


@click.command()
@click.argument("kind", type=click.Choice([*SINGLE, *PAGES, *TOUCHING, *EMPTY, *STRANGE]))
@click.argument("output", type=click.Path(path_type=Path))
@click.option("--data", type=click.Path(path_type=Path), default=Path("data/test.csv"))
@click.option("--answers", type=click.Path(path_type=Path), default=Path("data/test_labels.csv"))
@click.option("--seed", default=0, show_default=True)
@click.option("--width", help="Make it so many pixels wide.", type=int)
def main(kind: str, output: Path, data: Path, answers: Path, seed: int, width: int | None) -> None:
    """Write a picture of KIND to OUTPUT, and print what stands there."""
    make = (SINGLE | PAGES | TOUCHING | EMPTY | STRANGE)[kind]
    digits, _ = read_csv(data)
    image, text = make(digits, read_labels(answers), np.random.default_rng(seed))
    if width:
        image = image.resize((width, round(image.height * width / image.width)))
    image.save(output)
    click.echo("\n".join(text))


if __name__ == "__main__":
    main()
