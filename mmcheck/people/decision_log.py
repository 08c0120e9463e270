"""The log of decisions: JSON Lines that only grow, so that a crash, a second browser or a second reviewer lose nothing.

Each append is one write to the end of the file under a lock, followed by fsync: what ``append`` returned from is on the
disk. A line that a power cut left half written is told and skipped; the next append starts a line of its own.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from mmcheck.core.errors import OutputError, UserError
from mmcheck.people.decision import Decision

FOLDER = "review"
"""Folder of a run for what people decided. It is people's work: no command of mmcheck removes it."""
LOG = "decisions.jsonl"
_LONGEST_LINE = 8_000_000
"""Bytes of a line that are read at most. Our own choice: eight times the longest text that a record may hold."""
_SHOWN = 3  # unreadable lines that a message names; our own choice: it stays readable


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadLog:
    """What a log held."""

    decisions: tuple[Decision, ...]
    """The records in their order, each id once."""
    unread: tuple[str, ...]
    """A sentence for each line that is no record."""

    def tell_unread(self) -> str | None:
        """Return the sentence on lines that are no records; None if there are none."""
        if not self.unread:
            return None
        more = f" (and {len(self.unread) - _SHOWN:,} more)" if len(self.unread) > _SHOWN else ""
        return " ".join(self.unread[:_SHOWN]) + more


def log_path(run: Path) -> Path:
    """Return where a run folder keeps its decisions."""
    return run / FOLDER / LOG


def append_decisions(path: Path, decisions: Sequence[Decision]) -> None:
    """Append records and wait until they are on the disk.

    Args:
        path: The log; it and its folder are made if need be.
        decisions: The records; all of them or none are written.

    Raises:
        OutputError: If they cannot be written.
    """
    if not decisions:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        is_new = not path.exists()
        # Without a buffer: what could not be written must not be tried again when the file is closed.
        with path.open("ab+", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            start = file.seek(0, os.SEEK_END)
            left = memoryview(_line_end(file.fileno(), start) + b"".join(one.to_line() for one in decisions))
            try:
                while left:
                    left = left[file.write(left) :]
                os.fsync(file.fileno())
            except OSError:
                # Half a record would be told as damage from now on; nothing of it was promised to anybody.
                os.ftruncate(file.fileno(), start)
                raise
        if is_new:
            _sync_folder(path.parent)
    except OSError as error:
        raise OutputError(
            f"cannot write {path}: {error.strerror or error}.",
            hint="free some space or make the folder writable; earlier decisions are safe.",
        ) from error


def read_decisions(path: Path) -> ReadLog:
    """Return what a log holds; nothing if there is none.

    Raises:
        UserError: If the file cannot be read.
    """
    decisions: dict[str, Decision] = {}
    unread: list[str] = []
    try:
        with path.open("rb") as file:
            for number, line in enumerate(_lines(file), 1):
                if not line.strip():
                    continue
                try:
                    decision = Decision.model_validate_json(line)
                except ValidationError as error:
                    unread.append(f"{path} line {number} is no decision: {_first_fault(error)}.")
                else:
                    decisions.setdefault(decision.id, decision)
    except FileNotFoundError:
        return ReadLog(decisions=(), unread=())
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}.") from error
    return ReadLog(decisions=tuple(decisions.values()), unread=tuple(unread))


def read_appended(path: Path, offset: int) -> tuple[list[Decision], int]:
    """Return the records that stand behind a byte of a log, and where the last whole line ends.

    A line without its end is still being written, or was left so by a power cut: it is read when it is whole. Lines
    that are no records are passed over; ``read_decisions`` tells of them.

    Args:
        path: The log.
        offset: Where an earlier call ended; 0 at first.

    Returns:
        The records and the next offset; an offset below the one given means that the file was replaced by a shorter
        one, and nothing was read.

    Raises:
        UserError: If the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            if size < offset:
                return [], 0
            file.seek(offset)
            data = file.read(size - offset)
    except FileNotFoundError:
        return [], 0
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}.") from error
    whole = data[: data.rfind(b"\n") + 1]
    found = []
    for line in _lines(whole.split(b"\n")):
        with suppress(ValidationError):
            found.append(Decision.model_validate_json(line))
    return found, offset + len(whole)


def import_decisions(path: Path, log: Path) -> tuple[int, ReadLog]:
    """Append the records of a file to a log, as far as it does not hold them yet.

    Args:
        path: A file of decisions: one that a report exported, or another run's log.
        log: The log.

    Returns:
        How many are new, and what the file held.

    Raises:
        UserError: If the file is missing or holds no decision at all.
        OutputError: If the log cannot be written.
    """
    if not path.is_file():
        raise UserError(f"there is no file {path}.", hint="give a decisions file (JSON Lines).")
    found = read_decisions(path)
    if not found.decisions and found.unread:
        raise UserError(
            f"{path} holds no decisions. {found.unread[0]}",
            hint="it should be a decisions.jsonl that `mmcheck review` or the report wrote.",
        )
    known = {decision.id for decision in read_decisions(log).decisions}
    new = [decision for decision in found.decisions if decision.id not in known]
    append_decisions(log, new)
    return len(new), found


def _lines(file: Iterable[bytes]) -> Iterable[bytes]:
    for line in file:
        yield line if len(line) <= _LONGEST_LINE else line[:64]


def _line_end(descriptor: int, size: int) -> bytes:
    """Return what ends a line that was left half written."""
    return b"" if not size or os.pread(descriptor, 1, size - 1) == b"\n" else b"\n"


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _first_fault(error: ValidationError) -> str:
    fault = error.errors()[0]
    place = ".".join(str(part) for part in fault["loc"])
    return f"{place}: {fault['msg']}" if place else str(fault["msg"])
