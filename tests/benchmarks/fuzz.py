"""Throw damaged files at the readers: each must succeed or say in one line what is wrong.

Real files (a CSV, a manifest, a .npy, an .npz, pictures) are damaged at random, by a
generator whose seed tells how to repeat a find:

    python tests/benchmarks/fuzz.py --inputs 120000
"""

import io
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import click
import numpy as np
from digit_runtime import read_csv, read_pixels
from digit_runtime.contract import Pixels
from digit_runtime.errors import DigitError
from digit_runtime.models.folder import artifacts_folder
from digit_runtime.models.manifest import MANIFEST_NAME, Manifest

SPICE = (
    *(b"", b"\0", b"\n", b"\r\n", b"\r", b",", b",,", b";", b"\t", b" ", b'"', b"'", b"#", b"."),
    *(b"-1", b"256", b"999999999999999999999", b"1e3", b"0.5", b"nan", b"inf", b"0x1", b"1_0"),
    *(b"null", b"{}", b"[]", b"{", b"}", b"[" * 3000, b"true", b"\xff\xfe", b"\xef\xbb\xbf"),
    *("\u0661\u00b2\ud7ff\u2028".encode(), b"\x1f\x8b", b"PK\x03\x04", b"\x93NUMPY", b"../../x"),
)


def damaged(original: bytes, random: np.random.Generator) -> bytes:
    """Return a copy with one to four random changes."""
    data = bytearray(original)
    for _ in range(random.integers(1, 5)):
        at, other = sorted(random.integers(0, len(data) + 1, 2))
        match random.integers(0, 7):
            case 0:
                del data[at:]
            case 1:
                del data[at : at + random.integers(1, 60)]
            case 2:
                data[at:at] = SPICE[random.integers(len(SPICE))]
            case 3:
                spice = SPICE[random.integers(len(SPICE))]
                data[at : at + max(1, len(spice))] = spice
            case 4 if len(data):
                data[min(at, len(data) - 1)] ^= 1 << int(random.integers(8))
            case 5:
                data[at:at] = data[at : min(other, at + 4000)]
            case _:
                data[at:at] = random.bytes(int(random.integers(1, 20)))
    return bytes(data)


def seeds(pixels: Pixels) -> dict[str, list[bytes]]:
    """Return whole files for each reader, made of three real digits."""
    from PIL import Image

    def saved(save: Callable[[io.BytesIO], object]) -> bytes:
        stream = io.BytesIO()
        save(stream)
        return stream.getvalue()

    def table(rows: Pixels, header: str) -> bytes:
        return saved(
            lambda s: np.savetxt(s, rows, "%d", ",", header=header, comments="" if header else "#")
        )

    names = ",".join(f"pixel{i}" for i in range(784))
    labelled = np.column_stack([np.array([3, 1, 4], np.uint8), pixels])
    picture = Image.fromarray(pixels[0].reshape(28, 28))
    manifests = artifacts_folder().glob(f"*/{MANIFEST_NAME}")
    return {
        "CSV": [table(pixels, names), table(pixels, ""), table(labelled, f"label,{names}")],
        "manifest": [path.read_bytes() for path in manifests],
        "NumPy file": [
            saved(lambda s: np.save(s, pixels)),
            saved(lambda s: np.savez_compressed(s, pixels=pixels)),
        ],
        "picture": [
            saved(lambda s, form=form: picture.save(s, form))  # type: ignore[misc]
            for form in ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP")
        ],
    }


def readers(folder: Path) -> dict[str, tuple[Path, Callable[[], object]]]:
    """Return where each reader's file goes, and the reader."""
    csv, manifest = folder / "a.csv", folder / MANIFEST_NAME
    return {
        "CSV": (csv, lambda: read_csv(csv)),
        "manifest": (manifest, lambda: Manifest.read(folder)),
        "NumPy file": (folder / "a.npy", lambda: read_pixels(folder / "a.npy")),
        "picture": (folder / "a.png", lambda: read_pixels(folder / "a.png")),
    }


@click.command()
@click.option("--data", type=click.Path(path_type=Path, exists=True), default="data/test.csv")
@click.option("--inputs", default=120_000, show_default=True, help="Of each reader.")
@click.option("--seed", default=0, show_default=True)
@click.option("--only", type=click.Choice(["CSV", "manifest", "NumPy file", "picture"]))
def main(data: Path, inputs: int, seed: int, only: str | None) -> None:
    """Print how many inputs were read and refused; stop at the first that does neither."""
    warnings.simplefilter("ignore")
    originals = seeds(read_csv(data)[0][:3])
    with tempfile.TemporaryDirectory() as name:
        for index, (reader, (path, read)) in enumerate(readers(Path(name)).items()):
            if only not in (None, reader):
                continue
            counts: Counter[str] = Counter()
            start = time.monotonic()
            for number in range(inputs):
                random = np.random.default_rng([seed, index, number])
                original = originals[reader][number % len(originals[reader])]
                path.write_bytes(damaged(original, random))
                try:
                    read()
                    counts["read"] += 1
                except DigitError as error:
                    if len(str(error).splitlines()) != 1 or name not in str(error):
                        raise AssertionError(f"{reader} {number}: {error}") from error
                    counts["refused"] += 1
                except Exception as error:
                    raise AssertionError(f"{reader} {number}: {error!r}") from error
            click.echo(
                f"{reader}: {inputs:,} inputs, {counts['read']:,} read, {counts['refused']:,} "
                f"refused in one line, {time.monotonic() - start:.0f} s"
            )


if __name__ == "__main__":
    main()
