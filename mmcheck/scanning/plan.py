"""Planning: the manifests are read once, ids are made unique, and the samples are stored in shards.

Everything later works from these parts, so a manifest is parsed once and a sample has one identity in the whole run.
"""

from __future__ import annotations

import hashlib
import itertools
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow.compute as pc

from mmcheck.config import Config
from mmcheck.core.digests import digest_value
from mmcheck.core.errors import ManifestError
from mmcheck.core.pair_kinds import AUDIO_TRANSCRIPT
from mmcheck.core.progress import Progress
from mmcheck.core.types import Sample, Shard
from mmcheck.decide.sources import describe_tables
from mmcheck.formats.base import FORMATS
from mmcheck.formats.detect import Recognition, expand_manifests, recognise_format
from mmcheck.formats.manifest_digest import describe_input
from mmcheck.formats.open_format import open_format
from mmcheck.formats.text_source import is_url
from mmcheck.scanning.unique_ids import UniqueIds
from mmcheck.store.run_folder import read_part
from mmcheck.store.run_record import InputRecord
from mmcheck.store.schema import find_whole_labels, samples_to_table, write_part

_IDENTIFYING = frozenset(("manifest", "format", "digest", "digest_of"))
MAX_TRANSCRIPTS = 2000
"""Transcripts that stand for the run where a probe wants other clips' texts. Our own choice: as the bank of the
images."""


def describe_inputs(patterns: Sequence[str], config: Config) -> tuple[InputRecord, ...]:
    """Return one record a manifest: its format, its digest, and what sources are told by; the rows are not counted yet.

    Raises:
        ManifestError: If a pattern matches nothing, or a manifest is in no known format.
    """
    manifests = expand_manifests(patterns)
    for manifest in manifests:
        try:
            manifest.encode("utf-8")
        except UnicodeEncodeError as error:
            raise ManifestError(f"the path {manifest!r} is not valid UTF-8.", hint="rename it.") from error
    return tuple(_describe(manifest, recognise_format(manifest, config.input)) for manifest in manifests)


def _describe(manifest: str, recognition: Recognition) -> InputRecord:
    found = describe_input(manifest)
    form = recognition.format
    record = InputRecord(
        manifest=manifest, format=form, digest=found.digest, digest_of=found.digest_of, recognised=recognition.told
    )
    if found.size is not None:
        record = record.updated(size=found.size)
    if package := FORMATS.entry(form).package:
        record = record.updated(package=package)
    tables = describe_tables(manifest, form)
    return record.updated(tables=tables) if tables else record


def with_whole_root(config: Config) -> Config:
    """Return the config with ``input.root`` as an absolute path, so that the run says the same from everywhere."""
    root = config.input.root
    if root is None or is_url(root):
        return config
    whole = os.path.abspath(os.path.expanduser(root))
    return config.model_copy(update={"input": config.input.model_copy(update={"root": whole})})


def plan_identity(inputs: Sequence[InputRecord], config: Config, limit: int | None) -> str:
    """Return the digest that tells whether two scans plan the same samples in the same shards."""
    # Another version of a package may read the same manifest otherwise.
    known = [
        entry.model_dump(include={*_IDENTIFYING, *(name for name in ("package", "base") if getattr(entry, name))})
        for entry in inputs
    ]
    # Vectors that are given change no sample, but that there are some does: rows then need no medium.
    options = config.input.model_dump(mode="json", exclude={"embeddings", "try_first"})
    # Runs of versions that had no such options go on.
    options = {name: value for name, value in options.items() if value is not None or name not in ("root", "path")}
    if config.input.embeddings.is_given:
        options["embeddings"] = sorted(config.input.embeddings.vector_columns)
    return digest_value([known, options, config.run.shard_size, limit])


def read_samples(inputs: Sequence[InputRecord], config: Config) -> Iterator[tuple[int, Sample]]:
    """Yield the samples of all manifests with unique ids, each with the number of its input.

    An id that occurs again in its manifest becomes ``id#2``: a derived one always, the manifest's own where both rows
    have the same medium (an image with several captions) or media that lie in the manifest itself. An id that another
    manifest has used already is prefixed with the manifest's name.

    Raises:
        ManifestError: If a manifest gives its own id to rows with different media; names both.
    """
    ids = UniqueIds()
    for number, entry in enumerate(inputs):
        ids.begin(entry.manifest)
        for sample in open_format(entry.format, config, base=entry.base).read(entry.manifest):
            unique = ids.make(sample)
            yield number, sample if unique == sample.id else replace(sample, id=unique)


def write_plan(
    samples: Iterable[tuple[int, Sample]],
    out: Path,
    config: Config,
    identity: str,
    limit: int | None,
    progress: Progress,
) -> dict[int, tuple[int, int]]:
    """Store the samples in shards below ``out``; return samples and rows of the manifest, by number of the input.

    There are more samples than rows where rows hold several texts.

    Raises:
        ManifestError: If an id is given twice or a manifest cannot be read.
        OutputError: If the folder cannot be written.
    """
    progress.phase("reading manifests", limit)
    rows: dict[int, list[int]] = {}
    stream = itertools.islice(samples, limit)
    size = config.run.shard_size
    start = 0
    while batch := list(itertools.islice(stream, size)):
        shard = Shard(index=start // size, start=start, stop=start + len(batch))
        table = samples_to_table([sample for _, sample in batch], start)
        write_part(out / "samples" / shard.part, table, {"identity": identity})
        for number, sample in batch:
            counts = rows.setdefault(number, [0, 0])
            counts[0] += 1
            counts[1] += not sample.item
        start += len(batch)
        progress.advance(len(batch))
    return {number: (samples, source_rows) for number, (samples, source_rows) in rows.items()}


def is_planned(out: Path, shards: Sequence[Shard], identity: str) -> bool:
    """Return whether the samples of every shard are stored whole under ``identity``."""
    return all((find_whole_labels(out / "samples" / shard.part) or {}).get("identity") == identity for shard in shards)


def sample_transcripts(out: Path, shards: Sequence[Shard], seed: int) -> tuple[tuple[str, str | None], ...]:
    """Return distinct transcripts of the run with their languages, at most ``MAX_TRANSCRIPTS``.

    Rows that are never verified (broken ones, those without a recording) give none. Those with the smallest hashes are
    taken, so the rows' order and repeated rows change nothing.
    """
    kept: dict[bytes, tuple[str, str | None]] = {}
    for shard in shards:
        table = read_part(
            out / "samples" / shard.part, [AUDIO_TRANSCRIPT.text, "language", AUDIO_TRANSCRIPT.medium, "problem"]
        )
        table = table.filter(pc.and_(pc.is_valid(table[AUDIO_TRANSCRIPT.medium]), pc.is_null(table["problem"])))
        for text, language in zip(table[AUDIO_TRANSCRIPT.text].to_pylist(), table["language"].to_pylist(), strict=True):
            if text and text.strip():
                digest = hashlib.blake2b(f"{seed}\n{language}\n{text}".encode(), digest_size=12).digest()
                kept[digest] = (text, language)
        if len(kept) > 2 * MAX_TRANSCRIPTS:
            kept = {digest: kept[digest] for digest in sorted(kept)[:MAX_TRANSCRIPTS]}
    return tuple(kept[digest] for digest in sorted(kept)[:MAX_TRANSCRIPTS])
