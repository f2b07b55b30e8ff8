"""How much accuracy is lost when digits are not as clean as MNIST's."""

from collections.abc import Callable, Iterator
from typing import Final

import numpy as np
from digit_runtime.contract import SIDE, Labels, Pixels
from digit_runtime.models.classifier import Classifier
from PIL import Image

_NOISE_SEED: Final = 0


def shift(pixels: Pixels, right: int, down: int) -> Pixels:
    """Move each digit of uint8 ``[N, 784]`` by whole pixels, filling with background."""
    images = np.roll(pixels.reshape(-1, SIDE, SIDE), (down, right), axis=(1, 2))
    if down:
        images[:, (slice(0, down) if down > 0 else slice(down, None))] = 0
    if right:
        images[:, :, (slice(0, right) if right > 0 else slice(right, None))] = 0
    return images.reshape(pixels.shape)


def rotate(pixels: Pixels, degrees: float) -> Pixels:
    """Turn each digit of uint8 ``[N, 784]`` counter-clockwise about the image's centre."""
    turned = [
        Image.fromarray(image).rotate(degrees, Image.Resampling.BILINEAR)
        for image in pixels.reshape(-1, SIDE, SIDE)
    ]
    return np.stack([np.asarray(image) for image in turned]).reshape(pixels.shape)


def add_noise(pixels: Pixels, sigma: float) -> Pixels:
    """Add Gaussian noise of `sigma` grey levels to uint8 ``[N, 784]``, clipped to 0..255."""
    random = np.random.default_rng(_NOISE_SEED)
    noisy = pixels + random.normal(0, sigma, pixels.shape)
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8)


def pen(pixels: Pixels, extreme: Callable[[Pixels, Pixels], Pixels]) -> Pixels:
    """Mix each pixel of uint8 ``[N, 784]`` half and half with the extreme of its 3x3."""
    images = pixels.reshape(-1, SIDE, SIDE)
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1)))
    found = images
    for y in range(3):
        for x in range(3):
            found = extreme(found, padded[:, y : y + SIDE, x : x + SIDE])
    mixed = (images.astype(np.uint16) + found + 1) // 2
    result: Pixels = mixed.astype(np.uint8).reshape(pixels.shape)
    return result


def low_contrast(pixels: Pixels, ground: int, ink: int) -> Pixels:
    """Map 0..255 of uint8 ``[N, 784]`` evenly to ground..ink."""
    result: Pixels = np.rint(ground + pixels * ((ink - ground) / 255)).astype(np.uint8)
    return result


def invert(pixels: Pixels) -> Pixels:
    """Swap ink and background of uint8 ``[N, 784]``."""
    return 255 - pixels


def _both_ways(change: Callable[[Pixels, int], Pixels], amount: int) -> Callable[[Pixels], Pixels]:
    """Apply `change` by plus `amount` to the even rows and by minus `amount` to the odd ones."""

    def apply(pixels: Pixels) -> Pixels:
        result = np.empty_like(pixels)
        result[::2] = change(pixels[::2], amount)
        result[1::2] = change(pixels[1::2], -amount)
        return result

    return apply


DISTORTIONS: Final[dict[str, Callable[[Pixels], Pixels]]] = {
    "as it is": lambda pixels: pixels,
    "shifted by 1 pixel, diagonally": _both_ways(lambda p, n: shift(p, n, n), 1),
    "shifted by 2 pixels, diagonally": _both_ways(lambda p, n: shift(p, n, n), 2),
    "rotated by 10 degrees": _both_ways(rotate, 10),
    "rotated by 20 degrees": _both_ways(rotate, 20),
    "rotated by 30 degrees": _both_ways(rotate, 30),
    "a broad pen": lambda pixels: pen(pixels, np.maximum),
    "a thin pen": lambda pixels: pen(pixels, np.minimum),
    "low contrast, grey 40 to 120 of 255": lambda pixels: low_contrast(pixels, 40, 120),
    "Gaussian noise, sigma 25 of 255": lambda pixels: add_noise(pixels, 25),
    "Gaussian noise, sigma 50 of 255": lambda pixels: add_noise(pixels, 50),
    "inverted colours": invert,
}
"""What the cards report. Directions alternate from row to row, so none is favoured."""


def accuracies(
    classifier: Classifier, pixels: Pixels, labels: Labels
) -> Iterator[tuple[str, float]]:
    """Yield the name of each distortion and the accuracy under it, from 0 to 1.

    Args:
        classifier: Any loaded file.
        pixels: uint8 ``[N, 784]``, undistorted.
        labels: uint8 ``[N]``.
    """
    for name, distort in DISTORTIONS.items():
        yield name, float(np.mean(classifier.predict(distort(pixels)) == labels))
