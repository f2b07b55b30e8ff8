"""What `digit-export --scale` takes: 1/255, none, or a range such as -1..1."""

import math
from fractions import Fraction

import click

Range = tuple[float, float]
"""What a model expects of a pixel of 0, and of one of 255."""

RAW: Range = (0.0, 255.0)


class Scale(click.ParamType[Range]):
    """A factor for the pixels, the range that they are brought to, or none."""

    name = "scale"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> Range:
        """Return the range; fails if it is none."""
        text = str(value)
        if text == "none":
            return RAW
        try:
            low, high = map(_number, text.split("..")) if ".." in text else (0, 255 * _number(text))
            if low == high:
                raise ValueError
        except (ValueError, ZeroDivisionError, OverflowError):
            self.fail(f"{text!r} is not a factor (1/255), a range (-1..1), or none", param, ctx)
        return float(low), float(high)


def _number(text: str) -> Fraction:
    number = Fraction(text)
    if not math.isfinite(float(number)):
        raise ValueError
    return number


def describe(pixels: Range) -> str:
    """Return the range in words: "from 0 to 1"."""
    return f"from {pixels[0]:g} to {pixels[1]:g}"
