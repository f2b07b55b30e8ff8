"""What can go wrong in an export, beside the runtime's own errors."""

from digit_runtime.errors import DigitError


class KerasModelError(DigitError, ValueError):
    """A .keras file that cannot be loaded, or does not keep the digit contract."""


class UnknownTargetError(DigitError, ValueError):
    """A format that is not made in the wanted precision."""


class ConversionError(DigitError, RuntimeError):
    """A converter could not make the file, or made another one than was asked for."""
