"""Pick the best file and engine for a goal such as ``latency<2ms,accuracy>=99.5,size<1MB``."""

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from digit_runtime.comparison.results import Row
from digit_runtime.measuring.statistics import overlap

_OPERATORS: Final[Mapping[str, Callable[[float, float], bool]]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}
_CONDITION: Final = re.compile(r"\s*([a-z0-9_]+)\s*(<=|>=|<|>)\s*(\d+\.?\d*|\.\d+)\s*([^\s\d]*)\s*")


@dataclass(frozen=True)
class _Metric:
    """A figure that a goal may limit. `units` map to factors; the first is the default."""

    field: str
    units: Mapping[str, float]
    shown: str
    """Its value times the first unit's factor, for people."""
    more_is_better: bool = False


_TIME: Final = {"ms": 1.0, "us": 1e-3, "µs": 1e-3, "s": 1e3}
_BYTES: Final = {"B": 1.0, "kB": 1e3, "KB": 1e3, "MB": 1e6, "KiB": 2.0**10, "MiB": 2.0**20}
METRICS: Final[Mapping[str, _Metric]] = {
    "latency": _Metric("p50_ms", _TIME, "{:.3f} ms"),
    "p95": _Metric("p95_ms", _TIME, "{:.3f} ms"),
    "p99": _Metric("p99_ms", _TIME, "{:.3f} ms"),
    "first": _Metric("first_ms", _TIME, "{:.3f} ms"),
    "load": _Metric("load_ms", _TIME, "{:.1f} ms"),
    "throughput": _Metric("images_per_s", {"": 1.0, "/s": 1.0}, "{:,.0f} images/s", True),
    "accuracy": _Metric("accuracy", {"%": 0.01, "": 0.01}, "{:.2%}", True),
    "size": _Metric("bytes", _BYTES, "{:,.0f} bytes"),
    "memory": _Metric("peak_bytes", _BYTES, "{:,.0f} bytes"),
    "energy": _Metric("energy_mj", {"mJ": 1.0, "J": 1e3}, "{:.2f} mJ"),
}


class GoalSyntaxError(ValueError):
    """A goal that cannot be read; says what is possible."""


@dataclass(frozen=True)
class Condition:
    """One part of a goal."""

    text: str
    metric: str
    operator: str
    limit: float
    """In the unit of the row's field."""

    def value(self, row: Row) -> float | None:
        """Return what is limited; None if it was not measured."""
        value: float | None = getattr(row, METRICS[self.metric].field)
        return value

    def interval(self, row: Row) -> tuple[float, ...]:
        """Return the ends of what the figure may be; both the same where nothing is in doubt."""
        intervals = {
            "latency": row.p50_interval,
            "throughput": (row.images_per_s_low, row.images_per_s_high),
            "accuracy": row.accuracy_interval,
        }
        value = self.value(row)
        return intervals.get(self.metric) or (() if value is None else (value, value))

    def holds(self, row: Row) -> bool:
        """Return whether a row keeps to it; one without the figure does not."""
        value = self.value(row)
        return value is not None and self._allows(value)

    def is_certain(self, row: Row) -> bool:
        """Return whether a row keeps to it with all of its 95 % interval."""
        return self.holds(row) and all(map(self._allows, self.interval(row)))

    def may_hold(self, row: Row) -> bool:
        """Return whether a row keeps to it with a part of its 95 % interval."""
        return self.holds(row) or any(map(self._allows, self.interval(row)))

    def _allows(self, value: float) -> bool:
        return _OPERATORS[self.operator](value, self.limit)


@dataclass(frozen=True)
class Verdict:
    """What came of a goal; no row if none fits, or if that cannot be told.

    Attributes:
        certain: Whether the row keeps to the goal with all of its intervals.
        undecided: How many rows may fit, where none is known to.
    """

    row: Row | None
    explanation: list[str]
    certain: bool = True
    undecided: int = 0

    def __str__(self) -> str:
        if self.row:
            doubt = "" if self.certain else ", but not for certain"
            first = f"Best for the goal{doubt}: {self.row}"
        elif self.undecided:
            first = "Whether anything fits the goal cannot be told from this measurement"
        else:
            first = "Nothing fits the goal"
        return "\n".join([f"{first}.", *(f"- {line}" for line in self.explanation)])

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {**asdict(self), "best": asdict(self.row) if self.row else None}


