"""Decisions on rows of a run, put together with what their media are known by."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from mmcheck.config import Config
from mmcheck.core.errors import MediaError
from mmcheck.core.pair_kinds import PAIR_KINDS, PairKind
from mmcheck.core.progress import Progress
from mmcheck.core.types import MediaRef, Sample
from mmcheck.errata.media import MediaReader, medium_name
from mmcheck.errata.neighbours import PairKey
from mmcheck.errata.record import Medium
from mmcheck.errata.sources import Decision
from mmcheck.store.media_columns import DIGESTS, IMAGE_COLOURS, IMAGE_HASH
from mmcheck.store.run_folder import RunFolder
from mmcheck.store.stored_rows import StoredRow, read_rows

_PROBE = "media"
_AT_ONCE = 512  # rows whose media are read in one go; our own choice: bounds memory
_THREADS = min(8, os.cpu_count() or 1)  # that read media; our own choice: disks take several readers
_DIGITS = 6  # of a score; our own choice: as the mmcheck_* columns
UNREADABLE = "have a medium that cannot be read, so that nothing tells it"
"""Why rows are left out."""
BROKEN = "could not be read"
WITHOUT_MEDIUM = "have no image and no recording"
READ, CHANGED, GONE = "read", "not what was scanned", "cannot be read"
"""What became of the media files: what is known of the latter two is what the run stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """One decision with its pair."""

    decision: Decision
    key: PairKey
    """Content of the medium, within this run."""
    text: str | None
    """The text that is wrong."""
    medium: Medium
    scores: Mapping[str, float]
    id: str | None
    """The row's own id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    decision: Decision
    kind: PairKind
    key: PairKey
    row: StoredRow
    ref: MediaRef


class DraftMaker:
    """Makes drafts of decisions.

    Args:
        run: The run.
        config: Its config.
        reads_media: Whether media files are read for what the run did not store.
    """

    def __init__(self, run: RunFolder, config: Config, *, reads_media: bool) -> None:
        self._run = run
        self._reads_media = reads_media
        wanted = {name for kind in PAIR_KINDS for name in (kind.posterior, *(metric for _, metric in kind.written))}
        self._scores = sorted(wanted & run.metrics().keys())
        # Nobody asked for the network here, whatever the scan was allowed.
        self._reader = MediaReader(config.probes.media, allow_remote=False)
        self.left_out: Counter[str] = Counter()
        """Reason -> rows that no erratum can be made of."""
        self.media: Counter[str] = Counter()
        """What became of the media files -> rows."""

    def drafts(
        self, decisions: Sequence[Decision], keys: Mapping[tuple[int, str], PairKey], progress: Progress
    ) -> Iterator[Draft]:
        """Yield a draft for each decision that one can be made of, in order.

        Args:
            decisions: What was decided.
            keys: Row and kind of pair -> content of the medium.
            progress: Receives progress reports.

        Raises:
            RunError: If a part of the run is missing or damaged.
        """
        progress.phase("reading media" if self._reads_media else "collecting", len(decisions))
        columns = self._columns()
        try:
            with ThreadPoolExecutor(_THREADS, thread_name_prefix="media") as pool:
                for start in range(0, len(decisions), _AT_ONCE):
                    some = decisions[start : start + _AT_ONCE]
                    rows = read_rows(self._run, [one.index for one in some], columns)
                    found = [pair for one in some if (pair := self._find(one, rows[one.index], keys)) is not None]
                    for pair, (medium, what) in zip(found, pool.map(self._medium, found), strict=True):
                        if medium is None:
                            self.left_out[UNREADABLE] += 1
                        else:
                            self.media[what] += bool(what)
                            yield self._draft(pair, medium)
                    progress.advance(len(some))
        finally:
            self._reader.close()
            self.media = +self.media

    def _columns(self) -> dict[str, list[str]]:
        wanted: dict[str, list[str]] = {}
        if _PROBE in self._run.probes():
            wanted[_PROBE] = [*(column.name for column in DIGESTS.values()), IMAGE_HASH.name, IMAGE_COLOURS.name]
        for name in self._scores:
            probe, _, short = name.partition(".")
            # A part may lack a metric that its probe can measure; the ids are always there.
            wanted.setdefault(probe, ["sample_id"]).append(short)
        return wanted

    def _find(self, decision: Decision, row: StoredRow, keys: Mapping[tuple[int, str], PairKey]) -> _Found | None:
        sample = row.sample
        if sample.problem is not None:
            self.left_out[BROKEN] += 1
            return None
        kinds = PAIR_KINDS if decision.kind is None else (decision.kind,)
        for kind in kinds:
            ref = kind.medium_of(sample)
            key = keys.get((decision.index, kind.name))
            if ref is not None and key is not None:
                return _Found(decision=decision, kind=kind, key=key, row=row, ref=ref)
        self.left_out[WITHOUT_MEDIUM] += 1
        return None

    def _medium(self, pair: _Found) -> tuple[Medium | None, str]:
        """Return what a medium is known by, and what became of its file; None where nothing is known. Thread-safe."""
        sample, ref, kind = pair.row.sample, pair.ref, pair.kind
        stored = pair.row.measured.get(_PROBE, {})
        own = stored.get(DIGESTS[kind.medium].name)
        is_part = (ref.start, ref.duration, ref.channel) != (None, None, None)
        known: dict[str, str | int] = {}
        if isinstance(own, bytes):
            known["sound_sha256" if is_part else "sha256"] = own.hex()
        if isinstance(stored.get(IMAGE_HASH.name), bytes) and kind.is_seen:
            known |= {"phash": stored[IMAGE_HASH.name].hex(), "colours": stored[IMAGE_COLOURS.name].hex()}
        what = ""
        if self._reads_media:
            read, what = self._read(sample, ref, kind, known, is_part=is_part)
            known = {**known, **read}
        if not known.keys() & {"sha256", "sound_sha256"}:
            return None, what
        medium = Medium.model_validate(
            {
                "kind": kind.name,
                **known,
                "start": ref.start,
                "duration": ref.duration,
                "channel": ref.channel,
                "name": medium_name(sample, ref),
            }
        )
        return medium, what

    def _read(
        self, sample: Sample, ref: MediaRef, kind: PairKind, known: Mapping[str, str | int], *, is_part: bool
    ) -> tuple[dict[str, str | int], str]:
        """Return what the file tells beside what is known; nothing if it is not what was scanned any more."""
        found: dict[str, str | int] = {}
        try:
            digest, size = self._reader.digest(ref, sample.manifest)
            found = {"sha256": digest.hex(), "bytes": size}
        except MediaError:
            return {}, GONE
        if known.get("sha256", found["sha256"]) != found["sha256"]:
            return {}, CHANGED
        if kind.is_seen:
            return found, READ
        try:
            # The other kind of pair of the row may name a segment of its own.
            found["sound_sha256"] = self._reader.sound(replace(sample, audio=ref)).hex()
        except MediaError:
            return ({}, CHANGED) if is_part and "sound_sha256" in known else (found, READ)
        if known.get("sound_sha256", found["sound_sha256"]) != found["sound_sha256"]:
            return {}, CHANGED
        return found, READ

    def _draft(self, pair: _Found, medium: Medium) -> Draft:
        scores = dict(pair.decision.scores or {})
        for name in self._scores:
            probe, _, short = name.partition(".")
            value = pair.row.measured.get(probe, {}).get(short)
            if pair.kind.is_of(name) and isinstance(value, float) and value == value:
                scores.setdefault(name, value)
        sample = pair.row.sample
        return Draft(
            decision=pair.decision,
            key=pair.key,
            text=pair.kind.text_of(sample),
            medium=medium,
            scores={name: round(float(value), _DIGITS) for name, value in scores.items()},
            id=sample.id if sample.own_id else None,
        )
