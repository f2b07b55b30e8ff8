"""Random affine and elastic distortion of digits, as one TensorFlow graph per batch.

Every draw is a pure function of (seed, epoch, batch), which is what lets an interrupted
training resume exactly.
"""

import math

import numpy as np
import tensorflow as tf
from digit_runtime.contract import PIXELS, SIDE

from digit_train.training.recipe import Augmentation


def distort(pixels: tf.Tensor, seed: tf.Tensor, settings: Augmentation) -> tf.Tensor:
    """Return a distorted copy of each image.

    Args:
        pixels: uint8 ``[N, 784]``.
        seed: int32 ``[2]``; the same seed gives the same distortion.
        settings: How far to go.

    Returns:
        uint8 ``[N, 784]``, bilinearly interpolated, black where the image was left.
    """
    seeds = tf.unstack(tf.random.split(seed, 6), num=6)
    count = tf.shape(pixels)[0]

    def uniform(index: int, reach: float, width: int) -> tf.Tensor:
        return tf.random.stateless_uniform((count, width), seeds[index], -reach, reach)

    angle = uniform(0, math.radians(settings.rotation), 1)
    stretch = 1 + uniform(1, settings.scale, 2)
    slant = uniform(2, settings.shear, 1)
    shift = uniform(3, settings.shift, 2)

    middle = (SIDE - 1) / 2
    axis = tf.range(SIDE, dtype=tf.float32) - middle
    y, x = (tf.reshape(part, (1, PIXELS)) for part in tf.meshgrid(axis, axis, indexing="ij"))
    # For each pixel of the result, where in the original it comes from.
    slanted = x + slant * y
    from_y = (tf.cos(angle) * y + tf.sin(angle) * slanted) * stretch[:, :1] + shift[:, :1]
    from_x = (tf.cos(angle) * slanted - tf.sin(angle) * y) * stretch[:, 1:] + shift[:, 1:]
    if settings.elastic_alpha:
        field = settings.elastic_alpha * _smooth_noise(seeds[4], count, settings.elastic_sigma)
        from_y += field[:, 0]
        from_x += field[:, 1]
    return _sample(pixels, from_y + middle, from_x + middle)


def _smooth_noise(seed: tf.Tensor, count: tf.Tensor, sigma: float) -> tf.Tensor:
    """Return ``[count, 2, 784]`` of uniform(-1, 1) noise under a Gaussian of `sigma` pixels."""
    distance = np.subtract.outer(np.arange(SIDE), np.arange(SIDE))
    blur = np.exp(-(distance**2) / (2 * sigma**2)) / (sigma * math.sqrt(2 * math.pi))
    blur = tf.constant(blur, tf.float32)
    noise = tf.random.stateless_uniform((count, 2, SIDE, SIDE), seed, -1.0, 1.0)
    # The blur is separable and symmetric: one matrix from the left, one from the right.
    return tf.reshape(blur @ noise @ blur, (count, 2, PIXELS))


def _sample(pixels: tf.Tensor, y: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
    """Read `pixels` at fractional positions ``[N, 784]``, bilinearly, black outside."""
    wide = SIDE + 2
    images = tf.reshape(tf.cast(pixels, tf.float32), (-1, SIDE, SIDE))
    flat = tf.reshape(tf.pad(images, ((0, 0), (1, 1), (1, 1))), (-1, wide * wide))
    # In the padded image the border is black, so clipping to it is "black outside".
    y = tf.clip_by_value(y + 1, 0.0, wide - 1.001)
    x = tf.clip_by_value(x + 1, 0.0, wide - 1.001)
    top, left = tf.floor(y), tf.floor(x)
    down, right = y - top, x - left
    corner = tf.cast(top * wide + left, tf.int32)
    total = (
        tf.gather(flat, corner, batch_dims=1) * (1 - down) * (1 - right)
        + tf.gather(flat, corner + 1, batch_dims=1) * (1 - down) * right
        + tf.gather(flat, corner + wide, batch_dims=1) * down * (1 - right)
        + tf.gather(flat, corner + wide + 1, batch_dims=1) * down * right
    )
    return tf.cast(tf.round(total), tf.uint8)
