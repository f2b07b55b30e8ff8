"""What rows of digits do not show: blank, full and noise images, and images asked for alone."""

from typing import Final

import numpy as np
from digit_runtime.contract import Pixels, Probabilities
from digit_runtime.models.classifier import Classifier

from digit_export.convert.targets import Target
from digit_export.keras_model import rebuild
from digit_export.keras_model.network import Network
from digit_export.keras_model.probes import NAMES, PROBES
from digit_export.parity import layer_errors

# What uint8 probabilities of ten classes may lack to one.
_SUM_ERROR: Final = 0.02
_ALONE_ROWS: Final = 100
# Kernels for one image and for many round differently; this is beyond that.
_DEPENDS: Final = 1e-3


def misses(
    network: Network, target: Target, content: bytes, classifier: Classifier, keras: Probabilities
) -> list[str]:
    """Return in words what the file answers wrongly to `PROBES`; nothing if all is well.

    Its answers must be numbers that add up to one, and as near to Keras's as the gate wants
    probabilities to be. How often labels agree is no question where there is no digit.

    Args:
        network: The Keras model.
        target: What the file is.
        content: The file.
        classifier: The same, loaded.
        keras: Keras's answers to `PROBES`, float32 ``[66, C]``.
    """
    exported = classifier.predict_proba(PROBES)
    wrong = np.flatnonzero(~np.isfinite(exported).all(axis=1))
    if wrong.size:
        row = int(wrong[0])
        layer = layer_errors.first_lost(network, target.format, content, PROBES[row : row + 1])
        where = f", from its layer {rebuild.named(layer)} on" if layer else ""
        return [f"gives values that are not numbers for {NAMES[row]}{where}"]
    found = []
    sums = np.abs(exported.sum(axis=1) - 1)
    if sums.max() > _SUM_ERROR:
        row = int(sums.argmax())
        found.append(f"gives probabilities for {NAMES[row]} that add up to {sums[row] + 1:.2f}")
    difference = np.abs(exported - keras)
    limit = target.gate.max_difference
    if limit is not None and difference.max() > limit:
        row = int(difference.max(axis=1).argmax())
        found.append(f"difference {difference.max():.1e} > {limit:.0e} for {NAMES[row]}")
    return found


def alone(classifier: Classifier, pixels: Pixels) -> Probabilities:
    """Return the answers to uint8 ``[N, 784]``, each image asked for alone."""
    return np.concatenate([classifier.predict_proba(row[None]) for row in pixels])


def depends_on_batch(classifier: Classifier, pixels: Pixels) -> bool:
    """Return whether an image's answer depends on those that are asked for with it.

    Dynamic quantization takes the range of activations from all images of a batch
    (onnxruntime issue 10111).
    """
    rows = pixels[:_ALONE_ROWS]
    apart = np.abs(classifier.predict_proba(rows) - alone(classifier, rows))
    return bool(apart.max(initial=0.0) > _DEPENDS)
