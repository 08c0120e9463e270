"""Recordings with transcripts against other transcripts of like length under the same recordings.

Verifying a transcript costs a decoder pass, so the null comes from a sample of the clips (probe ``transcript_null``).
What a recording gives to any text is taken off where the set's own transcripts follow it (see ``clip_noise``). It is
known of sampled clips only. Where that is not nearly all, these are judged by their corrected values; the others by
plain ones, with the share of wrong pairs that the sampled show, should the plain values contradict it.

A clip that stands twice counts once, among the random pairings as among the set's own.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mmcheck.config.analyses import AlignmentConfig
from mmcheck.core.arrays import Floats
from mmcheck.core.constants import PROBABLE
from mmcheck.core.pair_kinds import AUDIO_TRANSCRIPT
from mmcheck.corpus.alignment.clip_noise import CorrectedClips, correct_clips
from mmcheck.corpus.alignment.fit import SliceVerdict, judge_scores, unjudged
from mmcheck.corpus.alignment.partners import has_heard_partners
from mmcheck.corpus.alignment.row_scores import RowScores
from mmcheck.corpus.base import ShardTables, read_metric
from mmcheck.corpus.constants import MIN_NULL, MOST_SAMPLED, SURE_BESIDE
from mmcheck.corpus.content_keys import normalise_texts
from mmcheck.corpus.slice_labels import REST, choose_slices, read_labels
from mmcheck.corpus.speech.measured_clips import MeasuredClips, find_measured
from mmcheck.store.schema import load_json

PROBE = AUDIO_TRANSCRIPT.probe
NULL_PROBE = "transcript_null"


@dataclass(frozen=True, slots=True)
class _Clips:
    """What is known of the run's clips, a row each; NaN and 0 where a row has none."""

    own: Floats
    keys: NDArray[np.uint64]
    """Equal for equal transcripts with equal values: the same clip twice."""
    texts: NDArray[np.uint64]
    codes: NDArray[np.int16]
    names: list[str]
    null_rows: NDArray[np.int64]
    """Row of each value of another transcript, shape (m,)."""
    null_values: Floats


