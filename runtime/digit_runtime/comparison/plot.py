"""Accuracy against latency and size as a picture that needs no colour."""

import html
import io
from collections.abc import Sequence
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Final

from digit_runtime.comparison import render
from digit_runtime.comparison.notes import notes
from digit_runtime.comparison.results import Comparison, Row
from digit_runtime.errors import PackageNotInstalledError
from digit_runtime.storage.atomic import writing
from digit_runtime.terminal import table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SUFFIXES: Final = (".png", ".html")
_MARKERS: Final = "osD^vP"
_SIZE: Final = (11.0, 4.2)
_LINE: Final = 0.135
_DPI: Final = 150
# Between the outermost points and the frame: factors, the scale being logarithmic.
_ROOM: Final = 2
# Where a point's number may stand, in pixels from it: near first, then further up and down.
_PLACES: Final = [
    (x, y) for y in (13, -13, 26, -26, 39, -39, 52, -52, 65, -65) for x in (0, 13, -13)
]
_PAGE: Final = Template("""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>digit-compare: $device</title>
<style>
body { margin: 2rem auto; max-width: 70rem; padding: 0 1rem; font: 1rem/1.5 system-ui, sans-serif; }
svg { width: 100%; height: auto; }
.table { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; white-space: nowrap; }
th, td { padding: .2rem .6rem; text-align: right; border-bottom: 1px solid #ccc; }
th:nth-child(-n+4), td:nth-child(-n+4) { text-align: left; }
</style>
<h1>What each file costs on $device</h1>
$picture
<div class="table"><table>
$rows
</table></div>
<p>$notes</p>
</html>
""")


def needs() -> None:
    """Check before anything is measured that a picture can be drawn.

    Raises:
        PackageNotInstalledError: matplotlib is not installed.
    """
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError as error:
        raise PackageNotInstalledError(
            '--plot needs matplotlib: pip install "digit-runtime[plot]"'
        ) from error


def pareto(points: Sequence[tuple[float, float]]) -> list[int]:
    """Return the indices of the points (cost, accuracy) that no other beats, by rising cost.

    A point is beaten by one that costs no more and is no less accurate, and is not equal.
    """
    front: list[int] = []
    for index in sorted(range(len(points)), key=lambda i: (points[i][0], -points[i][1])):
        last = points[front[-1]] if front else (0.0, -1.0)
        if points[index][1] > last[1] or points[index] == last:
            front.append(index)
    return front


def write(comparison: Comparison, path: Path) -> None:
    """Draw rows that all have an accuracy as .png, or as .html that needs no other file.

    Raises:
        OutputError: It cannot be written.
    """
    with writing(path) as stream:
        if path.suffix == ".html":
            stream.write(_page(comparison).encode())
        else:
            _figure(comparison.rows, key=True).savefig(stream, format="png", dpi=_DPI)


def _page(comparison: Comparison) -> str:
    import matplotlib

    picture = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "digit-compare"}):
        figure = _figure(comparison.rows, key=False)
        figure.savefig(picture, format="svg", metadata={"Date": None})
    header, body = render.cells([(None, row) for row in comparison.rows])
    lines = [_html_row("th", ["no.", *header])]
    lines += [_html_row("td", [str(n), *line]) for n, line in enumerate(body, 1)]
    return _PAGE.substitute(
        device=html.escape(comparison.device.cpu),
        # Without the XML declaration, which has no place inside a page.
        picture=picture.getvalue()[picture.getvalue().index("<svg") :],
        rows="\n".join(lines),
        notes=html.escape(notes(comparison)).replace("\n", "<br>\n"),
    )


def _html_row(tag: str, cells: Sequence[str]) -> str:
    return "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells) + "</tr>"


def _figure(rows: Sequence[Row], key: bool) -> "Figure":
    from matplotlib.figure import Figure

    keys = _keys(rows) if key else ["", ""]
    width, height = _SIZE
    below = _LINE * keys[0].count("\n")
    figure = Figure(figsize=(width, height + below), dpi=_DPI)
    left, right = figure.subplots(1, 2, sharey=True)
    figure.subplots_adjust(
        left=0.07, right=0.98, wspace=0.06,
        top=1 - 0.35 / (height + below), bottom=(below + 0.8) / (height + below),
    )  # fmt: skip
    accuracies = [100 * (row.accuracy or 0) for row in rows]
    margin = max(0.1, 0.2 * (max(accuracies) - min(accuracies)))
    left.set_ylim(min(accuracies) - margin, max(accuracies) + margin)
    left.set_ylabel("accuracy, %")
    models = dict.fromkeys(row.model for row in rows)
    markers = dict(zip(models, _MARKERS * len(models), strict=False))
    shapes = [markers[row.model] for row in rows]
    _panel(left, [row.p50_ms for row in rows], accuracies, shapes, "latency of one image, ms")
    _panel(right, [row.bytes / 1000 for row in rows], accuracies, shapes, "size of the file, kB")
    _legend(left, markers)
    for axes, text in zip((left, right), keys, strict=True):
        top = (below + 0.25) / (height + below)
        figure.text(axes.get_position().x0, top, text, family="monospace", size=8, va="top")
    return figure


