"""The inference engines this runtime can use, as one table.

A new engine is one file with an `open` function and one entry here.
"""

import importlib
import importlib.util
import shutil
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Final, Protocol

from digit_runtime.contract import Pixels, Probabilities
from digit_runtime.errors import EngineNotInstalledError
from digit_runtime.formats.table import format_of


class Session(Protocol):
    """A model file loaded by an engine, its inputs and outputs checked.

    `classes` is how many probabilities it gives of an image, one of `contract.CLASSES`.
    """

    classes: int

    def run(self, pixels: Pixels) -> Probabilities:
        """Map C-contiguous uint8 ``[N, 784]``, N at least 1, to float32 ``[N, classes]``.

        May be called from several threads. The result is the caller's to keep.
        """
        ...


@dataclass(frozen=True)
class Engine:
    """One inference engine: what it reads and what must be installed for it."""

    name: str
    format: str
    """The format it reads, which is also the file's suffix."""
    packages: tuple[str, ...]
    """Import names, any of which will do, the preferred one first."""
    extra: str
    """``pip install "digit-runtime[extra]"`` installs it; empty for what is always there."""
    module: str
    """Holds ``open(content: bytes, path: Path, threads: int) -> Session``; the path is for
    messages."""
    programs: tuple[str, ...] = ()
    """Programs that will do in place of packages, the preferred one first."""

    @property
    def last_resort(self) -> bool:
        """Whether it is for devices without any other engine: always there, but slow."""
        return not self.extra and not self.programs

    @property
    def on_request(self) -> bool:
        """Whether its files are left alone unless they are asked for."""
        return format_of(self.format).on_request

    @property
    def pip_line(self) -> str:
        """The command that installs it."""
        return f'pip install "digit-runtime[{self.extra}]"'

    def installed_package(self) -> str | None:
        """Return the import name that is there, without importing it; or the program."""
        for program in self.programs:
            if shutil.which(program):
                return program
        for package in self.packages:
            if importlib.util.find_spec(package) is not None:
                return package
        return None

    def open(self, content: bytes, path: Path, threads: int) -> Session:
        """Load a model file from its bytes, so that those that were checked are those that run.

        Raises:
            EngineNotInstalledError: It is not there, or does not start.
            ModelFileError: The file is damaged or not of this format.
            ContractError: Its inputs or outputs are not the contract's.
        """
        session: Session = self.implementation().open(content, path, threads)
        return session

    def implementation(self) -> ModuleType:
        """Import and return `module`, and with it the engine's package.

        Raises:
            EngineNotInstalledError: That fails, for want of a system library say.
        """
        try:
            return importlib.import_module(self.module)
        except Exception as error:  # A package built for other versions fails in any way.
            reason = str(error).strip().split("\n", 1)[0][:200]
            raise EngineNotInstalledError(
                f"the engine {self.name} cannot be imported: {reason}"
            ) from error

    @property
    def distribution(self) -> str:
        """The name by which pip knows the preferred package."""
        return self.packages[0].replace("_", "-")


ENGINES: Final = (
    Engine("onnxruntime", "onnx", ("onnxruntime",), "onnx", "digit_runtime.engines.onnxruntime"),
    Engine("openvino", "onnx", ("openvino",), "openvino", "digit_runtime.engines.openvino"),
    Engine(
        "litert",
        "tflite",
        # Google's older package is what 32-bit Raspberry Pi OS can still install.
        ("ai_edge_litert", "tflite_runtime"),
        "tflite",
        "digit_runtime.engines.litert",
    ),
    Engine("numpy", "onnx", ("numpy",), "", "digit_runtime.engines.numpy_engine"),
    # Zig's compiler is a Python package, for machines without another.
    Engine("c", "c", ("ziglang",), "zig", "digit_runtime.engines.c", ("cc", "gcc", "clang")),
    Engine("wasmtime", "wasm", ("wasmtime",), "wasm", "digit_runtime.engines.wasmtime_engine"),
    Engine("wasmtime", "html", ("wasmtime",), "wasm", "digit_runtime.engines.wasmtime_engine"),
)


def engine_names() -> list[str]:
    """Return the names of all engines, each once."""
    return list(dict.fromkeys(engine.name for engine in ENGINES))


def engines_for(format: str) -> list[Engine]:
    """Return the installed engines that read `format`, the preferred one first."""
    return [e for e in ENGINES if e.format == format and e.installed_package()]


def engine_for(format: str, name: str = "auto") -> Engine:
    """Return the engine of that name for `format`, or with "auto" the preferred one.

    Raises:
        EngineNotInstalledError: There is none; says the pip command.
    """
    able = [e for e in ENGINES if e.format == format and name in ("auto", e.name)]
    if not able:
        raise EngineNotInstalledError(f"the engine {name} does not read .{format} files")
    for engine in able:
        if engine.installed_package():
            return engine
    if able[0].programs:
        raise EngineNotInstalledError(
            f".{format} files need a C compiler: {', '.join(able[0].programs)}, or "
            f"{able[0].pip_line} (or pip install {able[0].distribution})"
        )
    missing = f"no engine for .{format} files is" if name == "auto" else f"the engine {name} is not"
    raise EngineNotInstalledError(
        f"{missing} installed: {able[0].pip_line} (or pip install {able[0].distribution})"
    )


def why_last_resort(name: str) -> str | None:
    """Return why the engine of that name must do and what to do, if it is the last resort."""
    used = next(e for e in ENGINES if e.name == name)
    if not used.last_resort:
        return None
    faster = [e for e in ENGINES if e.format == used.format and not e.last_resort]
    if broken := [e.name for e in faster if e.installed_package()]:
        return (
            f"{' and '.join(broken)} cannot be used here, so {name} predicts, slowly; "
            "digit-doctor says why"
        )
    return (
        f"no engine for .{used.format} files is installed, so {name} predicts, slowly; "
        f"for a fast one: {faster[0].pip_line}"
    )