class SpeechAlignment:
    """Judges the recordings of a run.

    Args:
        options: Section ``analyses.alignment`` of the config.
        seed: For the interval.
        probe: Whose ``mean_log_prob`` is judged.
        null_probe: The one whose evidence holds the values of other transcripts; it may be the same.
    """

    def __init__(
        self, options: AlignmentConfig, seed: int, *, probe: str = PROBE, null_probe: str = NULL_PROBE
    ) -> None:
        self._options = options
        self._seed = seed
        self._probe = probe
        self._null_probe = null_probe
        self.verdicts: dict[str, SliceVerdict] = {}
        """Slice name -> verdict, the rest first (called ``all`` if there is no other); empty without a null."""

    def judge(self, shards: Sequence[ShardTables]) -> RowScores:
        """Return the values of every row."""
        clips = self._read(shards)
        count = len(clips.own)
        found = RowScores.empty(count)
        own = np.isfinite(clips.own)
        if not own.any():
            return found
        measured = self._find_measured(shards, clips)
        if measured is not None:
            self._judge_beside(clips, measured, found)
            return found
        if not self._has_null(shards):
            return found
        for code, name in enumerate(clips.names):
            own = (clips.codes == code) & np.isfinite(clips.own)
            if own.any():
                self._judge_slice(shards, name if len(clips.names) > 1 else "all", clips, own, found)
        return found

    def _find_measured(self, shards: Sequence[ShardTables], clips: _Clips) -> MeasuredClips | None:
        """Return what to put beside a set that is too small to be judged by itself, if there is any."""
        own = np.isfinite(clips.own)
        is_small = len(np.unique(clips.keys[own])) < self._options.min_pairs
        return find_measured(shards) if is_small else None

    def _judge_beside(self, clips: _Clips, measured: MeasuredClips, found: RowScores) -> None:
        """Judge a small set together with recordings that its model was measured on; what is not sure is left open."""
        own = np.isfinite(clips.own)
        rows = np.flatnonzero(own)
        distinct = rows[np.unique(clips.keys[rows], return_index=True)[1]]
        scores = np.concatenate([measured.values["mean_log_prob"], clips.own[distinct]])
        verdict = judge_scores(
            np.concatenate([measured.null, clips.null_values]),
            scores,
            np.ones(len(scores)),
            name="all",
            num_rows=len(rows),
            kind=AUDIO_TRANSCRIPT,
            seed=self._seed,
        )
        basis = measured.basis(self._options.min_pairs)
        # The share is that of both together, and says nothing of the set.
        verdict = replace(verdict, num_pairs=len(distinct), numbers=None, sentences=(f"The recordings were {basis}.",))
        found.set_verdict(own, verdict, clips.own)
        is_unsure = (found.posterior > PROBABLE) & (found.posterior < SURE_BESIDE)
        found.posterior[is_unsure] = PROBABLE
        found.bases.append(basis)
        self.verdicts["all"] = verdict

    def _judge_slice(
        self, shards: Sequence[ShardTables], name: str, clips: _Clips, own: NDArray[np.bool_], found: RowScores
    ) -> None:
        inside = own[clips.null_rows]
        null = clips.null_values[inside]
        corrected = correct_clips(np.where(own, clips.own, np.nan), clips.null_rows[inside], null)
        score = clips.own
        if corrected is not None and np.isfinite(corrected.scores).sum() >= MOST_SAMPLED * own.sum():
            score, null = np.where(np.isfinite(corrected.scores), corrected.scores, clips.own), corrected.null
            corrected = None
        verdict = self._verdict(name, clips, own, score, null)
        if verdict.state == "model_cannot_tell" and has_heard_partners(shards, own, self._probe):
            verdict = self._verdict(name, clips, own, score, null, has_partners=True)
        found.set_verdict(own, verdict, score)
        if corrected is not None:
            verdict = self._correct(name, clips, own, verdict, corrected, found)
        self.verdicts[name] = verdict

    def _correct(
        self,
        name: str,
        clips: _Clips,
        own: NDArray[np.bool_],
        plain: SliceVerdict,
        corrected: CorrectedClips,
        found: RowScores,
    ) -> SliceVerdict:
        """Judge a slice's sampled clips by corrected values, and the others anew if these contradict them."""
        sampled = own & np.isfinite(corrected.scores)
        known = self._verdict(name, clips, sampled, corrected.scores, corrected.null)
        estimate = None if known.numbers is None else known.numbers.share
        if known.state != "judged" or estimate is None:
            return plain
        if not estimate.share_low <= plain.share <= estimate.share_high:
            plain = self._verdict(name, clips, own, clips.own, clips.null_values[own[clips.null_rows]], known=known)
            found.set_verdict(own, plain, clips.own)
        found.set_verdict(sampled, known, corrected.scores)
        return plain if plain.state == "judged" else known

    def _has_null(self, shards: Sequence[ShardTables]) -> bool:
        return any(shard.measurements(self._null_probe, ["status"]) is not None for shard in shards)

    def _verdict(
        self,
        name: str,
        clips: _Clips,
        own: NDArray[np.bool_],
        score: Floats,
        null: Floats,
        *,
        has_partners: bool = False,
        known: SliceVerdict | None = None,
    ) -> SliceVerdict:
        rows = np.flatnonzero(own)
        distinct = rows[np.unique(clips.keys[rows], return_index=True)[1]]
        about = {"name": name, "num_rows": len(rows), "num_pairs": len(distinct), "kind": AUDIO_TRANSCRIPT}
        if len(distinct) < self._options.min_pairs:
            reason = (
                f"there are only {len(distinct)} distinct recordings with transcripts; at least "
                f"{self._options.min_pairs} are needed to tell matched from mismatched ones"
            )
            return unjudged("too_few_pairs", reason, **about)  # type: ignore[arg-type]
        if len(np.unique(clips.texts[rows])) < 2:
            reason = "the transcripts are all the same, so no pair can fit better than another"
            return unjudged("captions_all_alike", reason, **about)  # type: ignore[arg-type]
        if len(null) < MIN_NULL:
            reason = f"only {len(null)} random pairs of recordings and transcripts could be measured"
            hint = "sample more clips: probes.transcript_null"
            return unjudged("too_few_pairs", reason, hint=hint, **about)  # type: ignore[arg-type]
        if np.ptp(null) < 1e-9:
            reason = "the model gives every transcript the same probability: a broken model"
            return unjudged("constant_embeddings", reason, **about)  # type: ignore[arg-type]
        return judge_scores(
            null,
            score[distinct],
            np.ones(len(distinct)),
            name=name,
            num_rows=len(rows),
            kind=AUDIO_TRANSCRIPT,
            seed=self._seed,
            has_partners=has_partners,
            known=known,
        )

    def _read(self, shards: Sequence[ShardTables]) -> _Clips:
        own: list[Floats] = [np.zeros(0)]
        texts = [np.zeros(0, dtype=np.uint64)]
        labels: list[list[str]] = []
        null_rows: list[int] = []
        null_values: list[float] = []
        start = 0
        for shard in shards:
            num_rows = int(shard.samples(["id"]).num_rows)
            values = read_metric(
                shard.measurements(self._probe, ["status", "mean_log_prob"]), "mean_log_prob", num_rows
            )
            own.append(values)
            known = np.isfinite(values)
            texts.append(_hash_transcripts(shard, known))
            labels.append(read_labels(shard, self._options.slice_by) if known.any() else [""] * num_rows)
            for row, decoys in _decoys(shard, self._null_probe):
                null_rows += [start + row] * len(decoys)
                null_values += decoys
            start += num_rows
        joined = np.concatenate(own)
        hashes = np.concatenate(texts)
        rows = np.array(null_rows, dtype=np.int64)
        with np.errstate(over="ignore"):
            keys = hashes * np.uint64(0x9E3779B97F4A7C15) + joined.view(np.uint64)
        once = _once(keys, joined, rows)
        names, codes = self._slices(labels, joined, rows[once])
        values = np.array(null_values, dtype=np.float64)
        return _Clips(joined, keys, hashes, codes, names, rows[once], values[once])

    def _slices(
        self, labels: Sequence[list[str]], own: Floats, null_rows: NDArray[np.int64]
    ) -> tuple[list[str], NDArray[np.int16]]:
        """Return the slices' names, the rest first, and the slice of each row."""
        flat = [label for part in labels for label in part]
        known = np.isfinite(own)
        judged = [label for label, good in zip(flat, known.tolist(), strict=True) if good]
        names, _ = choose_slices(lambda: iter([judged]), self._options.min_slice)
        with_null = Counter(flat[row] for row in null_rows.tolist())
        kept = [REST, *(name for name in names[1:] if with_null[name] >= MIN_NULL)]
        places = {name: number for number, name in enumerate(kept[1:], start=1)}
        codes = np.array([places.get(label, 0) for label in flat], dtype=np.int16)
        if len(kept) > 1 and int((codes[known] == 0).sum()) < self._options.min_pairs:
            # As for images: a small rest is judged with the largest slice.
            counts = np.bincount(codes[known], minlength=len(kept))
            codes[codes == 0] = 1 + int(np.argmax(counts[1:]))
        return kept, codes


