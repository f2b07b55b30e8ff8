"""Names of models to the fastest classifier of this device."""

from pathlib import Path

from digit_runtime.classifier import Classifier
from digit_runtime.errors import EngineNotInstalledError, ModelDamagedError, ModelFileError
from digit_runtime.loading.auto import choose
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
    """Load a model by name ("cnn", "mlp") or from a ``.onnx`` or ``.tflite`` file.

    Args:
        model: A name under `artifacts`, or a file's path.
        format: "onnx" or "tflite"; None for whichever is faster here.
        precision: "float32", "float16", "dynamic" or "int8"; None for the smallest there.
        engine: A name in `digit_runtime.engines.table.ENGINES`; "auto" for the fastest of those
            that are installed and work. Where there are several, the first call for a
            file measures them for about a second, in processes of their own, and the
            user's cache folder (or DIGIT_CACHE) remembers the result.
        threads: For one batch; None for all CPUs that this process may use.
        artifacts: Folder of models; None for DIGIT_ARTIFACTS or the models that the
            package carries.

    Raises:
        ModelNotFoundError: No such model or file.
        ManifestError: A damaged manifest.
        ModelFileError: A damaged file, or one that is not what its manifest says.
        ContractError: A model with other inputs or outputs.
        EngineNotInstalledError: No installed engine reads it.
    """
    folder = None if artifacts is None else Path(artifacts)
    files = find_all(model, format, precision, folder)
    errors: list[Exception] = []
    for pair in choose(files, engine, threads or 0).pairs:
        try:
            return Classifier(pair.file, pair.engine.name, threads or 0)
        except ModelDamagedError:
            raise
        except (EngineNotInstalledError, ModelFileError) as error:
            errors.append(error)
    raise errors[0]
