"""What a run began with is used to its end: the file and engine that "auto" once chose."""

from pathlib import Path

from digit_runtime.batch.ledger import begun_with
from digit_runtime.errors import EngineNotInstalledError
from digit_runtime.loading.load import load
from digit_runtime.models.classifier import Classifier
from digit_runtime.models.folder import find_all
from digit_runtime.models.manifest import sha256_of


def classifier_for(
    output: str,
    model: str,
    *,
    format: str | None,
    precision: str | None,
    engine: str,
    threads: int,
    artifacts: Path | None,
) -> Classifier:
    """Load the file on the engine that made the results in `output`, if it is asked for.

    Which file and engine are the fastest is measured, and two measurements may differ; so
    would some confidences, and here and there a label, within one set of results.

    Args:
        output: Address of the results' folder.
        model: As in `digit_runtime.loading.load.load`, and so are the others.
        format: See there.
        precision: See there.
        engine: See there.
        threads: See there.
        artifacts: See there.

    Raises:
        EngineNotInstalledError: That engine is not here any more.
        DigitError: As `load`.
    """
    begun = begun_with(output)
    if begun and engine in ("auto", begun.engine):
        for file in find_all(model, format, precision, artifacts):
            if file.path.name == begun.model and sha256_of(file.path) == begun.sha256:
                try:
                    return load(file.path, engine=begun.engine, threads=threads)
                except EngineNotInstalledError as error:
                    raise EngineNotInstalledError(
                        f"{output}: was begun with --engine {begun.engine}: {error}; name "
                        "another --engine and --force to begin anew"
                    ) from error
    return load(
        model,
        format=format,
        precision=precision,
        engine=engine,
        threads=threads,
        artifacts=artifacts,
    )
