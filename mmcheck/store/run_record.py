"""run.json as a typed record: what was read, by which probes it was measured, and how far the run has come.

Keys of a later version that this one does not know are kept as they are. What would be misread is refused: a file of a
later ``schema_version``, and one whose values are of another kind than they should be.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from mmcheck.core.errors import RunError
from mmcheck.core.types import Metric, Shard
from mmcheck.store.schema_version import refuse_later
from mmcheck.store.seal import Damaged, read_json, write_json

SCHEMA_VERSION = 1
"""Counted up when an earlier version of mmcheck would misread run.json."""
RUN_FILE = "run.json"
_NEEDED = ("identity", "shard_size", "rows", "probes", "analyses")
"""Of run.json, from its first writing on."""
_SETTLED = {"precision": ("float32", "bfloat16", "float16", "int8"), "window": ("full", "padded", "fitted")}
"""Options that ``auto`` decides once a run, and what it may come to."""
_AGAIN = "run the same `mmcheck scan` command again; it redoes only what is damaged."

RunState = Literal["planning", "measuring", "complete"]


class _Record(BaseModel):
    """A part of run.json: cannot be changed, and keeps the keys of later versions."""

    model_config = ConfigDict(frozen=True, extra="allow")

    def to_json(self) -> dict[str, object]:
        """Return what stands in the file: the keys that were given, unknown ones included."""
        return self.model_dump(exclude_unset=True)

    def updated(self, **changes: object) -> Self:
        """Return the record with other values."""
        return self.model_copy(update=changes)


class InputRecord(_Record):
    """One manifest that was read."""

    manifest: str
    """Path or URL."""
    format: str
    package: str = ""
    """Name and version of the package that the format comes from; not given for mmcheck's own formats."""
    digest: str = ""
    """By it one knows whether the manifest is still what was scanned."""
    digest_of: str = ""
    """What the digest is of: ``content``, or what else tells a large file from another."""
    size: int | None = None
    """Bytes, of a file."""
    tables: Mapping[str, str] = {}
    """Digests of the tables of a folder that rows will be copied from, by name below the folder."""
    base: str | None = None
    """Folder that relative paths start from, where that is not the manifest's own (standard input)."""
    recognised: str = ""
    """Why and how surely it was taken for ``format``, in words."""
    rows: int = 0
    """Samples."""
    source_rows: int | None = None
    """Rows of the manifest; fewer than ``rows`` where a row holds several texts."""

    @property
    def rows_in_source(self) -> int:
        """Return the rows of the manifest, which runs of early versions do not tell from the samples."""
        return self.rows if self.source_rows is None else self.source_rows


class MeasuredRecord(_Record):
    """What made a set of stored measurements: an analysis, or (with more to say) a probe."""

    fingerprint: str = ""
    """Equal ones, equal values."""
    metrics: tuple[Metric, ...] = ()


class ProbeRecord(MeasuredRecord):
    """What measured: a probe with its weights."""

    about: Mapping[str, object] = {}
    """What the probe says of itself: model, weights with SHA-256, precision, device, versions."""

    @property
    def settled(self) -> dict[str, str]:
        """Return what the options that a run may settle by itself are in this run."""
        known = {**self.verification, **self.about}
        found = {name: known.get(name) for name in _SETTLED}
        return {name: word for name, word in found.items() if isinstance(word, str) and word in _SETTLED[name]}

    @property
    def is_given(self) -> bool:
        """Return whether the values are of vectors or scores that people had already, not of a model that ran."""
        return self.about.get("given") is True

    @property
    def told_given(self) -> str:
        """Return what was given and how it was matched, as part of a sentence; "" if a model ran."""
        if not self.is_given:
            return ""
        names = self.about.get("columns")
        told = ", ".join(map(str, names)) if isinstance(names, list | tuple) else ""
        return f"by what was given ({self.about.get('layout')}: {told}), matched {self.about.get('matched')}"

    @property
    def kind_of_vectors(self) -> str:
        """Return what must be equal for vectors of two runs to be comparable; "" if nothing tells."""
        return f"given: {self.model}" if self.is_given and self.about.get("is_named") is True else self.weights_sha256

    @property
    def verification(self) -> Mapping[str, object]:
        """Return what the probe says of the model that reads given texts along; empty if there is none."""
        return self._tree("verification")

    @property
    def model(self) -> str:
        """Return the name of the model; "" if the probe tells none."""
        found = self.about.get("model") or self._tree("weights").get("name")
        return str(found) if found else ""

    @property
    def weights_sha256(self) -> str:
        """Return the digest of the weights; "" if the probe tells none."""
        found = self._tree("weights").get("sha256") or self.about.get("sha256")
        return str(found) if found else ""

    @property
    def min_side(self) -> int | None:
        """Return how small the probe lets images be made while decoding, px on the shorter side."""
        found = self.about.get("min_side")
        return found if isinstance(found, int) else None

    def _tree(self, key: str) -> Mapping[str, object]:
        found = self.about.get(key)
        return found if isinstance(found, Mapping) else {}


