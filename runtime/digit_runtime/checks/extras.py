"""What is installed besides the engines, and what each extra of digit-runtime is for."""

import importlib.util
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Extra:
    """An extra, what it is for, and the modules that it needs."""

    name: str
    purpose: str
    modules: tuple[str, ...]

    @property
    def installed(self) -> bool:
        """Whether all of its modules are there; none is imported."""
        return all(importlib.util.find_spec(module) is not None for module in self.modules)

    @property
    def pip_line(self) -> str:
        """What installs it."""
        return f'pip install "digit-runtime[{self.name}]"'


EXTRAS: Final = (
    Extra("image", "pictures: digit-read, digit-predict a.png", ("PIL",)),
    Extra("pdf", "PDF files", ("PIL", "pypdfium2")),
    Extra(
        "serve",
        "digit-serve",
        ("PIL", "httptools", "prometheus_client", "starlette", "uvicorn"),
    ),
    Extra("batch", "digit-batch", ("fsspec", "pyarrow", "ray")),
    Extra("parquet", "Parquet files", ("pyarrow",)),
    Extra("plot", "digit-compare --plot", ("matplotlib",)),
    Extra("wasm", "files of --format wasm and html", ("wasmtime",)),
    Extra("zig", "files of --format c, without another compiler", ("ziglang",)),
    Extra("rich", "digit-compare in colour", ("rich",)),
)
"""All extras but those of engines that are in the doctor's other table."""
