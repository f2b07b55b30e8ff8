"""No command writes over what it reads, whatever way leads there; nor one output over another."""

import os
import shutil
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import Result
from digit_runtime.contract import Labels, Pixels

ROOT = Path(__file__).parents[2]
Run = Callable[..., Result]

# Of each command that writes: what is read, and the arguments that would write over it.
WRITERS = {
    "digit-predict -o": ("a.csv", "a.csv -o {}"),
    "digit-predict -o labels": ("labels.csv", "a.csv --labels labels.csv -o {}"),
    "digit-predict -o a folder's": ("pictures/a.png", "pictures -o {}"),
    "digit-predict -o the model": (
        "models/mlp/manifest.json",
        "a.csv --model mlp --artifacts models -o {}",
    ),
    "digit-predict --probabilities": ("a.csv", "a.csv --probabilities {}"),
    "digit-predict --hardest": ("hardest.csv", "hardest.csv --hardest {folder}"),
    "digit-read -o": ("pictures/a.png", "pictures -o {}"),
    "digit-read --show": ("pictures/a.png", "pictures/a.png --show {}"),
    "digit-read --show a folder": ("a-read.png", "a-read.png pictures/a.png --show {folder}"),
    "digit-compare --plot data": ("a.png", "--artifacts models --data a.png --plot {}"),
    "digit-compare --plot labels": (
        "a.html",
        "--artifacts models --data a.csv --labels a.html --plot {}",
    ),
    "digit-compare --plot baseline": ("a.html", "--artifacts models --baseline a.html --plot {}"),
    "digit-batch -o": ("out/a.csv", "out/a.csv -o {folder}"),
    "digit-batch -o itself": ("a.csv", "a.csv -o {}"),
    "digit-data explore --out": ("index.html", "explore index.html --out {folder}"),
    "digit-data explore --out picture": ("digit.png", "explore digit.png --out {folder}"),
    "digit-train --out": ("held-out.csv", "--model mlp --data held-out.csv --out {folder}"),
    "digit-export --artifacts data": (
        "models/report.html",
        "--model mlp --artifacts models --data models/report.html",
    ),
    "digit-export --artifacts test": (
        "models/mlp/flips.csv",
        "--model mlp --artifacts models --data a.csv --test-data models/mlp/flips.csv "
        "--test-labels labels.csv",
    ),
    "digit-card --artifacts": (
        "models/mlp/README.md",
        "--artifacts models --model mlp --data a.csv --labels models/mlp/README.md",
    ),
    "digit-keras-predict -o": ("a.csv", "a.csv --model models/mlp -o {}"),
    "digit-keras-predict -o model": ("models/mlp/model.keras", "a.csv --model models/mlp -o {}"),
}
# These write nothing, or only what nobody names: what comes with a package, or a cache.
READERS = {"digit-info", "digit-verify", "digit-doctor", "digit-serve"}


def command(case: str) -> click.Command:
    (entry,) = entry_points(group="console_scripts", name=case.split()[0])
    module, attribute = entry.module, entry.attr
    if module.endswith(".entry"):
        module = f"{module.removesuffix('.entry')}.{attribute}"
    found: click.Command = getattr(import_module(module), attribute)
    return found


@pytest.fixture
def place(tmp_path: Path, digits: tuple[Pixels, Labels], write_pixels: Callable[..., Path]) -> Path:
    """A folder with all that the commands above read; each is a real file of its kind."""
    from PIL import Image

    pixels, labels = digits[0][:40], digits[1][:40]
    for name in ("a.csv", "hardest.csv", "held-out.csv", "out/a.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        write_pixels(tmp_path / name, pixels, labels)
    for name in ("a.png", "a.html", "index.html", "digit.png"):
        shutil.copy(tmp_path / "a.csv", tmp_path / name)
    rows = "".join(f"{row},{label}\n" for row, label in enumerate(labels, 1))
    (tmp_path / "labels.csv").write_text(f"ImageId,Label\n{rows}")
    (tmp_path / "pictures").mkdir()
    Image.fromarray(np.pad(pixels[0].reshape(28, 28), 20)).save(tmp_path / "pictures" / "a.png")
    shutil.copy(tmp_path / "pictures" / "a.png", tmp_path / "a-read.png")
    shutil.copytree(ROOT / "artifacts" / "mlp", tmp_path / "models" / "mlp")
    shutil.copy(tmp_path / "a.csv", tmp_path / "models" / "report.html")
    return tmp_path


@pytest.mark.parametrize("way", ["itself", "with dots", "a symlink", "a hard link"])
@pytest.mark.parametrize("case", WRITERS)
def test_a_command_refuses_to_write_over_what_it_reads(
    case: str, way: str, place: Path, run: Run
) -> None:
    read, arguments = WRITERS[case]
    if case == "digit-batch -o" and way.endswith("link"):
        pytest.skip("a link elsewhere lies not in the folder, and is not written to")
    run_as = command(case)
    before = (place / read).read_bytes()
    # The file that the options name is another name of the one that is read.
    if way.endswith("link"):
        (place / read).rename(place / "real")
        link = os.symlink if way == "a symlink" else os.link
        link(place / "real", place / read)
        # The command is given the other name, its output goes to the first.
        words = arguments.split()
        index = words.index(read) if read in words else None
        if index is not None and "{" in arguments:
            suffix = Path(read).suffix
            link(place / "real", place / f"other{suffix}")
            words[index] = f"other{suffix}"
        arguments = " ".join(words)
    target = Path(read)
    shown = f"./x/../{target}" if way == "with dots" else str(target)
    (place / "x").mkdir()
    folder = f"./x/../{target.parent}" if way == "with dots" else str(target.parent)
    given = [word.format(shown, folder=folder) for word in arguments.split()]
    result = run(run_as, *given)
    option = next(word for word in case.split()[1:] if word.startswith("-"))
    assert result.exit_code == 2, result.output
    assert "is read" in result.stderr and f"with {option}" in result.stderr, result.stderr
    assert (place / read).read_bytes() == before


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("digit-predict", "a.csv -o b.csv --probabilities ./b.csv"),
        ("digit-predict", "a.csv -o h/hardest.csv --hardest h"),
        ("digit-read", "pictures/a.png -o b.png --show ./b.png"),
    ],
)
def test_two_outputs_of_a_command_are_two_files(
    name: str, arguments: str, place: Path, run: Run
) -> None:
    result = run(command(name), *arguments.split())
    assert result.exit_code == 2, result.output
    assert "both name" in result.stderr
    assert not (place / "b.csv").exists() and not (place / "h").exists()


def test_a_teacher_is_not_replaced_by_its_pupil(place: Path, run: Run) -> None:
    arguments = "--model tiny --data a.csv --teacher models/mlp --out models/../models/mlp"
    result = run(command("digit-train"), *arguments.split())
    assert result.exit_code == 2 and "is read" in result.stderr, result.output


def test_every_command_is_asked() -> None:
    ours = {entry.name for entry in entry_points(group="console_scripts")}
    ours = {name for name in ours if name.startswith("digit-")}
    assert ours == READERS | {case.split()[0] for case in WRITERS}
