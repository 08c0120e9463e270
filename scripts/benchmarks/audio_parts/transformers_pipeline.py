"""transformers' speech recognition pipeline over all recordings, and jiwer's word error rate of what it heard.

Runs in an environment of its own. The pipeline is given the waveforms (it would start an ffmpeg for each file), read
by soundfile within the time that counts. Settings are its defaults (beam 5, at most 256 tokens), one clip at a time:
its documentation advises against batches on a CPU.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Any

import soundfile
import torch
import transformers

from scripts.benchmarks.audio_parts.work import Clip, error_rate, read_work


def main() -> None:
    """Transcribe every clip and compare it with its text."""
    work = read_work("language")
    transformers.utils.logging.set_verbosity_error()
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    recogniser: Any = transformers.pipeline(
        "automatic-speech-recognition", model=str(work.model), device="cpu", dtype=torch.float32
    )
    generate: dict[str, Any] = {}
    if work.options.language:
        generate |= {"language": work.options.language, "task": "transcribe"}
    clips = work.clips()
    next(iter(recogniser(_waveforms(clips[:1]), batch_size=1, generate_kwargs=generate)))
    began = time.perf_counter()
    texts = [found["text"] for found in recogniser(_waveforms(clips), batch_size=1, generate_kwargs=generate)]
    scores = [error_rate(clip.text, text) for clip, text in zip(clips, texts, strict=True)]
    seconds = time.perf_counter() - began
    counts = [len(recogniser.tokenizer.encode(text, add_special_tokens=False)) for text in texts]
    work.tell(
        seconds,
        scores,
        tokens_per_clip=sum(counts) / len(counts),
        mean_error_rate=sum(scores) / len(scores),
        versions={"transformers": transformers.__version__, "torch": torch.__version__},
    )


def _waveforms(clips: list[Clip]) -> Iterator[dict[str, Any]]:
    for clip in clips:
        samples, rate = soundfile.read(clip.audio, dtype="float32")
        yield {"raw": samples, "sampling_rate": rate}


if __name__ == "__main__":
    main()
