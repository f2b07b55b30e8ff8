"""Names of models to the fastest classifier of this device."""

from pathlib import Path

from digit_runtime.device import MOST_THREADS
from digit_runtime.errors import (
    EngineNotInstalledError,
    ModelDamagedError,
    ModelFileError,
    ThreadsError,
)
from digit_runtime.loading.auto import choose
from digit_runtime.models.classifier import Classifier
from digit_runtime.models.folder import find_all


def load(
    model: str | Path = "cnn",
    *,
    format: str | None = None,
    precision: str | None = None,
    engine: str = "auto",
    threads: int | None = None,
    artifacts: str | Path | None = None,
) -> Classifier:
    """Load a model by name ("cnn", "mlp", "tiny") or from a ``.onnx`` or ``.tflite`` file.

    Args:
        model: A name under `artifacts`, or a file's path.
        format: "onnx" or "tflite"; None for whichever is faster here.
        precision: "float32", "float16", "dynamic" or "int8"; None for the first there is
            of int8, dynamic, float16 and float32.
        engine: A name in `digit_runtime.engines.table.ENGINES`; "auto" for the fastest of those
            that are installed and work. Where there are several, the first call for a
            file measures them for about a second, in processes of their own, and the
            user's cache folder (or DIGIT_CACHE) remembers the result.
        threads: For one batch, 1 to 1,024; None for all CPUs that this process may use, or for
            one where engines are measured and more bring nothing.
        artifacts: Folder of models; None for DIGIT_ARTIFACTS or the models that the
            package carries.

    Raises:
        ThreadsError: `threads` is not a whole number from 1 to 1,024.
        ModelNotFoundError: No such model or file.
        ManifestError: A damaged manifest.
        ModelFileError: A damaged file, or one that is not what its manifest says.
        ContractError: A model with other inputs or outputs.
        EngineNotInstalledError: No installed engine reads it.
    """
    threads = _checked(threads)
    folder = None if artifacts is None else Path(artifacts)
    files = find_all(model, format, precision, folder)
    errors: list[Exception] = []
    for pair in choose(files, engine, threads).pairs:
        try:
            return Classifier(pair.file, pair.engine.name, threads or pair.threads)
        except ModelDamagedError:
            raise
        except (EngineNotInstalledError, ModelFileError) as error:
            errors.append(error)
    raise errors[0]


def _checked(threads: int | None) -> int:
    """Return the threads wanted; 0 for all."""
    if threads is None:
        return 0
    if not isinstance(threads, int) or not 1 <= threads <= MOST_THREADS:
        raise ThreadsError(
            f"threads is {threads!r}; expected a whole number from 1 to {MOST_THREADS:,}, or None "
            "for all CPUs"
        )
    return threads
