"""An interrupt ends a conversion, even where a converter takes it for something else."""

import os
import signal
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from digit_export.convert import build, interrupts, targets
from digit_export.errors import ConversionError
from digit_export.keras_model.network import Network
from digit_export.keras_model.probes import PROBES


class Interrupting:
    """Calibration rows of which one sends the process Ctrl-C."""

    def __init__(self, at: int) -> None:
        self.at = at

    def __len__(self) -> int:
        return len(PROBES)

    def __iter__(self) -> Iterator[Any]:
        for row, pixels in enumerate(PROBES):
            if row == self.at:
                os.kill(os.getpid(), signal.SIGINT)
            yield pixels


@pytest.mark.parametrize("at", [0, 30])
def test_an_interrupt_among_the_calibration_rows_publishes_nothing(
    at: int, small_cnn: Network
) -> None:
    (target,) = targets.select("tflite", "int8")
    rows: Any = Interrupting(at)
    with pytest.raises(KeyboardInterrupt):
        build.build(small_cnn, target, rows, {})


@pytest.mark.parametrize("error", [None, ConversionError("stumbled over it")])
def test_an_interrupt_that_a_converter_swallowed_is_raised(error: Exception | None) -> None:
    def swallow() -> None:
        try:
            os.kill(os.getpid(), signal.SIGINT)
        except KeyboardInterrupt:
            if error:
                raise error from None

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), interrupts.heeded():
        swallow()
    assert signal.getsignal(signal.SIGINT) is before


def test_without_an_interrupt_nothing_is_raised() -> None:
    with interrupts.heeded():
        assert np.sum([1, 2]) == 3
