"""Some of the run's own recordings for a trial before measuring: the same ones whatever the rows' order."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from mmcheck.config import Config
from mmcheck.core.pair_kinds import AUDIO_TRANSCRIPT
from mmcheck.core.types import Sample, Shard
from mmcheck.media.sample_media import SampleMedia
from mmcheck.media.source import MediaSource
from mmcheck.probe.base import SettledProbe
from mmcheck.store.run_folder import read_part
from mmcheck.store.schema import table_to_samples

_SPARE = 2  # times as many samples as wanted are given; our own choice: some will turn out unusable


def try_recordings(
    probe: SettledProbe, out: Path, shards: Sequence[Shard], config: Config, num_recordings: int
) -> None:
    """Let a probe settle what it leaves to the run's data.

    Args:
        probe: The probe, open.
        out: The run folder; its samples are stored.
        shards: All shards.
        config: The run's config.
        num_recordings: Recordings of the run.
    """
    samples = _choose(out, shards, _SPARE * probe.num_trial, config.run.seed)
    with closing(MediaSource(allow_remote=config.input.allow_remote)) as source:
        limit = config.probes.media.max_audio_seconds
        media = [SampleMedia(sample, source, max_audio_seconds=limit) for sample in samples]
        probe.settle(media, num_recordings)


def _choose(out: Path, shards: Sequence[Shard], count: int, seed: int) -> list[Sample]:
    """Return the samples with recording and transcript whose texts have the smallest hashes, each text once."""
    best: dict[bytes, tuple[int, int]] = {}
    for number, shard in enumerate(shards):
        table = read_part(out / "samples" / shard.part, [AUDIO_TRANSCRIPT.medium, AUDIO_TRANSCRIPT.text])
        has_audio = table[AUDIO_TRANSCRIPT.medium].is_valid().to_pylist()
        for row, (text, heard) in enumerate(zip(table[AUDIO_TRANSCRIPT.text].to_pylist(), has_audio, strict=True)):
            if heard and text and text.strip():
                digest = hashlib.blake2b(f"{seed}\n{text}".encode("utf-8", "surrogatepass"), digest_size=12).digest()
                best.setdefault(digest, (number, row))
        best = {digest: best[digest] for digest in sorted(best)[:count]}
    samples: dict[tuple[int, int], Sample] = {}
    for number in sorted({number for number, _ in best.values()}):
        part = read_part(out / "samples" / shards[number].part)
        for place in best.values():
            if place[0] == number:
                samples[place] = table_to_samples(part.slice(place[1], 1))[0]
    return [samples[place] for place in best.values()]
