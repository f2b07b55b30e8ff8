"""Both distributions can be released: they build, and an index takes them."""

import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DISTRIBUTIONS = {"digit_runtime": ROOT / "runtime", "digit_toolkit": ROOT}


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_an_sdist_builds_a_wheel_and_both_are_fit_for_an_index(name: str, tmp_path: Path) -> None:
    # build makes the wheel from the sdist, not from the checkout.
    subprocess.run(
        [sys.executable, "-m", "build", "--outdir", tmp_path, DISTRIBUTIONS[name]],
        check=True,
        capture_output=True,
    )
    (sdist,), (wheel,) = tmp_path.glob("*.tar.gz"), tmp_path.glob("*.whl")
    assert sdist.name.startswith(name) and wheel.name.startswith(name)
    checked = subprocess.run(
        [sys.executable, "-m", "twine", "check", "--strict", sdist, wheel],
        capture_output=True,
        text=True,
    )
    assert checked.returncode == 0, checked.stdout
    with tarfile.open(sdist) as source, zipfile.ZipFile(wheel) as built:
        inside = {member.split("/", 1)[-1] for member in source.getnames()}
        assert "LICENSE" in inside
        assert any(member.endswith("LICENSE") for member in built.namelist())
        assert not [member for member in built.namelist() if member.startswith("tests")]


def test_the_toolkit_asks_for_the_runtime_of_its_own_version() -> None:
    projects = {
        name: tomllib.loads((folder / "pyproject.toml").read_text())["project"]
        for name, folder in DISTRIBUTIONS.items()
    }
    version = projects["digit_runtime"]["version"]
    assert projects["digit_toolkit"]["version"] == version
    assert f"digit-runtime[all]=={version}" in projects["digit_toolkit"]["dependencies"]
    assert f"## {version}" in (ROOT / "CHANGELOG.md").read_text()
