"""The factor that `digit-export --scale` takes, such as 1/255."""

import math
from fractions import Fraction

import click


class Scale(click.ParamType[float]):
    """A positive number, or a fraction of two."""

    name = "scale"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the number; fails if it is none."""
        try:
            scale = float(Fraction(str(value)))
        except (ValueError, ZeroDivisionError, OverflowError):
            scale = math.nan
        if not 0 < scale < math.inf:
            self.fail(f"{value!r} is not a positive number such as 1/255, 0.00392 or 1", param, ctx)
        return scale
