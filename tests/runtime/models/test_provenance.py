"""A manifest with any one value damaged is shown, or refused in one line; never a traceback."""

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from digit_runtime.commands.info import info

Run = Callable[..., Result]
Place = tuple[str | int, ...]


def places(value: Any, here: Place = ()) -> Iterator[Place]:
    """Yield where each value is; of a list, only the first's and the list's own."""
    if here:
        yield here
    inner = value.items() if isinstance(value, dict) else enumerate(value[:1])
    for key, one in inner:
        if isinstance(one, (dict, list)):
            yield from places(one, (*here, key))
        else:
            yield (*here, key)


def changed(document: dict[str, Any], place: Place, value: Any) -> dict[str, Any]:
    new = copy.deepcopy(document)
    inner: Any = new
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    return new


@pytest.mark.parametrize("value", [None, "x", [], {}, -1], ids=repr)
def test_any_damaged_value_is_told_in_one_line(
    value: Any, run: Run, artifacts: Path, tmp_path: Path
) -> None:
    document = json.loads((artifacts / "mlp" / "manifest.json").read_text())
    path = tmp_path / "models" / "mlp" / "manifest.json"
    path.parent.mkdir(parents=True)
    # A second one, so that the overview of several is shown, too.
    (tmp_path / "models" / "other").mkdir()
    (tmp_path / "models" / "other" / "manifest.json").write_text(json.dumps(document))
    refused = 0
    for place in [*places(document), ("folder",)]:
        path.write_text(json.dumps(changed(document, place, value)))
        result = run(info, "models")
        if result.exit_code == 1 and isinstance(result.exception, SystemExit):
            assert result.stderr.startswith("Error: models/mlp/manifest.json: "), place
            assert result.stderr.count("\n") == 1, place
            refused += 1
        else:
            assert result.exception is None, (place, value)
    assert refused > 10


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (("training", "wall_s"), None, "has null as 'training.wall_s'; expected a number"),
        (("model",), "x", "has \"x\" as 'model'; expected an object"),
        (("tools",), [], "has a list as 'tools'; expected an object"),
        (
            ("training", "held_out", "confidence_interval_95"),
            [0.9],
            "has a bad 'training.held_out': an interval of confidence has two ends",
        ),
        (
            ("training", "teacher", "members"),
            1,
            "has 1 as 'training.teacher.members'; expected an object",
        ),
        (("unsure_below",), 1, "has an 'unsure_below' without a probability from 0 to 1"),
    ],
)
def test_the_damaged_key_is_named(
    place: Place, value: Any, message: str, run: Run, artifacts: Path, tmp_path: Path
) -> None:
    document = json.loads((artifacts / "mlp" / "manifest.json").read_text())
    (tmp_path / "manifest.json").write_text(json.dumps(changed(document, place, value)))
    result = run(info, tmp_path)
    assert result.stderr == f"Error: {tmp_path / 'manifest.json'}: {message}\n"
