"""The measurement of one transcript: its values, and the evidence that shows people where they come from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mmcheck.core.json_types import JsonObject
from mmcheck.core.types import Measurement, Status
from mmcheck.metrics.text_normalization import normalize
from mmcheck.metrics.verification import find_early_end, join_scores, most_surprising, summarise_scores
from mmcheck.probe.transcript_clip import MAX_EVIDENCE, Clip, compare_heard, find_doubted
from mmcheck.probe.transcript_spellings import Spelled
from mmcheck.probe.transcript_values import own_values, start_values, to_scores

if TYPE_CHECKING:
    from mmcheck.backends.whisper_transcriber import Transcription


def build_measurement(
    probe: str,
    sample_id: str,
    clip: Clip,
    spelled: Spelled,
    reason: str | None,
    heard: Sequence[Transcription] | None,
    *,
    weights: str,
    detects_language: bool,
) -> Measurement:
    """Return the measurement of a sample.

    Args:
        probe: Name of the probe.
        sample_id: The sample's id.
        clip: What was prepared of it.
        spelled: Its verification in the likeliest spelling; without parts if nothing verifies.
        reason: Why it was transcribed; None if it was not.
        heard: What was heard, by window; None if it was not transcribed.
        weights: SHA-256 of the weights that verified; "" if none did.
        detects_language: Whether the spoken language is told.
    """
    verified = spelled.parts
    values: dict[str, float] = {}
    evidence: JsonObject = {"transcribed": False, "decision": reason or "verified: nothing uncertain"}
    if weights:
        evidence["weights"] = weights
    evidence["window"] = spelled.window
    if verified:
        scores = join_scores([to_scores(part) for part in verified])
        values |= summarise_scores(scores) | own_values(verified, is_respelled=spelled.text is not None)
        values |= start_values(verified, with_language=detects_language)
        values["num_spellings"] = float(spelled.num_tried)
        if spelled.text is not None:
            evidence["spelling"] = spelled.text
        evidence["words"] = [[word.word, round(word.mean, 3)] for word in scores.words[:MAX_EVIDENCE]]
        evidence["surprises"] = [[place, word, round(nat, 3)] for place, word, nat in most_surprising(scores, 5)]
        if (early := find_early_end(scores)) is not None:
            evidence["early_end"] = [early.place, round(early.log_prob, 3), round(early.surprise, 3)]
        num_tokens = sum(part.num_tokens for part in verified)
        num_scored = sum(part.num_scored for part in verified)
        if num_scored < num_tokens:
            evidence["scored_tokens"] = [num_scored, num_tokens]
    if len(clip.windows) > 1:
        evidence["windows"] = [[round(second, 2) for second in window.seconds] for window in clip.windows]
    if not clip.has_speech:
        evidence["speech_found"] = False
    if clip.end_level is not None:
        values["end_level"] = clip.end_level
    language = clip.language or (verified[0].language if verified else None)
    if heard is not None:
        language = language or heard[0].language
        values |= compare_heard(clip, heard, language, evidence)
    if verified:
        doubted = find_doubted(scores.words, language, evidence, is_scriptio_continua=clip.is_scriptio_continua)
        values |= {} if doubted is None else {"doubted_word_log_prob": doubted}
    evidence["language"] = verified[0].language if verified and verified[0].language else language
    reference = normalize(clip.text, language)
    count = len("".join(reference.split())) if clip.is_scriptio_continua else len(reference.split())
    values["num_words"] = float(count)
    return Measurement(sample_id=sample_id, probe=probe, status=Status.MEASURED, values=values, evidence=evidence)
