"""MNIST from ``keras.datasets.mnist``, which downloads it or finds it in Keras's cache."""

import sys
import tempfile
from pathlib import Path
from typing import Final

import numpy as np
from digit_runtime.contract import PIXELS

from digit_train.data.mnist import Mnist
from digit_train.data.sources import run_child

DETAIL: Final = "keras.datasets.mnist"

# Keras downloads without a time limit, so it runs where it can be stopped: in a child
# process. Its sockets give up after five silent seconds, so no network is found out fast.
_LOAD: Final = """
import socket, sys
socket.setdefaulttimeout(5)
import numpy as np
from keras.datasets import mnist
(images, labels), (test_images, test_labels) = mnist.load_data()
np.savez(
    sys.argv[1],
    images=np.concatenate([images, test_images]),
    labels=np.concatenate([labels, test_labels]),
)
"""


def load(limit_s: float) -> Mnist:
    """Get MNIST through Keras, which checks its hash and keeps it in ``$KERAS_HOME``.

    Raises:
        SourceError: There is no network, the file is damaged, or `limit_s` has passed.
    """
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        path = Path(folder, "mnist.npz")
        # -P: a keras.py in the current folder is not Keras.
        run_child([sys.executable, "-P", "-c", _LOAD, str(path)], limit_s)
        with np.load(path) as arrays:
            return Mnist(arrays["images"].reshape(-1, PIXELS), arrays["labels"])
