"""The runtime's commands, from `digit-predict` to `digit-doctor`; each loads alone."""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from digit_runtime.compare_cli import compare
    from digit_runtime.doctor_cli import doctor
    from digit_runtime.info_cli import info
    from digit_runtime.predict_cli import predict
    from digit_runtime.serve_cli import serve
    from digit_runtime.verify_cli import verify

__all__ = ["compare", "doctor", "info", "predict", "serve", "verify"]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"digit_runtime.{name}_cli"), name)
