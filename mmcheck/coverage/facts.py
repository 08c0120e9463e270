"""What is known of each row of a run beside its embedding: is it misaligned, is it vague, which slices is it in.

A few numbers a row are held, nothing else; the rows are read shard by shard.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mmcheck.core.arrays import Floats
from mmcheck.core.constants import PROBABLE
from mmcheck.core.errors import ConfigError
from mmcheck.core.pair_kinds import IMAGE_CAPTION, MEDIA, PAIR_KINDS
from mmcheck.corpus.base import read_metric
from mmcheck.store.run_folder import RunFolder, StoredShard, read_part
from mmcheck.store.schema import load_json

Codes = NDArray[np.int32]

NONE = "(none)"
OTHER = "(other)"
MAX_VALUES = 50
"""Values of one slice that are told apart; the rarest of more are counted together. Our own choice: a table stays
readable."""
_NUM_BINS = 8  # bins of a number without edges of its own; our own choice: a table stays readable
_EDGES = {
    "duration": ("media", "duration", "s", (1.0, 2.0, 5.0, 10.0, 20.0, 30.0)),
    "speech rate": ("media", "words_per_second", "words/s", (0.5, 1.0, 2.0, 3.0, 4.0, 6.0)),
}
"""Slices of recordings: probe, metric, unit and edges of the bins. Our own choice: round numbers around what clips and
speakers have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """One way to cut the set."""

    name: str
    """``language``, ``manifest``, ``duration``, ``speech rate`` or a manifest column."""
    values: tuple[str, ...]
    """Its values, most frequent first, or ascending if they are bins."""
    codes: Codes
    """Number of each row's value, shape (n,)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowFacts:
    """Facts on all rows of a run, arrays of shape (n,)."""

    misaligned_by_medium: Mapping[str, Floats]
    """Column of a medium -> 1 where the pair of that medium is misaligned, 0 where it is not, NaN unknown."""
    misaligned_by: str
    """``alignment``, or ``quarantine`` where that was not stored."""
    vague_captions: NDArray[np.bool_]
    """Whether a rule found the caption vague."""
    has_medium: Mapping[str, NDArray[np.bool_]]
    """Column of a medium -> whether the row names one."""
    slices: tuple[Slice, ...]
    """Language and manifest, what was asked for, and for recordings duration and speech rate."""

    def misaligned(self, medium: str) -> Floats:
        """Return for each row whether its pair of this medium is misaligned: 1, 0, or NaN where that is unknown."""
        return self.misaligned_by_medium[medium]

    def vague(self, medium: str) -> NDArray[np.bool_]:
        """Return for each row whether this medium's text is vague; a vague caption says nothing of a transcript."""
        return self.vague_captions if medium == IMAGE_CAPTION.medium else np.zeros_like(self.vague_captions)


def read_facts(run: RunFolder, columns: Sequence[str]) -> RowFacts:
    """Return the facts on all rows.

    Args:
        run: A judged run.
        columns: Manifest columns to slice by, beside language and manifest.

    Raises:
        ConfigError: If no row has such a column.
        RunError: If a part is missing or damaged.
    """
    taken, vague = [], []
    posterior: dict[str, list[Floats]] = {kind.medium: [] for kind in PAIR_KINDS}
    media: dict[str, list[NDArray[np.bool_]]] = {name: [] for name in MEDIA}
    texts: dict[str, list[Any]] = {name: [] for name in ("language", "manifest", *columns)}
    numbers: dict[str, list[Floats]] = {name: [] for name in _EDGES}
    known: Counter[str] = Counter()
    for shard in run.shards():
        stored = StoredShard(run, shard)
        count = shard.stop - shard.start
        verdicts = read_part(run.verdicts_part(shard), ["action", "findings"])
        taken.append(_numpy(pc.equal(verdicts["action"], "quarantine"), bool))
        vague.append(_vague(verdicts["findings"].combine_chunks(), count))
        for kind in PAIR_KINDS:
            column = kind.posterior.partition(".")[2]
            posterior[kind.medium].append(read_metric(stored.measurements(kind.judged_by, [column]), column, count))
        for name, (probe, metric, _, _) in _EDGES.items():
            numbers[name].append(read_metric(stored.measurements(probe, [metric]), metric, count))
        samples = stored.samples(["manifest", "language", *MEDIA, *(["row"] if columns else [])])
        for name in media:
            media[name].append(_numpy(pc.is_valid(samples[name]), bool))
        for name in ("language", "manifest"):
            texts[name] += samples[name].to_pylist()
        if columns:
            for text in samples["row"].to_pylist():
                row = load_json(text)
                known.update(row.keys())
                for name in columns:
                    texts[name].append(row.get(name))
    _require(columns, known)
    found = {medium: _join(parts) for medium, parts in posterior.items()}
    by_posterior = any(bool(np.isfinite(values).any()) for values in found.values())
    quarantined = _join(taken).astype(np.float64)
    wrong = {
        medium: np.where(np.isfinite(values), (values >= PROBABLE).astype(float), np.nan)
        for medium, values in found.items()
    }
    has_medium = {name: _join(parts).astype(bool) for name, parts in media.items()}
    slices = [_slice(name, values) for name, values in texts.items()]
    if any(has_medium[kind.medium].any() for kind in PAIR_KINDS if not kind.is_seen):
        slices += [_bin(name, _join(parts)) for name, parts in numbers.items()]
    return RowFacts(
        misaligned_by_medium=wrong if by_posterior else dict.fromkeys(wrong, quarantined),
        misaligned_by="alignment" if by_posterior else "quarantine",
        vague_captions=_join(vague).astype(bool),
        has_medium=has_medium,
        slices=tuple(slices),
    )


