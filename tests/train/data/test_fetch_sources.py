import sys
from pathlib import Path

import pytest
from digit_train.data import mnist_keras
from digit_train.data.sources import SourceError, run_child


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_reason_is_the_last_line_that_a_child_printed() -> None:
    with pytest.raises(SourceError, match=r"^no network$"):
        run_child(python("import sys; print('x'); sys.exit('ERROR: no network\\n\\n')"), 60)
    with pytest.raises(SourceError, match=r"^exit status 3$"):
        run_child(python("raise SystemExit(3)"), 60)
    with pytest.raises(SourceError, match=r"^no-such-program cannot start: No such file"):
        run_child(["no-such-program"], 60)


def test_child_that_hangs_is_ended_although_its_own_child_goes_on(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    slow = f"import pathlib, time; time.sleep(20); pathlib.Path({str(mark)!r}).touch()"
    hang = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {slow!r}])"
    with pytest.raises(SourceError, match=r"^not done within 1 s$"):
        run_child(python(hang), 1)
    assert not mark.exists()


def test_child_that_asks_gets_no_answer() -> None:
    with pytest.raises(SourceError, match="EOF"):
        run_child(python("input('user name: ')"), 60)


@pytest.fixture
def keras_stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Python code that stands for keras.datasets.mnist in child processes."""
    package = tmp_path / "keras" / "datasets"
    package.mkdir(parents=True)
    (package.parent / "__init__.py").touch()
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return package / "mnist.py"


def test_keras_gives_mnist_through_a_child(keras_stand_in: Path) -> None:
    keras_stand_in.write_text(
        "import numpy as np\n"
        "def load_data():\n"
        "    images, labels = np.zeros((60_000, 28, 28), 'u1'), np.full(60_000, 3, 'u1')\n"
        "    images[-1, 1, 2] = 9\n"
        "    return (images, labels), (images[:10_000], np.full(10_000, 4, 'u1'))\n"
    )
    mnist = mnist_keras.load(60)
    assert (mnist.images[59_999].nonzero()[0].tolist(), mnist.images.max()) == ([30], 9)
    assert mnist.labels[[0, 59_999, 60_000, 69_999]].tolist() == [3, 3, 4, 4]


def test_keras_sockets_have_a_time_limit_and_its_reason_is_given(keras_stand_in: Path) -> None:
    keras_stand_in.write_text(
        "import socket\n"
        "def load_data():\n"
        "    raise Exception(f'URL fetch failure after {socket.getdefaulttimeout():.0f} s')\n"
    )
    with pytest.raises(SourceError, match=r"^URL fetch failure after 5 s$"):
        mnist_keras.load(60)
