"""The toolkit's training commands, `digit-data` and `digit-train`."""

from digit_train.data_cli import data
from digit_train.train_cli import train

__all__ = ["data", "train"]