def _require(columns: Sequence[str], known: Mapping[str, int]) -> None:
    for name in columns:
        if name not in known:
            have = ", ".join(sorted(known)[:20]) or "none"
            raise ConfigError(f"no row has a column {name!r} to slice by.", hint=f"columns of the manifests: {have}.")


def _join(parts: Sequence[NDArray[Any]]) -> NDArray[Any]:
    return np.concatenate(parts) if parts else np.zeros(0)


def _numpy(column: Any, kind: type) -> NDArray[Any]:
    return np.asarray(
        column.to_numpy(zero_copy_only=False) if isinstance(column, pa.Array) else column.to_numpy(), kind
    )


def _vague(findings: pa.Array, count: int) -> NDArray[np.bool_]:
    """Return the rows with a finding of a rule on vagueness."""
    vague = np.zeros(count, dtype=bool)
    flat = findings.flatten()
    if len(flat):
        named = pc.starts_with(pc.struct_field(flat, "rule"), "vague")
        measured = pc.match_substring(pc.fill_null(pc.struct_field(flat, "metric"), ""), "vagueness")
        rows = pc.list_parent_indices(findings)
        vague[rows.to_numpy(zero_copy_only=False)[_numpy(pc.or_(named, measured), bool)]] = True
    return vague


def _slice(name: str, values: Sequence[Any]) -> Slice:
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    if len(set(numbers)) > MAX_VALUES and len(numbers) >= 0.9 * len(values):
        plain = [float(v) if isinstance(v, int | float) and not isinstance(v, bool) else np.nan for v in values]
        return _bin(name, np.array(plain, dtype=np.float64))
    words = [_tell(value) for value in values]
    counts = Counter(words)
    ranked = sorted(counts, key=lambda word: (-counts[word], word))
    kept = ranked if len(ranked) <= MAX_VALUES else [*ranked[: MAX_VALUES - 1], OTHER]
    number = {word: place for place, word in enumerate(kept)}
    codes = np.array([number.get(word, len(kept) - 1) for word in words], dtype=np.int32)
    return Slice(name=name, values=tuple(kept), codes=codes)


def _tell(value: Any) -> str:
    if value is None or value == "":
        return NONE
    return value if isinstance(value, str) else str(value)


def _bin(name: str, numbers: Floats) -> Slice:
    """Return a slice by bins: the given edges, or about equally many rows in each."""
    known = np.isfinite(numbers)
    if name in _EDGES:
        unit, edges = _EDGES[name][2:]
        bounds = np.array(edges)
    else:
        unit = ""
        cuts = np.linspace(0, 1, _NUM_BINS + 1)[1:-1]
        bounds = np.unique(np.quantile(numbers[known], cuts)) if known.any() else np.zeros(0)
    codes = np.where(known, np.searchsorted(bounds, np.where(known, numbers, 0.0), side="right"), len(bounds) + 1)
    labels = [*_bin_names(bounds, unit), NONE]
    used = np.unique(codes)
    number = np.zeros(len(labels), dtype=np.int32)
    number[used] = np.arange(len(used))
    return Slice(name=name, values=tuple(labels[code] for code in used.tolist()), codes=number[codes])


def _bin_names(bounds: Floats, unit: str) -> Iterable[str]:
    told = [f"{bound:.4g}" for bound in bounds.tolist()]
    end = f" {unit}" if unit else ""
    if not told:
        return [f"any{end}"]
    between = [f"{low} to {high}{end}" for low, high in itertools.pairwise(told)]
    return [f"below {told[0]}{end}", *between, f"{told[-1]}{end} and more"]
