"""The runtime's commands, `digit-predict`, `digit-compare` and `digit-info`."""

from digit_runtime.compare_cli import compare
from digit_runtime.info_cli import info
from digit_runtime.predict_cli import predict

__all__ = ["compare", "info", "predict"]
