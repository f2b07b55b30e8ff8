"""The integers by which TFLite's kernels rescale, computed as it computes them.

The format of a multiplier is that of Jacob et al., "Quantization and training of neural
networks for efficient integer-arithmetic-only inference", CVPR 2018, section 2.2. Where
TFLite computes in float32 this does, too: each bit counts.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from digit_export.convert.c.graph import Array

_LARGEST_SHIFT: Final = 30


@dataclass(frozen=True)
class Quantization:
    """What integers stand for: ``scale * (integer - zero_point)``; `scale` is of float32."""

    scale: float
    zero_point: int


def multiplier(real: float) -> tuple[int, int]:
    """Return ``real`` as ``integer * 2 ** (shift - 31)``, the integer of 31 bits.

    Raises:
        ValueError: It is too large for that.
    """
    fraction, exponent = np.frexp(real)
    whole, shift = round(float(fraction) * 2**31), int(exponent)
    if whole == 2**31:
        whole, shift = whole // 2, shift + 1
    if shift < -31:
        return 0, 0
    if shift > _LARGEST_SHIFT:
        raise ValueError(f"its scales: {real:.3g} is too large a factor")
    return whole, shift


def multipliers(source: float, weights: Array, result: float) -> dict[str, Array]:
    """Return the multipliers of a layer's sums, one for each output.

    Args:
        source: Scale of what the layer takes.
        weights: float32 ``[M]`` or ``[1]``, the scales of the weights.
        result: Scale of what it makes.
    """
    products = np.float64(source) * weights.astype(np.float64)
    found = [multiplier(float(product) / result) for product in products]
    return {
        "multiplier": np.array([m for m, _ in found], np.int32),
        "shift": np.array([s for _, s in found], np.int8),
    }


def half_away(values: Array) -> Array:
    """Round halves away from zero, as C's round does."""
    rounded: Array = np.trunc(values + np.copysign(values.dtype.type(0.5), values))
    return rounded


def limits(activation: str, made: Quantization) -> dict[str, int]:
    """Return the integers between which a fused activation keeps a result.

    Raises:
        ValueError: It is not one that bounds.
    """
    bounds = {
        "NONE": (None, None),
        "RELU": (0.0, None),
        "RELU6": (0.0, 6.0),
        "RELU_N1_TO_1": (-1.0, 1.0),
    }
    if activation not in bounds:
        raise ValueError(f"the activation {activation}")
    low, high = (_quantized(bound, made) for bound in bounds[activation])
    return {
        "lowest": -128 if low is None else max(-128, low),
        "highest": 127 if high is None else min(127, high),
    }


def _quantized(bound: float | None, made: Quantization) -> int | None:
    if bound is None:
        return None
    ratio = np.float32(bound) / np.float32(made.scale)
    return made.zero_point + int(half_away(np.asarray(ratio)))


def thresholds(averages: Array, places: int) -> dict[str, int | Array]:
    """Return what the sums of `places` integers must reach for each average.

    Args:
        averages: Of each sum, the least first; grows with the sum.
        places: How many integers are summed.
    """
    lowest, highest = int(averages[0]), int(averages[-1])
    reached = np.searchsorted(averages, np.arange(lowest + 1, highest + 1))
    return {
        "lowest": lowest,
        "steps": highest - lowest,
        "thresholds": (reached - 128 * places).astype(np.int32),
    }
