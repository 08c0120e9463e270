"""How many near-duplicates the analysis finds, how many it makes up, and what it costs.

    scripts/bench duplicates                      # 100,000 made-up embeddings
    scripts/bench duplicates --rows 1000000       # the same on a million
    scripts/bench duplicates --scenes 2000        # drawn pictures and their re-saved, cropped, re-lit copies
    scripts/bench duplicates --clips 300          # spoken sentences, each in two voices, and re-encoded copies

The made-up run has embeddings in clusters of uneven size, as pictures of the world have, and copies at cosines from the
limit to 1, stored as a scan stores them. Drawn pictures go through the bundled model and the media probe's hashes,
spoken sentences (espeak-ng) through Opus at half the level, with noise and up to 0.1 s trimmed from each end. How each
kind of copy and of look-alike fares is measured by `scripts/bench quality --only duplicates`.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from mmcheck.config import DuplicatesConfig
from mmcheck.core.parts import PROBES
from mmcheck.core.types import Measurement, MediaRef, Metric, Sample, Status
from mmcheck.corpus.duplicates.analysis import Duplicates
from mmcheck.media.fingerprints import audio_fingerprint, image_fingerprint
from mmcheck.store.run_folder import read_part
from mmcheck.store.schema import measurements_to_table, samples_to_table, write_part

SHARD = 10_000
COPIES = 20
"""One row in so many is a copy of an earlier one."""
_METRICS = {
    "media": tuple(Metric(name=f"media.{name}", description=name) for name in ("width", "height", "duration")),
    "image_text": (Metric(name="image_text.similarity", description="cosine"),),
}


class PartShard:
    """A shard's parts in a folder."""

    def __init__(self, folder: Path, number: int) -> None:
        self._folder = folder
        self._part = f"{number:05d}.parquet"

    def samples(self, columns: Sequence[str] | None = None) -> pa.Table:
        """Return the samples."""
        return read_part(self._folder / "samples" / self._part, columns)

    def measurements(self, probe: str, columns: Sequence[str] | None = None) -> pa.Table | None:
        """Return what a probe measured; None where there is nothing of it."""
        part = self._folder / probe / self._part
        return read_part(part, columns) if part.is_file() else None

    def write(
        self, start: int, medium: str, captions: Sequence[str], measured: dict[str, list[dict[str, Any]]]
    ) -> None:
        """Store samples of one medium and, by probe, what was measured of each."""
        text = {"image": "caption", "audio": "transcript"}[medium]
        halves: list[dict[str, Any]] = [
            {medium: MediaRef(uri=f"/{n}"), text: caption} for n, caption in enumerate(captions, start)
        ]
        samples = [Sample(id=f"s{n}", manifest="m", row_number=n + 1, **half) for n, half in enumerate(halves, start)]
        write_part(self._folder / "samples" / self._part, samples_to_table(samples, start), {})
        for probe, found in measured.items():
            records = [
                Measurement(sample_id=sample.id, probe=probe, status=Status.MEASURED, **fields)
                for sample, fields in zip(samples, found, strict=True)
            ]
            table = measurements_to_table(records, _METRICS[probe], PROBES.get(probe).traits.columns)
            write_part(self._folder / probe / self._part, table, {})

    def write_images(
        self,
        start: int,
        captions: Sequence[str],
        looks: Sequence[tuple[bytes, bytes]],
        vectors: NDArray[np.float16],
        similarity: NDArray[np.float64],
    ) -> None:
        """Store image-caption samples with hash and colours, embedding and similarity."""
        media = [
            {
                "values": {"width": 640.0, "height": 480.0},
                "content": {"image_sha256": _digest(number), "image_phash": phash, "image_colours": colours},
            }
            for number, (phash, colours) in enumerate(looks, start)
        ]
        fits = [
            {"values": {"similarity": value}, "embeddings": {"image": vector}}
            for vector, value in zip(vectors, similarity.tolist(), strict=True)
        ]
        self.write(start, "image", captions, {"media": media, "image_text": fits})


def _digest(number: int) -> bytes:
    return hashlib.sha256(str(number).encode()).digest()


