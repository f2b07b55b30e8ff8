"""What an installation holds: the packages that each extra needs, and their size on disk.

    python tests/benchmarks/environments.py

Nothing is downloaded: the requirements are followed through the packages that are installed
where this runs, which `make test` has put there in the versions of constraints.txt.
"""

import importlib.metadata
from collections.abc import Mapping
from importlib.metadata import Distribution
from typing import Final

import click
from digit_runtime.terminal import table
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ENVIRONMENTS: Final = (
    "digit-runtime",
    "digit-runtime[onnx]",
    "digit-runtime[tflite]",
    "digit-runtime[image,onnx]",
    "digit-runtime[pdf,onnx]",
    "digit-runtime[batch,onnx]",
    "digit-toolkit",
)
_LARGEST: Final = 4


def needed(requirement: str) -> Mapping[str, Distribution]:
    """Return all that pip would install for a requirement, by canonical name.

    Raises:
        PackageNotFoundError: Something of it is not installed here.
    """
    found: dict[str, Distribution] = {}
    waiting = [Requirement(requirement)]
    seen: set[tuple[str, str]] = set()
    while waiting:
        one = waiting.pop()
        name = canonicalize_name(one.name)
        distribution = found.setdefault(name, importlib.metadata.distribution(name))
        for extra in ("", *one.extras):
            if (name, extra) in seen:
                continue
            seen.add((name, extra))
            for text in distribution.requires or ():
                inner = Requirement(text)
                if not inner.marker or inner.marker.evaluate({"extra": extra}):
                    waiting.append(inner)
    return found


def megabytes(distribution: Distribution) -> float:
    """Return the size of a package's files, compiled Python left out."""
    files = [file.locate() for file in distribution.files or () if file.suffix != ".pyc"]
    return sum(file.stat().st_size for file in files if file.is_file()) / 1e6  # type: ignore[attr-defined]


@click.command()
def main() -> None:
    """Print a line for each environment."""
    lines = []
    for requirement in ENVIRONMENTS:
        sizes = {name: megabytes(one) for name, one in needed(requirement).items()}
        largest = sorted(sizes, key=lambda name: -sizes[name])[:_LARGEST]
        lines.append(
            [
                *(requirement, str(len(sizes)), f"{sum(sizes.values()):,.0f}"),
                ", ".join(f"{name} {sizes[name]:,.0f}" for name in largest),
            ]
        )
    click.echo(table(["pip install", "packages", "MB", "of that"], lines, left=1))


if __name__ == "__main__":
    main()
