"""The page in a real browser: Debian's chromium, driven by Playwright."""

import io
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from digit_runtime.contract import Labels, Pixels
from PIL import Image

sync_api = pytest.importorskip("playwright.sync_api")

Digits = tuple[Pixels, Labels]
Page = Any
NOTHING = "\u2013"
SEVEN = [(0.3, 0.25), (0.7, 0.25), (0.45, 0.8)]


def ready(page: Page) -> Page:
    page.wait_for_selector("#gallery button")
    return page


def draw(page: Page, points: list[tuple[float, float]]) -> None:
    box = page.locator("#paper").bounding_box()
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=8)
    page.mouse.up()


def answer(page: Page) -> Any:
    return page.locator(".digit")


def compared(page: Page) -> list[str]:
    return [str(text) for text in page.locator("#ranking td.said").all_inner_texts()]


def test_a_drawn_seven_is_read(open_page: Any) -> None:
    page = ready(open_page())
    draw(page, SEVEN)
    sync_api.expect(answer(page)).to_have_text("7")
    bars = page.locator(".bars li")
    sync_api.expect(bars).to_have_count(10)
    sync_api.expect(page.locator(".bars .top")).to_contain_text("7")
    sync_api.expect(page.locator("#spoken")).to_contain_text("7, ")
    assert "ms" in page.locator(".time").inner_text()


def test_several_digits_are_pointed_to_where_all_are_read(open_page: Any) -> None:
    page = ready(open_page())
    for shift in (-0.28, 0.0, 0.28):
        draw(page, [(0.5 + (x - 0.5) / 2 + shift, y) for x, y in SEVEN])
    sync_api.expect(page.locator("#status")).to_contain_text("3 marks, and one digit is read")
    sync_api.expect(page.locator("#status")).to_contain_text("Read a page")
    page.get_by_role("button", name="Clear").click()
    draw(page, SEVEN)
    sync_api.expect(answer(page)).to_have_text("7")
    sync_api.expect(page.locator("#status")).to_have_text("")


def test_the_answer_follows_the_drawing(open_page: Any) -> None:
    page = ready(open_page())
    draw(page, [(0.5, 0.2), (0.5, 0.8)])
    sync_api.expect(answer(page)).to_have_text("1")
    page.get_by_role("button", name="Undo").click()
    sync_api.expect(answer(page)).to_have_text(NOTHING)
    draw(page, SEVEN)
    sync_api.expect(answer(page)).to_have_text("7")
    page.get_by_role("button", name="Clear").click()
    sync_api.expect(answer(page)).to_have_text(NOTHING)
    sync_api.expect(page.get_by_role("button", name="Clear")).to_be_disabled()
    page.keyboard.press("Control+z")
    sync_api.expect(answer(page)).to_have_text("7")


def test_nothing_moves_when_the_answer_comes(open_page: Any) -> None:
    page = ready(open_page())
    places = (
        "[...document.querySelectorAll('#paper, #answer, .bars li, .tools, #gallery, #more')].map("
        "(e) => JSON.stringify(e.getBoundingClientRect()))"
    )
    before = page.evaluate(places)
    draw(page, SEVEN)
    sync_api.expect(answer(page)).to_have_text("7")
    assert page.evaluate(places) == before


@pytest.mark.parametrize("width", [360, 1100])
def test_nothing_moves_while_the_page_loads(open_page: Any, width: int) -> None:
    page = ready(open_page(viewport={"width": width, "height": 740}))
    moved = page.evaluate(
        """() => new Promise((done) => new PerformanceObserver((list) =>
            done(list.getEntries().reduce((sum, entry) => sum + entry.value, 0))
        ).observe({ type: "layout-shift", buffered: true }) || setTimeout(() => done(0), 300))"""
    )
    assert moved < 0.01


