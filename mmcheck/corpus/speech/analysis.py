"""What is wrong with a transcript: cut short, a wrong word, words too many or too few, an end that was not recorded.

Each fault has a statistic that shows it, and the probe ``transcript_null`` planted the fault into sampled pairs of this
very set, so that what it looks like under this very model is known (see ``speech_faults``). Which kind of word fault it
is (wrong, missing, inserted) only the words themselves say: the alignment with what was heard, where the clip was
transcribed, and whether the sound breaks off.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mmcheck.config import SpeechConfig
from mmcheck.core.arrays import Floats
from mmcheck.core.constants import PROBABLE
from mmcheck.core.json_types import JsonObject, LoadedJson
from mmcheck.core.pair_kinds import AUDIO_TRANSCRIPT
from mmcheck.core.part_traits import AnalysisTraits
from mmcheck.core.sentences import count_noun
from mmcheck.corpus.base import ShardTables, analysis_table, digest_analysis
from mmcheck.corpus.constants import FADED_LEVEL, LOUD_END, USUAL_END
from mmcheck.corpus.evidence_rows import LEAST_EVIDENCE, worst_rows
from mmcheck.corpus.speech.clips import PROBE, SpeechClips, put_beside, read_clips
from mmcheck.corpus.speech.doubted_words import judge_doubted
from mmcheck.corpus.speech.faults import FAULTS, FaultFit, judge_fault
from mmcheck.corpus.speech.languages import LanguageVerdict, judge_languages
from mmcheck.corpus.speech.measured_clips import find_measured
from mmcheck.corpus.speech.metrics import METRICS
from mmcheck.corpus.speech.word_faults import (
    KINDS,
    WordFault,
    find_cut,
    find_doubted,
    find_word_fault,
    last_words,
)
from mmcheck.store.schema import dump_json, load_json

VERSION = 11
_ABSENT = "the sample has no recording whose transcript was verified"

_OF_WORDS = ("word_fault", "unheard_end", "added_words")
"""Faults that show in the words; which kind each is they tell together."""
_KIND_WORDS = {
    "wrong_word": ("transcript with a wrong word", "transcripts with a wrong word"),
    "missing_words": ("that lacks words", "that lack words"),
    "inserted_words": ("with words that are not spoken", "with words that are not spoken"),
    "cut_audio": ("whose recording is cut off", "whose recordings are cut off"),
}


class Speech:
    """Measures how probably each kind of fault is in a transcript.

    Args:
        options: Section ``analyses.speech`` of the config.
        seed: Not used: counting and fitting involve no chance.
    """

    name = "speech"
    options_model = SpeechConfig
    traits = AnalysisTraits(reads=("transcript",), needs=("alignment",))
    metrics = METRICS

    def __init__(self, options: SpeechConfig, seed: int) -> None:
        self._options = options
        self._summary: JsonObject = {}

    def fingerprint(self) -> str:
        """Return a digest of code version and options."""
        return digest_analysis(self.name, VERSION, self._options)

    def analyse(self, shards: Sequence[ShardTables]) -> Iterator[pa.Table]:
        """Yield one measurements table a shard, in order.

        Evidence of the worst rows of each fault: ``faults``, a list of ``kind``, ``probability`` and ``words`` (or
        ``languages``, stated and heard).
        """
        least = self._options.min_clips
        clips = read_clips(shards)
        count = len(clips.languages)
        measured = find_measured(shards) if 0 < clips.num_distinct < least else None
        seen = clips if measured is None else put_beside(clips, measured)
        basis = "" if measured is None else measured.basis(least)
        fits = {fault.name: judge_fault(fault, seen, least) for fault in FAULTS}
        if measured is not None:
            fits = {name: fit.of_first(count) for name, fit in fits.items()}
        language = judge_languages(clips, least)
        anomaly = _any([*(fit.posteriors for fit in fits.values()), clips.posterior, language.posteriors])
        is_faulty = np.zeros(len(seen.languages), dtype=bool)
        is_faulty[:count] = _likely(*(fit.posteriors for fit in fits.values()))
        doubted = judge_doubted(seen, is_faulty, least)[:count]
        breaks_off = _find_breaks(seen)
        figures = {name: fit.posteriors for name, fit in fits.items()}
        figures |= {"other_text": clips.posterior, "wrong_language": language.posteriors}
        is_told = np.any([worst_rows(values, counted_from=PROBABLE) for values in figures.values()], axis=0)
        found = dict.fromkeys(KINDS, 0)
        start = 0
        for shard in shards:
            ids = shard.samples(["id"])["id"].combine_chunks().cast(pa.string())
            rows = slice(start, start + len(ids))
            part = {name: values[rows] for name, values in figures.items()}
            evidence = _read_evidence(shard, np.flatnonzero(is_told[rows]).tolist())
            faults = {
                row: find_word_fault(
                    evidence[row],
                    limit=fits["word_fault"].limit,
                    is_end_unheard=bool(part["unheard_end"][row] > PROBABLE),
                    breaks_off=bool(breaks_off[start + row]),
                    is_cut=bool(part["cut_transcript"][row] > PROBABLE),
                    goes_on=bool(part["added_words"][row] > PROBABLE),
                )
                for row in np.flatnonzero(_likely(*(part[name] for name in _OF_WORDS))).tolist()
            }
            for fault in filter(None, faults.values()):
                found[fault.kind] += 1
            columns = _spread(part, faults)
            told = _tell(columns, faults, evidence, clips.languages[rows], fits["word_fault"].limit)
            columns["anomaly"] = anomaly[rows]
            columns["doubted_word"] = doubted[rows]
            reasons, causes = _excuses(fits, clips.is_verified[rows])
            table = analysis_table(ids, columns, reasons=reasons, causes=causes, evidence=told)
            if basis:
                rests = [basis if known else None for known in np.isfinite(anomaly[rows]).tolist()]
                table = table.append_column(AUDIO_TRANSCRIPT.basis_column, pa.array(rests, pa.string()))
            yield table
            start += len(ids)
        self._summary = _summarise(clips, fits, language, found, basis)

    def summary(self) -> JsonObject:
        """Return, by fault, state, share and limit in the statistic's own unit, and sentences."""
        return self._summary


