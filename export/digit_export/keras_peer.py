"""Keras itself as a row of `digit-compare --with-keras`, measured as the engines are.

``python -m digit_export.keras_peer`` speaks the protocol of `digit_runtime.comparison.measure`.
It predicts with `keras.Model.predict`, as the notebook does.
"""

import sys
from pathlib import Path

import keras
import tensorflow as tf
from digit_runtime.comparison.measure import Job, Predict, serve
from digit_runtime.contract import Pixels, Probabilities

from digit_export.network import Network


class KerasSubject:
    """A .keras file on the CPU."""

    version: str = keras.__version__

    def __init__(self, job: Job) -> None:
        self._job = job
        tf.config.threading.set_intra_op_parallelism_threads(job.threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)

    def load(self) -> Predict:
        """See `digit_runtime.comparison.measure.Subject`."""
        model = Network.load(Path(self._job.file)).model

        def predict(pixels: Pixels) -> Probabilities:
            answers: Probabilities = model.predict(pixels, batch_size=len(pixels), verbose=0)
            return answers

        return predict


if __name__ == "__main__":
    sys.exit(serve(KerasSubject))