def test_a_finger_draws_on_a_narrow_screen(open_page: Any) -> None:
    page = ready(open_page(viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True))
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    box = page.locator("#paper").bounding_box()
    touch = page.context.new_cdp_session(page)

    def send(kind: str, x: float = 0, y: float = 0) -> None:
        place = {"x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"]}
        points = [] if kind == "touchEnd" else [place]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    send("touchStart", *SEVEN[0])
    for (x0, y0), (x1, y1) in pairwise(SEVEN):
        for step in range(1, 9):
            send("touchMove", x0 + (x1 - x0) * step / 8, y0 + (y1 - y0) * step / 8)
    send("touchEnd")
    sync_api.expect(answer(page)).to_have_text("7")
    assert page.evaluate("scrollY") == 0


def test_keys_draw(open_page: Any) -> None:
    page = ready(open_page())
    page.locator("#paper").focus()
    for key, times in (("ArrowUp", 8), (" ", 1), ("ArrowDown", 16), (" ", 1)):
        for _ in range(times):
            page.keyboard.press(key)
    sync_api.expect(answer(page)).to_have_text("1")
    page.keyboard.press("Escape")
    sync_api.expect(answer(page)).to_have_text(NOTHING)


def test_the_pen_that_keys_move_is_seen_and_leaves_no_ink(open_page: Any) -> None:
    page = ready(open_page())
    paper, pen = page.locator("#paper"), page.locator("#pen")
    blank = page.evaluate("document.querySelector('#paper').toDataURL()")
    paper.focus()
    sync_api.expect(pen).to_be_hidden()
    for key in ("ArrowUp", "ArrowUp", "ArrowRight"):
        page.keyboard.press(key)
    outer, inner = paper.bounding_box(), pen.bounding_box()
    across = (inner["x"] + inner["width"] / 2 - outer["x"]) / outer["width"]
    down = (inner["y"] + inner["height"] / 2 - outer["y"]) / outer["height"]
    assert (across, down) == pytest.approx((150 / 280, 120 / 280), abs=0.01)
    assert page.evaluate("document.querySelector('#paper').toDataURL()") == blank
    page.locator("#file").focus()
    sync_api.expect(pen).to_be_hidden()


def test_what_is_undone_while_it_is_drawn_is_gone(open_page: Any) -> None:
    page = ready(open_page())
    box = page.locator("#paper").bounding_box()
    page.mouse.move(box["x"] + 60, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 120, box["y"] + 60, steps=4)
    page.keyboard.press("Escape")
    page.mouse.move(box["x"] + 180, box["y"] + 60, steps=4)
    page.mouse.up()
    sync_api.expect(answer(page)).to_have_text(NOTHING)
    draw(page, SEVEN)
    sync_api.expect(answer(page)).to_have_text("7")


def test_a_gallery_digit_is_chosen_by_key(open_page: Any) -> None:
    page = ready(open_page())
    page.get_by_role("button", name="digit 1 of 30").focus()
    page.keyboard.press("Enter")
    sync_api.expect(answer(page)).not_to_have_text(NOTHING)


def test_what_is_ticked_stands_in_one_table_the_fastest_first(open_page: Any) -> None:
    page = ready(open_page())
    draw(page, SEVEN)
    sync_api.expect(answer(page)).to_have_text("7")
    page.get_by_text("Compare models, formats and engines").click()
    mlp = page.get_by_role("group", name="mlp")
    ticked = page.get_by_role("checkbox", checked=True)
    for label in ("onnx int8 on numpy", "tflite int8 on litert"):
        mlp.get_by_label(label).check()
    sync_api.expect(page.locator("#ranking td.said")).to_have_text(["7", "7", "7"])

    def column(number: int) -> list[float]:
        texts = page.locator(f"#ranking td:nth-child({number})").all_inner_texts()
        return [float(text.replace(",", "").replace(" %", "")) for text in texts]

    page.wait_for_timeout(600)
    assert column(4) == sorted(column(4))
    page.get_by_role("button", name="kB").click()
    assert column(5) == sorted(column(5))
    page.get_by_role("button", name="kB").click()
    assert column(5) == sorted(column(5), reverse=True)
    sync_api.expect(page.get_by_role("columnheader", name="kB")).to_have_attribute(
        "aria-sort", "descending"
    )
    while ticked.count():
        ticked.first.uncheck()
    sync_api.expect(page.locator("#ranking-note")).to_contain_text("Nothing is ticked.")
    sync_api.expect(answer(page)).to_have_text("7")