class EarlierRecord(_Record):
    """An earlier run whose measurements were taken over."""

    run: str
    """Its folder."""
    identity: str


class ReusedRecord(_Record):
    """What was taken over from earlier runs."""

    runs: tuple[EarlierRecord, ...] = ()
    measurements: Mapping[str, int] = {}
    """Probe -> number of measurements."""


class RunRecord(_Record):
    """The content of run.json."""

    schema_version: int = SCHEMA_VERSION
    mmcheck_version: str = ""
    state: RunState = "planning"
    identity: str
    """Digest of the work that the folder belongs to: manifests, how they are read, size of a shard."""
    shard_size: int
    rows: int
    """Samples in all."""
    limit: int | None = None
    """How many samples were asked for; None: all."""
    inputs: tuple[InputRecord, ...] = ()
    versions: Mapping[str, str] = {}
    """Python and packages -> version."""
    probes: Mapping[str, ProbeRecord]
    analyses: Mapping[str, MeasuredRecord]
    modalities: Mapping[str, int] | None = None
    """Column of the samples (``image``, ``caption`` ...) -> in how many of them it is filled; None: not counted yet."""
    skipped_probes: Mapping[str, str] = {}
    """Probe that the config has on -> why it did not run."""
    engine: str | None = None
    seed: int = 0
    config_digest: str | None = None
    reused: ReusedRecord | None = None

    def shards(self) -> list[Shard]:
        """Return the shards of the run, in order."""
        return [
            Shard(index=number, start=start, stop=min(start + self.shard_size, self.rows))
            for number, start in enumerate(range(0, self.rows, self.shard_size))
        ]

    def measured(self) -> dict[str, MeasuredRecord]:
        """Return what made the stored measurements, probes and analyses, by name in the order they were made."""
        return {**self.probes, **self.analyses}

    def holds(self, column: str) -> bool:
        """Return whether any sample has this column filled; runs of early versions, which did not count, may."""
        return self.modalities is None or bool(self.modalities.get(column))

    def min_side(self) -> int | None:
        """Return how small images may be made while decoding: what the hungriest probe needs.

        A resumed run that need not load that probe again must decode as before, or its bytes would differ.
        """
        return max((part.min_side for part in self.probes.values() if part.min_side), default=None)


def read_record(out: Path) -> RunRecord:
    """Return run.json of a run folder.

    Raises:
        RunError: If it is missing or damaged, not mmcheck's, or of a later version that this one cannot read.
    """
    file = out / RUN_FILE
    try:
        found = read_json(file)
    except Damaged as error:
        raise RunError(f"{file} is damaged: {error}.", hint=_AGAIN) from error
    return _parse(file, found)


def find_record(out: Path) -> RunRecord | None:
    """Return run.json of a run folder that is written to; None if there is none, or it is damaged.

    Raises:
        RunError: If it is of a later version that this one cannot read.
    """
    file = out / RUN_FILE
    try:
        found = read_json(file, sealed=True)
    except Damaged:
        return None
    refuse_later(file, found, SCHEMA_VERSION)
    try:
        return _parse(file, found)
    except RunError:
        return None


def write_record(out: Path, record: RunRecord) -> None:
    """Write run.json atomically.

    Raises:
        OutputError: If it cannot be written.
    """
    write_json(out / RUN_FILE, record.to_json())


def _parse(file: Path, found: Mapping[str, object]) -> RunRecord:
    refuse_later(file, found, SCHEMA_VERSION)
    if absent := [name for name in _NEEDED if name not in found]:
        raise RunError(
            f"{file} was not written by mmcheck: it lacks {', '.join(absent)}.",
            hint="give the folder that `mmcheck scan --out` was given, or scan again into a new one.",
        )
    try:
        return RunRecord.model_validate(found)
    except ValidationError as error:
        fault = error.errors()[0]
        place = ".".join(map(str, fault["loc"]))
        raise RunError(f"{file} is damaged: {place}: {fault['msg']}.", hint=_AGAIN) from error
