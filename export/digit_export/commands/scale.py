"""What `digit-export --scale` takes: 1/255, none, or a range such as -1..1."""

import math
from fractions import Fraction

import click

from digit_export.keras_model.scale import RAW, PixelRange


def parse(context: click.Context, option: click.Parameter, text: str | None) -> PixelRange | None:
    """Return the range that a factor or the ends of a range stand for; for click.

    Raises:
        click.BadParameter: `text` is none of these.
    """
    if text is None:
        return None
    if text == "none":
        return RAW
    try:
        low, high = map(_number, text.split("..")) if ".." in text else (0.0, 255 * _number(text))
        if low == high:
            raise ValueError
    except (ValueError, ZeroDivisionError, OverflowError) as error:
        raise click.BadParameter(
            f"{text!r} is not a factor (1/255), a range (-1..1), or none"
        ) from error
    return low, high


def _number(text: str) -> float:
    number = float(Fraction(text))
    if not math.isfinite(number):
        raise ValueError
    return number
