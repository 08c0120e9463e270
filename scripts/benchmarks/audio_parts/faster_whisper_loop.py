"""faster-whisper as its README shows it, one recording after the other, and jiwer's word error rate of what it heard.

Runs in an environment of its own. Settings are its defaults (beam 5, temperatures up to 1 where a decoding looks bad)
with what its README names for a CPU: int8 and as many threads as there are cores. The language is given, which saves it
the detection. ``--batched yes`` takes its BatchedInferencePipeline with that one's defaults (beam 5, voice activity
detection, no timestamps).
"""

from __future__ import annotations

import os
import time
from typing import Any

import ctranslate2
import faster_whisper

from scripts.benchmarks.audio_parts.work import error_rate, read_work

_BATCH = 8
"""Chunks at a time, as its README has it for a CPU; a short recording is a single one."""


def main() -> None:
    """Transcribe every clip and compare it with its text."""
    work = read_work("batched")
    cores = len(os.sched_getaffinity(0))
    model = faster_whisper.WhisperModel(
        str(work.model / "ctranslate2"), device="cpu", compute_type="int8", cpu_threads=cores, local_files_only=True
    )
    given: dict[str, Any] = {"language": "en"}
    transcriber: Any = model
    if work.options.batched:
        transcriber = faster_whisper.BatchedInferencePipeline(model=model)
        given["batch_size"] = _BATCH
    clips = work.clips()
    list(transcriber.transcribe(str(clips[0].audio), **given)[0])  # what is loaded on first use belongs to loading
    tokens = retried = 0
    scores = []
    began = time.perf_counter()
    for clip in clips:
        segments = list(transcriber.transcribe(str(clip.audio), **given)[0])
        tokens += sum(len(segment.tokens) for segment in segments)
        retried += any((segment.temperature or 0.0) > 0.0 for segment in segments)
        scores.append(error_rate(clip.text, " ".join(segment.text for segment in segments)))
    work.tell(
        time.perf_counter() - began,
        scores,
        tokens_per_clip=tokens / len(clips),
        retried=retried,
        mean_error_rate=sum(scores) / len(scores),
        compute_type=str(model.model.compute_type),
        versions={"faster-whisper": faster_whisper.__version__, "ctranslate2": ctranslate2.__version__},
    )


if __name__ == "__main__":
    main()
