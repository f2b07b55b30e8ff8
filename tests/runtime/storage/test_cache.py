import json
import subprocess
import sys
from pathlib import Path

import pytest
from digit_runtime.storage import cache

QUESTION = {"cpu": "Some CPU", "threads": 2, "candidates": [{"engine": "numpy"}]}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DIGIT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_an_answer_is_kept_for_its_question_alone(folder: Path) -> None:
    assert cache.recall(QUESTION) is None
    cache.store(QUESTION, [1.5, None])
    assert cache.recall(QUESTION) == [1.5, None]
    assert cache.recall(QUESTION | {"threads": 1}) is None
    (file,) = folder.iterdir()
    assert '\n  "schema": 2,\n' in file.read_text()


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"3", b"\xff\xfe", b"[" * 100_000, b'{"schema": 1}', b"\0" * 4096],
)
def test_a_damaged_file_counts_as_none_and_is_replaced(content: bytes, folder: Path) -> None:
    cache.store(QUESTION, "old")
    (file,) = folder.iterdir()
    file.write_bytes(content)
    assert cache.recall(QUESTION) is None
    cache.store(QUESTION, "new")
    assert cache.recall(QUESTION) == "new"
    assert list(folder.iterdir()) == [file]


@pytest.mark.parametrize("changed", [{"schema": 1}, {"question": {**QUESTION, "threads": 4}}])
def test_a_file_of_another_schema_or_question_counts_as_none(
    changed: dict[str, object], folder: Path
) -> None:
    cache.store(QUESTION, "answer")
    (file,) = folder.iterdir()
    file.write_text(json.dumps(json.loads(file.read_text()) | changed))
    assert cache.recall(QUESTION) is None


def test_a_folder_that_cannot_be_is_no_failure(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cache.obstacle() is None
    folder.rmdir()
    folder.write_text("a file")
    assert cache.obstacle() == f"the cache folder {folder} cannot be written"
    cache.store(QUESTION, "answer")
    assert cache.recall(QUESTION) is None
    monkeypatch.setattr(cache, "folder", lambda: None)
    assert cache.obstacle() == "this user has no home for a cache"
    cache.store(QUESTION, "answer")
    assert cache.recall(QUESTION) is None


def test_processes_that_write_at_the_same_time_do_not_mix(folder: Path) -> None:
    script = (
        "import sys; from digit_runtime.storage import cache\n"
        f"for _ in range(50): cache.store({QUESTION!r}, sys.argv[1] * int(sys.argv[2]))"
    )
    answers = {"a" * 10, "b" * 100_000}
    writers = [
        subprocess.Popen([sys.executable, "-c", script, answer[0], str(len(answer))])
        for answer in answers
    ]
    seen = set()
    while any(writer.poll() is None for writer in writers):
        seen.add(cache.recall(QUESTION))
    assert [writer.returncode for writer in writers] == [0, 0]
    assert seen - {None} <= answers
    assert cache.recall(QUESTION) in answers
    assert len(list(folder.iterdir())) == 1


@pytest.mark.parametrize(
    ("platform", "environment", "expected"),
    [
        ("linux", {}, "HOME/.cache/digit-runtime"),
        ("linux", {"XDG_CACHE_HOME": "/var/xdg"}, "/var/xdg/digit-runtime"),
        ("linux", {"XDG_CACHE_HOME": "relative"}, "HOME/.cache/digit-runtime"),
        ("freebsd14", {}, "HOME/.cache/digit-runtime"),
        ("darwin", {"XDG_CACHE_HOME": "/var/xdg"}, "HOME/Library/Caches/digit-runtime"),
        ("win32", {"LOCALAPPDATA": "/local"}, "/local/digit-runtime"),
        ("win32", {}, "HOME/AppData/Local/digit-runtime"),
    ],
)
@pytest.mark.skipif(sys.platform == "win32", reason="its absolute paths begin otherwise")
def test_the_folder_is_where_the_system_keeps_caches(
    platform: str,
    environment: dict[str, str],
    expected: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("DIGIT_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in ({"HOME": str(tmp_path)} | environment).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.platform", platform)
    assert cache.folder() == Path(expected.replace("HOME", str(tmp_path)))
