"""Read one file after the other, so that a bad one costs only itself."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from digit_runtime.errors import DigitError, InputReadError, OutputError
from digit_runtime.inputs.page.read import Model, read_page
from digit_runtime.inputs.pictures import open_pictures
from digit_runtime.inputs.streams import STDIN, read_stdin
from digit_runtime.models.classifier import Classifier
from digit_runtime.reading.answers import Answer
from digit_runtime.storage.atomic import writing
from digit_runtime.storage.places import same_file

if TYPE_CHECKING:
    from PIL import Image


_FORMATS: Final = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG"}


class Shown:
    """Where annotated pictures go: one file, or a folder for several; never over an input.

    Raises:
        OutputError: The file is to be of another format than PNG and JPEG.
    """

    def __init__(self, target: Path, files: list[str]) -> None:
        self._target = target
        self._folder = target.is_dir() or len(files) > 1 or not target.suffix
        if str(target) == "-":
            raise OutputError("-: no picture goes to standard output; name a .png or .jpg")
        if not self._folder and target.suffix.lower() not in _FORMATS:
            raise OutputError(
                f"{target}: is written as PNG or JPEG only; end its name in .png or .jpg"
            )
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
        stream = io.BytesIO()
        image.save(stream, _FORMATS[path.suffix.lower()])
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"{path.parent}: cannot be made: {error.strerror}") from error
        with writing(path) as out:
            out.write(stream.getvalue())


def read_file(
    source: Path | bytes | None,
    name: str,
    classifier: Classifier,
    shown: Shown | None,
    tell: Callable[[str], None],
) -> Answer:
    """Return what a file holds, or why it cannot be read.

    Args:
        source: The file, or its bytes; None is standard input.
        name: Of the file, for people.
        classifier: The model.
        shown: Where annotated pages go, if anywhere.
        tell: Gets the text of each page as soon as it is read, and that of an error.
    """
    from digit_runtime.reading.annotate import annotated

    answer = Answer(name)
    numbered = False
    model = Model(classifier.predict_proba, classifier.labels, classifier.unsure_below)
    try:
        for picture in open_pictures(read_stdin() if source is None else source, name):
            # A page that is the only one has no number, which is known once there is another.
            if answer.pages and not numbered:
                numbered = True
                tell(answer.text_of(answer.pages[0], numbered))
            page = read_page(picture, model)
            answer.pages.append(page)
            if numbered:
                tell(answer.text_of(page, numbered))
            if shown is not None:
                shown.write(annotated(picture, page), name, picture.page)
    except OutputError:
        raise
    except DigitError as error:
        said = STDIN if source is None and isinstance(error, InputReadError) else name
        answer.error = str(error).removeprefix(f"{said}: ")
    if answer.pages and not numbered:
        tell(answer.text_of(answer.pages[0], numbered))
    if answer.error is not None:
        tell(answer.error_text())
    return answer
