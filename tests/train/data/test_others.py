import hashlib
import io
import shlex
import shutil
import tarfile
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from digit_runtime.errors import InputNotFoundError, InputReadError
from digit_train.commands.data import data as command
from digit_train.data import fonts, others
from digit_train.data.sources import SourceError


def fake_npm(content: bytes) -> Callable[[Sequence[str], float], None]:
    """Answer `npm pack` with packages whose font file has these bytes."""

    def run(arguments: Sequence[str], limit_s: float) -> None:
        folder, packages = arguments[3], arguments[4:]
        for package in packages:
            name, version = package.removeprefix("@fontsource/").split("@")
            member = tarfile.TarInfo(f"package/files/{name}-latin-400-normal.woff")
            member.size = len(content)
            with tarfile.open(Path(folder, f"fontsource-{name}-{version}.tgz"), "w:gz") as archive:
                archive.addfile(member, io.BytesIO(content))

    return run


def known(content: bytes) -> tuple[fonts.Font, ...]:
    return tuple(replace(font, sha256=hashlib.sha256(content).hexdigest()) for font in fonts.FONTS)


def test_a_third_of_the_fonts_is_held_out_and_none_is_named_twice() -> None:
    assert len({font.name for font in fonts.FONTS}) == len(fonts.FONTS) == 58
    assert sum(font.held_out for font in fonts.FONTS) == 20


def test_only_missing_and_damaged_fonts_are_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fonts, "run_child", fake_npm(b"font"))
    monkeypatch.setattr(fonts, "FONTS", known(b"font"))
    assert fonts.fetch(tmp_path) == 58
    assert fonts.fetch(tmp_path) == 0
    (tmp_path / "caveat.woff").write_bytes(b"fon")
    (tmp_path / "kalam.woff").unlink()
    assert fonts.fetch(tmp_path) == 2


def test_a_font_with_other_bytes_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fonts, "run_child", fake_npm(b"other"))
    with pytest.raises(SourceError, match=r"amatic-sc.*is not the known file: refused"):
        fonts.fetch(tmp_path)
    assert not (tmp_path / "amatic-sc.woff").exists()


def test_without_npm_the_reason_is_one_line(
    run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    result = run(command, "others")
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1].startswith("Error: npm cannot start")


def test_a_wheel_with_other_bytes_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fake_pip(arguments: Sequence[str], limit_s: float) -> None:
        folder = arguments[arguments.index("--dest") + 1]
        with zipfile.ZipFile(Path(folder, "scikit_learn.whl"), "w") as archive:
            archive.writestr("sklearn/datasets/data/digits.csv.gz", b"x")

    monkeypatch.setattr(fonts, "FONTS", ())
    monkeypatch.setattr(others, "run_child", fake_pip)
    with pytest.raises(SourceError, match=r"digits\.csv\.gz is not the known file: refused"):
        others.fetch(tmp_path)


def test_small_digits_come_in_mnists_form(others_folder: Path) -> None:
    pixels, labels = others.small_digits(others_folder)
    assert pixels.shape == (2, 784)
    assert labels.tolist() == [0, 0]
    inked = np.flatnonzero(pixels[0].reshape(28, 28).any(axis=1))
    assert inked[-1] - inked[0] + 1 == 20


def test_what_was_not_fetched_is_named_with_its_remedy(tmp_path: Path) -> None:
    folder = tmp_path / "two words"
    for read in (others.small_digits, others.photographs, others.fonts_of):
        with pytest.raises(InputNotFoundError, match="no such file") as caught:
            read(folder)
        assert str(caught.value).endswith(f"digit-data others --out {shlex.quote(str(folder))}")


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("digits.csv.gz", others.small_digits),
        ("china.jpg", others.photographs),
        ("fonts/caveat.woff", others.fonts_of),
    ],
)
@pytest.mark.parametrize("length", [0, 30, 2000])
def test_what_was_cut_is_named_with_its_remedy(
    name: str,
    read: Callable[[Path], object],
    length: int,
    others_folder: Path,
    tmp_path: Path,
) -> None:
    folder = tmp_path / "others"
    shutil.copytree(others_folder, folder)
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: min(length, len(content) - 1)])
    with pytest.raises(
        InputReadError, match=r"is damaged; digit-data others --out .* again"
    ) as one:
        read(folder)
    assert str(one.value).startswith(f"{folder / name}: ")


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda out: out.parent.write_text("a file"), "out"),
        (lambda out: (out.mkdir(parents=True), (out / "fonts").write_text("")), "out/fonts"),
        (lambda out: (out / "fonts" / "amatic-sc.woff").mkdir(parents=True), "amatic-sc.woff"),
        (lambda out: (out / "china.jpg").mkdir(parents=True), "china.jpg"),
    ],
)
def test_a_folder_that_cannot_be_filled_is_told_before_anything_is_fetched(
    make: Callable[[Path], object],
    named: str,
    run: Callable[..., Result],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fonts, "run_child", lambda *_: pytest.fail("npm was started"))
    make(tmp_path / "some" / "out")
    result = run(command, "others", "--out", "some/out")
    assert result.exit_code == 1, result.output
    (line,) = result.stderr.splitlines()
    assert line.startswith("Error: some/out") and named in line
