"""Which files a run finds in its inputs, and which it passes over."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from .conftest import NEEDS_RAY

pytestmark = NEEDS_RAY


def found(*inputs: object, output: str = "out") -> tuple[list[str], dict[str, str]]:
    """Return the names of the sources, and the reasons for what is passed over."""
    from digit_runtime.batch.sources import find

    here = f"{Path.cwd().as_posix()}/"
    result = find([str(one) for one in inputs], output)
    return (
        [source.name.removeprefix(here) for source in result.sources],
        {one.name.removeprefix(here): one.reason.replace(here, "") for one in result.passed_over},
    )


@pytest.fixture
def scans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    folder = Path("scans")
    (folder / "z").mkdir(parents=True)
    for name in ("b.csv", "z/c.npy", "z/d.PARQUET"):
        (folder / name).write_bytes(b"x")
    return folder


ALL = ["scans/b.csv", "scans/z/c.npy", "scans/z/d.PARQUET"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows makes no links unasked")
def test_a_file_is_found_once_whatever_links_lead_to_it(scans: Path, tmp_path: Path) -> None:
    (scans / "a").symlink_to("z")
    (scans / "z" / "loop").symlink_to(tmp_path / "scans")
    (scans / "a.csv").symlink_to("b.csv")
    (scans / "gone.csv").symlink_to("nowhere.csv")
    sources, passed = found("scans", "scans/a/c.npy", "scans/*.csv")
    assert sources == ALL
    assert passed == {
        "scans/a.csv": "is scans/b.csv once more",
        "scans/a/": "is scans/z/ once more",
        "scans/a/c.npy": "is scans/z/c.npy once more",
        "scans/gone.csv": "is no file, or a link to nothing",
        "scans/z/loop/": "is scans/ once more",
    }


@pytest.mark.skipif(sys.platform == "win32", reason="Windows makes no links unasked")
def test_links_to_other_places_are_followed(scans: Path) -> None:
    Path("elsewhere").mkdir()
    Path("elsewhere", "e.csv").write_bytes(b"x")
    (scans / "linked").symlink_to("../elsewhere")
    (scans / "f.csv").symlink_to("../elsewhere/e.csv")
    sources, passed = found("scans")
    assert sources == [*ALL, "scans/linked/e.csv"]
    assert passed == {"scans/f.csv": "is scans/linked/e.csv once more"}


def test_what_is_passed_over_is_named(scans: Path) -> None:
    (scans / ".git" / "objects").mkdir(parents=True)
    (scans / ".git" / "objects" / "a.csv").touch()
    for name in ("_b.csv", "notes.txt", "scan.doc"):
        (scans / name).touch()
    no_suffix = "its name does not end with .csv, .csv.gz, .npy, .parquet, .pq or that of a picture"
    expected = {
        "scans/.git": "its name begins with _ or .",
        "scans/_b.csv": "its name begins with _ or .",
        "scans/notes.txt": no_suffix,
        "scans/scan.doc": no_suffix,
    }
    for place in ("scans", f"local://{Path.cwd()}/scans"):
        sources, passed = found(place)
        assert [name.rpartition("scans/")[2] for name in sources] == [
            name.removeprefix("scans/") for name in ALL
        ]
        names = {f"scans/{name.rpartition('scans/')[2]}" for name in passed if ".git" not in name}
        assert names == {name for name in expected if ".git" not in name}
        assert sum(".git" in name for name in passed) == 1
    assert {name.rstrip("/"): reason for name, reason in found("scans")[1].items()} == expected


def test_the_results_are_neither_read_nor_named(scans: Path) -> None:
    (scans / "out").mkdir()
    (scans / "out" / "a.parquet").touch()
    assert found("scans", output="scans/out") == (ALL, {})
    assert found("scans/*", output="scans/out") == (ALL, {})


@pytest.mark.skipif(sys.platform != "linux", reason="names are Unicode elsewhere")
def test_a_name_that_is_no_text_is_passed_over(scans: Path) -> None:
    Path(os.fsdecode(b"scans/\xff.csv")).write_bytes(b"x")
    assert found("scans") == (ALL, {"scans/?.csv": "its name is not valid Unicode; rename it"})


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_a_name_that_is_no_text_is_refused_where_it_is_given(scans: Path) -> None:
    from digit_runtime.errors import InputReadError

    with pytest.raises(InputReadError, match=r"^a\?\.csv: its name is not valid Unicode; rename"):
        found(os.fsdecode(b"a\xff.csv"))


def test_an_empty_name_is_not_the_current_folder(scans: Path, run: Callable[..., Result]) -> None:
    from digit_runtime.commands.batch import batch

    for arguments in (["", "-o", "out"], ["scans", "-o", ""]):
        refused = run(batch, *arguments)
        assert refused.exit_code == 2 and "'': no such file" in refused.stderr
