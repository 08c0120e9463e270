"""Texts that a model wrote, verified by another model and by the one that wrote them.

A Whisper transcribes the English recordings. What differs from people's texts after normalisation is wrong. How well
do the scores of a verifier tell texts with a wrong word from texts without: those of another Whisper, and those of the
very same one, which hears the same wrong word again?
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mmcheck.backends.whisper_features import MAX_SAMPLES
from mmcheck.backends.whisper_verifier import Verification
from mmcheck.metrics.text_normalization import normalize
from mmcheck.metrics.verification import summarise_scores
from mmcheck.metrics.word_alignment import align_texts
from mmcheck.probe.transcript_values import to_scores
from scripts.benchmarks.quality_parts.tables import number, table
from scripts.benchmarks.real_parts.intervals import area, area_interval
from scripts.benchmarks.real_parts.kept_probe import MODELS, Backend, open_probe, verify
from scripts.benchmarks.real_parts.recordings import RealClip

WRITER = "tiny.en"
LANGUAGE = "en"
STATISTICS = ("max_surprise", "mean_log_prob", "worst_word_log_prob")
"""Metrics of the transcript probe; only the first one is high where something is wrong."""


@dataclass(frozen=True, kw_only=True)
class WrittenText:
    """A text that the writer made of a recording."""

    clip: str
    text: str
    wrong: tuple[str, ...]
    """What differs from people's text: the model's words that are not in it, and people's words that it lacks."""
    scores: dict[str, dict[str, float]]
    """Verifier -> metric -> value."""
    words: dict[str, list[tuple[bool, float, float]]]
    """Verifier -> for each word whether it is wrong, its surprise and its mean log-probability; absent where the words
    cannot be matched."""


@dataclass(frozen=True, kw_only=True)
class SelfMade:
    """All of one library."""

    backend: Backend
    texts: list[WrittenText] = field(default_factory=list)

    def plain(self) -> dict[str, Any]:
        """Return it fit for JSON."""
        return asdict(self)


def measure(
    backend: Backend, clips: Sequence[RealClip], cache_dir: Path, log: Callable[[str], None], *, most: int | None = None
) -> SelfMade:
    """Return the texts with what each verifier says of them.

    Args:
        backend: Library that verifies.
        clips: Recordings; those in another language and those longer than one window are left out.
        cache_dir: Where what models said is kept.
        log: Told how far it is.
        most: So many recordings only, drawn evenly.

    Raises:
        NoRealDataError: If weights are absent.
    """
    wanted = [clip for clip in clips if clip.language == LANGUAGE and len(clip.samples()) <= MAX_SAMPLES]
    if most is not None and most < len(wanted):
        wanted = [wanted[place] for place in np.linspace(0, len(wanted) - 1, most).round().astype(int)]
    writer = open_probe(WRITER, backend, "full", cache_dir).transcriber
    found = SelfMade(backend=backend)
    for place, clip in enumerate(wanted):
        text = writer.transcribe(clip.samples(), LANGUAGE).text.strip()
        if not normalize(text, LANGUAGE):
            continue
        verified = {name: verify(name, backend, "full", clip, text, cache_dir=cache_dir)[0] for name in MODELS}
        found.texts.append(compare(clip.id, text, clip.text, verified))
        if place % 20 == 19:
            log(f"self-made texts, {backend}: {place + 1} of {len(wanted)}")
    return found


def compare(name: str, text: str, right: str, verified: dict[str, Verification]) -> WrittenText:
    """Return a text with what is wrong in it and what each verifier says.

    Args:
        name: Of the recording.
        text: The model's text.
        right: People's text.
        verified: Verifier -> what it says of the model's text.
    """
    units = align_texts(normalize(text, LANGUAGE), normalize(right, LANGUAGE), is_scriptio_continua=False).units
    wrong = [
        str(unit.hypothesis if unit.kind == "insert" else unit.reference) for unit in units if unit.kind != "equal"
    ]
    scores = {model: summarise_scores(to_scores(one)) for model, one in verified.items()}
    marks = [unit.kind != "equal" for unit in units if unit.kind != "insert"]
    words: dict[str, list[tuple[bool, float, float]]] = {}
    for model, one in verified.items():
        parts = [normalize(word, LANGUAGE).split() for word in one.words]
        # Numbers of several words become other ones in the whole text than word by word; such texts are left out here.
        if [part for group in parts for part in group] != [
            str(unit.reference) for unit in units if unit.kind != "insert"
        ]:
            continue
        left = iter(marks)
        listed = [
            (any([next(left) for _ in group]), float(word.surprise or 0.0), word.mean)
            for group, word in zip(parts, to_scores(one).words, strict=True)
        ]
        words[model] = listed
    return WrittenText(
        clip=name,
        text=text,
        wrong=tuple(wrong),
        scores={model: {key: values[key] for key in STATISTICS if key in values} for model, values in scores.items()},
        words=words,
    )


def write_self_made(outcomes: Sequence[SelfMade]) -> str:
    """Return the markdown: ROC-AUC of each verifier, over texts and over words, with 95 % intervals."""
    lines = []
    for outcome in outcomes:
        for model in MODELS:
            cells = [_texts_area(outcome.texts, model, name) for name in STATISTICS]
            cells += [_words_area(outcome.texts, model, by=by) for by in ("surprise", "log_prob")]
            lines.append([f"{outcome.backend}, verified by {model}", *cells, _count_words(outcome.texts, model)])
    wrong = [sum(bool(text.wrong) for text in outcome.texts) for outcome in outcomes]
    counts = ", ".join(
        f"{bad} of {len(outcome.texts)} ({outcome.backend})" for bad, outcome in zip(wrong, outcomes, strict=True)
    )
    head = ["", "most surprising word", "mean token", "worst word"]
    head += ["words, by surprise", "words, by log-probability", "wrong words"]
    return (
        f"{WRITER} transcribed the English recordings of up to 30 s; after normalisation {counts} of its texts differ "
        "from people's. ROC-AUC of texts that differ against those that do not, by each statistic of the whole "
        "text, and of wrong words against right ones; 95 % intervals by resampling.\n\n" + table(head, lines)
    )


def _texts_area(texts: Sequence[WrittenText], model: str, name: str) -> str:
    sign = 1.0 if name == "max_surprise" else -1.0
    sound, faulty = (
        np.array(
            [
                sign * text.scores[model][name]
                for text in texts
                if bool(text.wrong) == is_wrong and name in text.scores[model]
            ]
        )
        for is_wrong in (False, True)
    )
    return _show(sound, faulty)


def _words_area(texts: Sequence[WrittenText], model: str, *, by: str) -> str:
    words = [word for text in texts for word in text.words.get(model, [])]
    sound, faulty = (
        np.array([surprise if by == "surprise" else -log_prob for bad, surprise, log_prob in words if bad == wanted])
        for wanted in (False, True)
    )
    return _show(sound, faulty)


def _count_words(texts: Sequence[WrittenText], model: str) -> str:
    words = [word for text in texts for word in text.words.get(model, [])]
    return f"{sum(bad for bad, _, _ in words)} of {len(words)}"


def _show(sound: Any, faulty: Any) -> str:
    low, high = area_interval(sound, faulty)
    return f"{number(area(sound, faulty))} ({number(low)} to {number(high)})"
