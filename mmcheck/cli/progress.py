"""Progress on a terminal: a bar with rate and time left on stderr; a line a phase in pipes and logs."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING

from mmcheck.cli.tables import clean

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_QUIET_EVERY_S = 30.0  # seconds between two lines where no terminal shows a bar; our own choice: a log stays short


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
        self._total: int | None = None
        self._done = 0
        self._began = self._told = time.monotonic()

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
                TimeRemainingColumn,
            )

            self._bar = Progress(
                SpinnerColumn(),
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[rate]}"),
                TimeElapsedColumn(),
                TimeRemainingColumn(),
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

    def phase(self, name: str, total: int | None) -> None:
        """Begin a phase."""
        self._phase, self._total, self._done = name, total, 0
        self._began = self._told = time.monotonic()
        if self._bar is not None:
            if self._task is not None:
                self._bar.remove_task(self._task)
            self._task = self._bar.add_task(clean(name), total=total, rate="")

    def advance(self, steps: int = 1) -> None:
        """Count steps."""
        self._done += steps
        now = time.monotonic()
        rate = f"{self._done / max(now - self._began, 1e-9):.1f}/s"
        if self._bar is not None:
            if self._task is not None:
                self._bar.update(self._task, advance=steps, rate=rate)
        elif not self._quiet and now - self._told > _QUIET_EVERY_S:
            self._told = now
            of = f" of {self._total}" if self._total else ""
            sys.stderr.write(f"{self._phase}: {self._done}{of} ({rate})\n")

    def note(self, message: str) -> None:
        """Print a line above the bar."""
        if self._bar is not None:
            self._bar.console.print(clean(message), markup=False, highlight=False)
        elif not self._quiet:
            sys.stderr.write(message + "\n")
