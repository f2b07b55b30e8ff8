"""Whatever the standard streams are, a command says in one line what is wrong."""

import gzip
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from digit_runtime.commands.command import DigitCommand
from digit_runtime.commands.outputs import refuse_overwriting

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell")
PREDICT = f"{sys.executable} -m digit_runtime predict"
INFO = f"{sys.executable} -m digit_runtime info mlp"

# A process that a command talks to has ended. Of that, too, the system says EPIPE.
BROKEN = """
import socket, click
from digit_runtime.commands.command import DigitCommand
@click.command(cls=DigitCommand)
def talk():
    here, there = socket.socketpair()
    there.close()
    here.send(b"hello")
talk()
"""


def shell(command: str, folder: Path, **options: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(  # type: ignore[call-overload,no-any-return]
        ["sh", "-c", command], cwd=folder, capture_output=True, text=True, **options
    )


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    (tmp_path / "a.csv").write_text(",".join(["0"] * 784) + "\n")
    return tmp_path


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (f"{PREDICT} - <&-", "standard input: is closed"),
        (f"{PREDICT} a.csv --model mlp -o - >&-", "standard output: is closed"),
        (f"{PREDICT} -h >&-", "standard output: is closed; send it to a file, or to /dev/null"),
        (f"{INFO} >&-", "standard output: is closed"),
        (f"{sys.executable} -m digit_runtime >&-", "standard output: is closed"),
        (f"{sys.executable} {{broken}}", "the connection to another process broke: Broken pipe"),
        (f"{INFO} > /dev/full", "standard output: cannot be written: No space left on device"),
        (f"{PREDICT} a.csv --model mlp -o - > /dev/full", "standard output: cannot be written"),
        (f"{PREDICT} https://example.org/a.csv", "download it first"),
        (f"{PREDICT} a.csv --model model.keras", "model.keras: no such file"),
    ],
)
def test_a_stream_that_is_shut_or_full_is_one_line(
    command: str, message: str, picture: Path
) -> None:
    (picture / "broken.py").write_text(BROKEN)
    result = shell(command.format(broken=picture / "broken.py"), picture)
    assert result.returncode == 1
    assert result.stderr.startswith("Error: ") and message in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("command", [INFO, f"{INFO} --json", f"{PREDICT} -h"])
def test_who_reads_no_further_is_told_nothing(command: str, picture: Path) -> None:
    result = shell(f"({command}; echo $? >status) | true; sleep 0.1; cat status", picture)
    assert (result.stdout, result.stderr) == ("1\n", "")


def test_nobody_need_read_the_errors(picture: Path) -> None:
    result = shell(f"{PREDICT} a.csv --model mlp -o b.csv --probabilities p.csv 2>&-", picture)
    assert result.returncode == 0
    assert (picture / "b.csv").read_text().count("\n") == 2
    assert (picture / "p.csv").read_text().startswith("ImageId,p0,")


@pytest.mark.parametrize("delay", [0.0, 0.05, 0.1, 0.3])
def test_an_interrupt_at_the_start_is_no_traceback(delay: float, picture: Path) -> None:
    code = "from digit_runtime.commands import entry; print('begun', flush=True); entry.predict()"
    with subprocess.Popen(
        [sys.executable, "-c", code, "-"],
        cwd=picture,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout and process.stdout.readline() == "begun\n"
        time.sleep(delay)
        process.send_signal(signal.SIGINT)
        try:
            errors = process.communicate(timeout=60)[1]
        finally:
            process.kill()
    assert process.returncode in (130, -signal.SIGINT)
    assert errors in ("", "interrupted\n")


def test_what_is_read_is_not_written_over(tmp_path: Path) -> None:
    data, link, other = (tmp_path / name for name in ("a.csv", "link.csv", "b.csv"))
    data.write_text("0")
    link.symlink_to(data)
    refuse_overwriting({"-o": other, "--probabilities": None}, [data, None, "-"])
    refuse_overwriting({"-o": Path("-"), "--probabilities": Path(os.devnull)}, [os.devnull])
    for same in (data, link, tmp_path / "x" / ".." / "a.csv"):
        with pytest.raises(click.UsageError, match="which is read; name another file with -o"):
            refuse_overwriting({"-o": same}, [other, data])
    with pytest.raises(click.UsageError, match="-o and --probabilities both name"):
        refuse_overwriting({"-o": other, "--probabilities": tmp_path / "b.csv"}, [])
    refuse_overwriting({"-o": Path(os.devnull), "--probabilities": Path(os.devnull)}, [])


def test_a_file_that_ends_too_early_is_one_line_and_no_abort() -> None:
    @click.command(cls=DigitCommand)
    def unpack() -> None:
        gzip.decompress(gzip.compress(b"digits" * 100)[:-12])

    result = CliRunner().invoke(unpack)
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert line.startswith("Error: a file ends too early: Compressed file ended")