def test_a_model_that_fails_is_said_so_in_its_row(open_page: Any) -> None:
    page = open_page(allow_errors=True)
    failing = {"status": 500, "json": {"error": "the file is damaged"}}
    page.route("**/predict?model=mlp*", lambda route: route.fulfill(**failing))
    ready(page)
    draw(page, SEVEN)
    page.get_by_text("Compare models, formats and engines").click()
    page.get_by_role("group", name="mlp").get_by_label("onnx int8 on numpy").check()
    sync_api.expect(page.locator("#ranking tbody")).to_contain_text("The file is damaged.")
    sync_api.expect(answer(page)).to_have_text("7")


def test_an_answer_that_the_model_is_unsure_of_is_said_so(open_page: Any) -> None:
    page = open_page()

    def unsure(route: Any) -> None:
        reply = route.fetch()
        document = reply.json()
        document["predictions"] = [
            {"label": "7", "unsure": True, "probabilities": [0, 0.4, 0, 0, 0, 0, 0, 0.6, 0, 0]}
        ]
        route.fulfill(response=reply, json=document)

    page.route("**/predict?*", unsure)
    ready(page)
    draw(page, SEVEN)
    sync_api.expect(page.locator(".doubt")).to_have_text("unsure: 7 or 1")
    sync_api.expect(page.locator("#spoken")).to_have_text("7, 60 percent, unsure")


@pytest.mark.parametrize(
    ("status", "reply", "words"),
    [
        (503, {"error": "too many digits are waiting"}, "The server is busy."),
        (413, {"error": "a picture may have 5 pixels"}, "A picture may have 5 pixels."),
        (502, None, "The server said 502."),
        (0, None, "The server cannot be reached; does digit-serve still run?"),
    ],
)
def test_what_goes_wrong_is_said_in_words(
    open_page: Any, status: int, reply: dict[str, str] | None, words: str
) -> None:
    page = open_page(allow_errors=True)

    def fail(route: Any) -> None:
        if not status:
            route.abort()
        elif reply:
            route.fulfill(status=status, json=reply)
        else:
            route.fulfill(status=status, body="<h1>Bad gateway</h1>")

    page.route("**/predict?*", fail)
    ready(page)
    draw(page, SEVEN)
    sync_api.expect(page.locator("#status")).to_contain_text(words)
    page.unroute("**/predict?*")
    page.get_by_role("button", name="Clear").click()
    draw(page, SEVEN)
    sync_api.expect(answer(page)).to_have_text("7")


def test_a_picture_is_pasted(open_page: Any, test_digits: Digits) -> None:
    page = ready(open_page())
    stream = io.BytesIO()
    Image.fromarray(255 - test_digits[0][2].reshape(28, 28)).resize((200, 200)).save(stream, "PNG")
    paste = """(bytes) => {
        const data = new DataTransfer();
        if (bytes) data.items.add(new File([new Uint8Array(bytes)], "a.png", {type: "image/png"}));
        document.body.dispatchEvent(
            new ClipboardEvent("paste", {clipboardData: data, bubbles: true}));
    }"""
    page.evaluate(paste, None)
    sync_api.expect(page.locator("#status")).to_have_text("There is no picture to paste.")
    page.evaluate(paste, list(stream.getvalue()))
    sync_api.expect(answer(page)).to_have_text(str(test_digits[1][2]))
    page.keyboard.press("Control+z")
    sync_api.expect(answer(page)).to_have_text(NOTHING)