def parse(goal: str) -> list[Condition]:
    """Read a goal: conditions with a comma between, each a metric, an operator and a number.

    Raises:
        GoalSyntaxError: Something else.
    """
    found = []
    for text in goal.split(","):
        match = _CONDITION.fullmatch(text)
        if match is None or match[1] not in METRICS:
            raise GoalSyntaxError(
                f"{text.strip()!r} is not a condition such as latency<2ms; it begins with one of "
                f"{', '.join(METRICS)}, and then <, <=, > or >= and a number"
            )
        metric, comparison, number, unit = match.groups()
        units = METRICS[metric].units
        # A number alone is in the first of the units.
        factor = units.get(unit) if unit else next(iter(units.values()))
        if factor is None:
            raise GoalSyntaxError(
                f"{text.strip()!r}: the unit of {metric} is {' or '.join(filter(None, units))}"
            )
        found.append(Condition(text.strip(), metric, comparison, float(number) * factor))
    return found


def best(rows: Sequence[Row], conditions: Sequence[Condition]) -> Verdict:
    """Return the fastest row that keeps to all conditions, and why.

    Rows that keep to them with all of their intervals come before those whose intervals
    leave a doubt. Among those that tie with the fastest, the smallest file, then the more
    accurate.
    """
    fitting = [row for row in rows if all(condition.holds(row) for condition in conditions)]
    certain = [row for row in fitting if all(one.is_certain(row) for one in conditions)]
    explanation = [_count(condition, rows) for condition in conditions]
    if not fitting:
        possible = sum(all(one.may_hold(row) for one in conditions) for row in rows)
        explanation.append(f"none of {len(rows)} keeps to all of it")
        if possible:
            explanation.append(
                f"{possible} may: their 95 % intervals reach the limit; give more labelled rows "
                "for the accuracy, or more --seconds for the times"
            )
        return Verdict(None, explanation, certain=not possible, undecided=possible)
    candidates = certain or fitting
    candidates = [row for row in candidates if not row.tolerated] or candidates
    fastest = min(candidates, key=lambda row: row.p50_ms)
    tied = [row for row in candidates if overlap(row.p50_interval, fastest.p50_interval)]
    best = min(tied, key=lambda row: (row.bytes, -(row.accuracy or 0), row.p50_ms))
    for_certain = f", {len(certain)} of them for certain" * (len(certain) < len(fitting))
    explanation.append(f"{len(fitting)} of {len(rows)} keep to all of it{for_certain}")
    if len(tied) > 1:
        reason = "the smallest file" if len({row.bytes for row in tied}) > 1 else "more accurate"
        explanation.append(f"{best} is {reason} of {len(tied)} that tie as the fastest")
    else:
        explanation.append(f"{best} is the fastest of them")
    explanation += _doubts(best, conditions)
    return Verdict(best, explanation, certain=bool(certain))


def _count(condition: Condition, rows: Sequence[Row]) -> str:
    count = sum(map(condition.holds, rows))
    line = f"{condition.text}: {count} of {len(rows)}"
    known = [row for row in rows if condition.value(row) is not None]
    if count or not known:
        return line
    metric = METRICS[condition.metric]
    order = max if metric.more_is_better else min
    nearest = order(known, key=lambda row: condition.value(row) or 0)
    return f"{line}; the nearest is {nearest}, {metric.shown.format(condition.value(nearest))}"


def _doubts(best: Row, conditions: Sequence[Condition]) -> list[str]:
    found = []
    for condition in conditions:
        if not condition.is_certain(best):
            ends = condition.interval(best)
            low, high = (METRICS[condition.metric].shown.format(end) for end in ends)
            found.append(
                f"{condition.text} is not certain: the 95 % interval is from {low} to {high}"
            )
    return found
