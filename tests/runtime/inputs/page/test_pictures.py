"""Pictures that people have; the right answer is in the file's name."""

import io
import re
from pathlib import Path

import numpy as np
import pytest
from digit_runtime import Classifier, PixelsError, from_image, load, read_digits, read_pages
from digit_runtime.contract import Labels, Pixels, Probabilities
from digit_runtime.errors import EngineError
from digit_runtime.inputs.page.read import Model, read_page
from digit_runtime.inputs.pictures import open_pictures
from PIL import Image, ImageDraw, ImageFont

CASES = Path(__file__).parents[3] / "cases" / "pictures"
ONE_DIGIT = sorted(path for path in CASES.rglob("*_is_*") if path.is_file())


@pytest.fixture(scope="module")
def classifier(artifacts: Path) -> Classifier:
    return load("cnn", engine="onnxruntime", threads=1, artifacts=artifacts)


def answer(path: Path) -> str:
    found = re.search(r"_is_(\d)", path.name)
    assert found
    return found[1]


@pytest.mark.parametrize("path", ONE_DIGIT, ids=lambda path: path.stem)
def test_one_digit_is_read_as_a_page_and_alone(path: Path, classifier: Classifier) -> None:
    assert read_digits(path, classifier).text == answer(path)
    assert classifier.predict(from_image(path))[0] == int(answer(path))


@pytest.mark.parametrize("number", ["17", "2026"])
def test_a_number_is_several_digits(number: str, classifier: Classifier) -> None:
    text = read_digits(CASES / f"number_{number}.png", classifier).text
    # A digit that the model is unsure of is a question mark.
    assert all(found in (digit, "?") for found, digit in zip(text, number, strict=True)), text
    assert text != "?" * len(number)


def test_the_pages_of_a_pdf_are_read_line_by_line(classifier: Classifier) -> None:
    pytest.importorskip("pypdfium2")
    pages = list(read_pages(CASES / "page_5rows.pdf", classifier))
    assert [page.text.splitlines() for page in pages] == [
        (CASES / "page_5rows.txt").read_text().split()
    ]


@pytest.mark.parametrize(
    ("form", "lines"),
    [
        ("form_scan_black_boxes.png", ["10295088", "47446152", "12544166", "10217448"]),
        # The third of the third line is a 4, or a 6.
        ("form_scan_grey_boxes.png", ["91607320", "66975775", "72?71587", "22308801"]),
        ("form_phone_photo_grey_boxes.jpg", ["84077574", "28395611", "02190674", "54714725"]),
        (
            "form_scan_tilted_1.5_deg_black_boxes.png",
            ["09901548", "91147258", "13118756", "89966679"],
        ),
    ],
)
def test_a_forms_boxes_are_left_out(form: str, lines: list[str], classifier: Classifier) -> None:
    page = read_digits(CASES / form, classifier)
    assert page.text.splitlines() == lines
    # Grey boxes are fainter than the ink, and are not even seen.
    assert bool(page.rules) == ("black" in form)


def test_all_pages_of_a_tiff_are_read(classifier: Classifier) -> None:
    sheets = [Image.open(CASES / f"number_{n}.png").convert("L") for n in ("2026", "17", "2026")]
    stream = io.BytesIO()
    sheets[0].save(stream, "TIFF", save_all=True, append_images=sheets[1:])
    pages = list(read_pages(stream.getvalue(), classifier))
    assert [(page.number, len(page.marks)) for page in pages] == [(1, 4), (2, 2), (3, 4)]
    assert pages[2].text == "2026"