def _keys(rows: Sequence[Row]) -> tuple[str, str]:
    """Return what the numbers mean, in two halves of equally many lines."""
    header = ["no.", "model", "file", "engine", "p50 ms", "size kB", "accuracy"]
    body = [
        [str(n), row.model, f"{row.format} {row.precision}", row.engine, f"{row.p50_ms:.3f}",
         f"{row.bytes / 1000:,.0f}", f"{row.accuracy:.2%}"]
        for n, row in enumerate(rows, 1)
    ]  # fmt: skip
    lines = table(header, body, left=4).splitlines()
    half = (len(rows) + 1) // 2
    head, numbers = lines[:2], lines[2:]
    return "\n".join(head + numbers[:half]), "\n".join(head + numbers[half:])


def _panel(
    axes: "Axes", costs: list[float], accuracies: list[float], shapes: list[str], label: str
) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter

    axes.set_xscale("log")
    axes.set_xlim(min(costs) / _ROOM, max(costs) * _ROOM)
    axes.set_xlabel(label)
    if max(costs) < 100 * min(costs):
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter("{x:,g}")
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.grid(color="0.9")
    axes.set_axisbelow(True)
    points = list(zip(costs, accuracies, strict=True))
    front = pareto(points)
    steps = [points[index] for index in front]
    # On from the last point: what costs more than that and is no better is not on the front.
    steps.append((max(costs) * _ROOM, steps[-1][1]))
    axes.step(*zip(*steps, strict=True), where="post", color="black", linewidth=1, linestyle="--")
    for index, (cost, accuracy) in enumerate(points):
        best = index in front
        axes.plot(
            cost, accuracy, shapes[index], markersize=7, markeredgecolor="black",
            markerfacecolor="black" if best else "white", zorder=4 if best else 3,
        )  # fmt: skip
    _number(axes, points)


def _number(axes: "Axes", points: Sequence[tuple[float, float]]) -> None:
    """Write each point's number where it covers no other number and no point."""
    centres = [(float(x), float(y)) for x, y in axes.transData.transform(points)]
    taken = list(centres)
    per_point = _DPI / 72
    for number, (point, (x, y)) in enumerate(zip(points, centres, strict=True), 1):
        spots = [(x + dx * per_point, y + dy * per_point) for dx, dy in _PLACES]
        free = [spot for spot in spots if not any(_near(spot, other, per_point) for other in taken)]
        place = (free or spots)[0]
        taken.append(place)
        axes.annotate(
            str(number), point, ((place[0] - x) / per_point, (place[1] - y) / per_point),
            textcoords="offset points", ha="center", va="center", size=8,
            bbox={"color": "white", "pad": 0.5}, zorder=2.5,
            arrowprops={"arrowstyle": "-", "color": "0.6", "linewidth": 0.6, "shrinkA": 4,
                        "shrinkB": 3},
        )  # fmt: skip


def _near(one: tuple[float, float], other: tuple[float, float], scale: float) -> bool:
    return abs(one[0] - other[0]) < 12 * scale and abs(one[1] - other[1]) < 12 * scale


def _legend(axes: "Axes", markers: dict[str, str]) -> None:
    from matplotlib.lines import Line2D

    def entry(marker: str, fill: str, name: str, line: str = "none") -> Line2D:
        return Line2D(
            [], [], color="black", marker=marker, markerfacecolor=fill, linestyle=line, label=name
        )

    handles = [entry(marker, "white", model) for model, marker in markers.items()]
    handles.append(entry("", "black", "Pareto front (filled)", "--"))
    axes.legend(
        handles=handles, loc="lower left", bbox_to_anchor=(0, 1), ncols=len(handles), frameon=False,
        fontsize=9, borderaxespad=0,
    )  # fmt: skip
