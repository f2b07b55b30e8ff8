"""The page's other view, "Read a page", in a real browser."""

import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

sync_api = pytest.importorskip("playwright.sync_api")

CASES = Path(__file__).parents[2] / "cases" / "pictures"
NUMBER = CASES / "number_2026.png"
FORM = CASES / "form_scan_black_boxes.png"
Page = Any


def reading(page: Page, picture: Path | dict[str, Any] = FORM) -> Page:
    page.wait_for_selector("#gallery button", state="attached")
    page.get_by_role("link", name="Read a page").click()
    page.locator("#choose").set_input_files(picture)
    page.wait_for_selector("#lines button")
    return page


def said(page: Page) -> list[str]:
    return [text.replace("\n", "") for text in page.locator("#lines li").all_inner_texts()]


def copied(page: Page) -> str:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy the lines").click()
    sync_api.expect(page.locator("#page-status")).to_contain_text("Copied")
    return str(page.evaluate("navigator.clipboard.readText()"))


def test_a_sheet_is_read_line_by_line(open_page: Any) -> None:
    page = reading(open_page())
    lines = ["10295088", "47446152", "12544166", "10217448"]
    assert said(page) == lines
    sync_api.expect(page.locator("#page-status")).to_have_text("32 digits in 4 lines")
    assert copied(page).splitlines() == lines


def test_the_boxes_lie_on_the_digits(open_page: Any) -> None:
    page = reading(open_page(), NUMBER)
    with Image.open(NUMBER) as picture:
        width = picture.width
    found = page.request.post(
        f"{page.url.partition('#')[0]}read",
        data=NUMBER.read_bytes(),
        headers={"Content-Type": "image/png"},
    ).json()
    outer = page.locator("#sheet-picture").bounding_box()
    for mark, box in zip(
        found["pages"][0]["lines"][0]["marks"], page.locator("#boxes .mark").all(), strict=True
    ):
        inner = box.bounding_box()
        left = (inner["x"] - outer["x"]) / outer["width"] * width
        assert left == pytest.approx(mark["box"][0], abs=2)
        across = inner["width"] / outer["width"] * width
        assert across == pytest.approx(mark["box"][2], abs=2)


def test_a_tap_and_a_key_correct_a_digit(open_page: Any) -> None:
    page = reading(open_page(), NUMBER)
    page.locator("#lines button").nth(1).click()
    page.get_by_role("group", name="Correct it").get_by_role("button", name="9").click()
    assert said(page) == ["2926"]
    page.keyboard.press("7")
    assert said(page) == ["2976"]
    page.keyboard.press("Delete")
    assert copied(page) == "297"
    sync_api.expect(page.locator("#lines .corrected")).to_have_count(3)


def test_keys_alone_correct_and_undo(open_page: Any) -> None:
    page = reading(open_page())
    page.locator("#lines button").first.focus()
    for key in ("ArrowDown", "ArrowRight", "5", "ArrowUp", "0"):
        page.keyboard.press(key)
    assert [line[:3] for line in said(page)[:2]] == ["100", "454"]
    page.keyboard.press("Control+z")
    page.keyboard.press("Control+z")
    assert [line[:3] for line in said(page)[:2]] == ["102", "474"]
    sync_api.expect(page.get_by_role("button", name="Undo").last).to_be_disabled()
    assert page.evaluate("document.activeElement.closest('#lines') !== null")


def test_a_box_on_the_picture_is_tapped(open_page: Any) -> None:
    page = reading(open_page(), NUMBER)
    page.locator("#boxes .mark").nth(2).click()
    sync_api.expect(page.locator("#chosen-says")).to_contain_text("2, 9")
    sync_api.expect(page.locator("#lines button").nth(2)).to_have_class("chosen")


def test_what_is_unsure_is_said_so_until_it_is_corrected(open_page: Any) -> None:
    page = open_page()

    def unsure(route: Any) -> None:
        reply = route.fetch()
        document = reply.json()
        document["pages"][0]["lines"][0]["marks"][2]["unsure"] = True
        route.fulfill(response=reply, json=document)

    page.route("**/read", unsure)
    reading(page, NUMBER)
    sync_api.expect(page.locator("#page-status")).to_have_text("4 digits in 1 line, 1 unsure")
    assert copied(page) == "20?6"
    page.get_by_role("button", name="Next unsure").click()
    page.keyboard.press("2")
    sync_api.expect(page.locator("#page-status")).to_have_text("4 digits in 1 line")
    sync_api.expect(page.get_by_role("button", name="Next unsure")).to_be_hidden()
    assert copied(page) == "2026"


def test_a_sheet_without_digits_and_what_is_no_picture_are_said_so(open_page: Any) -> None:
    page = reading(open_page(), NUMBER)
    stream = io.BytesIO()
    Image.new("RGB", (300, 200), "white").save(stream, "PNG")
    blank = {"name": "blank.png", "mimeType": "image/png", "buffer": stream.getvalue()}
    page.locator("#choose").set_input_files(blank)
    status = page.locator("#page-status")
    sync_api.expect(status).to_have_text("There are no digits on this picture.")
    sync_api.expect(page.get_by_role("button", name="Copy the lines")).to_be_disabled()
    page.locator("#choose").set_input_files(blank | {"buffer": b"1,2", "name": "a.csv"})
    sync_api.expect(status).to_contain_text("A.csv: not a picture that this browser can read.")


def test_a_photo_of_a_phones_size_is_made_smaller_before_it_is_sent(open_page: Any) -> None:
    page = open_page()
    stream = io.BytesIO()
    with Image.open(NUMBER) as picture:
        picture.convert("RGB").resize((4000, 3000)).save(stream, "PNG")
    with page.expect_response("**/read") as replied:
        reading(page, {"name": "a.png", "mimeType": "image/png", "buffer": stream.getvalue()})
    sent = replied.value.json()["pages"][0]
    assert 2_000_000 < sent["width"] * sent["height"] < 2_300_000
    assert said(page) == ["2026"]


@pytest.mark.parametrize(
    ("width", "height", "scale"), [(320, 568, 2), (640, 400, 2), (1280, 800, 1)]
)
def test_nothing_is_cut_off_on_a_small_screen(
    open_page: Any, width: int, height: int, scale: int
) -> None:
    page = reading(
        open_page(viewport={"width": width, "height": height}, device_scale_factor=scale)
    )
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.locator("#lines button").last.click()
    for part in ("#correction", "#lines button.chosen"):
        box = page.locator(part).bounding_box()
        assert 0 <= box["y"] <= height - box["height"], part


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_that_shuts_people_out(open_page: Any, scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    page = reading(open_page(color_scheme=scheme))
    found = axe.Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


def test_the_way_back_leads_to_the_paper(open_page: Any) -> None:
    page = reading(open_page(), NUMBER)
    page.go_back()
    sync_api.expect(page.locator("#paper")).to_be_visible()
    page.go_forward()
    sync_api.expect(page.locator("#lines")).to_be_visible()