@pytest.mark.parametrize(
    ("width", "height", "scale"), [(320, 568, 2), (640, 400, 2), (568, 320, 2), (1280, 800, 1)]
)
def test_paper_answer_and_tools_are_on_the_first_screen(
    open_page: Any, width: int, height: int, scale: int
) -> None:
    page = ready(open_page(viewport={"width": width, "height": height}, device_scale_factor=scale))
    draw(page, SEVEN)
    sync_api.expect(answer(page)).to_have_text("7")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for part in ("#paper", "#answer", ".tools"):
        box = page.locator(part).bounding_box()
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= height, part
    # A pixel of the canvas is one of the screen, so that its edges are sharp.
    assert page.locator("#paper").evaluate("(e) => e.width") == pytest.approx(
        scale * page.locator("#paper").bounding_box()["width"], abs=2
    )


def test_a_picture_is_taken(open_page: Any, test_digits: Digits) -> None:
    page = ready(open_page())
    stream = io.BytesIO()
    big = Image.fromarray(255 - test_digits[0][2].reshape(28, 28)).resize((200, 200))
    big.save(stream, "PNG")
    page.locator("#file").set_input_files(
        {"name": "digit.png", "mimeType": "image/png", "buffer": stream.getvalue()}
    )
    sync_api.expect(answer(page)).to_have_text(str(test_digits[1][2]))


def test_a_photo_of_more_pixels_than_the_server_takes_is_read(
    open_page: Any, test_digits: Digits
) -> None:
    page = ready(open_page())
    stream = io.BytesIO()
    photo = Image.fromarray(255 - test_digits[0][2].reshape(28, 28)).resize((4200, 4200))
    photo.save(stream, "WEBP", quality=50)
    page.locator("#file").set_input_files(
        {"name": "photo.webp", "mimeType": "image/webp", "buffer": stream.getvalue()}
    )
    sync_api.expect(answer(page)).to_have_text(str(test_digits[1][2]))


def test_a_file_that_is_no_picture_is_said_so(open_page: Any) -> None:
    page = ready(open_page())
    page.locator("#file").set_input_files(
        {"name": "digits.csv", "mimeType": "image/png", "buffer": b"1,2,3"}
    )
    sync_api.expect(page.locator("#status")).to_contain_text("digits.csv: not a picture")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_ink_can_be_told_from_paper(open_page: Any, scheme: str, tmp_path: Path) -> None:
    page = ready(open_page(color_scheme=scheme))
    draw(page, SEVEN)
    sync_api.expect(answer(page)).to_have_text("7")
    page.screenshot(path=tmp_path / "page.png", full_page=True)
    paper = np.asarray(Image.open(io.BytesIO(page.locator("#paper").screenshot())).convert("L"))
    ground, ink = float(np.median(paper)), float(paper[paper.shape[0] // 4, paper.shape[1] // 2])
    assert abs(ground - ink) > 200
    assert (ground > 128) == (scheme == "light")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_that_shuts_people_out(open_page: Any, scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    page = ready(open_page(color_scheme=scheme))
    draw(page, SEVEN)
    sync_api.expect(answer(page)).to_have_text("7")
    page.get_by_text("Compare models, formats and engines").click()
    found = axe.Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


def test_a_token_is_asked_for_and_remembered(browser: Any, start: Any) -> None:
    with start("--model", "mlp", "--token", "sesame") as guarded:
        context = browser.new_context()
        page = context.new_page()
        page.goto(guarded.url)
        page.get_by_label("This server asks for its token").fill("sesame")
        page.get_by_role("button", name="Continue").click()
        ready(page)
        page.reload()
        ready(page)
        context.close()
        other = browser.new_context().new_page()
        other.goto(f"{guarded.url}/#token=sesame")
        ready(other)
        assert "sesame" not in other.url
        other.context.close()
