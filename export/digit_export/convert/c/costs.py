"""Flash and RAM of C sources on microcontrollers, by the figures of compilers that are here."""

import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_OPTIONS: Final = ("-std=c99", "-O2", "-ffreestanding", "-c")
_SECONDS: Final = 120


@dataclass(frozen=True)
class Core:
    """A processor core, and how GCC is told of it."""

    name: str
    prefix: str
    """Of the compiler's programs."""
    options: tuple[str, ...]


CORES: Final = (
    Core("Cortex-M0+ (RP2040, SAMD21)", "arm-none-eabi-", ("-mcpu=cortex-m0plus", "-mthumb")),
    Core("Cortex-M4 (nRF52, STM32F4)", "arm-none-eabi-", ("-mcpu=cortex-m4", "-mthumb")),
    Core("Cortex-M7 (Teensy 4, STM32F7)", "arm-none-eabi-", ("-mcpu=cortex-m7", "-mthumb")),
    Core("RISC-V (ESP32-C3)", "riscv64-unknown-elf-", ("-march=rv32imc", "-mabi=ilp32")),
)


@dataclass(frozen=True)
class Cost:
    """What sources take on a core.

    Attributes:
        core: Which.
        flash: Bytes of code and constants.
        ram: Bytes of static memory; the stack comes on top.
        compiler: Its name and version.
    """

    core: Core
    flash: int
    ram: int
    compiler: str


def costs(sources: Mapping[str, bytes]) -> list[Cost]:
    """Return what `sources`, C files and headers by name, take on each core of `CORES`.

    A core is left out if its compiler is not here or cannot compile them.
    """
    with tempfile.TemporaryDirectory(prefix="digit-export-") as name:
        folder = Path(name)
        for file, content in sources.items():
            (folder / file).write_bytes(content)
        programs = [file for file in sources if file.endswith(".c")]
        return [cost for core in CORES if (cost := _cost(core, folder, programs))]


def _cost(core: Core, folder: Path, programs: list[str]) -> Cost | None:
    compiler, size = shutil.which(f"{core.prefix}gcc"), shutil.which(f"{core.prefix}size")
    if not compiler or not size:
        return None
    objects = [f"{place}.o" for place, _ in enumerate(programs)]
    try:
        for program, made in zip(programs, objects, strict=True):
            _run(folder, compiler, *core.options, *_OPTIONS, program, "-o", made)
        lines = _run(folder, size, *objects).splitlines()[1:]
        version = _run(folder, compiler, "-dumpfullversion").strip()
    except (OSError, subprocess.SubprocessError):
        return None
    text, data, bss = (sum(int(line.split()[at]) for line in lines) for at in range(3))
    return Cost(core, text + data, data + bss, f"{core.prefix}gcc {version}")


def _run(folder: Path, *command: str) -> str:
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=True, timeout=_SECONDS
    )
    return done.stdout
