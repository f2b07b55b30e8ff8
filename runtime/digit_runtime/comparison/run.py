"""From candidates and digits to a finished comparison."""

from collections.abc import Callable, Mapping, Sequence

from digit_runtime.comparison import rounds
from digit_runtime.comparison.candidates import Candidate
from digit_runtime.comparison.exam import Exam
from digit_runtime.comparison.measured import Outcome, Plan
from digit_runtime.comparison.results import Comparison, Device, Row, Settings
from digit_runtime.comparison.summary import ranked, summarise
from digit_runtime.contract import Labels, Pixels
from digit_runtime.device import look
from digit_runtime.errors import EngineError
from digit_runtime.measuring import conditions


def compare(
    chosen: Sequence[Candidate],
    pixels: Pixels,
    labels: Labels | None,
    plan: Plan,
    say: Callable[[str], None] = lambda line: None,
    exams: Mapping[Candidate, Exam] | None = None,
) -> Comparison:
    """Measure all candidates, and look at the machine before and after.

    Args:
        chosen: What to measure.
        pixels: uint8 ``[N, 784]``, real digits.
        labels: uint8 ``[N]``; None leaves accuracy out.
        plan: How much to measure.
        say: Called with a line on what comes next.
        exams: The rows that tell how good each candidate is; by default those timed.

    Raises:
        EngineError: Nothing could be measured; carries the first reason.
        KeyboardInterrupt: Before the first round had ended. Later it ends the comparison,
            which then says so.
    """
    before = conditions.look()
    outcome = rounds.run(chosen, pixels, plan, say, exams if labels is not None else None)
    after = conditions.look()
    if not outcome.samples:
        if outcome.interrupted:
            raise KeyboardInterrupt
        raise EngineError(outcome.failures[0])
    rows = ranked([summarise(samples, labels) for samples in outcome.samples])
    return Comparison(
        device=Device.of(look()),
        settings=Settings.of(plan, pixels),
        before=before,
        after=after,
        warnings=conditions.warnings(before, after) + _uncertain(rows) + _left_out(outcome),
        failures=outcome.failures,
        interrupted=outcome.interrupted,
        rows=rows,
    )


def _uncertain(rows: Sequence[Row]) -> list[str]:
    count = sum(conditions.noisy(row.p50_ms, row.p50_interval) for row in rows)
    if not count:
        return []
    return [
        f"the machine was noisy, so that {count} of {len(rows)} intervals are wider than 10 % of "
        "their median: close other programs, or measure longer with --seconds"
    ]


def _left_out(outcome: Outcome) -> list[str]:
    if not outcome.left_out:
        return []
    names = ", ".join(
        f"{one.model} {one.format} {one.precision} on {one.engine}" for one in outcome.left_out
    )
    return [f"there was no time for {len(outcome.left_out)} more: {names}"]