def _once(keys: NDArray[np.uint64], own: Floats, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which random pairings count: those of clips with a value of their own, the same clip once."""
    known = np.unique(rows[np.isfinite(own[rows])])
    first = known[np.unique(keys[known], return_index=True)[1]]
    return np.isin(rows, first)


def _hash_transcripts(shard: ShardTables, known: NDArray[np.bool_]) -> NDArray[np.uint64]:
    found = np.zeros(len(known), dtype=np.uint64)
    if not known.any():
        return found
    column = shard.samples(["transcript"])["transcript"].combine_chunks().cast(pa.string())
    for row, text in enumerate(normalise_texts(column).to_pylist()):
        digest = hashlib.blake2b((text or "").encode("utf-8", "surrogatepass"), digest_size=8).digest()
        found[row] = np.frombuffer(digest, dtype="<u8")[0]
    return found


def _decoys(shard: ShardTables, null_probe: str) -> list[tuple[int, list[float]]]:
    """Return, by row, the values of the other transcripts under each sampled clip."""
    table = shard.measurements(null_probe, ["status", "evidence"])
    if table is None or "evidence" not in table.column_names:
        return []
    found = []
    for row, text in enumerate(table["evidence"].to_pylist()):
        listed = load_json(text).get("null") if text else None
        values = [_number(item) for item in listed] if isinstance(listed, list) else []
        finite = [value for value in values if np.isfinite(value)]
        if finite:
            found.append((row, finite))
    return found


def _number(item: object) -> float:
    """Return the value of a decoy, given as a number or as an object that holds it."""
    if isinstance(item, dict):
        item = item.get("mean_log_prob")
    return float(item) if isinstance(item, int | float) else float("nan")
