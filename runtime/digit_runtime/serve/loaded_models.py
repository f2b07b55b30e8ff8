"""The models that a server offers, each loaded when it is first asked for."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from digit_runtime.contract import DIGITS, Pixels
from digit_runtime.engines.table import engines_for
from digit_runtime.errors import DigitError
from digit_runtime.loading.load import load
from digit_runtime.models.classifier import Classifier
from digit_runtime.models.folder import artifacts_folder, files_of, model_names
from digit_runtime.models.manifest import Manifest, sha256_of
from digit_runtime.models.reference import golden_rows
from digit_runtime.serve.batcher import Batcher
from digit_runtime.serve.errors import Refusal
from digit_runtime.serve.limits import Limits
from digit_runtime.serve.metrics import Metrics
from digit_runtime.terminal import native_stderr_silenced

_CHOICES: Final = ("format", "precision", "engine")
_SAMPLES: Final = 30


@dataclass(frozen=True)
class Wanted:
    """What a request asks for; None leaves the choice to the server."""

    model: str
    format: str | None = None
    precision: str | None = None
    engine: str | None = None


class LoadedModels:
    """All files of a folder of models, on all installed engines."""

    def __init__(
        self, default: Wanted, artifacts: Path | None, threads: int | None, limits: Limits
    ) -> None:
        """Find what is there and load the default.

        Raises:
            DigitError: The default cannot be loaded.
        """
        self.default = default
        self.metrics = Metrics()
        self._folder = artifacts
        self._threads = threads
        self._limits = limits
        self._loading = asyncio.Lock()
        self._by_wish: dict[Wanted, Batcher] = {}
        self._by_file: dict[tuple[Path, str], Batcher] = {}
        self._samples: dict[str, bytes] = {}
        folder = artifacts_folder(artifacts)
        self._directories = {name: folder / name for name in model_names(folder)}
        offers = {name: _offer(name, path) for name, path in self._directories.items()}
        # A model that was not exported yet cannot be asked for.
        self._offers = {name: offer for name, offer in offers.items() if offer["files"]}
        self.first = self._keep(default, self._load(default))

    def offers(self) -> list[dict[str, Any]]:
        """Return every model with the files that can be asked for, for JSON."""
        return list(self._offers.values())

    async def samples(self, model: str) -> bytes:
        """Return some of the digits that a model carries, as JSON.

        Raises:
            Refusal: There is no such model, or it carries none.
        """
        if model not in self._directories:
            raise self._unknown(model)
        if model not in self._samples:
            read = partial(_samples_of, model, self._directories[model])
            try:
                self._samples[model] = await asyncio.to_thread(read)
            except DigitError as error:
                raise Refusal(404, f"the model {model} carries no digits") from error
        return self._samples[model]

    def wanted(self, given: Mapping[str, str]) -> Wanted:
        """Return what a request asks for by its query.

        Raises:
            Refusal: There is no such model, file or engine.
        """
        if unknown := set(given) - {"model", *_CHOICES}:
            raise Refusal(400, f"unknown parameter {sorted(unknown)[0]!r}")
        wanted = Wanted(**{"model": self.default.model, **given}) if given else self.default
        if wanted not in self._by_wish:
            self._check(wanted)
        return wanted

    async def get(self, wanted: Wanted) -> Batcher:
        """Return the model that `wanted` named, loading it if need be.

        Raises:
            Refusal: It cannot be loaded.
        """
        if wanted not in self._by_wish:
            async with self._loading:
                if wanted not in self._by_wish:
                    await self._add(wanted)
        return self._by_wish[wanted]

    def close(self) -> None:
        """Give all threads back."""
        for batcher in self._by_file.values():
            batcher.close()

    def _check(self, wanted: Wanted) -> None:
        """Refuse whatever is not offered, so that only names that are known go further."""
        if wanted.model not in self._offers:
            raise self._unknown(wanted.model)
        files = self._offers[wanted.model]["files"]
        for key in _CHOICES:
            value = getattr(wanted, key)
            files = [file for file in files if value in (None, file[key])]
            if not files:
                raise Refusal(404, f"the model {wanted.model} has no file with {key} {value!r}")

    def _unknown(self, model: str) -> Refusal:
        return Refusal(404, f"no model {model!r}; there are {', '.join(self._offers)}")

    async def _add(self, wanted: Wanted) -> None:
        loop = asyncio.get_running_loop()
        try:
            classifier = await loop.run_in_executor(None, self._load, wanted)
        except DigitError as error:
            # Where the models lie is not the client's to know.
            folder = str(self._directories[wanted.model])
            raise Refusal(500, str(error).replace(folder, wanted.model)) from error
        self._keep(wanted, classifier)

    def _load(self, wanted: Wanted) -> Classifier:
        with native_stderr_silenced():
            return load(
                wanted.model,
                format=wanted.format,
                precision=wanted.precision,
                engine=wanted.engine or "auto",
                threads=self._threads,
                artifacts=self._folder,
            )

    def _keep(self, wanted: Wanted, classifier: Classifier) -> Batcher:
        key = classifier.path, classifier.engine
        if key not in self._by_file:
            self.metrics.loaded(classifier, sha256_of(classifier.path))
            self._by_file[key] = Batcher(
                classifier, self._limits.waiting_rows, partial(self.metrics.batch, classifier)
            )
        self._by_wish[wanted] = self._by_file[key]
        return self._by_file[key]


def _samples_of(model: str, directory: Path) -> bytes:
    pixels = _few(golden_rows(directory).pixels)
    return json.dumps({"model": model, "pixels": pixels.tolist()}).encode()


def _few(pixels: Pixels) -> Pixels:
    """Return every so many of the digits, which lie in the order of their classes."""
    step = max(1, len(pixels) // _SAMPLES)
    return pixels[::step][:_SAMPLES]


def _offer(name: str, directory: Path) -> dict[str, Any]:
    files = [
        {
            "format": file.format,
            "precision": file.precision,
            "tolerated": file.tolerated,
            "engine": engine.name,
            "bytes": file.entry.bytes if file.entry else None,
        }
        for file in files_of(directory)
        for engine in engines_for(file.format)
    ]
    return {
        "model": name,
        "labels": list(Manifest.read(directory).labels or DIGITS),
        "files": files,
    }
