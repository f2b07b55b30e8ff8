"""What a model takes and how fast it is away from Python: C, WebAssembly, the page, a Cortex-M4.

python tests/benchmarks/anywhere.py --model tiny

Exports a copy of the model, asks digit-compare, Node, Chromium and tests/devices/cortex-m.sh, and
prints tables for docs. What is not on this machine is left out, with a word.
"""

import gzip
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click
from digit_export.convert.c import sources
from digit_export.convert.c.costs import costs
from digit_runtime import read_csv
from digit_runtime.device import cpu_name, usable_cpus
from digit_runtime.engines.table import engine_for
from digit_runtime.errors import DigitError

ROOT: Final = Path(__file__).parents[2]
RUNS: Final = 3000
# Medians, since a busy machine makes some runs long.
MEASURE: Final = """
async (load, bytes, pixels, runs) => {
  const digits = await load(bytes);
  const times = [];
  for (let i = 0; i < runs + 200; i += 1) {
    const at = (i % (pixels.length / 784)) * 784;
    const image = pixels.subarray(at, at + 784);
    const before = performance.now();
    // Browsers round their clocks.
    for (let j = 0; j < 5; j += 1) digits.predict(image);
    if (i >= 200) times.push((performance.now() - before) / 5);
  }
  return times.sort((a, b) => a - b)[times.length >> 1];
}
"""
IN_PAGE: Final = f"""
async ([script, bytes, pixels, runs]) => {{
  const decoded = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const url = URL.createObjectURL(new Blob([script], {{ type: "text/javascript" }}));
  const {{ load }} = await import(url);
  return await ({MEASURE})(load, decoded(bytes), decoded(pixels), runs);
}}
"""


def say(text: str) -> None:
    """Tell what is being done."""
    click.echo(text, err=True)


def export(model: str, artifacts: Path, data: Path) -> Path:
    """Export what is on request into `artifacts`; return the model's folder."""
    folder = artifacts / model
    for format in ("c", "wasm", "html"):
        say(f"exporting {model} as {format}")
        command = [
            sys.executable,
            "-c",
            "from digit_export.commands.export import export; export()",
        ]
        options = ["--artifacts", artifacts, "--data", data / "train.csv", "--format", format]
        subprocess.run(
            [*command, "--model", model, *map(str, options)], check=True, stdout=subprocess.DEVNULL
        )
    return folder


def sizes(folder: Path, model: str) -> Iterator[tuple[str, int, int]]:
    """Yield file, bytes and gzipped bytes."""
    for format in ("html", "wasm", "tflite", "onnx"):
        path = folder / format / f"{model}-int8.{format}"
        if path.is_file():
            content = path.read_bytes()
            yield path.name, len(content), len(gzip.compress(content, 9))


def on_this_machine(model: str, artifacts: Path, test: Path) -> Iterator[tuple[str, float]]:
    """Yield what ran it, and milliseconds an image, as digit-compare measures."""
    formats = ["tflite"]
    for format in ("c", "wasm", "html"):
        try:
            engine_for(format)
            formats.append(format)
        except DigitError as error:
            say(f"left out: {error}")
    options = ["--models", model, "--artifacts", str(artifacts), "--data", str(test), "--json"]
    asked = [word for format in formats for word in ("--format", format)]
    command = [
        sys.executable,
        "-c",
        "from digit_runtime.commands.compare import compare; compare()",
    ]
    done = subprocess.run(
        [*command, *options, *asked, "--seconds", "1"], check=True, stdout=subprocess.PIPE
    )
    for row in json.loads(done.stdout)["results"]:
        if row["precision"] == "int8":
            yield f"{row['format']} on {row['engine']}", row["p50_ms"]


