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

from mmcheck.config import SpeechConfig
from mmcheck.core.arrays import Floats
from mmcheck.core.constants import PROBABLE
from mmcheck.core.json_types import JsonObject, LoadedJson
from mmcheck.core.pair_kinds import AUDIO_TRANSCRIPT
from mmcheck.core.part_traits import AnalysisTraits
from mmcheck.corpus.base import ShardTables, analysis_table, digest_analysis
from mmcheck.corpus.evidence_rows import LEAST_EVIDENCE, worst_rows
from mmcheck.corpus.speech.clips import PROBE, put_beside, read_clips
from mmcheck.corpus.speech.languages import judge_languages
from mmcheck.corpus.speech.measured_clips import find_measured
from mmcheck.corpus.speech.metrics import METRICS
from mmcheck.corpus.speech.slices import find_slices
from mmcheck.corpus.speech.summary import summarise
from mmcheck.corpus.speech.verdicts import find_excuses, find_likely, judge_speech
from mmcheck.corpus.speech.word_faults import (
    KINDS,
    WordFault,
    find_cut,
    find_doubted,
    find_word_fault,
    last_words,
)
from mmcheck.store.schema import dump_json, load_json

VERSION = 12
_ABSENT = "the sample has no recording whose transcript was verified"

_OF_WORDS = ("word_fault", "unheard_end", "added_words")
"""Faults that show in the words; which kind each is they tell together."""


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
        measured = find_measured(shards) if 0 < clips.num_distinct < least else None
        slice_by = self._options.slice_by if measured is None else ()
        slices = find_slices(shards, clips, slice_by, self._options.min_slice)
        seen = clips if measured is None else put_beside(clips, measured)
        basis = "" if measured is None else measured.basis(least)
        verdict = judge_speech(seen, slices, least)
        if measured is not None:
            verdict = verdict.of_first(len(clips.languages))
        fits = verdict.fits
        language = judge_languages(clips, least)
        anomaly = _any([*(fit.posteriors for fit in fits.values()), clips.posterior, language.posteriors])
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
                    limit=float(verdict.word_limits[start + row]),
                    is_end_unheard=bool(part["unheard_end"][row] > PROBABLE),
                    breaks_off=bool(verdict.breaks_off[start + row]),
                    is_cut=bool(part["cut_transcript"][row] > PROBABLE),
                    goes_on=bool(part["added_words"][row] > PROBABLE),
                )
                for row in np.flatnonzero(find_likely(*(part[name] for name in _OF_WORDS))).tolist()
            }
            for fault in filter(None, faults.values()):
                found[fault.kind] += 1
            columns = _spread(part, faults)
            told = _tell(columns, faults, evidence, clips.languages[rows], verdict.word_limits[rows])
            columns["anomaly"] = anomaly[rows]
            columns["doubted_word"] = verdict.doubted[rows]
            reasons, causes = find_excuses(verdict, slices.codes[rows], clips.is_verified[rows], _ABSENT)
            table = analysis_table(ids, columns, reasons=reasons, causes=causes, evidence=told)
            if basis:
                rests = [basis if known else None for known in np.isfinite(anomaly[rows]).tolist()]
                table = table.append_column(AUDIO_TRANSCRIPT.basis_column, pa.array(rests, pa.string()))
            yield table
            start += len(ids)
        self._summary = summarise(clips, verdict, slices, language, found, basis)

    def summary(self) -> JsonObject:
        """Return, by fault, state, share and limit in the statistic's own unit, the same by slice, and sentences."""
        return self._summary


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
    limits: Floats,
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
                shown = {"words": list(_name_words(kind, faults.get(row), known, float(limits[row])))}
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
