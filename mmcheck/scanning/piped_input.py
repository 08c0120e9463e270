"""Standard input as a manifest: ``cat x.jsonl | mmcheck scan - --out RUN``.

It is kept as a file of the run (``RUN/input/stdin.jsonl``), because a manifest is read more than once: to know its
format, to plan, and, for tables, to write rows from. So a scan of the same text continues, and judging needs no pipe.
Relative paths in it start from the working directory, unless ``--root`` says otherwise.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from mmcheck.core.errors import ConfigError, ManifestError, OutputError
from mmcheck.formats.compression import HEAD, packing_of
from mmcheck.formats.detect import STANDARD_INPUT
from mmcheck.store.own_entries import PIPED
from mmcheck.store.run_record import InputRecord

_BLOCK = 1 << 20  # bytes copied at once; our own choice: bounds memory
_SUFFIXES = {"csv": ".csv", "parquet": ".parquet", "webdataset": ".tar", "jsonl": ".jsonl", "nemo": ".jsonl"}
_PACKINGS = {"gzip": ".gz", "zstd": ".zst", "bzip2": ".bz2", "xz": ".xz", None: ""}


@dataclass(slots=True)
class PipedInput:
    """What came through standard input, if anything was asked to."""

    patterns: list[str]
    """The manifests, with the file that standard input was written to in its place."""
    spooled: Path | None = None
    """That file, below no run yet."""
    final: Path | None = None
    """Where it will lie."""

    def placed(self, inputs: Sequence[InputRecord], out: Path, *, dry_run: bool) -> tuple[InputRecord, ...]:
        """Return the records with the place in the run folder that the file will have, and the working directory."""
        if self.spooled is None:
            return tuple(inputs)
        found = []
        for entry in inputs:
            if entry.manifest == str(self.spooled):
                with self.spooled.open("rb") as file:
                    packing = _PACKINGS[packing_of(file.read(HEAD))]
                final = out.absolute() / PIPED / f"stdin{_SUFFIXES.get(entry.format, '.txt')}{packing}"
                entry = entry.updated(base=os.getcwd())
                if not dry_run:
                    self.final = final
                    entry = entry.updated(manifest=str(final))
            found.append(entry)
        return tuple(found)

    def others(self, inputs: Sequence[InputRecord]) -> list[str]:
        """Return the manifests that are files of their own."""
        return [entry.manifest for entry in inputs if entry.manifest != str(self.final)]

    def keep(self) -> None:
        """Put the file into the run folder, which is held by now; the same one may lie there already.

        Raises:
            OutputError: If it cannot be written.
        """
        if self.spooled is None or self.final is None:
            return
        try:
            self.final.parent.mkdir(exist_ok=True)
            os.replace(self.spooled, self.final)
        except OSError as error:
            raise OutputError(f"cannot write {self.final}: {error.strerror or error}.") from error


@contextmanager
def read_piped(
    patterns: Sequence[str], out: Path, *, dry_run: bool, stream: BinaryIO | None = None
) -> Iterator[PipedInput]:
    """Yield the manifests, standard input written to a file beside the run folder if ``-`` is among them.

    Args:
        patterns: Manifests, at most one of them ``-``.
        out: The run folder, which need not exist.
        dry_run: Whether nothing may be written there; the file then is a temporary one elsewhere.
        stream: In place of standard input.

    Raises:
        ConfigError: If ``-`` stands there twice.
        ManifestError: If standard input is a terminal, or nothing comes.
        OutputError: If it cannot be stored.
    """
    if STANDARD_INPUT not in patterns:
        yield PipedInput(list(patterns))
        return
    if list(patterns).count(STANDARD_INPUT) > 1:
        raise ConfigError("- stands among the manifests twice, but there is one standard input.")
    source = stream if stream is not None else sys.stdin.buffer
    if source.isatty():
        raise ManifestError(
            "- means standard input, and nothing is piped into it.", hint="cat x.jsonl | mmcheck scan - --out RUN"
        )
    spooled = _spool(source, None if dry_run else out.absolute().parent)
    try:
        if not spooled.stat().st_size:
            raise ManifestError("standard input is empty.", hint="does the command before the pipe print anything?")
        yield PipedInput([str(spooled) if pattern == STANDARD_INPUT else pattern for pattern in patterns], spooled)
    finally:
        spooled.unlink(missing_ok=True)


def _spool(source: BinaryIO, place: Path | None) -> Path:
    name = None
    try:
        if place is not None:
            place.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".mmcheck-stdin-", dir=place)
        with os.fdopen(handle, "wb") as file:
            shutil.copyfileobj(source, file, _BLOCK)
        os.chmod(name, 0o644)  # a file of the run like others; a temporary one is closed to everybody else
    except BaseException as error:
        if name is not None:
            Path(name).unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise OutputError(f"standard input cannot be stored: {error.strerror or error}.") from error
        raise
    return Path(name)