def test_a_page_behind_a_damaged_one_does_not_cost_the_first(classifier: Classifier) -> None:
    sheet = Image.open(CASES / "number_2026.png").convert("L")
    stream = io.BytesIO()
    sheet.save(stream, "TIFF", save_all=True, append_images=[sheet], compression="tiff_lzw")
    data = bytearray(stream.getvalue())
    data[-len(data) // 3 : -2000] = bytes(len(data) // 3 - 2000)
    pages = read_pages(bytes(data), classifier)
    assert next(pages).text == "2026"
    with pytest.raises(PixelsError, match="cannot be read as an image"):
        next(pages)


@pytest.mark.parametrize("kind", ["PPM", "BMP", "GIF", "WEBP"])
def test_scanners_formats_are_read(kind: str, classifier: Classifier) -> None:
    stream = io.BytesIO()
    Image.open(CASES / "form_box_is_5.png").convert("L").save(stream, kind)
    assert read_digits(stream.getvalue(), classifier).text == "5"


def test_a_line_of_letters_is_left_out_of_the_digits(
    classifier: Classifier, test_digits: tuple[Pixels, Labels]
) -> None:
    sheet = Image.new("L", (1400, 400), 255)
    ImageDraw.Draw(sheet).text(
        (60, 60), "Dear Aunt, we were glad to have your letter", 20, ImageFont.load_default(60)
    )
    for place, digit in enumerate(test_digits[0][:6]):
        ink = Image.fromarray(255 - digit.reshape(28, 28)).resize((84, 84))
        sheet.paste(ink, (60 + 110 * place, 250))
    page = read_digits(sheet, classifier)
    assert page.text == "".join(map(str, test_digits[1][:6]))
    assert len(page.words) == 1
    assert len(page.words[0].marks) > 25


@pytest.mark.parametrize("paper", [0.2, 0.45])
def test_a_bold_digit_on_a_sheet_on_a_darker_desk_is_read_alone(
    paper: float, classifier: Classifier, test_digits: tuple[Pixels, Labels]
) -> None:
    wrong = 0
    for digit, label in zip(test_digits[0][:40], test_digits[1][:40], strict=True):
        picture = Image.new("L", (350, 350), round(255 * paper * 0.6))
        picture.paste(230, (36, 36, 314, 314))
        ink = Image.fromarray(digit.reshape(28, 28)).resize((180, 180), Image.Resampling.BICUBIC)
        picture.paste(20, (90, 80), ink.point(lambda value: min(255, 3 * value)))
        wrong += int(classifier.predict(from_image(picture))[0] != label)
    assert wrong <= 2


def test_a_white_pen_on_nothing_is_seen(classifier: Classifier) -> None:
    assert read_digits(CASES / "white_pen_transparent.png", classifier).text == "5"


def test_a_blank_sheet_has_no_digits(classifier: Classifier) -> None:
    page = read_digits(CASES / "folder_blank" / "3b_blank.png", classifier)
    assert (page.lines, page.text) == ((), "")


def test_marks_tell_where_they_are(
    classifier: Classifier, test_digits: tuple[Pixels, Labels]
) -> None:
    sheet = Image.new("L", (600, 300), 255)
    for at, digit in ((80, test_digits[0][0]), (330, test_digits[0][2])):
        large = Image.fromarray(255 - digit.reshape(28, 28)).resize((140, 140))
        sheet.paste(large, (at, 70))
    marks = read_digits(sheet, classifier).marks
    assert [mark.label for mark in marks] == [str(test_digits[1][i]) for i in (0, 2)]
    for mark, at in zip(marks, (80, 330), strict=True):
        left, top, width, height = mark.box
        assert at < left < left + width < at + 140
        assert 70 < top < top + height < 210
        assert mark.image.shape == (28, 28) and mark.probability > 0.5


@pytest.mark.parametrize("bits", [10, 12, 16])
def test_deep_pictures_are_read(bits: int, classifier: Classifier) -> None:
    grey = np.asarray(Image.open(CASES / "form_box_is_5.png").convert("L"), np.uint16)
    stream = io.BytesIO()
    Image.fromarray(grey << (bits - 8)).save(stream, "TIFF")
    assert read_digits(stream.getvalue(), classifier).text == "5"


def test_a_float_picture_is_read(classifier: Classifier) -> None:
    grey = np.asarray(Image.open(CASES / "form_box_is_5.png").convert("L"), np.float32) / 255
    stream = io.BytesIO()
    Image.fromarray(grey).save(stream, "TIFF")
    assert read_digits(stream.getvalue(), classifier).text == "5"


def test_ink_of_the_papers_luma_is_seen_by_its_colour(classifier: Classifier) -> None:
    ink = np.asarray(Image.open(CASES / "form_box_is_5.png").convert("L")) < 128
    colours = np.where(ink[..., None], (200, 60, 60), (60, 120, 127)).astype(np.uint8)
    assert read_digits(Image.fromarray(colours), classifier).text == "5"


def test_a_small_file_cannot_ask_for_gigabytes() -> None:
    stream = io.BytesIO()
    Image.new("1", (3, 5_300_000)).save(stream, "PNG")
    with pytest.raises(PixelsError, match=r"3 x 5,300,000 pixels.*make it smaller"):
        from_image(stream.getvalue())


def test_a_pattern_is_no_page_of_digits(classifier: Classifier) -> None:
    stroke = np.full((16, 16), 255, np.uint8)
    for row in range(2, 14):
        stroke[row, row // 2 : row // 2 + 3] = 0
    pattern = np.tile(stroke, (62, 87))
    with pytest.raises(PixelsError, match=r"the image: has 5,394 marks, more than a page"):
        read_digits(Image.fromarray(pattern), classifier)


def test_a_model_without_numbers_for_answers_is_an_error() -> None:
    def predict(pixels: Pixels) -> Probabilities:
        return np.full((len(pixels), 10), np.nan, np.float32)

    picture = next(open_pictures(CASES / "number_17.png", "a.png"))
    with pytest.raises(EngineError, match="no number"):
        read_page(picture, Model(predict, tuple("0123456789")))


@pytest.mark.parametrize(("mode", "kind"), [("RGB", "PNG"), ("L", "WEBP")])
def test_what_a_decoder_holds_besides_is_counted(mode: str, kind: str) -> None:
    stream = io.BytesIO()
    Image.new(mode, (9_000, 8_000)).save(stream, kind)
    with pytest.raises(PixelsError, match=r"9,000 x 8,000 pixels.*make it smaller"):
        from_image(stream.getvalue())
