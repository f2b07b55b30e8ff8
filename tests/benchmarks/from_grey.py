"""How near digit_from_grey in C is to the runtime's finder, where the light is uneven.

python tests/benchmarks/from_grey.py --count 200

Pictures of one digit from the test digits, dark on paper and bright on a board.
"""

import ctypes
import subprocess
import tempfile
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Final

import click
import numpy as np
from digit_runtime import from_image, load, read_csv
from digit_runtime.inputs.kaggle_csv import read_labels
from page_maker import SINGLE, Maker, Rng, Sheet, light, noise, shadow, single

ROOT: Final = Path(__file__).parents[2]
LIGHTS: Final[dict[str, Callable[[Sheet, Rng], None]]] = {
    "light falls to 60 %": lambda sheet, rng: light(sheet, 0.6, rng),
    "light falls to 40 %": lambda sheet, rng: light(sheet, 0.4, rng),
    "shadow edge of 30 %": lambda sheet, rng: shadow(sheet, 0.3, rng),
    "shadow edge of 50 %": lambda sheet, rng: shadow(sheet, 0.5, rng),
}


def on_a_board(change: Callable[[Sheet, Rng], None]) -> Maker:
    """Return a maker of bright digits on dark ground, in the same light, with some noise."""

    def lit(sheet: Sheet, rng: Rng) -> None:
        change(sheet, rng)
        noise(sheet, 2, rng)

    return single(lit, paper=0.25, ink=(0.9, 0.9, 0.88))


def compiled(folder: Path) -> Callable[[np.ndarray], np.ndarray]:
    """Return digit_from_grey of this tree, compiled here."""
    sources = Path(str(files("digit_export.convert.c").joinpath("sources")))
    library = folder / "grey.so"
    command = ["cc", "-std=c99", "-O2", "-shared", "-fPIC", "-o", str(library)]
    subprocess.run([*command, *map(str, sorted(sources.glob("*.c")))], check=True)
    function = ctypes.CDLL(str(library)).digit_from_grey
    function.argtypes = [ctypes.c_void_p, *[ctypes.c_int32] * 3, ctypes.c_void_p, ctypes.c_void_p]
    room = np.zeros(16384, np.uint8)

    def call(grey: np.ndarray) -> np.ndarray:
        height, width = grey.shape
        made = np.zeros(784, np.uint8)
        function(grey.ctypes.data, width, height, width, made.ctypes.data, room.ctypes.data)
        return made

    return call


@click.command(help=__doc__)
@click.option("--count", default=200, show_default=True, help="Of a kind.")
@click.option("--model", default="tiny", show_default=True)
def main(count: int, model: str) -> None:
    digits, labels = read_csv(ROOT / "data/test.csv")[0], read_labels(ROOT / "data/test_labels.csv")
    classifier = load(model, artifacts=ROOT / "artifacts", threads=1)
    makers = {name: SINGLE[name] for name in LIGHTS}
    makers |= {f"{name}, on a board": on_a_board(change) for name, change in LIGHTS.items()}
    click.echo("| light | same answers | levels apart, median | C right | runtime right |")
    click.echo("| --- | --: | --: | --: | --: |")
    with tempfile.TemporaryDirectory() as name:
        from_grey = compiled(Path(name))
        same = 0.0
        for kind, (words, maker) in enumerate(makers.items()):
            made = [
                maker(digits, labels, np.random.default_rng([9, kind, i])) for i in range(count)
            ]
            truth = np.array([text[0] for _, text in made])
            greys = [image.convert("L") for image, _ in made]
            own = np.stack([from_grey(np.ascontiguousarray(grey)) for grey in greys])
            found = np.stack([from_image(grey) for grey in greys])
            apart = float(np.median(np.abs(own.astype(int) - found).max(axis=1)))
            said, expected = (classifier.predict(rows).astype(str) for rows in (own, found))
            same += float((said == expected).mean()) / len(makers)
            shares = [(said == expected).mean(), (said == truth).mean(), (expected == truth).mean()]
            one, two, three = (f"{share:.1%}" for share in shares)
            click.echo(f"| {words} | {one} | {apart:.0f} | {two} | {three} |")
    click.echo(f"\nsame answers in all: {same:.2%}")


if __name__ == "__main__":
    main()
