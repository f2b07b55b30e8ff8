"""What was read, as text, CSV and JSON."""

import csv
import io
from dataclasses import dataclass, field
from typing import Any, Final

from digit_runtime.inputs.page.result import Line, Page
from digit_runtime.terminal import one_line, plural

HEADER: Final = (
    *("File", "Page", "Line", "Position", "X", "Y", "Width", "Height"),
    *("Label", "Probability", "Unsure", "Error"),
)


@dataclass
class Answer:
    """What a file holds: its pages, or why there are none (or no more).

    Attributes:
        file: Its name.
        pages: Those that were read.
        error: Why no more were, without the file's name; None if all were.
    """

    file: str
    pages: list[Page] = field(default_factory=list)
    error: str | None = None

    def error_text(self) -> str:
        """Return the file's name and the error."""
        return one_line(f"{self.file}   {self.error}")

    def text_of(self, page: Page, numbered: bool) -> str:
        """Return a page's lines of digits, the file's name before and the counts behind."""
        name = one_line(self.file) + f" [{page.number}]" * numbered
        lines = [line.text for line in page.lines] or ["(no digits)"]
        padding = " " * len(name)
        rows = [f"{padding if number else name}   {line}" for number, line in enumerate(lines)]
        widest = max(map(len, rows))
        return "\n".join([*rows[:-1], f"{rows[-1]:<{widest}}     {_counts(page)}"])

    def rows(self) -> list[list[object]]:
        """Return a row of the CSV for each digit, and one for an error; see `HEADER`."""
        rows: list[list[object]] = [
            [
                self.file,
                page.number,
                line_number,
                position,
                *mark.box,
                mark.label,
                f"{mark.probability:.4f}",
                int(mark.unsure),
                "",
            ]
            for page in self.pages
            for line_number, line in enumerate(page.lines, 1)
            for position, mark in enumerate(line.marks, 1)
        ]
        if self.error is not None:
            rows.append([self.file, *[""] * 10, self.error])
        return rows

    def as_json(self) -> dict[str, Any]:
        """Return all that is known, for `json.dumps`."""
        return {"file": self.file, "error": self.error, "pages": [_json(p) for p in self.pages]}


def as_csv(answers: list[Answer]) -> bytes:
    """Return the CSV of all files."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(HEADER)
    for answer in answers:
        writer.writerows(answer.rows())
    # A file's name need not be valid text; its bytes go out as they came.
    return stream.getvalue().encode(errors="surrogateescape")


def _counts(page: Page) -> str:
    marks, lines = len(page.marks), len(page.lines)
    parts = [f"{plural(marks, 'digit')} in {plural(lines, 'line')}"]
    if unsure := sum(mark.unsure for mark in page.marks):
        parts.append(f"{unsure:,} unsure")
    out = [(page.words, "line", " of words"), (page.left_out, "mark", "")]
    if said := [f"{plural(len(found), noun)}{of}" for found, noun, of in out if found]:
        parts.append(f"{' and '.join(said)} left out")
    return ", ".join(parts)


def _json_line(line: Line) -> dict[str, Any]:
    marks = [
        {
            "box": list(mark.box),
            "label": mark.label,
            "probability": round(mark.probability, 4),
            "unsure": mark.unsure,
        }
        for mark in line.marks
    ]
    return {"text": line.text, "marks": marks}


def _json(page: Page) -> dict[str, Any]:
    return {
        "page": page.number,
        "width": page.width,
        "height": page.height,
        "angle": page.angle,
        "ink_is_dark": page.ink_is_dark,
        "lines": [_json_line(line) for line in page.lines],
        "words": [_json_line(line) for line in page.words],
        "left_out": [list(box) for box in page.left_out],
    }
