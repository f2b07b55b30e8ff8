"""What can go wrong in an export, beside the runtime's own errors."""

from digit_runtime.errors import DigitError


class KerasModelError(DigitError, ValueError):
    """A .keras file that cannot be loaded, or does not keep the digit contract."""


class ConversionError(DigitError, RuntimeError):
    """A converter could not make the file, or made another one than was asked for."""


class NotApplicableError(ConversionError):
    """A target that a network cannot have by its nature, which is no failure."""
