"""A planted set as the tables that a scan would have stored, and the product's analyses run over them.

Tables are made by the product's own functions and lie in memory, since thousands of small sets are judged; what the
analyses and rules see is the same as in a run folder.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mmcheck.config import load_config
from mmcheck.config.tree import Config
from mmcheck.core.digests import digest_bytes
from mmcheck.core.parts import PROBES
from mmcheck.core.types import Measurement, MediaRef, Sample, Status
from mmcheck.corpus.base import ANALYSES
from mmcheck.judge.policy import Policy
from mmcheck.judge.table import JudgeTable
from mmcheck.store.schema import measurements_to_table, samples_to_table
from scripts.benchmarks.quality_parts.sets import Planted

SHARD_SIZE = 512
PRESET = "default"


class MemoryShard:
    """The tables of one shard, held in memory (`mmcheck.corpus.base.ShardTables`)."""

    def __init__(self, samples: pa.Table, measurements: dict[str, pa.Table]) -> None:
        self._samples = samples
        self.tables = measurements
        """Name of probe or analysis -> table."""

    def samples(self, columns: Sequence[str] | None = None) -> pa.Table:
        """Return the samples (only `columns`, if given)."""
        return self._samples if columns is None else self._samples.select(list(columns))

    def measurements(self, probe: str, columns: Sequence[str] | None = None) -> pa.Table | None:
        """Return what a probe measured; embeddings only where they are named."""
        table = self.tables.get(probe)
        if table is None:
            return None
        if columns is None:
            columns = [name for name in table.column_names if not name.startswith("embedding.")]
        return table.select([name for name in columns if name in table.column_names])


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What the product says about a set."""

    values: dict[str, NDArray[np.float64]]
    """Full metric name -> value a row, NaN where there is none."""
    summaries: dict[str, dict[str, Any]]
    """Analysis -> what holds for the whole set."""
    codes: list[list[str]]
    """Codes of the findings of each row, by the preset's rules."""
    actions: list[str]
    """Action of each row."""
    evidence: dict[str, list[str | None]]
    """Analysis -> evidence a row, as JSON."""
    ids: list[str]
    """Sample ids, row by row."""

    def has(self, rule: str) -> NDArray[np.bool_]:
        """Return which rows have a finding of the rule (codes are `rule.reason`), [n]."""
        return np.array([any(code.partition(".")[0] == rule for code in found) for found in self.codes], dtype=bool)


@cache
def preset() -> Config:
    """Return the preset whose options and rules are measured."""
    return load_config(PRESET)


def available(*names: str) -> list[str]:
    """Return those of the analyses that this version of the product has."""
    known = ANALYSES.names()
    return [name for name in names if name in known]


def to_shards(planted: Planted, *, with_words: bool = False) -> list[MemoryShard]:
    """Return a set as the tables of samples, media and image_text (and caption_text, if wanted)."""
    shown = [f"{planted.picture[row]}-{planted.is_near[row]}" for row in range(len(planted))]
    return embedded_shards(
        planted.image, planted.text, planted.cosine, planted.captions(), shown, with_words=with_words
    )


def embedded_shards(
    image: NDArray[Any],
    text: NDArray[Any],
    cosine: NDArray[Any],
    captions: Sequence[str],
    shown: Sequence[str],
    *,
    with_words: bool = False,
) -> list[MemoryShard]:
    """Return image-caption pairs as the tables that a scan would have stored of them.

    Args:
        image: Embeddings, [n, d].
        text: Embeddings, [n, d].
        cosine: Of each pair, [n].
        captions: Words of each pair.
        shown: Names what each image file holds: equal files have equal names.
        with_words: Whether the probe caption_text measures the captions as well.
    """
    shards = []
    for start in range(0, len(captions), SHARD_SIZE):
        samples, media, found = [], [], []
        for row in range(start, min(start + SHARD_SIZE, len(captions))):
            sample = _sample(row, captions[row])
            similarity = float(cosine[row])
            digest = bytes.fromhex(digest_bytes(shown[row].encode()))
            values = {"similarity": similarity, "worst_similarity": similarity, "num_windows": 1.0}
            values |= {"num_tokens": float(len(captions[row].split())), "unknown_token_ratio": 0.0}
            samples.append(sample)
            media.append(make_measurement(sample.id, "media", {"width": 192.0}, content={"image_sha256": digest}))
            embeddings = {"image": image[row], "text": text[row]}
            found.append(make_measurement(sample.id, "image_text", values, embeddings=embeddings))
        measured = {"media": media, "image_text": found}
        if with_words:
            measured["caption_text"] = measure_captions(samples)
        tables = {name: to_table(name, rows) for name, rows in measured.items()}
        shards.append(MemoryShard(samples_to_table(samples, start), tables))
    return shards


