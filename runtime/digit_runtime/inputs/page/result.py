"""What was found on a picture: pages of lines of marks."""

from dataclasses import dataclass

from digit_runtime.inputs.mnist_form import Grey

Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Mark:
    """One digit.

    Attributes:
        box: Left, top, width and height, in pixels of the picture.
        label: The most probable class's name.
        probability: The model's, from 0 to 1.
        unsure: Whether that is below what the model's manifest calls sure, or that of so many of
            the line's marks that it is no line of digits.
        image: As the model saw it, uint8 ``[28, 28]``.
    """

    box: Box
    label: str
    probability: float
    unsure: bool
    image: Grey


@dataclass(frozen=True)
class Line:
    """Marks side by side, from the left."""

    marks: tuple[Mark, ...]

    @property
    def text(self) -> str:
        """The digits; ``?`` for those that the model is unsure of."""
        return "".join("?" if mark.unsure else mark.label for mark in self.marks)


@dataclass(frozen=True)
class Page:
    """All that was found on one page.

    Attributes:
        lines: From the top.
        left_out: The boxes of what was taken for no digit: specks, stains, edges, pictures.
        rules: The boxes of printed lines, frames and boxes.
        number: Of the page in its file, from 1.
        width, height: Of the picture, in pixels.
        angle: Of the lines, in degrees; positive where they sink to the right.
        ink_is_dark: Whether the ink is darker than the paper.
        words: Lines that are no lines of digits, as the model is unsure of too many of their
            marks. They are not among `lines`.
    """

    lines: tuple[Line, ...]
    left_out: tuple[Box, ...]
    rules: tuple[Box, ...]
    number: int
    width: int
    height: int
    angle: float
    ink_is_dark: bool
    words: tuple[Line, ...] = ()

    @property
    def marks(self) -> tuple[Mark, ...]:
        """All digits, line by line."""
        return tuple(mark for line in self.lines for mark in line.marks)

    @property
    def text(self) -> str:
        """The lines, one below the other."""
        return "\n".join(line.text for line in self.lines)
