"""What is public is what `digit_runtime` names, and whoever asks is shown all of it."""

import subprocess
import sys

import digit_runtime


def python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout


def test_dir_and_help_show_all_that_is_public() -> None:
    listed = python("import digit_runtime; print(*dir(digit_runtime))").split()
    assert set(digit_runtime.__all__) <= set(listed)
    text = python("import digit_runtime; help(digit_runtime)")
    for name in digit_runtime.__all__:
        assert name in text or name == "__version__"
        assert getattr(digit_runtime, name).__doc__


def test_what_is_public_can_be_imported_by_a_star() -> None:
    names = python("from digit_runtime import *; print(*globals())").split()
    assert set(digit_runtime.__all__) <= set(names)


def test_looking_loads_no_reader() -> None:
    code = "import sys, digit_runtime; dir(digit_runtime); print(*sys.modules)"
    assert "digit_runtime.inputs.kaggle_csv" not in python(code).split()