def run_analyses(
    shards: Sequence[MemoryShard], names: Sequence[str], *, seed: int = 0, with_all_rules: bool = False
) -> Judged:
    """Run the product's analyses over the shards, in the product's order, and judge by the preset's rules on them.

    Rules on other metrics are left out, so that what is found is found by the analyses alone.

    Args:
        shards: The set.
        names: Analyses.
        seed: Theirs.
        with_all_rules: Whether all rules of the preset judge instead, as in a scan.
    """
    summaries: dict[str, dict[str, Any]] = {}
    known = {metric.name: metric for name in PROBES.names() for metric in PROBES.get(name).metrics}
    for name in (name for name in ANALYSES.names() if name in names):
        analysis = make_analysis(name, seed)
        # An analysis never sees what it adds itself, whether it streams or not.
        tables = list(analysis.analyse(shards))
        for shard, table in zip(shards, tables, strict=True):
            shard.tables[name] = table
        summaries[name] = analysis.summary() if hasattr(analysis, "summary") else {}
    known |= {metric.name: metric for name in ANALYSES.names() for metric in ANALYSES.get(name).metrics}
    rules = {
        name: rule
        for name, rule in preset().rules.items()
        if with_all_rules or (rule.metric or "").partition(".")[0] in summaries
    }
    # A rule that gives way to one that is left out here gives way to nothing.
    rules = {
        name: rule.model_copy(update={"unless": tuple(other for other in rule.unless if other in rules)})
        for name, rule in rules.items()
    }
    policy = Policy(rules)
    policy.check_metrics(known, set(shards[0].tables))
    verdicts = pa.concat_tables(policy.judge(JudgeTable(shard.samples(), _plain(shard))) for shard in shards)
    return Judged(
        values=_values(shards, names),
        summaries=summaries,
        codes=verdicts["codes"].to_pylist(),
        actions=verdicts["action"].to_pylist(),
        evidence={
            name: [text for shard in shards for text in shard.tables[name]["evidence"].to_pylist()]
            for name in summaries
        },
        ids=[sample for shard in shards for sample in shard.samples(["id"])["id"].to_pylist()],
    )


def make_analysis(name: str, seed: int) -> Any:
    """Return an analysis with the preset's options."""
    part = ANALYSES.get(name)
    return part(getattr(preset().analyses, name), seed)


def _plain(shard: MemoryShard) -> Mapping[str, pa.Table]:
    return {
        name: table.select([column for column in table.column_names if not column.startswith("embedding.")])
        for name, table in shard.tables.items()
    }


def _values(shards: Sequence[MemoryShard], names: Sequence[str]) -> dict[str, NDArray[np.float64]]:
    values: dict[str, NDArray[np.float64]] = {}
    for name in names:
        if name not in shards[0].tables:
            continue
        for metric in ANALYSES.get(name).metrics:
            short = metric.name.partition(".")[2]
            if short not in shards[0].tables[name].column_names:
                continue  # of a kind of pair that the set does not hold
            parts = [shard.tables[name][short].to_numpy(zero_copy_only=False) for shard in shards]
            values[metric.name] = np.concatenate(parts).astype(np.float64)
    return values


def _sample(row: int, caption: str) -> Sample:
    name = f"row-{row:06d}"
    return Sample(
        id=name,
        manifest="/data/rows.jsonl",
        row_number=row + 1,
        own_id=True,
        image=MediaRef(uri=f"/data/images/{name}.jpg"),
        caption=caption,
        language="en",
        row={"id": name, "file_name": f"images/{name}.jpg", "text": caption},
    )


def make_measurement(sample_id: str, probe: str, values: dict[str, float], **others: Any) -> Measurement:
    """Return what a probe measured of one sample."""
    return Measurement(sample_id=sample_id, probe=probe, status=Status.MEASURED, values=values, **others)


def to_table(probe: str, measured: Sequence[Measurement]) -> pa.Table:
    """Return the table that a scan would store of what a probe measured."""
    found = PROBES.get(probe)
    return measurements_to_table(measured, found.metrics, found.traits.columns)


def measure_captions(samples: Sequence[Sample]) -> list[Measurement]:
    """Return what the caption_text probe measures of the captions, with the preset's options."""
    from mmcheck.media.sample_media import SampleMedia
    from mmcheck.probe.base import Prepared

    probe = PROBES.get("caption_text")(preset().probes.caption_text, "cpu", 0)
    probe.open()
    source: Any = None
    ready = [Prepared(sample=sample, payload=probe.prepare(SampleMedia(sample, source))) for sample in samples]
    measured: list[Measurement] = probe.measure(ready)
    return measured