def _find_breaks(clips: SpeechClips) -> NDArray[np.bool_]:
    """Return which recordings end at full sound, unlike the set's others; all of them where that cannot be told."""
    levels = clips.values["end_level"]
    usual = levels[np.isfinite(levels) & clips.is_verified & ~clips.is_other]
    limit = float(np.quantile(usual, USUAL_END)) if len(usual) else 0.0
    if limit > LOUD_END:
        return np.ones(len(levels), dtype=bool)
    limit = max(limit, FADED_LEVEL)
    return np.asarray(~np.isfinite(levels) | (np.nan_to_num(levels) > limit))


def _likely(*columns: Floats) -> NDArray[np.bool_]:
    """Return where any of the probabilities is more than a half."""
    with np.errstate(invalid="ignore"):
        return np.asarray(np.any([column > PROBABLE for column in columns], axis=0))


def _read_evidence(shard: ShardTables, rows: list[int]) -> dict[int, JsonObject]:
    """Return the transcript probe's evidence of some rows."""
    table = shard.measurements(PROBE, ["evidence"]) if rows else None
    if table is None or "evidence" not in table.column_names:
        return {row: {} for row in rows}
    texts = table["evidence"].take(pa.array(rows)).to_pylist()
    found = {}
    for row, text in zip(rows, texts, strict=True):
        value = load_json(text) if text else None
        found[row] = value if isinstance(value, dict) else {}
    return found


