"""Do two independent verifiers say the same of a transcript?

A model does not doubt what it would have written itself, so the verdict of one alone is worth little on texts that a
model wrote. The second verifier's values are judged like the first one's, against other transcripts under the same
recordings, which gives a probability of its own. What both doubt is surely worth a look; what only one doubts is told
apart, because it may as well be that model's weakness.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mmcheck.config import AgreementConfig, AlignmentConfig
from mmcheck.core.arrays import Floats
from mmcheck.core.constants import PROBABLE
from mmcheck.core.json_types import JsonObject
from mmcheck.core.part_traits import AnalysisTraits
from mmcheck.core.sentences import count_noun, percent
from mmcheck.corpus.agreement.metrics import METRICS
from mmcheck.corpus.agreement.word_limits import find_limit
from mmcheck.corpus.agreement.words import MAX_WORDS, DoubtedWords, compare_words
from mmcheck.corpus.alignment.recordings import SpeechAlignment
from mmcheck.corpus.alignment.row_scores import RowScores
from mmcheck.corpus.base import ShardTables, analysis_table, digest_analysis, read_metric
from mmcheck.store.schema import dump_json, load_json

VERSION = 1
FIRST, FIRST_NULL, SECOND = "transcript", "transcript_null", "transcript_second"
_ABSENT = "the second verifier did not measure the sample"


class Agreement:
    """Compares the verdicts of both verifiers.

    Args:
        options: Section ``analyses.agreement`` of the config.
        seed: For the interval of the second verifier's share.
    """

    name = "agreement"
    options_model = AgreementConfig
    traits = AnalysisTraits(reads=(SECOND,), needs=("alignment",))
    metrics = METRICS

    def __init__(self, options: AgreementConfig, seed: int) -> None:
        self._options = options
        self._seed = seed
        self._summary: JsonObject = {"sentences": []}

    def fingerprint(self) -> str:
        """Return a digest of code version, options and seed."""
        return digest_analysis(self.name, VERSION, self._options, seed=self._seed)

    def analyse(self, shards: Sequence[ShardTables]) -> Iterator[pa.Table]:
        """Yield one measurements table a shard, in order.

        Evidence of rows with doubted words: ``both``, ``first`` and ``second``, the words by who doubts them.
        """
        options = AlignmentConfig(min_pairs=self._options.min_pairs, min_slice=self._options.min_slice)
        judge = SpeechAlignment(options, self._seed, probe=SECOND, null_probe=SECOND)
        scores = judge.judge(shards)
        second = scores.posterior.astype(np.float64)
        first = _column(shards, "alignment", "audio_posterior")
        limits = (
            -find_limit(-_column(shards, FIRST, "max_surprise"), -_column(shards, FIRST_NULL, "word_surprise")),
            find_limit(
                _column(shards, SECOND, "worst_word_log_prob"), _column(shards, SECOND, "planted_word_log_prob")
            ),
        )
        figures = _compare(first, second)
        found = DoubtCounts()
        start = 0
        for shard in shards:
            ids = shard.samples(["id"])["id"].combine_chunks().cast(pa.string())
            rows = slice(start, start + len(ids))
            words = _doubted_words(shard, len(ids), limits, first[rows], second[rows])
            found.add(words)
            columns = {name: values[rows] for name, values in figures.items()} | _count_words(words)
            told = [
                None if word is None or not (word.both or word.first or word.second) else _tell(word) for word in words
            ]
            reasons, causes = _excuses(scores, rows)
            yield analysis_table(ids, columns, reasons=reasons, causes=causes, evidence=told)
            start += len(ids)
        self._summary = _summarise(judge, first, second, limits, found)

    def summary(self) -> JsonObject:
        """Return the second verifier's shares, how often both agree, the words' limits, and sentences."""
        return self._summary


class DoubtCounts:
    """How many transcripts have doubted words."""

    def __init__(self) -> None:
        self.judged = 0
        self.both = 0
        self.one = 0

    def add(self, rows: Sequence[DoubtedWords | None]) -> None:
        """Count the rows of a shard."""
        known = [row for row in rows if row is not None]
        self.judged += len(known)
        self.both += sum(bool(row.both) for row in known)
        self.one += sum(bool(row.first or row.second) and not row.both for row in known)


def _column(shards: Sequence[ShardTables], probe: str, name: str) -> Floats:
    """Return a metric of all rows, shape (n,); NaN where there is none."""
    parts = [np.zeros(0)]
    for shard in shards:
        count = int(shard.samples(["id"]).num_rows)
        parts.append(read_metric(shard.measurements(probe, ["status", name]), name, count))
    return np.concatenate(parts)


def _compare(first: Floats, second: Floats) -> dict[str, Floats]:
    """Return what both probabilities say together; a row that the first did not judge is one that it does not doubt."""
    both_known = np.isfinite(first) & np.isfinite(second)
    return {
        "second_posterior": second,
        "agreement": np.where(both_known, 1.0 - np.abs(first - second), np.nan),
        "both_posterior": np.where(both_known, np.minimum(first, second), np.nan),
        "only_first": np.where(both_known, np.maximum(first - second, 0.0), np.nan),
        "only_second": np.maximum(second - np.nan_to_num(first, nan=0.0), 0.0),
    }


def _doubted_words(
    shard: ShardTables, count: int, limits: tuple[float, float], first: Floats, second: Floats
) -> list[DoubtedWords | None]:
    """Return the doubted words of each row; None where they cannot be judged.

    Where the whole text is probably another clip's, its single words are not named.
    """
    one, two = (shard.measurements(probe, ["evidence"]) for probe in (FIRST, SECOND))
    found: list[DoubtedWords | None] = [None] * count
    if one is None or two is None or not np.isfinite(limits).all():
        return found
    if "evidence" not in one.column_names or "evidence" not in two.column_names:
        return found
    with np.errstate(invalid="ignore"):
        is_other = (first > PROBABLE) & (second > PROBABLE)
    for row, (given, other) in enumerate(zip(one["evidence"].to_pylist(), two["evidence"].to_pylist(), strict=True)):
        if given and other:
            found[row] = (
                DoubtedWords()
                if is_other[row]
                else compare_words(load_json(given), load_json(other), first_limit=limits[0], second_limit=limits[1])
            )
    return found


def _count_words(rows: Sequence[DoubtedWords | None]) -> dict[str, Floats]:
    both = [np.nan if row is None else float(len(row.both)) for row in rows]
    one = [np.nan if row is None else float(len(row.first) + len(row.second)) for row in rows]
    return {"words_both": np.array(both, dtype=np.float64), "words_one": np.array(one, dtype=np.float64)}


def _tell(words: DoubtedWords) -> str:
    return dump_json(
        {name: list(getattr(words, name)[:MAX_WORDS]) for name in ("both", "first", "second") if getattr(words, name)}
    )


def _excuses(scores: RowScores, rows: slice) -> tuple[list[str], list[str]]:
    """Return reason and cause for each row, should it have no value."""
    places = scores.reason[rows].tolist()
    told = [scores.reasons[place] if place >= 0 else ("not_verified", _ABSENT) for place in places]
    return [reason for _, reason in told], [cause for cause, _ in told]


def _summarise(
    judge: SpeechAlignment, first: Floats, second: Floats, limits: tuple[float, float], words: DoubtCounts
) -> JsonObject:
    if not judge.verdicts:
        return {"sentences": []}
    told: JsonObject = {"second": {name: verdict.describe() for name, verdict in judge.verdicts.items()}}
    sentences: list[str] = []
    for name, verdict in judge.verdicts.items():
        place = "" if name == "all" else f" (slice {name})"
        if verdict.state == "judged":
            sentences.append(
                f"By the second verifier about {percent(verdict.share)} % of the transcripts are mismatched{place}."
            )
    warnings = [
        f"The second verifier cannot judge the transcripts{'' if name == 'all' else f' of slice {name}'}: "
        f"{verdict.reason}."
        for name, verdict in judge.verdicts.items()
        if verdict.state != "judged"
    ]
    known = np.isfinite(first) & np.isfinite(second)
    if known.any():
        one, two = first[known] > PROBABLE, second[known] > PROBABLE
        counts = {
            "num_compared": int(known.sum()),
            "num_both": int((one & two).sum()),
            "num_only_first": int((one & ~two).sum()),
            "num_only_second": int((two & ~one).sum()),
        }
        kappa = find_kappa(one, two)
        told |= {**counts, "agreement": round(float((one == two).mean()), 5), "kappa": round(kappa, 4)}
        sentences.append(
            f"Both verifiers say the same of {percent(float((one == two).mean()))} % of "
            f"{count_noun(counts['num_compared'], 'transcript', 'transcripts')}: both doubt {counts['num_both']}, only "
            f"the first doubts {counts['num_only_first']}, only the second {counts['num_only_second']}."
        )
    about: dict[str, float] = {"num_judged": words.judged, "num_both": words.both, "num_one": words.one}
    told["words"] = about
    if np.isfinite(limits).all():
        about |= {"first_limit": round(limits[0], 3), "second_limit": round(limits[1], 3)}
        if words.both:
            sentences.append(
                f"{count_noun(words.both, 'transcript has', 'transcripts have')} a word that both verifiers doubt, and "
                f"{words.one} one that only one of them doubts."
            )
    elif judge.verdicts and known.any():
        warnings.append(
            "The words that both verifiers doubt cannot be told: too few faults could be planted, or one of the models "
            "does not notice them."
        )
    return {**told, "sentences": sentences, "warnings": warnings}


def find_kappa(one: NDArray[np.bool_], two: NDArray[np.bool_]) -> float:
    """Return Cohen's kappa of two verdicts (Cohen, 1960), at most 1; 1 where both always say the same.

    Args:
        one: Verdicts of one verifier, shape (n,).
        two: Those of the other, shape (n,).
    """
    seen = float((one == two).mean())
    expected = float(one.mean() * two.mean() + (1 - one.mean()) * (1 - two.mean()))
    return 1.0 if expected >= 1.0 else (seen - expected) / (1.0 - expected)
