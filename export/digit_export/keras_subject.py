"""Keras itself as a row of `digit-compare --with-keras`, measured as the engines are.

``python -m digit_export.keras_subject`` speaks the protocol of `digit_runtime.measuring.worker`.
It predicts with `keras.Model.predict`, as the notebook does.
"""

import sys
from pathlib import Path

import keras
import tensorflow as tf
from digit_runtime.contract import Pixels, Probabilities
from digit_runtime.measuring.meter import Job, Predict
from digit_runtime.measuring.worker import serve

from digit_export.keras_model.find import find
from digit_export.keras_model.network import Network


class KerasSubject:
    """A .keras file on the CPU."""

    version: str = keras.__version__

    def __init__(self, job: Job) -> None:
        self._job = job
        tf.config.threading.set_intra_op_parallelism_threads(job.threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)

    def load(self, threads: int) -> Predict:
        """See `digit_runtime.measuring.meter.Subject`; TensorFlow has its threads already."""
        (source,) = find(self._job.file, Path(self._job.file).parent.parent)
        model = Network.load(source.path, source.pixels).model

        def predict(pixels: Pixels) -> Probabilities:
            answers: Probabilities = model.predict(pixels, batch_size=len(pixels), verbose=0)
            return answers

        return predict


if __name__ == "__main__":
    sys.exit(serve(KerasSubject))
