"""Pictures: photos, scans and forms, whose digits are found first; one part each."""

from collections.abc import Iterator
from typing import Final

import numpy as np
import pyarrow as pa

from digit_runtime.batch.parts import BadRow, Part, opened
from digit_runtime.batch.results import MARKS
from digit_runtime.batch.sources import Source
from digit_runtime.batch.walk import PICTURES
from digit_runtime.errors import DigitError, EngineError, PackageNotInstalledError, PixelsError
from digit_runtime.inputs.page.read import Model, read_page
from digit_runtime.inputs.page.result import Mark, Page
from digit_runtime.inputs.pictures import open_pictures

# Of a file, which is held in memory.
_MOST_BYTES: Final = 256 * 1024**2


def is_picture(source: Source) -> bool:
    """Tell by its name whether a file holds pictures."""
    return source.suffix in PICTURES


def plan(source: Source, rows: int) -> list[Part]:
    """Return the one part that a file of pictures is; see `readers.table.Format`."""
    if source.size > _MOST_BYTES:
        raise PixelsError(f"{source.name}: has more than {_MOST_BYTES // 1024**2} MB")
    return [Part(source, 0, 0, 1, 0, None)]


def read_marks(part: Part, model: Model) -> Iterator[pa.Table | BadRow]:
    """Yield the marks of each page, as `results.MARKS` has them; at last why there are no more.

    Raises:
        PixelsError, InputReadError: There is not one page.
        PackageNotInstalledError: Pillow is missing, or pypdfium2 for a PDF.
        EngineError: The model fails.
    """
    name = part.source.name
    with opened(part.source, "a picture") as stream:
        content = bytes(stream.read())
    before = page_number = 0
    try:
        for picture in open_pictures(content, name):
            page = read_page(picture, model)
            page_number = page.number
            yield _table(name, page, before, model)
            before += len(page.marks)
    except (EngineError, PackageNotInstalledError):
        raise
    except DigitError as error:
        if not page_number:
            raise
        reason = str(error).removeprefix(f"{name}: ")
        yield BadRow(before + 1, "", f"the page behind page {page_number}: {reason}")


def _table(name: str, page: Page, before: int, model: Model) -> pa.Table:
    marks: list[tuple[int, int, Mark]] = [
        (line_number, position, mark)
        for line_number, line in enumerate(page.lines, 1)
        for position, mark in enumerate(line.marks, 1)
    ]
    count = len(marks)
    boxes = np.array([mark.box for _, _, mark in marks], np.int64).reshape(count, 4)
    index = {label: number for number, label in enumerate(model.labels)}
    columns = [
        [name] * count,
        range(before + 1, before + count + 1),
        [index[mark.label] for _, _, mark in marks],
        [mark.probability for _, _, mark in marks],
        [None] * count,
        [page.number] * count,
        [line for line, _, _ in marks],
        [position for _, position, _ in marks],
        *boxes.T,
        [mark.unsure for _, _, mark in marks],
    ]
    arrays = [pa.array(c, field.type) for c, field in zip(columns, MARKS, strict=True)]
    return pa.table(arrays, schema=MARKS)
