"""The error tree, named after what happens next, and the exit codes that belong to it.

A class says who must act: the user (exit 2), the run (exit 3), a retry, or nobody but the one sample concerned. Exit
code 1 is no error: a verdict went against the data, as a pipeline asked to be told.
"""

from __future__ import annotations

EXIT_OK = 0
"""Exit code: done. Given by POSIX."""
EXIT_VERDICT = 1
"""Exit code: a verdict went against the data. Given by the custom of grep and diff."""
EXIT_USER = 2
"""Exit code: the input or the config is wrong. Given by the custom of shells and of click."""
EXIT_RUN = 3
"""Exit code: the run failed. Our own choice: the next free one."""
EXIT_INTERRUPTED = 130
"""Exit code: interrupted. Given by the custom of shells, 128 + SIGINT."""


class MmcheckError(Exception):
    """Base of every error that mmcheck raises on purpose.

    Args:
        message: What is wrong (value found, value wanted) and where (manifest:row, sample id, config path).
        hint: What the reader can do about it.
    """

    exit_code: int = EXIT_RUN

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        """Return the message, and the hint behind an empty line."""
        return f"{self.message}\n\nhint: {self.hint}" if self.hint else self.message

    def __reduce__(self) -> tuple[object, ...]:
        """Keep the hint when the error crosses a process border."""
        return (_rebuild, (type(self), self.message, self.hint))


def _rebuild(kind: type[MmcheckError], message: str, hint: str | None) -> MmcheckError:
    return kind(message, hint=hint)


class UserError(MmcheckError):
    """The user's input or config is wrong; exit 2."""

    exit_code = EXIT_USER


class ConfigError(UserError):
    """A config file, preset or ``--set`` is wrong; every fault is named in one message."""


class ManifestError(UserError):
    """A manifest as a whole cannot be read (a single bad row is a finding, not this)."""


class WeightsError(UserError):
    """Model weights cannot be found, downloaded or loaded."""


class OutputError(UserError):
    """The output folder cannot be used: unwritable, or it belongs to another run."""


class MissingDependency(UserError):
    """A package that the chosen part needs is not installed."""


class RunError(MmcheckError):
    """The run failed, wholly or in a shard; exit 3."""


class MediaError(MmcheckError):
    """One medium cannot be used. Becomes a ``failed`` measurement; never ends a run.

    Args:
        message: Plain sentence for the report.
        cause: Stable snake_case word, e.g. ``missing``, ``truncated``, ``undecodable``, ``too_large``.
        hint: What the reader can do about it.
    """

    def __init__(self, message: str, *, cause: str = "undecodable", hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.cause = cause

    def __reduce__(self) -> tuple[object, ...]:
        """Keep cause and hint when the error crosses a process border."""
        return (_rebuild_media, (self.message, self.cause, self.hint))


def _rebuild_media(message: str, cause: str, hint: str | None) -> MediaError:
    return MediaError(message, cause=cause, hint=hint)
