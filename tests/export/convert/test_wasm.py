"""`digit-export --format wasm` and `--format html`: the same integers in a browser."""

import base64
import io
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from digit_export.convert import c, html, stamp, wasm
from digit_export.keras_model.network import Network
from digit_runtime import load
from digit_runtime.contract import Labels, Pixels
from digit_runtime.errors import ContractError, DigitError, ModelFileError
from digit_runtime.formats import stamp as stamps
from digit_runtime.inputs.images import from_image
from PIL import Image

pytest.importorskip("ziglang")
pytest.importorskip("wasmtime")
Digits = tuple[Pixels, Labels]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("chrome")
NODE = shutil.which("node")
FACTS = {"digit.contract": "1", "digit.model": "mlp", "digit.labels": json.dumps([*"0123456789"])}


@pytest.fixture(scope="module")
def made(mlp: Path, digits: Digits, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the model in all three containers, and what lies beside them."""
    folder = tmp_path_factory.mktemp("made")
    network = Network.load(mlp)
    network.unsure_below = 0.25
    rows = digits[0][:200]
    for format, exporter in (("c", c.int8), ("wasm", wasm.int8), ("html", html.int8)):
        content = stamp.attach(format, exporter(network, rows), FACTS)
        (folder / f"mlp-int8.{format}").write_bytes(content)
        for package in (c, wasm):
            if format == package.__name__.rpartition(".")[2]:
                for name, text in package.beside(content, "mlp", 10).items():
                    (folder / name).parent.mkdir(parents=True, exist_ok=True)
                    (folder / name).write_bytes(text)
    return folder


@pytest.mark.parametrize("format", ["wasm", "html"])
def test_answers_are_those_of_the_c_code(made: Path, test_digits: Digits, format: str) -> None:
    pixels = test_digits[0][:1000]
    expected = load(made / "mlp-int8.c").predict_proba(pixels)
    for threads in (1, 3):
        classifier = load(made / f"mlp-int8.{format}", threads=threads)
        assert classifier.engine == "wasmtime"
        np.testing.assert_array_equal(classifier.predict_proba(pixels), expected)


@pytest.mark.parametrize("format", ["wasm", "html"])
def test_it_carries_its_stamp(made: Path, format: str) -> None:
    content = (made / f"mlp-int8.{format}").read_bytes()
    assert stamps.read(format, content) == FACTS


@pytest.mark.parametrize("format", ["wasm", "html"])
def test_damaged_and_foreign_files_are_refused(made: Path, tmp_path: Path, format: str) -> None:
    content = (made / f"mlp-int8.{format}").read_bytes()
    path = tmp_path / f"a.{format}"
    for damaged in (b"", content[:100], content[: len(content) // 2]):
        path.write_bytes(damaged)
        with pytest.raises(ModelFileError, match=str(path)):
            load(path)
        stamps.read(format, damaged)
    if format == "wasm":
        path.write_bytes(b"\0asm\1\0\0\0")
        with pytest.raises(ContractError, match=str(path)):
            load(path)


def test_the_page_says_nothing_of_a_server(made: Path) -> None:
    page = (made / "mlp-int8.html").read_text()
    assert "Draw a digit" in page
    for word in ("openapi", "http:", "https:", '<link rel="stylesheet', "src="):
        assert word not in page


@pytest.mark.skipif(NODE is None, reason="needs Node")
def test_node_reads_it_as_a_package(made: Path, test_digits: Digits, tmp_path: Path) -> None:
    pixels = test_digits[0][:20]
    rows = tmp_path / "rows"
    rows.write_bytes(pixels.tobytes())
    script = tmp_path / "use.mjs"
    script.write_text(
        f"""
        import {{ load }} from {json.dumps((made / "digit.js").as_uri())};
        import {{ readFileSync }} from "node:fs";
        const digits = await load();
        const made = digits.predict(new Uint8Array(readFileSync({json.dumps(str(rows))})));
        console.log(JSON.stringify([digits.model, digits.labels, [...made]]));
        """
    )
    done = subprocess.run([str(NODE), script], capture_output=True, text=True, check=True)
    model, labels, probabilities = json.loads(done.stdout)
    assert (model, labels) == ("mlp", [*"0123456789"])
    expected = load(made / "mlp-int8.c").predict_proba(pixels)
    np.testing.assert_array_equal(np.float32(probabilities).reshape(20, 10), expected)


@pytest.fixture
def page(made: Path) -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        pytest.skip("needs chromium: apt-get install chromium")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        context = browser.new_context(offline=True)
        page, errors = context.new_page(), []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto((made / "mlp-int8.html").as_uri())
        page.wait_for_selector("#gallery button")
        yield page
        browser.close()
        assert not errors


def draw_seven(page: Any, middle: float, wide: float) -> None:
    box = page.locator("#paper").bounding_box()
    places = [
        (box["x"] + (middle + x * wide) * box["width"], box["y"] + y * box["height"])
        for x, y in ((-0.5, 0.25), (0.5, 0.25), (-0.1, 0.8))
    ]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=8)
    page.mouse.up()


def test_a_seven_drawn_on_the_page_from_a_file_is_read(page: Any) -> None:
    draw_seven(page, 0.5, 0.4)
    page.wait_for_function("document.querySelector('.digit').textContent === '7'")
    assert page.get_by_text("ms in this browser").is_visible()
    assert not page.get_by_text("there and back").count()
    assert not page.get_by_text("marks").count()


def test_several_digits_drawn_on_the_page_from_a_file_are_said_to_be_several(page: Any) -> None:
    for middle in (0.2, 0.5, 0.8):
        draw_seven(page, middle, 0.15)
    page.get_by_text("3 marks, and one digit is read: digit-read").wait_for()


def test_the_page_is_unsure_by_the_limit_of_the_model(page: Any, made: Path) -> None:
    def doubt(limit: str) -> str:
        text = (made / "mlp-int8.html").read_text()
        assert text.count(">0.25</script>") == 1
        (made / "limit.html").write_text(text.replace(">0.25</script>", f">{limit}</script>"))
        page.goto((made / "limit.html").as_uri())
        page.locator("#gallery button").first.click()
        page.wait_for_function("document.querySelector('.digit').textContent.length === 1")
        return str(page.locator(".doubt").first.text_content())

    assert "unsure" not in doubt("0.1")
    assert doubt("1.1").startswith("unsure: ")


def test_fifty_pictures_are_answered_as_by_the_runtime(
    page: Any, made: Path, test_digits: Digits
) -> None:
    expected = load(made / "mlp-int8.c").predict(test_digits[0][:50])
    for digit, label in zip(test_digits[0][:50], expected, strict=True):
        stream = io.BytesIO()
        Image.fromarray(digit.reshape(28, 28)).save(stream, "PNG")
        file = {"name": "a.png", "mimeType": "image/png", "buffer": stream.getvalue()}
        if page.locator("#clear").is_enabled():
            page.get_by_role("button", name="Clear").click()
        page.set_input_files("#file", file)
        page.wait_for_function(
            f"document.querySelector('.digit').textContent === '{label}'", timeout=5000
        )


def pictures(digits: Pixels, dice: np.random.Generator) -> Iterator[Image.Image]:
    """Yield digits on paper in the light of a lamp, of a size of their own, as photographs."""
    for digit in digits:
        side = int(dice.integers(90, 180))
        ink = Image.fromarray(digit.reshape(28, 28)).resize((side, side), Image.Resampling.BICUBIC)
        cover = np.zeros((220, 240))
        cover[20 : 20 + side, 25 : 25 + side] = np.asarray(ink) / 255
        light = np.linspace(230, dice.integers(110, 200), 240)
        grey = light * (1 - 0.7 * cover) + dice.normal(0, 2, cover.shape)
        yield Image.fromarray(np.clip(grey, 0, 255).astype(np.uint8))


PUT = """([type, bytes]) => {
  const data = new DataTransfer();
  const content = Uint8Array.from(atob(bytes), (c) => c.charCodeAt(0));
  data.items.add(new File([content], "a.png", { type: "image/png" }));
  const options = { bubbles: true, cancelable: true };
  const event = type === "drop"
    ? new DragEvent("drop", { ...options, dataTransfer: data })
    : new ClipboardEvent("paste", { ...options, clipboardData: data });
  document.getElementById("paper").dispatchEvent(event);
}"""


def answered(page: Any, label: object) -> bool:
    """Tell whether the page comes to say this digit."""
    from playwright.sync_api import TimeoutError

    shown = f"document.querySelector('.digit').textContent === '{label}'"
    try:
        page.wait_for_function(shown, timeout=2000)
    except TimeoutError:
        return False
    return True


@pytest.mark.parametrize("way", ["drop", "paste"])
def test_pictures_that_are_dropped_or_pasted_are_answered_as_by_the_runtime(
    page: Any, made: Path, test_digits: Digits, way: str
) -> None:
    count = 50 if way == "drop" else 10
    classifier, right = load(made / "mlp-int8.c"), 0
    for picture in pictures(test_digits[0][:count], np.random.default_rng(4)):
        stream = io.BytesIO()
        picture.save(stream, "PNG")
        if page.locator("#clear").is_enabled():
            page.get_by_role("button", name="Clear").click()
        page.evaluate(PUT, [way, base64.b64encode(stream.getvalue()).decode()])
        right += answered(page, classifier.predict(from_image(picture)[None])[0])
    # Where the centre of mass lies between two pixels, the last bit decides.
    assert right >= count - 1


# All strokes of a digit at once; an event of a script's has no pointer that could be captured.
DRAW = """(strokes) => {
  const paper = document.getElementById("paper");
  paper.setPointerCapture = () => {};
  const box = paper.getBoundingClientRect();
  const send = (type, [x, y]) => paper.dispatchEvent(new PointerEvent(type, {
    bubbles: true, cancelable: true, pointerId: 1, isPrimary: true, button: 0,
    clientX: box.left + x * box.width, clientY: box.top + y * box.height,
  }));
  for (const [from, to] of strokes) {
    send("pointerdown", from);
    send("pointermove", to);
    send("pointerup", to);
  }
  return paper.toDataURL();
}"""


def strokes_of(digit: np.ndarray) -> Iterator[tuple[tuple[float, float], tuple[float, float]]]:
    """Yield lines from point to point, in parts of the paper's side, that draw a digit."""
    for row, line in enumerate(digit.reshape(28, 28) > 150):
        edges = np.flatnonzero(np.diff(line.astype(int), prepend=0, append=0))
        for start, stop in zip(edges[::2], edges[1::2], strict=True):
            y = (row + 0.5) / 28
            yield ((start + 0.5) / 28, y), ((stop - 0.5) / 28, y)


def test_fifty_digits_that_are_drawn_are_answered_as_by_the_runtime(
    page: Any, made: Path, test_digits: Digits
) -> None:
    classifier, right, digits = load(made / "mlp-int8.c"), 0, test_digits[0][:50]
    for digit in digits:
        if page.locator("#clear").is_enabled():
            page.get_by_role("button", name="Clear").click()
        drawn = page.evaluate(DRAW, list(strokes_of(digit)))
        picture = base64.b64decode(drawn.partition(",")[2])
        right += answered(page, classifier.predict(from_image(picture)[None])[0])
    assert right >= len(digits) - 1


def test_a_missing_compiler_is_named(mlp: Path, digits: Digits, monkeypatch: Any) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(DigitError, match="digit-toolkit\\[wasm\\]"):
        wasm.int8(Network.load(mlp), digits[0][:10])
