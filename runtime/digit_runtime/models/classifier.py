"""The Python API: a loaded model that turns pixels into digits."""

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from digit_runtime.contract import (
    PIXELS,
    Images,
    Labels,
    Pixels,
    Probabilities,
    as_pixels,
    default_names,
)
from digit_runtime.device import usable_cpus
from digit_runtime.engines.table import engine_for
from digit_runtime.errors import ContractError, EngineError, PixelsError
from digit_runtime.formats import stamp
from digit_runtime.models.folder import FoundFile

# Larger batches gain nothing on a CPU, and the activations of this many images still
# fit a cache: one image of the cnn has 200 kB of them after its first layer.
BATCH_ROWS: Final = 64


class Classifier:
    """A model file, checked and loaded by an engine; made by `digit_runtime.load`.

    May be used from several threads, and be pickled: another process that gets it loads the
    same file with the same engine.

    Attributes:
        path: The model file.
        model: Its model's name.
        format: "onnx" or "tflite".
        labels: The names of the classes; "0" to "9" of digits.
        precision: As its manifest states it; None for a file without manifest.
        tolerated: Whether it was published by ``--tolerance`` only, and may answer otherwise
            than its Keras model.
        unsure_below: The probability that an answer must reach to be one: what reaches it less
            is no digit, or hard to read; chosen so that 99 % of validation digits reach it.
            None for a model without.
        engine: The engine's name.
        threads: How many threads the engine uses for one batch; numpy's matrix products
            use as many as its BLAS was told by the environment when numpy was imported.
    """

    def __init__(self, file: FoundFile, engine: str, threads: int = 0) -> None:
        """Verify `file` against its manifest and load it; 0 threads means all usable CPUs."""
        chosen = engine_for(file.format, engine)
        content = file.read()
        stamp.check_contract(file.format, content, file.path)
        self.path: Path = file.path
        self.model = file.model
        self.format = file.format
        self.precision = file.precision
        self.tolerated = file.tolerated
        self.unsure_below = file.unsure_below
        self.engine = chosen.name
        self.threads = threads or usable_cpus()
        session = chosen.open(content, file.path, self.threads)
        self._run = session.run
        self._file = file
        self.labels = file.labels or default_names(session.classes)
        if len(self.labels) != session.classes:
            raise ContractError(
                f"{file.path}: has {session.classes} classes, its manifest names "
                f"{len(self.labels)}; export it again"
            )

    def __reduce__(self) -> "tuple[type[Classifier], tuple[FoundFile, str, int]]":
        """Pickle where the model is: the process that unpickles it loads it anew."""
        return Classifier, (self._file, self.engine, self.threads)

    def __repr__(self) -> str:
        return f"<Classifier {self.path} {self.engine} threads={self.threads}>"

    def predict_proba(self, pixels: Images) -> Probabilities:
        """Return the probability of each class, float32 ``[N, 10]`` of digits.

        Args:
            pixels: uint8 ``[N, 784]``, raw values from 0 (background) to 255 (ink);
                ``[N, 28, 28]``, ``[N, 28, 28, 1]``, ``[784]``, ``[28, 28]`` and DataFrames
                are accepted too; see `as_pixels`.

        Raises:
            PixelsError: Another shape, or values that are not whole numbers in 0..255.
            EngineError: The engine failed.
        """
        # The exact contract skips the general check, which would cost as much as the
        # smallest model's inference.
        if not (
            type(pixels) is np.ndarray
            and pixels.dtype == np.uint8
            and pixels.ndim == 2
            and pixels.shape[1] == PIXELS
            and pixels.flags.c_contiguous
        ):
            pixels = as_pixels(pixels)
        if 0 < len(pixels) <= BATCH_ROWS:
            return self._run(pixels)
        return self._in_batches(pixels)

    def predict(self, pixels: Images) -> Labels:
        """Return the most probable digit of each image, uint8 ``[N]``; see `predict_proba`.

        Of other classes, that is the index, to be looked up in `labels`.
        """
        return most_probable(self.predict_proba(pixels))

    def unsure(self, probabilities: Probabilities) -> NDArray[np.bool_]:
        """Tell of which images the model is not sure, bool ``[N]``; none without a limit.

        Args:
            probabilities: From `predict_proba`, float32 ``[N, 10]``.

        Raises:
            PixelsError: They are something else.
        """
        if not (
            isinstance(probabilities, np.ndarray)
            and probabilities.dtype.kind == "f"
            and probabilities.shape[1:] == (len(self.labels),)
        ):
            raise PixelsError(
                f"unsure takes what predict_proba returned, float32 [N, {len(self.labels)}]"
            )
        limit = 0.0 if self.unsure_below is None else self.unsure_below
        low: NDArray[np.bool_] = probabilities.max(axis=1) < limit
        return low

    def _in_batches(self, pixels: Pixels) -> Probabilities:
        result = np.empty((len(pixels), len(self.labels)), np.float32)
        for start in range(0, len(pixels), BATCH_ROWS):
            part = pixels[start : start + BATCH_ROWS]
            result[start : start + len(part)] = self._run(part)
        return result


def most_probable(probabilities: Probabilities, before: int = 0) -> Labels:
    """Return the most probable class of each row, uint8 ``[n]``: the one place that decides it.

    Args:
        probabilities: float32 ``[n, 10]``.
        before: How many rows were before them, for the message.

    Raises:
        EngineError: A row has a probability that is not a number, and so no label.
    """
    # A sum is not finite if one of its terms is not.
    finite = np.isfinite(probabilities.sum(axis=1))
    if not finite.all():
        raise EngineError(
            f"row {before + int(finite.argmin()) + 1}: the model answers with what is no number "
            "(NaN), so there is no label; verify the model (digit-verify), or export it again"
        )
    labels: Labels = probabilities.argmax(axis=1).astype(np.uint8)
    return labels
