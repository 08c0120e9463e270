"""What reaches the terminal: text cannot drive it, libraries do not talk, and a reader that went away ends nothing.

One place for all commands: the streams themselves are guarded, so that no print has to think of it. rich draws with
escape sequences of its own and is handed the unguarded text side; what it is given goes through ``tables.clean``.
"""

from __future__ import annotations

import logging
import os
import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

_VERBOSITY = {
    "CT2_VERBOSE": "-1",
    "HF_HUB_VERBOSITY": "error",
    "TORCH_CPP_LOG_LEVEL": "ERROR",
    "TRANSFORMERS_VERBOSITY": "error",
}

# C0 (tab and newline stay), DEL, C1, lone surrogates: no YAML or JSON that we write holds them.
_CONTROLS = "\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff"
# Marks that turn the direction of a line round, or break it.
_BIDI = "\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"
_IN_A_FILE = re.compile(f"[{_CONTROLS}]")
_ON_A_TERMINAL = re.compile(f"[{_CONTROLS}{_BIDI}]")


def neutralise(text: str, *, on_terminal: bool = True) -> str:
    r"""Return ``text`` with what would drive a terminal written as ``\u001b``, which is what it is in JSON.

    Args:
        text: What is printed.
        on_terminal: Whether a person looks at it; into files and pipes, marks of direction go as they are.
    """
    return (_ON_A_TERMINAL if on_terminal else _IN_A_FILE).sub(lambda match: f"\\u{ord(match[0]):04x}", text)


@contextmanager
def guard_console() -> Iterator[None]:
    """Guard stdout and stderr while a command runs, and keep libraries from talking."""
    for name, value in _VERBOSITY.items():
        os.environ.setdefault(name, value)
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (_Guarded(_open(stream)) for stream in before)
    last_resort, logging.lastResort = logging.lastResort, None
    try:
        with warnings.catch_warnings():
            if not sys.warnoptions:
                warnings.simplefilter("ignore")
            yield
    finally:
        logging.lastResort = last_resort
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        sys.stdout, sys.stderr = before


def _open(stream: TextIO | None) -> TextIO:
    """Return the stream; where a shell closed it (``>&-``), one that takes anything."""
    return open(os.devnull, "w", encoding="utf-8") if stream is None else stream


class _Unbroken:
    """A text stream whose reader may go away: what is written from then on is dropped."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except BrokenPipeError:
            self._drop()
            return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except BrokenPipeError:
            self._drop()

    def _drop(self) -> None:
        # The file descriptor itself, or Python would stumble over what is left in the buffer when it ends.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._stream.fileno())
        os.close(nowhere)


class _Guarded(_Unbroken):
    """A text stream into which text cannot drive a terminal."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self.rich_proxied_file = _Unbroken(stream)
        """Where rich writes; it looks for this name."""

    def write(self, text: str) -> int:
        super().write(neutralise(text, on_terminal=self._stream.isatty()))
        return len(text)
