"""digit-batch from the runtime's wheel, in an environment that has what pip would put there.

Ray, pyarrow and the rest take 583 MB, which no test downloads: the packages that pip
would choose are linked into an empty environment from the one that runs the tests, and pip
itself, cut off from every index, confirms there that nothing is missing.
"""

import json
import os
import subprocess
import sys
import venv
from importlib.metadata import Distribution
from pathlib import Path

import numpy as np
import pytest
from digit_runtime.contract import Labels, Pixels
from environments import needed

ROOT = Path(__file__).parents[2]
FORBIDDEN = {"tensorflow", "keras", "onnx", "tf2onnx", "tflite", "digit-toolkit"}
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows makes no links unasked")


def link(distribution: Distribution, site: Path) -> None:
    """Link a package's files into an environment."""
    for file in distribution.files or ():
        if ".." in file.parts or file.suffix == ".pyc":  # What belongs to the scripts folder.
            continue
        (site / file).parent.mkdir(parents=True, exist_ok=True)
        (site / file).symlink_to(Path(str(distribution.locate_file(file))))


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment made for `digit-runtime[batch,onnx]`."""
    wheels = tmp_path_factory.mktemp("wheel")
    build: list[str | Path] = [
        sys.executable,
        "-m",
        "build",
        "-q",
        "--wheel",
        "--outdir",
        wheels,
        ROOT / "runtime",
    ]
    subprocess.run(build, check=True, capture_output=True)
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=True)
    programs = folder / "bin"
    (site,) = folder.glob("lib/python*/site-packages")
    for name, distribution in needed("digit-runtime[batch,onnx]").items():
        if name != "digit-runtime":
            link(distribution, site)
    # Without an index pip fails if anything is missing, or not as constraints.txt wants it.
    offline: list[str | Path] = [
        "--no-index",
        "--find-links",
        wheels,
        "-c",
        ROOT / "constraints.txt",
    ]
    subprocess.run(
        [programs / "python", "-m", "pip", "install", *offline, "digit-runtime[batch,onnx]"],
        check=True,
        capture_output=True,
        env=os.environ | {"PIP_CONFIG_FILE": os.devnull, "PIP_EXTRA_INDEX_URL": ""},
    )
    return programs


def test_the_extra_brings_no_tensorflow(scripts: Path) -> None:
    listed = subprocess.run(
        [scripts / "python", "-m", "pip", "list", "--format=json"], check=True, capture_output=True
    )
    installed = {package["name"].lower() for package in json.loads(listed.stdout)}
    assert {"ray", "pyarrow", "fsspec", "onnxruntime", "digit-runtime"} <= installed
    assert not FORBIDDEN & installed


def test_digit_batch_scores_there(
    scripts: Path, tmp_path: Path, test_digits: tuple[Pixels, Labels]
) -> None:
    np.save(tmp_path / "digits.npy", test_digits[0][:500])
    result = subprocess.run(
        [scripts / "digit-batch", "digits.npy", "-o", "out", "--model", "mlp", "--workers", "1",
         "--output-format", "csv", "--json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        # A test need not write a token into the user's home.
        env={key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        | {"RAY_AUTH_MODE": "disabled"},
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    summary = json.loads(result.stdout)
    assert (summary["rows_out"], summary["engine"]) == (500, "onnxruntime")
    (path,) = (tmp_path / "out").glob("[!_]*.csv")
    labels = [int(line.split(",")[2]) for line in path.read_text().splitlines()[1:]]
    assert np.mean(labels == test_digits[1][:500]) > 0.97
