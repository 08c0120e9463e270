"""Progress on a terminal: a bar with rate and time left on stderr; a line a stage in pipes and logs.

The time left is told from the later half of a stage, a minute at least: a model may give one batch in that time, so the
last seconds say nothing, and the first ones, in which caches fill, say too little.
"""

from __future__ import annotations

import sys
import time
from collections import deque
from types import TracebackType
from typing import TYPE_CHECKING

from mmcheck.cli.tables import clean

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_QUIET_EVERY_S = 30.0  # seconds between two lines where no terminal shows a bar; our own choice: a log stays short
_WORTH_A_LINE_S = 2.0  # seconds from which a stage has a line in a log; our own choice: a quick scan says nothing
_LEAST_SPAN_S = 60.0  # seconds that the rate is told from at least; our own choice: some batches of a slow model
_MARK_EVERY_S = 1.0  # seconds between two points that the rate may be told from; our own choice: few are kept


class Pace:
    """How fast a stage goes, and how long it will take.

    Args:
        total: Steps of the stage; None: unknown.
        now: Seconds on the clock at its beginning.
    """

    def __init__(self, total: int | None, now: float) -> None:
        self.total = total
        self.done = 0
        self._began = now
        self._marks: deque[tuple[float, int]] = deque([(now, 0)])

    def advance(self, steps: int, now: float) -> None:
        """Count steps."""
        self.done += steps
        if now - self._marks[-1][0] >= _MARK_EVERY_S:
            self._marks.append((now, self.done))
        since = now - max((now - self._began) / 2, _LEAST_SPAN_S)
        while len(self._marks) > 1 and self._marks[1][0] <= since:
            self._marks.popleft()

    def seconds(self, now: float) -> float:
        """Return how long the stage has taken."""
        return now - self._began

    def rate(self, now: float) -> float:
        """Return the steps a second; 0 while none is done."""
        start, done = self._marks[0]
        return (self.done - done) / max(now - start, 1e-9)

    def tell_rate(self, now: float) -> str:
        """Return the rate for people: ``12.5/s``, ``3.1 s each`` for slow steps; "" while none is done."""
        rate = self.rate(now)
        if not rate:
            return ""
        return f"{rate:.1f}/s" if rate >= 1 else f"{1 / rate:.1f} s each"

    def tell_left(self, now: float) -> str:
        """Return the time left for people; "" where nothing can be said."""
        rate = self.rate(now)
        if not self.total or not rate or self.done >= self.total:
            return ""
        return f"{tell_seconds((self.total - self.done) / rate)} left"


def tell_seconds(seconds: float) -> str:
    """Return a time for people: ``45 s``, ``12 min``, ``3 h 20 min``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


class TerminalProgress:
    """Draws the progress of a run on stderr. Use as a context manager.

    Args:
        quiet: Say nothing at all.
    """

    def __init__(self, quiet: bool = False) -> None:
        self._quiet = quiet
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._phase = ""
        self._told = time.monotonic()
        self._pace = Pace(None, self._told)

    def __enter__(self) -> TerminalProgress:
        """Start drawing, if stderr is a terminal."""
        if not self._quiet and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import (
                BarColumn,
                MofNCompleteColumn,
                Progress,
                SpinnerColumn,
                TextColumn,
                TimeElapsedColumn,
            )

            self._bar = Progress(
                SpinnerColumn(),
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[rate]}"),
                TimeElapsedColumn(),
                TextColumn("{task.fields[left]}"),
                console=Console(stderr=True),
                transient=True,
            )
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop drawing."""
        if self._bar is not None:
            self._bar.stop()
        elif error is None:
            self._end_stage()

    def phase(self, name: str, total: int | None) -> None:
        """Begin a stage."""
        self._end_stage()
        self._phase, self._told = name, time.monotonic()
        self._pace = Pace(total, self._told)
        if self._bar is not None:
            if self._task is not None:
                self._bar.remove_task(self._task)
            self._task = self._bar.add_task(clean(name), total=total, rate="", left="")

    def advance(self, steps: int = 1) -> None:
        """Count steps."""
        now = time.monotonic()
        self._pace.advance(steps, now)
        if self._bar is not None:
            if self._task is not None:
                rate, left = self._pace.tell_rate(now), self._pace.tell_left(now)
                self._bar.update(self._task, advance=steps, rate=rate, left=left)
        elif not self._quiet and now - self._told > _QUIET_EVERY_S:
            self._told = now
            of = f" of {self._pace.total:,}" if self._pace.total else ""
            told_pace = ", ".join(filter(None, (self._pace.tell_rate(now), self._pace.tell_left(now))))
            sys.stderr.write(f"{self._phase}: {self._pace.done:,}{of} ({told_pace})\n")

    def note(self, message: str) -> None:
        """Print a line above the bar."""
        if self._bar is not None:
            self._bar.console.print(clean(message), markup=False, highlight=False)
        elif not self._quiet:
            sys.stderr.write(message + "\n")

    def _end_stage(self) -> None:
        """Tell a log how long a stage took."""
        seconds = self._pace.seconds(time.monotonic())
        if self._phase and self._bar is None and not self._quiet and seconds >= _WORTH_A_LINE_S:
            done = f" {self._pace.done:,}" if self._pace.done else ""
            sys.stderr.write(f"{self._phase}:{done} done in {tell_seconds(seconds)}\n")
        self._phase = ""
