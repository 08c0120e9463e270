"""How a long run tells what it is doing; the command line draws it, a notebook may ignore it."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Receives what happens. Called from the main thread only."""

    def phase(self, name: str, total: int | None) -> None:
        """Begin a phase of ``total`` steps (None: unknown)."""
        ...

    def advance(self, steps: int = 1) -> None:
        """Count ``steps`` more of the current phase."""
        ...

    def note(self, message: str) -> None:
        """Tell something worth a line."""
        ...


class SilentProgress:
    """Says nothing."""

    def phase(self, name: str, total: int | None) -> None:
        """Ignore the phase."""

    def advance(self, steps: int = 1) -> None:
        """Ignore the steps."""

    def note(self, message: str) -> None:
        """Ignore the message."""
