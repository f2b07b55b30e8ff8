"""Results with figures that a test chooses."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from digit_runtime.comparison.results import Comparison, Device, Row, Settings
from digit_runtime.measuring.conditions import Conditions

ROW = Row(
    model="cnn",
    format="onnx",
    precision="int8",
    engine="onnxruntime",
    engine_version="1.0",
    sha256="ab" * 32,
    bytes=1_000_000,
    load_ms=10,
    first_ms=2,
    p50_ms=1.0,
    p50_low_ms=0.9,
    p50_high_ms=1.1,
    p95_ms=2.0,
    p99_ms=3.0,
    runs=900,
    rounds=9,
    images_per_s=1000,
    images_per_s_low=900,
    images_per_s_high=1100,
    batch=64,
    batches={"8": 800, "64": 1000},
    peak_bytes=50_000_000,
    rows=1000,
    accuracy=0.99,
    accuracy_low=0.98,
    accuracy_high=0.995,
    energy_mj=None,
)


@pytest.fixture
def row() -> Callable[..., Row]:
    """Make a row; `p50` sets the median and an interval of 2 % about it."""

    def make(p50: float | None = None, **changes: object) -> Row:
        if p50 is not None:
            middle = {"p50_ms": p50, "p50_low_ms": 0.99 * p50, "p50_high_ms": 1.01 * p50}
            changes = middle | changes
        return replace(ROW, **changes)  # type: ignore[arg-type]

    return make


@pytest.fixture
def comparison() -> Callable[..., Comparison]:
    """Make a comparison of these rows."""

    def make(*rows: Row, threads: int = 1, digits: str = "d", cpu: str = "A CPU") -> Comparison:
        return Comparison(
            device=Device(cpu, "x86_64", 2, "Linux", "CPython 3.11"),
            settings=Settings(threads, 9, 0.5, 1000, digits),
            before=Conditions(load=0.1),
            after=Conditions(load=1.0),
            warnings=[],
            failures=[],
            interrupted=False,
            rows=list(rows),
        )

    return make
