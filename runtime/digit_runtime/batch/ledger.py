"""What the output folder already holds, against what this run would put there."""

import re
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Final

from digit_runtime.batch.errors import OutputInUseError
from digit_runtime.batch.job import OUTPUT_FORMATS, Identity, Job, Record
from digit_runtime.batch.parts import Part
from digit_runtime.batch.places import ERRORS, PARTS, Folder
from digit_runtime.storage.records import RecordError, build, parse

_RESULTS: Final = re.compile(rf"(.+-[0-9a-f]{{16}}-\d{{6,}})\.({'|'.join(OUTPUT_FORMATS)})")
# Of small files on a remote store, many can be waited for at once.
_THREADS: Final = 16


class Ledger:
    """The results in a folder.

    Args:
        folder: To look into.

    Raises:
        OutputInUseError: It holds files that digit-batch did not write.
    """

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        sizes = folder.sizes()
        results = {name: _RESULTS.fullmatch(name) for name in sizes}
        for name, match in results.items():
            if not match and not name.startswith(("_", ".")):
                raise OutputInUseError(
                    f"{folder.name}: holds {name}, which digit-batch did not write; name a new "
                    "folder"
                )
        self._sizes = {match[1]: (name, sizes[name]) for name, match in results.items() if match}
        with ThreadPoolExecutor(_THREADS) as pool:
            records = pool.map(self._record, self._sizes)
            self._records = dict(zip(self._sizes, records, strict=True))

    def complete(self, parts: Iterable[Part], job: Job, force: bool) -> dict[str, Record]:
        """Return the records of the parts that need not be scored again.

        What stays in the folder is then results of `parts` and nothing else.

        Args:
            parts: All that this run is about.
            job: How it would score them.
            force: Remove what is in the way.

        Raises:
            OutputInUseError: The folder has results of something else, and not `force`.
        """
        wanted = {part.name: job.identity(part) for part in parts}
        states = {identity.source: _state(identity) for identity in wanted.values()}
        done: dict[str, Record] = {}
        for name, record in self._records.items():
            if record is None:  # Damaged, or not whole: as if it were not there.
                self._remove(name)
            elif record.identity == wanted.get(name):
                done[name] = record
            elif force:
                self._remove(name)
            else:
                why = _difference(record.identity, wanted.get(name), states)
                raise OutputInUseError(
                    f"{self._folder.name}: {why}; name a new folder, or use --force to replace "
                    "those results"
                )
        return done

    def _record(self, name: str) -> Record | None:
        try:
            record = _read(self._folder, name)
        except (OSError, RecordError):
            return None
        return record if record.size == self._sizes[name][1] else None

    def _remove(self, name: str) -> None:
        # The results first: they are what makes a part complete.
        self._folder.remove(self._sizes[name][0])
        self._folder.remove(f"{ERRORS}/{name}.csv")
        self._folder.remove(f"{PARTS}/{name}.json")


def begun_with(output: str) -> Identity | None:
    """Return how results in the folder `output` were made; None if there are none."""
    folder = Folder(output, "")
    for name in sorted(folder.sizes()):
        if match := _RESULTS.fullmatch(name):
            with suppress(OSError, RecordError):
                return _read(folder, match[1]).identity
    return None


def _read(folder: Folder, name: str) -> Record:
    return build(Record, parse(folder.read(f"{PARTS}/{name}.json")))


def _state(identity: Identity) -> tuple[int, str]:
    return identity.size, identity.modified


def _difference(
    theirs: Identity, ours: Identity | None, states: Mapping[str, tuple[int, str]]
) -> str:
    source = theirs.source
    if source not in states:
        return f"holds results of {source}, which is not among the inputs, or cannot be read now"
    if _state(theirs) != states[source]:
        return f"{source} has changed since it was scored"
    if ours and (theirs.sha256, theirs.contract) != (ours.sha256, ours.contract):
        return f"was made with another model, {theirs.model}; this run would use {ours.model}"
    for key in ("engine", "output_format", "invert", "transpose"):
        if ours and getattr(theirs, key) != getattr(ours, key):
            return f"was made with another --{key.replace('_', '-')} ({getattr(theirs, key)})"
    return f"holds other parts of {source}, made with another --part-rows"
