"""The plots of report.html: SVG inside the page, so that its colours follow light and dark."""

from collections.abc import Mapping, Sequence
from typing import Final

from digit_runtime.measuring.statistics import share_interval

from digit_export.parity.statistics import BINS, Reliability

_SIDE: Final = 300
_LEFT: Final = 40
_STRIP: Final = 56
_FEW: Final = 10


def axis(reach: float, limits: Sequence[float]) -> str:
    """Draw the axis of `interval` for the table's head: zero, the ends, and the gate's line."""
    gate = max(limits, default=0.0)
    end = 0.9 * reach
    marks = [(-end, f"{-100 * end:.2f}"), (0.0, "0"), (end, f"+{100 * end:.2f}")]
    texts = "".join(_named(value, reach, 26, name) for value, name in marks)
    line = f'<path class="gate" d="M{_place(-gate, reach)} 12V16"/>' + _named(
        -gate, reach, 9, f"gate {-100 * gate:.2f}"
    )
    return (
        '<svg class="interval head" viewBox="0 0 160 30" role="img" '
        'aria-label="axis of the change in accuracy, in percentage points">'
        f'<path class="axis" d="M{_place(-end, reach)} 16H{_place(end, reach)}'
        f'M{_place(0, reach)} 13V19"/>{line if gate else ""}{texts}</svg>'
    )


def interval(low: float, change: float, high: float, limit: float | None, reach: float) -> str:
    """Draw a change in accuracy with its confidence interval on an axis with zero in the middle.

    Args:
        low: Lower bound of the interval, a fraction like the others.
        change: The change measured.
        high: Upper bound.
        limit: The loss that the gate allows, if it says; not drawn beyond the axis.
        reach: What the axis shows in either direction.
    """

    def x(value: float) -> str:
        return _place(value, reach)

    gate = "" if limit is None or limit > reach else f'<path class="gate" d="M{x(-limit)} 2V18"/>'
    return (
        '<svg class="interval" viewBox="0 0 160 20" aria-hidden="true">'
        f'<path class="axis" d="M{x(0)} 2V18"/>{gate}'
        f'<path class="bar" d="M{x(low)} 10H{x(high)}M{x(low)} 6V14M{x(high)} 6V14"/>'
        f'<circle class="dot" cx="{x(change)}" cy="10" r="3.5"/></svg>'
    )


def reliability(curves: Mapping[str, Reliability]) -> str:
    """Draw accuracy against confidence, and below it how many rows each bin has.

    Each bin has its 95 % interval (Wilson). Bins with fewer than 10 rows have hollow marks and
    no line: their accuracy is mostly chance.

    Args:
        curves: By the class attribute of the line; the last is drawn on top. The rows
            are counted for the first.
    """
    width, height = _LEFT + _SIDE + 20, _SIDE + _STRIP + 56
    parts = [
        f'<svg class="reliability" viewBox="0 0 {width} {height}" role="img" '
        'aria-label="reliability diagram: accuracy over confidence">'
    ]
    for step in range(6):
        value = step / 5
        parts.append(
            f'<path class="grid" d="M{_x(0)} {_y(value)}H{_x(1)}M{_x(value)} {_y(0)}V{_y(1)}"/>'
            f'<text class="left" x="{_LEFT - 6}" y="{_y(value)}">{value:.0%}</text>'
            f'<text class="below" x="{_x(value)}" y="{height - 22}">{value:.0%}</text>'
        )
    parts.append(f'<path class="ideal" d="M{_x(0)} {_y(0)}L{_x(1)} {_y(1)}"/>')
    first = next(iter(curves.values()))
    parts += _histogram(first)
    parts += [_curve(name, curve) for name, curve in curves.items()]
    parts.append(
        f'<text class="below" x="{_x(0.5)}" y="{height - 4}">confidence of the answer</text>'
        f'<text class="below" transform="translate(9 {_y(0.5)}) rotate(-90)">right</text>'
        f'<text class="left" x="{_LEFT - 6}" y="{_SIDE + 8 + _STRIP}">rows</text></svg>'
    )
    return "".join(parts)


def _place(value: float, reach: float) -> str:
    return f"{80 + 76 * value / reach:.1f}"


def _named(value: float, reach: float, y: int, name: str) -> str:
    """Return a text at a place of the axis, which at its ends reaches inwards only."""
    share = value / reach
    anchor = "start" if share < -0.6 else "end" if share > 0.6 else "middle"
    return (
        f'<text class="below" style="text-anchor: {anchor}" x="{_place(value, reach)}" '
        f'y="{y}">{name}</text>'
    )


def _x(value: float) -> str:
    return f"{_LEFT + _SIDE * value:.1f}"


def _y(value: float) -> str:
    return f"{8 + _SIDE * (1 - value):.1f}"


def _curve(name: str, curve: Reliability) -> str:
    bins = zip(curve.rows, curve.correct, curve.confidence, strict=True)
    points = [
        (_x(confidence), _y(correct / rows), rows) for rows, correct, confidence in bins if rows
    ]
    line = "L".join(f"{x} {y}" for x, y, rows in points if rows >= _FEW)
    marks = "".join(
        f'<circle class="{"few" if rows < _FEW else "many"}" cx="{x}" cy="{y}" r="3.5"/>'
        for x, y, rows in points
    )
    path = f'<path d="M{line}"/>' if line else ""
    path += "".join(
        f'<path class="spread" d="M{_x(confidence)} {_y(low)}V{_y(high)}"/>'
        for rows, correct, confidence in zip(
            curve.rows, curve.correct, curve.confidence, strict=True
        )
        if rows
        for low, high in [share_interval(correct, rows)]
    )
    return f'<g class="curve {name}">{path}{marks}</g>'


def _histogram(curve: Reliability) -> list[str]:
    bottom, step = _SIDE + 8 + _STRIP + 6, _SIDE / BINS
    top = max(len(f"{rows}") for rows in curve.rows)
    parts = []
    for number, rows in enumerate(curve.rows):
        # As many digits as the count has, so that one row and ten thousand both show.
        tall = _STRIP * len(f"{rows}") / top if rows else 0
        parts.append(
            f'<rect class="count" x="{_LEFT + number * step + 1:.1f}" y="{bottom - tall:.1f}" '
            f'width="{step - 2:.1f}" height="{tall:.1f}"><title>{rows:,} rows</title></rect>'
        )
    return parts
