"""Read one file after the other, so that a bad one costs only itself."""

import io
from pathlib import Path
from typing import TYPE_CHECKING

from digit_runtime.errors import DigitError, OutputError
from digit_runtime.inputs.page.read import Model, read_page
from digit_runtime.inputs.pictures import open_pictures
from digit_runtime.models.classifier import Classifier
from digit_runtime.reading.answers import Answer
from digit_runtime.storage.atomic import writing
from digit_runtime.storage.places import same_file

if TYPE_CHECKING:
    from PIL import Image


class Shown:
    """Where annotated pictures go: one file, or a folder for several; never over an input."""

    def __init__(self, target: Path, files: list[str]) -> None:
        self._target = target
        self._folder = target.is_dir() or len(files) > 1 or not target.suffix
        self._inputs = [Path(file) for file in files if file != "-"]
        self._written: set[Path] = set()

    def path(self, file: str, number: int = 1) -> Path:
        """Return where that page of `file` goes, unless another was written there."""
        stem = "standard-input" if file == "-" else Path(file).stem
        path = self._target / f"{stem}-read.png" if self._folder else self._target
        return path if number == 1 else path.with_name(f"{path.stem}-{number}{path.suffix}")

    def write(self, image: "Image.Image", file: str, number: int) -> None:
        """Write an annotated page of `file`."""
        path = self.path(file, number)
        while path in self._written:
            path = path.with_name(f"{path.stem}-{path.suffix}")
        if any(same_file(path, one) for one in self._inputs):
            raise OutputError(f"{path}: is one of the pictures; name another file for --show")
        self._written.add(path)
        form = {".jpg": "JPEG", ".jpeg": "JPEG"}.get(path.suffix.lower(), "PNG")
        stream = io.BytesIO()
        image.save(stream, form)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"{path.parent}: cannot be made: {error.strerror}") from error
        with writing(path) as out:
            out.write(stream.getvalue())


def read_file(
    source: Path | bytes, name: str, classifier: Classifier, shown: Shown | None
) -> Answer:
    """Return what a file holds, or why it cannot be read."""
    from digit_runtime.reading.annotate import annotated

    answer = Answer(name)
    model = Model(classifier.predict_proba, classifier.labels, classifier.unsure_below)
    try:
        for picture in open_pictures(source, name):
            page = read_page(picture, model)
            answer.pages.append(page)
            if shown is not None:
                shown.write(annotated(picture, page), name, picture.page)
    except OutputError:
        raise
    except DigitError as error:
        answer.error = str(error).removeprefix(f"{name}: ")
    return answer
