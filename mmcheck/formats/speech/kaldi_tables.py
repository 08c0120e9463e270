"""The tables of a Kaldi data folder: lines of a key and a value, sorted by key, one table a property."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from typing import NamedTuple

from mmcheck.core.errors import ManifestError
from mmcheck.formats.paths import join_under
from mmcheck.formats.text_source import Line, read_lines

BY_UTTERANCE = (
    *("text", "utt2spk", "utt2lang", "utt2dur", "utt2num_frames", "utt2uniq", "utt2num_samples", "utt2category"),
    *("feats.scp", "vad.scp"),
)
"""Tables with a line an utterance."""
BY_RECORDING = ("reco2dur", "reco2num_spk", "reco2file_and_channel")
"""Tables with a line a recording, besides ``wav.scp``."""
BY_SPEAKER = ("spk2gender", "spk2utt", "cmvn.scp")
"""Tables with a line a speaker."""


class Entry(NamedTuple):
    """One line of a table."""

    key: str
    value: str
    line: Line


def read_table(folder: str, name: str, encoding: str) -> Iterator[Entry]:
    """Yield the lines of the table ``name``; blank ones are skipped. Fields are parted by blanks or tabs.

    Raises:
        ManifestError: If it is not there, is not text, or breaks off.
    """
    for line in read_lines(join_under(folder, name), encoding):
        key, value = split_key(line.text)
        if key or line.fault is not None:
            yield Entry(key, value, line)


def split_key(text: str) -> tuple[str, str]:
    """Return the key of a line and what follows it."""
    parts = text.strip(" \t\r").split(None, 1)
    return (parts[0] if parts else "", parts[1] if len(parts) > 1 else "")


class TableLookup:
    """Values by key, of a table that mostly has the order in which they are asked for: only what is passed is held.

    Args:
        folder: The data folder.
        name: The table.
        encoding: Its encoding.
    """

    def __init__(self, folder: str, name: str, encoding: str) -> None:
        self._entries = read_table(folder, name, encoding)
        self._held: dict[str, Entry] = {}
        self._name = posixpath.join(folder, name)

    def take(self, key: str) -> Entry | None:
        """Return the line of a key, once; None if the table has none."""
        found = self._held.pop(key, None)
        if found is not None:
            return found
        for entry in self._entries:
            if entry.key == key:
                return entry
            # Of a key that stands twice the first counts.
            self._held.setdefault(entry.key, entry)
        return None

    def rest(self) -> Iterator[Entry]:
        """Yield the lines that nobody took."""
        for entry in self._entries:
            self._held.setdefault(entry.key, entry)
        yield from sorted(self._held.values(), key=lambda entry: entry.line.number)


def find_table(folder: str, name: str, encoding: str, there: set[str]) -> TableLookup | None:
    """Return a table for look-ups, if the folder has it.

    Args:
        folder: The data folder.
        name: The table.
        encoding: Its encoding.
        there: Names in the folder.

    Raises:
        ManifestError: If it cannot be read.
    """
    return TableLookup(folder, name, encoding) if name in there else None


def copy_lines(folder: str, name: str, encoding: str, keys: set[str]) -> Iterator[bytes]:
    """Yield the lines of a table whose key is among ``keys``, with their ends; nothing where it cannot be read."""
    try:
        for entry in read_table(folder, name, encoding):
            if entry.key in keys:
                data = entry.line.raw if entry.line.raw is not None else entry.line.text.encode(encoding, "replace")
                yield data + b"\n"
    except ManifestError:
        return
