from __future__ import annotations

import pytest

from mmcheck.cli import progress as module
from mmcheck.cli.progress import Pace, TerminalProgress, tell_seconds


class Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(module.time, "monotonic", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def test_the_time_left_holds_for_a_model_that_gives_a_batch_in_a_minute() -> None:
    pace = Pace(640, 0.0)
    for batch in range(1, 6):
        pace.advance(16, batch * 70.0)
    # 70 s a batch of 16; in between nothing happens, and the estimate must not run away.
    assert pace.tell_rate(350.0) == "4.4 s each"
    assert pace.tell_left(350.0) == "41 min left"


def test_a_slow_beginning_is_forgotten() -> None:
    pace = Pace(10_000, 0.0)
    pace.advance(1, 300.0)  # the first batch took five minutes
    for second in range(1, 1001):
        pace.advance(5, 300.0 + second)
    assert pace.rate(1300.0) == pytest.approx(5.0, rel=0.02)
    assert pace.tell_rate(1300.0) == "5.0/s"


def test_nothing_is_told_of_what_is_not_known() -> None:
    pace = Pace(None, 0.0)
    assert (pace.tell_rate(5.0), pace.tell_left(5.0)) == ("", "")
    pace.advance(3, 6.0)
    assert (pace.tell_rate(6.0), pace.tell_left(6.0)) == ("2.0 s each", "")
    finished = Pace(3, 0.0)
    finished.advance(3, 2.0)
    assert finished.tell_left(2.0) == ""


@pytest.mark.parametrize(
    ("seconds", "told"), [(0.4, "0 s"), (89, "89 s"), (90, "2 min"), (3600, "60 min"), (12_000, "3 h 20 min")]
)
def test_times_are_told_as_people_say_them(seconds: float, told: str) -> None:
    assert tell_seconds(seconds) == told


def test_a_log_has_a_line_a_stage_and_few_in_between(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    with TerminalProgress() as shown:
        shown.phase("reading manifests", None)
        clock.now += 0.5
        shown.phase("measuring", 1200)
        for _ in range(120):
            clock.now += 1.0
            shown.advance(10)
        shown.phase("judging", 1200)
        clock.now += 3.0
    assert capsys.readouterr().err.splitlines() == [
        "measuring: 310 of 1,200 (10.0/s, 89 s left)",
        "measuring: 620 of 1,200 (10.0/s, 58 s left)",
        "measuring: 930 of 1,200 (10.0/s, 27 s left)",
        "measuring: 1,200 done in 2 min",
        "judging: done in 3 s",
    ]


def test_quiet_says_nothing_and_a_failed_stage_is_not_called_done(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    with TerminalProgress(quiet=True) as shown:
        shown.phase("measuring", 10)
        clock.now += 99.0
        shown.advance(5)
    assert capsys.readouterr().err == ""
    shown = TerminalProgress()
    with pytest.raises(ValueError, match="stop"):
        run_until_it_fails(shown, clock)
    assert capsys.readouterr().err == ""


def run_until_it_fails(shown: TerminalProgress, clock: Clock) -> None:
    with shown:
        shown.phase("measuring", 10)
        clock.now += 9.0
        raise ValueError("stop")