def make_run(folder: Path, rows: int, dim: int, seed: int) -> tuple[list[PartShard], NDArray[np.int64]]:
    """Write a run of made-up rows; return its shards and, for each row, the row that it is a copy of (-1: none)."""
    rng = np.random.default_rng(seed)
    centres = _unit(rng.standard_normal((2000, dim)).astype(np.float32))
    common = _unit(rng.standard_normal((1, dim)).astype(np.float32))
    odds = 1.0 / np.arange(1, len(centres) + 1) ** 0.8
    copied = np.full(rows, -1, dtype=np.int64)
    shards = []
    for number, start in enumerate(range(0, rows, SHARD)):
        count = min(SHARD, rows - start)
        noise = rng.standard_normal((count, dim)).astype(np.float32) / np.sqrt(dim)
        members = centres[rng.choice(len(centres), count, p=odds / odds.sum())]
        vectors = _unit(common + 0.8 * members + 0.7 * noise)
        phash = rng.integers(0, 2**64, count, dtype=np.uint64)
        colours = rng.integers(60, 200, (count, 48)).astype(np.uint8)
        # A copy's original stands in the same shard, so that making the run needs no memory of the others.
        later = np.flatnonzero(rng.random(count) < 1 / COPIES)
        later = later[later > count // 2]
        source = rng.choice(count // 2, len(later), replace=False)
        copied[start + later] = start + source
        away = rng.uniform(0.04, 0.3, (len(later), 1)) * rng.standard_normal((len(later), dim)) / np.sqrt(dim)
        vectors[later] = _unit(vectors[source] + away.astype(np.float32))
        turned = np.uint64(1) << rng.integers(0, 64, (3, len(later)), dtype=np.uint64)
        phash[later] = phash[source] ^ turned[0] ^ turned[1] ^ turned[2]
        colours[later] = colours[source] + rng.integers(0, 8, (len(later), 48)).astype(np.uint8)
        looks = [
            (bits.to_bytes(8, "big"), fields.tobytes()) for bits, fields in zip(phash.tolist(), colours, strict=True)
        ]
        words = rng.integers(0, 5000, (count, 8))
        words[later] = words[source]
        captions = ["a " + " ".join(f"word{word}" for word in line) for line in words.tolist()]
        shard = PartShard(folder, number)
        shard.write_images(start, captions, looks, vectors.astype(np.float16), rng.normal(0.3, 0.05, count))
        shards.append(shard)
    return shards, copied


def make_drawn(folder: Path, scenes: int, seed: int) -> tuple[list[PartShard], NDArray[np.int64]]:
    """Write a run of drawn scenes, each followed by its copy at the end; returns as ``make_run``."""
    from scripts.benchmarks.quality_parts.pairs import draw, encoder, tell

    pictures, copies = zip(*(draw(tell(seed, n), seed, n) for n in range(scenes)), strict=True)
    both = [*pictures, *copies]
    captions = [tell(seed, n).captions[0] for n in range(scenes)] * 2
    shard = PartShard(folder, 0)
    looks = [image_fingerprint(one) for one in both]
    shard.write_images(0, captions, looks, encoder().images(both), np.full(len(both), 0.3))
    return [shard], np.concatenate([np.full(scenes, -1), np.arange(scenes)])


def make_spoken(folder: Path, clips: int, seed: int) -> tuple[list[PartShard], NDArray[np.int64]]:
    """Write a run of spoken sentences: each by one voice, by another one, and the first again as another file."""
    from scripts.synthetic.recording import decode_audio, encode_audio
    from scripts.synthetic.sentences import draw_words, write_text
    from scripts.synthetic.speech import Synthesizer, draw_voice

    choice, rng, speaker = random.Random(seed), np.random.default_rng(seed), Synthesizer()
    texts = [write_text(draw_words(choice, held_out=True, random_share=0.1), sentence_case=True) for _ in range(clips)]
    spoken = []
    for text in texts * 2:
        sound = speaker.speak(text, draw_voice(choice, held_out=True)).samples
        sound = np.pad(sound, rng.integers(1600, 4000, 2)) * np.float32(0.5 / np.abs(sound).max())
        spoken.append(sound + rng.normal(0, 0.001, len(sound)).astype(np.float32))
    for sound in spoken[:clips]:
        begin, end = rng.integers(0, 1600, 2)
        quieter = 0.5 * sound[begin : len(sound) - end]
        noisy = quieter + rng.normal(0, 0.03 * quieter.std(), len(quieter)).astype(np.float32)
        spoken.append(decode_audio(encode_audio(noisy, "opus", 24_000)))
    media = []
    for number, sound in enumerate(spoken):
        found = audio_fingerprint(sound)
        media.append(
            {
                "values": {"duration": len(sound) / 16_000},
                "content": {"audio_sha256": _digest(number)},
                "embeddings": {} if found is None else {"audio": found},
            }
        )
    shard = PartShard(folder, 0)
    shard.write(0, "audio", texts * 3, {"media": media})
    return [shard], np.concatenate([np.full(2 * clips, -1), np.arange(clips)])


def report(shards: list[PartShard], copied: NDArray[np.int64], medium: str) -> None:
    """Run the analysis and print what it found and what it took."""
    analysis = Duplicates(DuplicatesConfig(), 0)
    began, cpu = time.perf_counter(), time.process_time()
    tables = list(analysis.analyse(shards))
    wall, cpu = time.perf_counter() - began, time.process_time() - cpu
    group = np.concatenate([table[f"{medium}_group"].to_numpy(zero_copy_only=False) for table in tables])
    copies = np.flatnonzero(copied >= 0)
    together = group[copies] == group[copied[copies]]
    origin = np.where(copied >= 0, copied, np.arange(len(copied)))
    grouped = np.flatnonzero(~np.isnan(group))
    members: dict[float, set[int]] = {}
    for row in grouped.tolist():
        members.setdefault(group[row], set()).add(int(origin[row]))
    wrong = sum(len(origins) > 1 for origins in members.values())
    found = analysis.summary()[medium]
    index = found["index"]
    print(f"{len(copied)} rows, {len(copies)} planted copies: {together.mean():.4f} of them found")
    print(f"{found['groups']} groups, {wrong} with different originals")
    recall = (
        f"recall {index['recall']:.4f} of {index['recall_checked']} neighbours" if index["recall_checked"] else "all"
    )
    print(f"index: {index['kind']}, {index['cells']} cells, {recall}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"{wall:.1f} s ({cpu:.1f} s of CPU), {len(copied) / wall:.0f} rows/s, peak {peak:.2f} GB")


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)


def main() -> None:
    """Make a run, analyse it, print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--scenes", type=int, default=0, help="drawn pictures instead of made-up embeddings")
    parser.add_argument("--clips", type=int, default=0, help="spoken sentences instead of made-up embeddings")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if options.scenes:
            shards, copied = make_drawn(Path(folder), options.scenes, options.seed)
        elif options.clips:
            shards, copied = make_spoken(Path(folder), options.clips, options.seed)
        else:
            shards, copied = make_run(Path(folder), options.rows, options.dim, options.seed)
        report(shards, copied, "audio" if options.clips else "image")


if __name__ == "__main__":
    main()
