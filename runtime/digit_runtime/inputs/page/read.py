"""From a grey picture to its digits: the story that the other modules tell in detail."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from digit_runtime.contract import PIXELS, Pixels, Probabilities
from digit_runtime.errors import EngineError, PixelsError
from digit_runtime.inputs.mnist_form import Grey
from digit_runtime.inputs.page.crop import crop
from digit_runtime.inputs.page.ink import Ink, find_ink
from digit_runtime.inputs.page.lattice import Reading, read_lines
from digit_runtime.inputs.page.lines import find_lines
from digit_runtime.inputs.page.result import Box, Line, Mark, Page
from digit_runtime.inputs.page.rules import remove_rules
from digit_runtime.inputs.page.runs import blobs_of
from digit_runtime.inputs.page.shapes import Shape, find_shapes
from digit_runtime.inputs.page.words import are_words

if TYPE_CHECKING:
    from digit_runtime.inputs.pictures import Picture

# No page has more digits; a picture of noise or of a pattern has.
_MOST: Final = 4_000
# Below this it could as well be ink on the other side: both are read, the surer one counts.
_CLEAR: Final = 0.6
# ... unless so many digits are as sure as this, or as the model's own limit.
_SEVERAL: Final = 6
_SURE: Final = 0.9


@dataclass(frozen=True)
class Model:
    """What reading needs of a classifier.

    Attributes:
        predict: From uint8 ``[N, 784]`` to the probability of each class, float32 ``[N, C]``.
        labels: The names of the classes.
        unsure_below: The probability below which an answer is unsure; None for never.
    """

    predict: Callable[[Pixels], Probabilities]
    labels: Sequence[str]
    unsure_below: float | None = None


def read_page(picture: "Picture", model: Model) -> Page:
    """Read all digits of a picture.

    Raises:
        PixelsError: It has more marks than a page can have.
        EngineError: The model fails, or answers with what is no number.
    """
    ink = find_ink(picture.grey)
    page = _read(ink, model, picture)
    if ink.paper.certainty >= _CLEAR or _is_sure(page, model):
        return page
    other = _read(find_ink(picture.grey, not ink.paper.ink_is_dark), model, picture)
    return max(page, other, key=_worth)


def _is_sure(page: Page, model: Model) -> bool:
    """Tell whether so many digits are sure that this must be the side where the ink is."""
    limit = model.unsure_below or _SURE
    marks = _all_marks(page)
    sure = sum(mark.probability >= limit for mark in marks)
    return sure >= _SEVERAL and sure >= 0.8 * len(marks)


def _worth(page: Page) -> float:
    return sum(
        math.sqrt(mark.box[2] * mark.box[3]) * (mark.probability - 0.6) for mark in _all_marks(page)
    )


def _all_marks(page: Page) -> list[Mark]:
    return [mark for line in (*page.lines, *page.words) for mark in line.marks]


def _read(ink: Ink, model: Model, picture: "Picture") -> Page:
    runs, rules = remove_rules(ink.mask, ink.strength)
    shapes, out, typical = find_shapes(blobs_of(runs), ink.mask.shape)
    if len(shapes) > _MOST:
        raise PixelsError(
            f"{picture.name}: has {len(shapes):,} marks, more than a page of digits can have "
            f"({_MOST:,}); is it noise, or a pattern?"
        )
    lines, angle = find_lines(shapes, typical)
    images: dict[int, Grey] = {}

    def ask(asked: Sequence[Shape]) -> Probabilities:
        if not asked:
            return np.empty((0, len(model.labels)), np.float32)
        crops = np.stack([crop(ink, shape, angle) for shape in asked])
        images.update({id(shape): image for shape, image in zip(asked, crops, strict=True)})
        answers = model.predict(crops.reshape(len(crops), PIXELS))
        if not np.isfinite(answers).all():
            raise EngineError("the model answers with what is no number (NaN); export it again")
        return answers

    read = read_lines(lines, typical, ask)
    scale = picture.scale

    def mark(reading: Reading, words: bool) -> Mark:
        best = int(reading.probabilities.argmax())
        return Mark(
            _scaled(reading.shape.box, scale),
            model.labels[best],
            float(reading.probabilities[best]),
            words or unsure(reading),
            images[id(reading.shape)],
        )

    def unsure(reading: Reading) -> bool:
        return model.unsure_below is not None and reading.sure < model.unsure_below

    found: dict[bool, list[Line]] = {False: [], True: []}
    for readings in filter(None, read):
        words = are_words([unsure(reading) for reading in readings])
        found[words].append(Line(tuple(mark(reading, words) for reading in readings)))
    return Page(
        tuple(found[False]),
        tuple(_scaled(shape.box, scale) for shape in out),
        tuple(_scaled(box, scale) for box in rules),
        picture.page,
        picture.width,
        picture.height,
        angle,
        ink.paper.ink_is_dark,
        tuple(found[True]),
    )


def _scaled(box: Box, scale: float) -> Box:
    left, top, right, bottom = (round(side * scale) for side in box)
    return left, top, right - left, bottom - top
