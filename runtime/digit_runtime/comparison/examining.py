"""How good each candidate is: its recorded figure, or its answers to all labelled rows."""

from collections.abc import Callable, Sequence
from typing import Final

from digit_runtime.comparison.exam import TRAINING, Recorded
from digit_runtime.comparison.measured import BATCHES, Outcome
from digit_runtime.comparison.turns import Paper, Turn
from digit_runtime.errors import EngineError
from digit_runtime.terminal import progress

_ASKED: Final = 1000


def examine(
    turns: Sequence[Turn], paper: Paper, outcome: Outcome, say: Callable[[str], None]
) -> None:
    """Ask for the rows that were not timed, of those whose accuracy is not recorded."""
    asked = []
    for turn in turns:
        exam = turn.samples.exam
        if exam is None or exam.of == TRAINING:
            continue
        if exam.recorded:
            if _holds(turn, exam.recorded, paper):
                turn.samples.recorded = exam.recorded.accuracy
                continue
        known = turn.samples.digits[: exam.rows] if exam.start == 0 else []
        turn.samples.answered = known
        if len(known) < exam.rows:
            asked.append((turn, exam))
    if not asked:
        return
    seconds = sum((exam.rows - paper.timed) * turn.batch_row_ms for turn, exam in asked) / 1000
    say(f"all labelled rows are asked for the accuracy, which takes about {max(seconds, 1):.0f} s")
    with progress("asking", sum(exam.rows for _, exam in asked)) as advance:
        for turn, exam in asked:
            answered = turn.samples.answered = turn.samples.answered or []
            advance(len(answered))
            while len(answered) < exam.rows:
                count = min(_ASKED, exam.rows - len(answered))
                try:
                    answered += _digits(turn, exam.start + len(answered), count)
                except EngineError as error:
                    outcome.failures.append(str(error))
                    break
                advance(count)


def _holds(turn: Turn, recorded: Recorded, paper: Paper) -> bool:
    start, rows = paper.references[turn.samples.candidate], len(recorded.reference.pixels)
    try:
        return recorded.holds(_digits(turn, start, rows))
    except EngineError:  # It will fail again, and be told, on the rows that are asked then.
        return False


def _digits(turn: Turn, start: int, rows: int) -> list[int]:
    digits: list[int] = turn.process.ask("digits", start=start, rows=rows, batch=BATCHES[0])[
        "digits"
    ]
    return digits
