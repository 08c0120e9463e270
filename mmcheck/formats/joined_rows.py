"""Rows with several texts on their way out: what was judged text by text is written as one row again.

The row holds the texts that share its folder, in their order; the others stand as a row of the same kind in theirs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

from mmcheck.core.json_row import changed_row
from mmcheck.core.pair_kinds import PAIR_KINDS
from mmcheck.core.types import FurtherMedium, MediaRef, Row, RowDict, Sample
from mmcheck.formats.base import OutputRow

HigherIsBetter = Mapping[str, bool | None]
"""Names of added columns of numbers -> which of several values is the worse one."""


def join_rows(rows: Iterable[OutputRow], higher_is_better: HigherIsBetter | None = None) -> Iterator[OutputRow]:
    """Yield ``rows`` with the samples of one row joined; what is one sample a row passes through.

    Codes are those of all texts, each reason says which text it is about ("caption 2: ..."), and a number is that of
    the worst text.

    Args:
        rows: In the order of the manifest.
        higher_is_better: For added columns of numbers; those not named give their largest value.
    """
    for key, group in groupby(rows, _row_of):
        if key is None:
            yield from group
        else:
            yield _joined(list(group), higher_is_better or {})


def _row_of(out: OutputRow) -> tuple[str, int] | None:
    sample = out.sample
    return None if sample.item is None else (sample.manifest, sample.row_number)


def _joined(parts: Sequence[OutputRow], higher_is_better: HigherIsBetter) -> OutputRow:
    first = parts[0].sample
    samples = [out.sample for out in parts]
    row = changed_row(first.row, _join_columns([sample.row for sample in samples], first.split))
    extra: RowDict = {}
    for name in dict.fromkeys(name for out in parts for name in out.extra):
        values = [out.extra.get(name) for out in parts]
        if name in first.split:
            extra[name] = _concatenated(values)
        elif name.rpartition("_")[2] in ("reason", "reasons"):
            extra[name] = _join_reasons(samples, values)
        else:
            extra[name] = _join_values(values, higher_is_better.get(name))
    return OutputRow(
        sample=replace(first, row=row, further=_all_media(samples)),
        extra=extra,
        items=tuple(sample.item or 0 for sample in samples),
        changed=tuple(dict.fromkeys(name for out in parts for name in out.changed)),
    )


def _join_columns(rows: Sequence[Row], split: Sequence[str]) -> RowDict:
    found = dict(rows[0])
    for name in split:
        if name in found:
            found[name] = _concatenated([row[name] for row in rows])
    inner = found.get("json")
    if isinstance(inner, dict) and any(name in inner and name not in found for name in split):
        # A WebDataset sample has its texts in the .json member.
        found["json"] = _join_columns([row["json"] for row in rows], split)
    return found


def _concatenated(lists: Sequence[object]) -> list[object]:
    return [item for part in lists for item in (part if isinstance(part, list) else [part])]


def _join_values(values: Sequence[Any], higher_is_better: bool | None) -> Any:
    known = [value for value in values if value is not None]
    if not known:
        return None
    if all(isinstance(value, str) for value in known):
        return ";".join(dict.fromkeys(part for value in known for part in value.split(";") if part))
    if all(isinstance(value, list) for value in known):
        return list(dict.fromkeys(item for value in known for item in value))
    return min(known) if higher_is_better else max(known)


def _join_reasons(samples: Sequence[Sample], values: Sequence[object]) -> str:
    """Return the reasons, each with the numbers of the texts that it is about; what several share stands once."""
    numbers: dict[str, list[str]] = {}
    for sample, value in zip(samples, values, strict=True):
        if value:
            numbers.setdefault(str(value), []).append(str((sample.item or 0) + 1))
    noun = next((kind.text_noun for kind in PAIR_KINDS if kind.text_of(samples[0]) is not None), "item")
    return " ".join(
        f"{noun}{'s' if len(found) > 1 else ''} {', '.join(found)}: {reason}" for reason, found in numbers.items()
    )


def _all_media(samples: Sequence[Sample]) -> tuple[FurtherMedium, ...]:
    """Return the media of all samples but the first's own, so that all their paths are written."""
    found = list(samples[0].further)
    seen: set[MediaRef | None] = {samples[0].image, samples[0].audio, *(one.ref for one in found)}
    for sample in samples[1:]:
        for modality, ref in (("image", sample.image), ("audio", sample.audio)):
            if ref is not None and ref not in seen:
                seen.add(ref)
                found.append(FurtherMedium(column="", modality=modality, ref=ref))
    return tuple(found)
