"""NumPy's .npy files: any slice of the rows can be read by itself."""

from collections.abc import Generator
from typing import Any, Final

import numpy as np
from numpy.lib import format as npy

from digit_runtime.batch.parts import BATCH_ROWS, Part, Rows, checked, opened
from digit_runtime.batch.sources import Source
from digit_runtime.contract import ONE_IMAGE, PIXELS, check_shape
from digit_runtime.errors import PixelsError

_EXPECTED: Final = "an array of numbers"


def plan(source: Source, rows: int) -> list[Part]:
    """Cut at multiples of `rows`; see `parts.Format`."""
    with opened(source, _EXPECTED) as stream:
        dtype, total = _header(stream, source.name)
        missing = stream.tell() + total * PIXELS * dtype.itemsize - source.size
    if missing > 0:
        raise PixelsError(f"{source.name}: is cut short by {missing:,} bytes; copy it again")
    if not total:
        raise PixelsError(f"{source.name}: has no rows")
    return [
        Part(source, index, start, min(start + rows, total), start, min(rows, total - start))
        for index, start in enumerate(range(0, total, rows))
    ]


def read(part: Part) -> Generator[Rows, None, int]:
    """Read the rows from start to stop; see `parts.Format`."""
    with opened(part.source, _EXPECTED) as stream:
        dtype, _ = _header(stream, part.source.name)
        row_bytes = PIXELS * dtype.itemsize
        stream.seek(stream.tell() + part.start * row_bytes)
        for start in range(part.start, part.stop, BATCH_ROWS):
            count = min(BATCH_ROWS, part.stop - start)
            data = stream.read(count * row_bytes)
            yield checked(np.frombuffer(data, dtype).reshape(count, PIXELS), start)
    return part.stop - part.start


def _header(stream: Any, name: str) -> tuple[np.dtype[Any], int]:
    """Return type and number of the images, leaving the stream at the first one."""
    version = npy.read_magic(stream)
    read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, fortran_order, dtype = read_header(stream)
    try:
        check_shape(np.empty(shape if shape in ONE_IMAGE else (0, *shape[1:]), dtype))
    except PixelsError as error:
        raise PixelsError(f"{name}: {error}") from error
    if fortran_order and len(shape) > 1:
        raise PixelsError(
            f"{name}: is stored column by column (Fortran order); save what "
            "numpy.ascontiguousarray makes of it"
        )
    return dtype, 1 if shape in ONE_IMAGE else shape[0]
