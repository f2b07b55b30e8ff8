"""The runtime's commands, from `digit-predict` to `digit-doctor`."""

from digit_runtime.compare_cli import compare
from digit_runtime.doctor_cli import doctor
from digit_runtime.info_cli import info
from digit_runtime.predict_cli import predict
from digit_runtime.verify_cli import verify

__all__ = ["compare", "doctor", "info", "predict", "verify"]
