"""The example notebook runs from its first cell to its last, on few rows and for few epochs."""

from collections.abc import Callable
from pathlib import Path

import nbclient
import nbformat
import pytest
from digit_runtime.contract import Labels, Pixels

NOTEBOOK = Path(__file__).parents[2] / "examples/digit_recognizer.ipynb"
FEW = """
from pathlib import Path

data = Path("data")
epochs = {"mlp": 2, "cnn": (1, 1)}
rows = None
work = Path("runs")
"""


def test_every_cell_runs(
    digits: tuple[Pixels, Labels],
    test_digits: tuple[Pixels, Labels],
    write_pixels: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "data").mkdir()
    write_pixels(tmp_path / "data/train.csv", digits[0][:600], digits[1][:600])
    write_pixels(tmp_path / "data/test.csv", test_digits[0][:100])
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    (parameters,) = [c for c in notebook.cells if "parameters" in c.metadata.get("tags", [])]
    parameters.source = FEW
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "2")
    nbclient.NotebookClient(
        notebook, timeout=600, resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    printed = "".join(
        output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", [])
    )
    assert "(600, 785) (100, 784) missing: 0" in printed
    assert printed.count("held out") == 2 + 1 + 1
    submission = (tmp_path / "runs/submission.csv").read_text().splitlines()
    assert submission[0] == "ImageId,Label" and len(submission) == 101
    assert (tmp_path / "runs/cnn/held-out.png").exists()
    shown = [
        output.get("data", {}) for cell in notebook.cells for output in cell.get("outputs", [])
    ]
    assert sum("image/png" in data for data in shown) == 2


def test_the_notebook_is_stored_without_outputs() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    assert not any(cell.get("outputs") for cell in notebook.cells)
