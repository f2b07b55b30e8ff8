import os
import subprocess
import sys
from pathlib import Path

import pytest
from digit_runtime import OutputError
from digit_runtime.storage import owning
from digit_runtime.storage.atomic import replacing, writing


def test_the_target_appears_whole(tmp_path: Path) -> None:
    target = tmp_path / "new folder" / "a.txt"
    with writing(target) as stream:
        stream.write(b"new")
        stream.flush()
        assert not target.exists()
    assert target.read_bytes() == b"new"
    assert os.listdir(target.parent) == ["a.txt"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_a_failure_leaves_what_was_there(error: type[BaseException], tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_bytes(b"old")
    with pytest.raises(error), writing(target) as stream:
        stream.write(b"new")
        raise error
    assert target.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_two_writers_do_not_mix(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    with writing(target) as first, writing(target) as second:
        first.write(b"1" * 10)
        second.write(b"2" * 5)
    assert target.read_bytes() == b"1" * 10


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    target, link = tmp_path / "a.txt", tmp_path / "link"
    link.symlink_to(target)
    with writing(link) as stream:
        stream.write(b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"


def test_new_files_get_the_usual_permissions(tmp_path: Path) -> None:
    (tmp_path / "usual").touch()
    with writing(tmp_path / "a") as stream:
        stream.write(b"")
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_unwritable_places_are_output_errors(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for place in (tmp_path, tmp_path / "file" / "below", Path("/proc/a.txt")):
        with pytest.raises(OutputError, match=str(place)), writing(place):
            pass


def test_a_device_is_written_in_place() -> None:
    with writing(Path(os.devnull)) as stream:
        stream.write(b"gone")
    assert Path(os.devnull).is_char_device()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_device_is_an_output_error() -> None:
    with pytest.raises(OutputError, match="/dev/full"), writing(Path("/dev/full")) as stream:
        stream.write(b"x")


def test_an_error_about_another_file_passes_through(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught, replacing(tmp_path / "a"):
        (tmp_path / "other").read_bytes()
    assert not isinstance(caught.value, OutputError)


@pytest.mark.skipif(sys.platform == "win32", reason="needs RLIMIT_FSIZE")
def test_no_room_left_keeps_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_bytes(b"old")
    script = """
import resource, sys
from pathlib import Path
from digit_runtime import OutputError
from digit_runtime.storage import owning
from digit_runtime.storage.atomic import writing
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    with writing(Path(sys.argv[1])) as stream:
        stream.write(b"x" * 100_000)
except OutputError as error:
    print(error)
"""
    result = subprocess.run(
        [sys.executable, "-c", script, target], capture_output=True, text=True, check=True
    )
    assert result.stdout.startswith(f"{target}: cannot be written: File too large")
    assert target.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.txt"]


HOLD = """
import sys, time
from pathlib import Path
from digit_runtime.storage.atomic import writing
with writing(Path(sys.argv[1])) as stream:
    stream.write(b"half")
    stream.flush()
    print("writing", flush=True)
    time.sleep(600)
"""


def held(target: Path) -> subprocess.Popen[str]:
    """Start a process that is in the middle of writing `target`."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, target], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    assert process.stdout.readline() == "writing\n"
    return process


@pytest.mark.skipif(sys.platform == "win32", reason="needs locks that end with their process")
def test_what_a_killed_process_left_is_removed_by_the_next_and_nothing_else(
    tmp_path: Path,
) -> None:
    mine = tmp_path / ".notes.part"
    mine.write_text("no program's")
    with held(tmp_path / "killed.txt") as killed, held(tmp_path / "alive.txt") as alive:
        assert len(os.listdir(tmp_path)) == 3
        killed.kill()
        killed.wait()
        with writing(tmp_path / "a.txt") as stream:
            stream.write(b"new")
        left = sorted(os.listdir(tmp_path))
        assert len(left) == 3
        assert left[0].startswith(".alive.txt.")
        assert left[1:] == [".notes.part", "a.txt"]
        alive.kill()
        alive.wait()
    with writing(tmp_path / "a.txt") as stream:
        stream.write(b"newer")
    assert sorted(os.listdir(tmp_path)) == [".notes.part", "a.txt"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows renames no open file")
def test_without_locks_only_what_is_a_day_old_is_taken_for_abandoned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("digit_runtime.storage.owning.fcntl", None)
    old, young = tmp_path / ".a.00000000.part", tmp_path / ".a.00000001.part"
    old.touch()
    young.touch()
    os.utime(old, (0, 0))
    with writing(tmp_path / "b.txt") as stream:
        stream.write(b"new")
    assert sorted(os.listdir(tmp_path)) == [young.name, "b.txt"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such locks")
def test_what_came_in_the_place_of_an_abandoned_file_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = tmp_path / ".a.txt.00000000.part"
    part.touch()
    claim = owning.claim

    def late(descriptor: int) -> bool | None:
        part.unlink()
        part.write_text("somebody else's")
        return claim(descriptor)

    monkeypatch.setattr(owning, "claim", late)
    owning.remove_abandoned(part)
    assert part.read_text() == "somebody else's"
    monkeypatch.undo()
    owning.remove_abandoned(part)
    assert not part.exists()


def test_many_writers_and_sweepers_lose_nothing(tmp_path: Path) -> None:
    script = """
import sys
from pathlib import Path
from digit_runtime.storage.atomic import writing
for n in range(100):
    with writing(Path(sys.argv[1], f"{sys.argv[2]}-{n}")) as stream:
        stream.write(b"x")
"""
    writers = [subprocess.Popen([sys.executable, "-c", script, tmp_path, str(n)]) for n in range(3)]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    assert len(os.listdir(tmp_path)) == 300
