"""A library says nothing that it was not asked, and hides nothing that others say."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import os, sys
import numpy as np
from digit_runtime import load
classifiers = [load(model, engine="litert", artifacts=sys.argv[1]) for model in ("mlp", "tiny")]
for classifier in classifiers:
    assert classifier.predict(np.zeros((2, 784), np.uint8)).shape == (2,)
if "shut" not in sys.argv:
    os.write(2, b"own line")
"""


POSIX = pytest.mark.skipif(os.name == "nt", reason="a POSIX shell shuts the stream")


@pytest.mark.parametrize("streams", ["open", pytest.param("shut", marks=POSIX)])
def test_loading_prints_nothing_and_leaves_standard_error_as_it_was(
    streams: str, artifacts: Path
) -> None:
    words = [sys.executable, "-c", PROGRAM, str(artifacts), streams]
    if streams == "shut":
        words = ["sh", "-c", 'exec "$@" 2>&-', "sh", *words]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == ("own line" if streams == "open" else "")