def in_node(folder: Path, model: str, pixels: bytes) -> Iterator[tuple[str, float]]:
    """Yield Node's milliseconds, if it is here."""
    node = shutil.which("node")
    if not node:
        say("left out: Node is not here")
        return
    with tempfile.TemporaryDirectory() as name:
        rows, script = Path(name, "rows"), Path(name, "use.mjs")
        rows.write_bytes(pixels)
        wasm = folder / "wasm" / f"{model}-int8.wasm"
        module = json.dumps((folder / "wasm" / "digit.js").as_uri())
        script.write_text(
            f"""
            import {{ load }} from {module};
            import {{ readFileSync }} from "node:fs";
            const read = (path) => new Uint8Array(readFileSync(path));
            const measure = {MEASURE};
            const wasm = read({json.dumps(str(wasm))}), rows = read({json.dumps(str(rows))});
            console.log(await measure(load, wasm, rows, {RUNS}));
            """
        )
        done = subprocess.run([node, script], check=True, stdout=subprocess.PIPE, text=True)
    version = subprocess.run([node, "--version"], check=True, stdout=subprocess.PIPE, text=True)
    yield f"wasm in Node {version.stdout.strip().removeprefix('v')}", float(done.stdout)


def in_chromium(folder: Path, model: str, pixels: bytes) -> Iterator[tuple[str, float]]:
    """Yield Chromium's milliseconds, if it is here."""
    from base64 import b64encode

    program = shutil.which("chromium") or shutil.which("chrome")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        program = None
    if not program:
        say("left out: Chromium with playwright is not here")
        return
    wasm = (folder / "wasm" / f"{model}-int8.wasm").read_bytes()
    given = [
        (folder / "wasm" / "digit.js").read_text("utf-8"),
        *(b64encode(content).decode() for content in (wasm, pixels)),
        RUNS,
    ]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        milliseconds = browser.new_page().evaluate(IN_PAGE, given)
        yield f"wasm in Chromium {browser.version.split('.')[0]}", float(milliseconds)
        browser.close()


def on_a_cortex_m4(folder: Path, model: str) -> str:
    """Return what tests/devices/cortex-m.sh says, or why it says nothing."""
    script = ROOT / "tests" / "devices" / "cortex-m.sh"
    done = subprocess.run(
        ["bash", script, folder / "c", model], stdout=subprocess.PIPE, text=True, check=False
    )
    found = re.search(r"^\d+ digits, (\d+) bytes of stack, (\d+) instr.*", done.stdout, re.M)
    if done.returncode or not found:
        return done.stdout.strip()
    return (
        f"On QEMU's Cortex-M4: {int(found[2]):,} instructions an image, {found[1]} bytes of stack; "
        "probabilities equal to the host's."
    )


@click.command(help=__doc__)
@click.option("--model", default="tiny", show_default=True)
@click.option("--artifacts", type=click.Path(path_type=Path), default=ROOT / "artifacts")
@click.option("--data", type=click.Path(path_type=Path), default=ROOT / "data")
def main(model: str, artifacts: Path, data: Path) -> None:
    pixels = read_csv(data / "test.csv")[0][:500].tobytes()
    with tempfile.TemporaryDirectory(prefix="anywhere-") as name:
        copy = Path(name)
        shutil.copytree(artifacts / model, copy / model)
        folder = export(model, copy, data)
        click.echo(f"{model} on {usable_cpus()} cores of {cpu_name()}\n")
        click.echo("| file | bytes | gzipped |\n| --- | ---: | ---: |")
        for file, whole, zipped in sizes(folder, model):
            click.echo(f"| {file} | {whole:,} | {zipped:,} |")
        click.echo("\n| int8 | ms an image, p50 |\n| --- | ---: |")
        for row, milliseconds in (
            *on_this_machine(model, copy, data / "test.csv"),
            *in_node(folder, model, pixels),
            *in_chromium(folder, model, pixels),
        ):
            click.echo(f"| {row} | {milliseconds:.3f} |")
        source = (folder / "c" / f"{model}-int8.c").read_bytes()
        files = {f"{model}-int8.c": source, **sources(source)}
        click.echo("\n| core, -O2 | flash | RAM |\n| --- | ---: | ---: |")
        for cost in costs(files):
            click.echo(f"| {cost.core.name} | {cost.flash:,} | {cost.ram:,} |")
        click.echo(f"\n{on_a_cortex_m4(folder, model)}")


if __name__ == "__main__":
    main()
