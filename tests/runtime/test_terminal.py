import io

import pytest
from digit_runtime import terminal


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_short_work_is_silent_where_there_is_no_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert list(terminal.track(range(5), "working", 5)) == list(range(5))
    assert capsys.readouterr() == ("", "")


def test_long_work_prints_sparse_lines(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(terminal, "SECONDS_BETWEEN_LINES", 0.0)
    with terminal.progress("working", 400) as advance:
        advance(100)
    with terminal.progress("counting") as advance:
        advance(1234)
    assert capsys.readouterr() == ("", "working: 100 of 400 (25%)\ncounting: 1,234\n")


def test_a_terminal_gets_a_bar_or_a_running_count(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr("sys.stderr", screen)
    with terminal.progress("working", 4) as advance:
        advance(4)
    assert "100%" in screen.getvalue()
    with terminal.progress("counting") as advance:
        advance(7)
    assert screen.getvalue().endswith("\rcounting: 7\n")


def test_a_table_aligns_numbers_right() -> None:
    text = terminal.table(["name", "kB"], [["a", "1"], ["long name", "1,000"]])
    assert text.splitlines() == [
        "name          kB",
        "---------  -----",
        "a              1",
        "long name  1,000",
    ]


def test_a_cell_is_one_line_whatever_is_in_it() -> None:
    rows = [["a\nb", "1"], ["\x1b[2J\x9b\x7f\u2028\u202e", "2"], ["é 数 \N{NO-BREAK SPACE}", "3"]]
    lines = terminal.table(["name", "n"], rows).splitlines()[2:]
    assert [line.split("  ")[0] for line in lines] == [
        r"a\nb",
        r"\x1b[2J\x9b\x7f\u2028\u202e",
        "é 数 \N{NO-BREAK SPACE}",
    ]
    assert len({len(line) for line in lines}) == 1


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.2, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min 0 s"),
        (2664, "44 min 24 s"),
        (4330, "1 h 12 min"),
        (3_600_000, "1,000 h 0 min"),
    ],
)
def test_a_duration_has_its_units(seconds: float, said: str) -> None:
    assert terminal.duration(seconds) == said


@pytest.mark.parametrize(
    ("share", "decimals", "said"),
    [
        (1, 2, "100.00%"),
        (27999 / 28000, 2, "99.99%"),
        (27999 / 28000, 3, "99.996%"),
        (1 - 1e-9, 3, "99.999%"),
        (0.9964, 2, "99.64%"),
        (0, 2, "0.00%"),
    ],
)
def test_only_all_of_them_are_a_hundred_percent(share: float, decimals: int, said: str) -> None:
    assert terminal.percent(share, decimals) == said
