"""Every failure a caller may want to catch, under one base class.

Each subclass is also the builtin a Python programmer would expect, so
``except FileNotFoundError`` works as well as ``except DigitError``. Messages are
one line: what is wrong, where (file, row, column), and what to do.
"""

from collections.abc import Iterator
from contextlib import contextmanager


class DigitError(Exception):
    """Base of all errors raised on purpose by this toolkit."""


class PixelsError(DigitError, ValueError):
    """The pixels, labels or other rows given are not what the contract asks for.

    Attributes:
        reason: What is wrong, without the place; the message if there is no place.
        row: The row that is wrong, counted from 1; None if it is not one row.
        column: Its name, or None.
    """

    def __init__(
        self,
        message: str,
        *,
        reason: str | None = None,
        row: int | None = None,
        column: str | None = None,
    ) -> None:
        super().__init__(message)
        self.reason = message if reason is None else reason
        self.row = row
        self.column = column

    @classmethod
    def in_row(cls, name: str, row: int, reason: str, column: str | None = None) -> "PixelsError":
        """Return the error about a row, or a cell of it, of the input called `name`."""
        place = f"row {row}, column {column}:" if column else f"row {row}"
        return cls(f"{name}: {place} {reason}", reason=reason, row=row, column=column)


class InputNotFoundError(DigitError, FileNotFoundError):
    """An input file does not exist."""


class InputReadError(DigitError, OSError):
    """An input file exists but cannot be read."""


class ManifestError(DigitError, ValueError):
    """A manifest.json is damaged, or of a schema this version does not know."""


class ModelNotFoundError(DigitError, FileNotFoundError):
    """No model, or no file of the wanted format and precision, at that place."""


class ModelFileError(DigitError, ValueError):
    """A model file is damaged, or is not the file its manifest describes."""


class ModelDamagedError(ModelFileError):
    """The bytes of a model file are not those that its manifest describes."""


class ContractError(ModelFileError):
    """A readable model file whose inputs and outputs are not the digit contract."""


class UnsupportedModelError(ModelFileError):
    """A sound model file that needs more than one engine can do; another may."""


class EngineNotInstalledError(DigitError, ImportError):
    """No installed inference engine can read the wanted file."""


class PackageNotInstalledError(DigitError, ImportError):
    """An optional package that this input needs is missing; names the pip line."""


class EngineError(DigitError, RuntimeError):
    """An inference engine failed while running a valid model on valid pixels."""


class ThreadsError(DigitError, ValueError):
    """A number of threads that no engine can be started with."""


class OutputError(DigitError, OSError):
    """A result could not be written; what was there before is unchanged."""


class ResultsError(DigitError, ValueError):
    """A comparison's JSON is damaged, or holds results that cannot be set against others."""


@contextmanager
def explained(name: str, expected: str) -> Iterator[None]:
    """Turn whatever a reader of `expected` raises inside into a `DigitError` of one line.

    Raises:
        InputNotFoundError: There is no such file.
        InputReadError: The system refuses to read it.
        PixelsError: It is damaged, or not `expected`.
    """
    try:
        yield
    except DigitError:
        raise
    except FileNotFoundError as error:
        raise InputNotFoundError(f"{name}: no such file") from error
    # On damaged files readers raise SyntaxError, KeyError, MemoryError and much else.
    except Exception as error:
        if isinstance(error, OSError) and error.strerror:
            raise InputReadError(f"{name}: cannot be read: {error.strerror}") from error
        reason = " ".join(str(error).split()) or type(error).__name__
        raise PixelsError(f"{name}: cannot be read as {expected}: {reason}") from error


def first_line(error: BaseException) -> str:
    """Return what another maker's exception says, short enough to be quoted in a line."""
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]
