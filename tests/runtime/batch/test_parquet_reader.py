"""What is held of a Parquet file does not grow with the rows of a group."""

from pathlib import Path

import numpy as np
import pytest

from .conftest import NEEDS_RAY

pytestmark = NEEDS_RAY
_ROWS = 160_000
_WITH_INK = 40


@pytest.fixture
def small_pages(tmp_path: Path) -> Path:
    """One row group of 784 columns, in pages of a kilobyte; newer writers make small ones."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    random, paper = np.random.default_rng(0), np.zeros(_ROWS, np.uint8)
    columns = {
        f"pixel{i}": random.integers(0, 256, _ROWS, np.uint8) if i < _WITH_INK else paper
        for i in range(784)
    }
    path = tmp_path / "one group.parquet"
    pq.write_table(pa.table(columns), path, row_group_size=_ROWS, max_rows_per_page=1024)
    return path


def test_a_group_is_read_without_holding_what_was_read(
    small_pages: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pyarrow as pa
    from digit_runtime.batch.readers import parquet
    from digit_runtime.batch.sources import find

    monkeypatch.setattr(parquet, "BATCH_ROWS", _ROWS // 10)
    (part,) = parquet.plan(find([str(small_pages)], "out").sources[0], 1000)
    held, rows = [], 0
    for some in parquet.read(part):
        rows += len(some.pixels)
        held.append(pa.default_memory_pool().bytes_allocated())
    assert rows == _ROWS
    assert max(held) - held[1] < _WITH_INK * _ROWS / 10


def mapped_bytes(path: Path) -> int:
    """Return how much of a mapped file counts as this process's memory."""
    if not Path("/proc/self/smaps").exists():
        pytest.skip("needs Linux's /proc")
    _, _, lines = Path("/proc/self/smaps").read_text().partition(str(path))
    return 1024 * int(lines.split("Rss:")[1].split()[0]) if lines else 0


def test_memory_of_a_mapped_file_is_given_back_and_its_bytes_stay(tmp_path: Path) -> None:
    from digit_runtime.batch.mapped import Mapped

    path = tmp_path / "mapped"
    path.write_bytes(content := np.random.default_rng(0).bytes(4 << 20))
    with Mapped(str(path)) as mapped:
        part = mapped.stream().read_buffer(len(content))
        assert part.to_pybytes() == content
        assert mapped_bytes(path) == len(content)
        for _ in range(10):
            mapped.slice_done()
        assert mapped_bytes(path) == 0
        assert part.to_pybytes() == content
    # What is still held outlives the mapping's end.
    assert part.to_pybytes() == content
    del part
    assert mapped_bytes(path) == 0
