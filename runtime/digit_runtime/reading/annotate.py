"""Draw what was read onto the picture; sure, unsure and left out tell apart without colour."""

from typing import TYPE_CHECKING, Final

from digit_runtime.inputs.page.result import Box, Page
from digit_runtime.inputs.pictures import Picture

if TYPE_CHECKING:
    from PIL import Image, ImageDraw

_SURE: Final = (0, 90, 200)
_UNSURE: Final = (200, 80, 0)
_LEFT_OUT: Final = (130, 130, 130)


def annotated(picture: Picture, page: Page) -> "Image.Image":
    """Return the picture with a box and an answer for each mark.

    Sure: a full box with the label. Unsure: a dashed box, the label with a question mark.
    Left out: a crossed box.
    """
    from PIL import Image, ImageDraw, ImageFont

    image = picture.grey.convert("RGB")
    # Pale, so that what is drawn stands out on bright and on dark paper.
    image = Image.blend(image, Image.new("RGB", image.size, "white"), 0.35)
    pen = ImageDraw.Draw(image)
    scale = 1 / picture.scale
    heights = sorted(mark.box[3] for mark in page.marks)
    typical = heights[len(heights) // 2] * scale if heights else 20.0
    font = ImageFont.load_default(max(10, min(60, round(0.6 * typical))))
    thick = max(1, round(typical / 25))
    words = [mark.box for line in page.words for mark in line.marks]
    for box in [*page.left_out, *words]:
        left, top, right, bottom = _corners(box, scale)
        pen.rectangle((left, top, right, bottom), outline=_LEFT_OUT)
        pen.line((left, top, right, bottom), fill=_LEFT_OUT)
        pen.line((left, bottom, right, top), fill=_LEFT_OUT)
    for mark in page.marks:
        left, top, right, bottom = _corners(mark.box, scale)
        colour = _UNSURE if mark.unsure else _SURE
        if mark.unsure:
            _dashed(pen, (left, top, right, bottom), thick)
        else:
            pen.rectangle((left, top, right, bottom), outline=colour, width=thick)
        label = f"{mark.label}?" if mark.unsure else mark.label
        pen.text((left, top), label, colour, font, "lb", stroke_width=thick // 3)
    return image


def _corners(box: Box, scale: float) -> Box:
    left, top, width, height = box
    corners = (left - 3, top - 3, left + width + 3, top + height + 3)
    first, second, third, fourth = (round(corner * scale) for corner in corners)
    return first, second, third, fourth


def _dashed(pen: "ImageDraw.ImageDraw", box: Box, thick: int) -> None:
    left, top, right, bottom = box
    dash = 4 * thick
    for x in range(left, right, 2 * dash):
        for y in (top, bottom):
            pen.line((x, y, min(x + dash, right), y), fill=_UNSURE, width=thick)
    for y in range(top, bottom, 2 * dash):
        for x in (left, right):
            pen.line((x, y, x, min(y + dash, bottom)), fill=_UNSURE, width=thick)