def _spread(part: Mapping[str, Floats], faults: Mapping[int, WordFault | None]) -> dict[str, Floats]:
    """Return the columns: what the words and the end show goes to the kind of fault that it is."""
    words, end, cut = part["word_fault"], part["unheard_end"], part["cut_transcript"].copy()
    known = np.isfinite(words)
    # Without a word that stands out nobody can say which kind it would be; the least special one has the doubt.
    kinds = {"wrong_word": words.copy(), "cut_audio": end.copy()}
    kinds |= {name: np.where(known, 0.0, np.nan) for name in ("missing_words", "inserted_words")}
    for row, fault in faults.items():
        # What the cut transcript explains is no fault of its words.
        likely = [part[name][row] for name in _OF_WORDS] if fault else [cut[row]]
        probability = float(np.nanmax(likely))
        for name, values in kinds.items():
            # The others keep no more doubt than is left.
            is_it = fault is not None and name == fault.kind
            values[row] = probability if is_it else min(values[row], 1.0 - probability)
        if fault is not None and fault.is_behind_end:
            cut[row] = min(cut[row], 1.0 - probability)
    return {
        "cut_transcript": cut,
        "cut_audio": kinds["cut_audio"],
        "wrong_word": kinds["wrong_word"],
        "missing_words": kinds["missing_words"],
        "inserted_words": kinds["inserted_words"],
        "other_text": part["other_text"],
        "wrong_language": part["wrong_language"],
    }


def _tell(
    columns: Mapping[str, Floats],
    faults: Mapping[int, WordFault | None],
    evidence: Mapping[int, JsonObject],
    languages: Sequence[str],
    limit: float,
) -> list[str | None]:
    """Return the evidence of each row as JSON."""
    found: list[str | None] = [None] * len(languages)
    for row, known in evidence.items():
        told: list[JsonObject] = []
        for kind, values in columns.items():
            probability = float(values[row])
            if not probability > LEAST_EVIDENCE:
                continue
            if kind == "wrong_language":
                shown: JsonObject = {"languages": [languages[row], str(known.get("language") or "")]}
            else:
                shown = {"words": list(_name_words(kind, faults.get(row), known, limit))}
            told.append({"kind": kind, "probability": round(probability, 4), **shown})
        if told:
            found[row] = dump_json({"faults": told})
    return found


def _name_words(kind: str, fault: WordFault | None, known: LoadedJson, limit: float) -> tuple[str, ...]:
    """Return the words that show one kind of fault, as far as any do."""
    if fault is not None and fault.kind == kind:
        return fault.words
    if kind == "cut_transcript":
        return find_cut(known)
    if kind == "cut_audio":
        return last_words(known)
    if kind == "wrong_word":
        return find_doubted(known, limit)
    return tuple(str(known.get("hypothesis") or "").split()[:20]) if kind == "other_text" else ()


def _any(parts: Sequence[Floats]) -> Floats:
    """Return the probability that at least one fault is there, were they independent; NaN where nothing is known."""
    stacked = np.stack(list(parts))
    sound = np.prod(1.0 - np.nan_to_num(stacked, nan=0.0), axis=0)
    return np.where(np.isfinite(stacked).any(axis=0), 1.0 - sound, np.nan)


def _excuses(fits: Mapping[str, FaultFit], verified: NDArray[np.bool_]) -> tuple[list[str], list[str]]:
    """Return reason and cause for each row, should it have no value."""
    failed = next((fit for fit in fits.values() if fit.reason), None)
    reasons = [failed.reason if failed and seen else _ABSENT for seen in verified.tolist()]
    causes = [failed.state if failed and seen else "not_verified" for seen in verified.tolist()]
    return reasons, causes


def _summarise(
    clips: SpeechClips, fits: Mapping[str, FaultFit], language: LanguageVerdict, kinds: Mapping[str, int], basis: str
) -> JsonObject:
    if not clips.is_verified.any():
        return {"sentences": []}
    parts = {name: fit.describe() for name, fit in fits.items()}
    sentences = [sentence for part in parts.values() if (sentence := part.pop("sentence"))]
    if any(kinds.values()):
        listed = ", ".join(count_noun(count, *_KIND_WORDS[kind]) for kind, count in kinds.items() if count)
        sentences.append(f"By kind of fault: {listed}.")
    reasons = dict.fromkeys(fit.reason for fit in fits.values() if fit.reason)
    warnings = [f"Some transcript faults could not be judged: {text}." for text in reasons]
    return {
        **parts,
        "word_faults": dict(kinds),
        "num_other_texts": int(clips.is_other.sum()),
        "wrong_language": language.describe(),
        **({"basis": basis} if basis else {}),
        "sentences": [*([f"The transcripts were {basis}."] if basis else []), *sentences, *language.sentences],
        "warnings": warnings,
    }
