"""Data-Juicer's JSON Lines: texts with tokens such as ``<__dj__image>`` and ``<|__dj__eoc|>``, which are no words.

Texts are judged without them and written with them. Where a row has several chunks, each with an image of its own, the
first chunk is compared with the first image; the others must be readable, and the row stays whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from mmcheck.core.pair_kinds import PairKind
from mmcheck.core.types import Row, Sample
from mmcheck.formats.base import Recognised
from mmcheck.formats.images.chat_turns import without_tokens
from mmcheck.formats.jsonl import JsonlFormat, first_objects

_ROWS = 64  # rows looked at to tell the layout; our own choice: quick
_MARK = re.compile(r"<__dj__\w+>|<\|__dj__\w+\|>")
_END = "<|__dj__eoc|>"
_IMAGE = "<__dj__image>"


class DataJuicerFormat(JsonlFormat):
    """Data-Juicer dataset; written as JSON Lines are."""

    name = "datajuicer"

    def recognise(self, manifest: str) -> Recognised:
        """Return whether a text of the first rows has one of Data-Juicer's tokens."""
        rows = first_objects(manifest, self._options.encoding, _ROWS) or []
        return Recognised.SIGNATURE if any(map(_has_tokens, rows)) else Recognised.NO

    def read(self, manifest: str) -> Iterator[Sample]:
        """Yield the samples of ``manifest``, texts without the tokens.

        Raises:
            ManifestError: If it cannot be opened, is not text, or lacks a configured column.
        """
        for sample in super().read(manifest):
            caption, transcript = sample.caption, sample.transcript
            yield replace(
                sample,
                caption=None if caption is None else without_tokens(_first_chunk(caption)),
                transcript=None if transcript is None else without_tokens(transcript),
            )

    def with_text(self, sample: Sample, kind: PairKind, text: str) -> Row | None:
        """Return the row with another text between the tokens; None if the old one does not stand there just once."""
        old = kind.text_of(sample)
        for name, value in sample.row.items():
            if isinstance(value, str) and old and without_tokens(value) == old and value.count(old) == 1:
                return {**sample.row, name: value.replace(old, text)}
        return None


def _has_tokens(row: Row) -> bool:
    return any(isinstance(value, str) and _MARK.search(value) for value in row.values())


def _first_chunk(text: str) -> str:
    chunks = [chunk for chunk in text.split(_END) if chunk.strip()]
    have_own = len(chunks) > 1 and all(_IMAGE in chunk for chunk in chunks)
    return chunks[0] if have_own else text
