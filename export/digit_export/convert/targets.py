"""What can be exported: one row per file, with the gate it must pass to be published.

A new precision is one row here and the function that it names. A new container is one
exporter module with such functions, and one engine in `digit_runtime.engines.table`.
"""

from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from digit_export.keras_model.network import Network

REVISION: Final = 2
"""Raise it when an exporter writes other bytes, or parity has other figures, than before."""


@dataclass(frozen=True)
class Gate:
    """How far a file may be from the Keras model, on the validation and on the test rows.

    None leaves that figure free. Fractions from 0 to 1, not percent.
    """

    max_difference: float | None = None
    """Of any probability. A changed answer that this much explains is a tie and passes."""
    min_agreement: float | None = None
    """Fraction of rows with Keras's answer."""
    max_accuracy_loss: float | None = None


LIMITS: Final = tuple(field.name for field in fields(Gate))


@dataclass(frozen=True)
class Target:
    """One file to export."""

    format: str
    precision: str
    exporter: str
    """``module:function``, a function from (Network, calibration pixels) to the file's bytes."""
    gate: Gate
    equalized: bool = False
    """Whether it is made of `Network.equalized`, since it has one step for many channels."""
    calibrated: bool = False
    """Whether the calibration rows determine the file."""
    on_request: bool = False
    """Whether "all" leaves it out: it needs what not every machine has."""
    beside: str = ""
    """``module:function``, a function from the file's bytes, the model's name and the number
    of classes to files beside it, their bytes by path in its folder."""

    @property
    def name(self) -> str:
        """For people: "onnx int8"."""
        return f"{self.format} {self.precision}"

    def network(self, network: "Network") -> "Network":
        """Return what is converted: `network`, or the same with other weights."""
        return network.equalized if self.equalized else network

    def path(self, model: str) -> str:
        """Return where the file goes in the directory of `model`, with forward slashes."""
        return f"{self.format}/{model}-{self.precision}.{self.format}"


_EXACT: Final = Gate(max_difference=1e-4, min_agreement=1.0)
_HALF: Final = Gate(max_difference=1e-2)
_QUANTIZED: Final = Gate(min_agreement=0.997, max_accuracy_loss=0.0010)

TARGETS: Final = (
    Target("onnx", "float32", "digit_export.convert.onnx:float32", _EXACT),
    Target("onnx", "float16", "digit_export.convert.onnx:float16", _HALF),
    Target("onnx", "dynamic", "digit_export.convert.onnx:dynamic", _QUANTIZED, equalized=True),
    Target(
        "onnx",
        "int8",
        "digit_export.convert.onnx:int8",
        _QUANTIZED,
        equalized=True,
        calibrated=True,
    ),
    Target("tflite", "float32", "digit_export.convert.tflite:float32", _EXACT),
    Target("tflite", "float16", "digit_export.convert.tflite:float16", _HALF),
    Target("tflite", "dynamic", "digit_export.convert.tflite:dynamic", _QUANTIZED, equalized=True),
    Target(
        "tflite",
        "int8",
        "digit_export.convert.tflite:int8",
        _QUANTIZED,
        equalized=True,
        calibrated=True,
    ),
    Target(
        "c",
        "int8",
        "digit_export.convert.c:int8",
        _QUANTIZED,
        equalized=True,
        calibrated=True,
        on_request=True,
        beside="digit_export.convert.c:beside",
    ),
    Target(
        "wasm",
        "int8",
        "digit_export.convert.wasm:int8",
        _QUANTIZED,
        equalized=True,
        calibrated=True,
        on_request=True,
        beside="digit_export.convert.wasm:beside",
    ),
    Target(
        "html",
        "int8",
        "digit_export.convert.html:int8",
        _QUANTIZED,
        equalized=True,
        calibrated=True,
        on_request=True,
    ),
)


def formats() -> list[str]:
    """Return the containers of the table, each once."""
    return list(dict.fromkeys(target.format for target in TARGETS))


def precisions() -> list[str]:
    """Return the precisions of the table, each once."""
    return list(dict.fromkeys(target.precision for target in TARGETS))


def select(format: str, precision: str) -> list[Target]:
    """Return the rows of that format and precision; "all" stands for any but on request."""
    return [
        target
        for target in TARGETS
        if (format == target.format or (format == "all" and not target.on_request))
        and precision in ("all", target.precision)
    ]


def limits(gate: Gate) -> dict[str, float]:
    """Return what `gate` requires, for the manifest."""
    return {name: value for name, value in asdict(gate).items() if value is not None}


def usual(target: Target) -> Target:
    """Return `target` with the gate of the table."""
    table = {(row.format, row.precision): row.gate for row in TARGETS}
    return replace(target, gate=table[target.format, target.precision])


def given(target: Target) -> dict[str, float]:
    """Return the limits of `target` that are not those of the table."""
    own = limits(usual(target).gate)
    return {name: value for name, value in limits(target.gate).items() if own[name] != value}
