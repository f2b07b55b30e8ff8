"""One temperature for all answers, so that a probability of 0.9 is right nine times of ten.

Guo, Pleiss, Sun and Weinberger, "On Calibration of Modern Neural Networks" (ICML 2017).
It is multiplied into the last layer's weights: the graph stays, and the order of the
digits in each answer too.
"""

from typing import Any

import numpy as np
from digit_runtime.contract import Labels, Pixels, Probabilities
from numpy.typing import NDArray

LEAST, MOST = 0.2, 8.0
_SEARCHED = np.geomspace(LEAST, MOST, 400)


def calibrate(model: Any, pixels: Pixels, labels: Labels, first: int) -> float:
    """Calibrate a Keras model on the rows from `first` on; return what its logits were times."""
    probabilities = model.predict(pixels[first:], batch_size=500, verbose=0)
    gain = best_gain(probabilities, labels[first:])
    apply(model, gain)
    return gain


def best_gain(probabilities: Probabilities, labels: Labels) -> float:
    """Return the inverse temperature with the least cross-entropy on these rows.

    Args:
        probabilities: float32 ``[N, 10]``, of rows that were not trained on.
        labels: uint8 ``[N]``.
    """
    logits = np.log(np.maximum(probabilities.astype(np.float64), 1e-30))
    return float(min(_SEARCHED, key=lambda gain: _cross_entropy(gain * logits, labels)))


def apply(model: Any, gain: float) -> None:
    """Multiply the logits of a Keras model that ends in a dense softmax layer."""
    layer = model.layers[-1]
    layer.set_weights([gain * weights for weights in layer.get_weights()])


def _cross_entropy(logits: NDArray[np.float64], labels: Labels) -> float:
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_sums = np.log(np.exp(shifted).sum(axis=1))
    return float(np.mean(log_sums - shifted[np.arange(len(labels)), labels]))
