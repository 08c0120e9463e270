"""The two sides of an overlap: finished runs as they are, manifests scanned first, and whether they can be compared.

A manifest is scanned with the other side's own config and model, and with no more probes than the comparison needs, so
that `overlap TRAIN_RUN benchmark.jsonl` is one command. Its run folder is kept: a second call measures nothing.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mmcheck.config import AnalysesConfig, Config, EmbeddingsConfig
from mmcheck.config.resolve import resolve_config
from mmcheck.core.atomic import TMP_PREFIX
from mmcheck.core.errors import OutputError, UserError
from mmcheck.core.pair_kinds import MEDIA, PAIR_KINDS, PairKind
from mmcheck.core.progress import Progress
from mmcheck.corpus.content_keys import DIGEST_COLUMNS
from mmcheck.formats.detect import expand_manifests
from mmcheck.scanning.scan import scan_run
from mmcheck.store.claim import hold
from mmcheck.store.own_entries import INVENTORY, LOCK, OUTPUTS, OVERLAP, OVERLAP_FILES, OVERLAP_MARKER, OVERLAP_RUNS
from mmcheck.store.reading import hold_for_reading, require_complete
from mmcheck.store.run_folder import RunFolder, column_names
from mmcheck.store.run_record import ProbeRecord

FOLDER = OVERLAP
_RUNS = dict(zip(("TRAIN", "TEST"), OVERLAP_RUNS, strict=True))
_RUN_FILES = ("samples", "measurements")
_MAX_NAME = 80  # characters of a set's name in file names; our own choice: names stay readable
_BY_HASH = "Until then {media} are compared by bytes, perceptual hash and colours alone, which misses heavier edits."


@dataclass(slots=True)
class SideInput:
    """One side as it was given."""

    role: str
    """``TRAIN`` or ``TEST``."""
    given: str
    """The argument."""
    run: RunFolder | None
    """The run, if it is one (or was scanned)."""
    was_scanned: bool = False
    """Whether it was a manifest."""

    def opened(self) -> RunFolder:
        """Return the run; call it once manifests have been scanned."""
        if self.run is None:
            raise UserError(f"{self.role} {self.given} has not been scanned.")
        return self.run


def open_side(role: str, given: str | Path) -> SideInput:
    """Return one side; a folder that looks like a broken run is refused instead of being read as a dataset.

    Raises:
        OutputError: If it is a damaged run folder.
        RunError: If the run is not complete.
        UserError: If nothing lies there.
    """
    text = os.fspath(given)
    path = Path(text)
    is_run = (path / "run.json").is_file()
    if not is_run and not all((path / name).is_dir() for name in _RUN_FILES):
        return SideInput(role=role, given=text, run=None)
    run = RunFolder(path)
    require_complete(run)
    _ = run.summary
    return SideInput(role=role, given=text, run=run)


@contextmanager
def read_locked(side: SideInput) -> Iterator[None]:
    """Keep scans and other writers out of a run while it is read; other readers may come in.

    The run is opened anew, since it may have changed before it was held.

    Raises:
        OutputError: If another process writes there.
        RunError: If the run is not complete (any more).
    """
    path = side.opened().path
    with hold_for_reading(path):
        side.run = RunFolder(path)
        require_complete(side.run)
        yield


def refuse_equal(train: SideInput, test: SideInput) -> None:
    """Refuse to compare something with itself.

    Raises:
        UserError: If both sides are one run, or one set of manifests.
    """
    both = (train.run, test.run)
    if both[0] is not None and both[1] is not None and both[0].path.resolve() == both[1].path.resolve():
        raise UserError(
            f"TRAIN and TEST are the same run ({train.given}); all of it would be shared.",
            hint="give two runs; repeated samples within one run are in its report (duplicates).",
        )
    own, other = (_manifests(side) for side in (train, test))
    if own and own == other:
        raise UserError(
            f"TRAIN and TEST are made of the same manifest ({sorted(own)[0]}); all of it would be shared.",
            hint="give the manifests, or runs, of two splits.",
        )
    inner = test if other < own else train
    if other and (other < own or own < other):
        outer = train if inner is test else test
        raise UserError(
            f"{inner.role} {inner.given} is one of the manifests that {outer.role} {outer.given} was scanned from; all "
            "of it would be shared.",
            hint="scan each split into a run of its own.",
        )


def _manifests(side: SideInput) -> set[str]:
    if side.run is not None:
        names = [entry.manifest for entry in side.run.record.inputs]
    else:
        names = expand_manifests([side.given])
    return {name if "://" in name else os.path.realpath(name) for name in names}


def choose_out(train: SideInput, test: SideInput, out: str | Path | None) -> Path:
    """Return the folder to write to: the one given, or ``RUN/overlap/<name of TEST>`` of the training run.

    Raises:
        OutputError: If it holds anything but an earlier comparison, or is inside a scanned folder.
        UserError: If none is given and TRAIN is a manifest.
    """
    if out is not None:
        chosen = Path(out)
    elif train.run is not None:
        digest = hashlib.sha256(os.path.realpath(test.given).encode("utf-8", "surrogateescape")).hexdigest()[:8]
        # The digest keeps apart two sets of one name, such as two files test.jsonl.
        chosen = train.run.path / FOLDER / f"{_name(test.given)}-{digest}"
    else:
        raise UserError("TRAIN is a manifest, so there is no run folder to write to.", hint="give --out DIR.")
    _check_own(chosen)
    place = os.path.realpath(chosen)
    for side in (train, test):
        for manifest in _manifests(side):
            if os.path.isdir(manifest) and os.path.commonpath([manifest, place]) == manifest:
                raise OutputError(
                    f"--out {chosen} is inside the scanned folder {manifest}; a later scan would read it.",
                    hint="choose a folder outside of it.",
                )
            if "://" not in manifest and os.path.commonpath([manifest, place]) == place:
                raise OutputError(
                    f"--out {chosen} holds the manifest {manifest} that is compared, and would replace it.",
                    hint="choose another folder.",
                )
    return chosen


@contextmanager
def hold_out(out: Path) -> Iterator[None]:
    """Make the folder of a comparison if need be and hold it; one that nothing came into is taken away again.

    Raises:
        OutputError: If it cannot be made or written to, or another process holds it.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / OVERLAP_MARKER).touch()
    except OSError as error:
        reason = error.strerror or error
        raise OutputError(f"cannot write to {out}: {reason}.", hint="give another folder with --out.") from error
    with hold(out):
        try:
            yield
        finally:
            if {path.name for path in out.iterdir()} <= {OVERLAP_MARKER, LOCK}:
                shutil.rmtree(out, ignore_errors=True)


def _name(given: str) -> str:
    stem = given.rstrip("/").rsplit("/", 1)[-1].partition(".")[0]
    plain = re.sub(r"[^\w-]+", "-", stem.encode("utf-8", "replace").decode()).strip("-")[:_MAX_NAME]
    return plain or "test"


def _check_own(out: Path) -> None:
    known = {*OVERLAP_FILES, *OUTPUTS, INVENTORY, *OVERLAP_RUNS, LOCK, OVERLAP_MARKER}
    try:
        if not out.exists() and not out.is_symlink():
            return
        if not out.is_dir():
            raise OutputError(f"--out {out} is not a folder.", hint="choose another --out.")
        foreign = sorted(
            path.name for path in out.iterdir() if path.name not in known and not path.name.startswith(TMP_PREFIX)
        )
        # A run folder holds summary.json and clean/ as well; it must never be taken for an earlier comparison.
        is_run = (out / "run.json").exists()
        names = {path.name for path in out.iterdir()} - {LOCK}
        if names and OVERLAP_MARKER not in names and not foreign:
            foreign = sorted(names)
    except OSError as error:
        raise OutputError(f"cannot use {out}: {error.strerror or error}.", hint="choose another --out.") from error
    if foreign or is_run:
        raise OutputError(
            f"--out {out} holds other files ({(foreign or ['run.json'])[0]}).",
            hint="choose a new or empty folder, or one that `mmcheck overlap` made.",
        )


def scan_side(
    side: SideInput,
    other: SideInput,
    out: Path,
    config: str | Path | Config | None,
    progress: Progress,
    *,
    root: str | None = None,
) -> None:
    """Scan a side that is a manifest into a run folder below ``out``; a run stays as it is.

    Args:
        side: The side; gets its run.
        other: The other one, whose config and probes are used.
        out: The folder of the comparison.
        config: Takes the place of the other run's config.
        progress: Receives progress reports.
        root: Folder that the media's relative paths start from; None: as the config says.

    Raises:
        UserError: If manifest, config, weights or folder are wrong.
        RunError: If the scan fails.
    """
    if side.run is not None:
        return
    folder = out / _RUNS[side.role]
    settled = _config_for(other.run, config, root)
    progress.note(f"scanning {side.role} {side.given} into {folder}")
    try:
        scan_run([side.given], folder, settled, progress=progress)
    except OutputError:
        # What lies there belongs to an earlier state of the manifest, or to another one: it is ours to replace.
        if not (folder / "run.json").is_file():
            raise
        scan_run([side.given], folder, settled, overwrite=True, progress=progress)
    side.run, side.was_scanned = RunFolder(folder), True


def _config_for(other: RunFolder | None, config: str | Path | Config | None, root: str | None) -> Config:
    if config is None and other is not None:
        base = other.config()
        # The other manifest need not be in the same format.
        # Nor do vectors that were given for its rows belong to these.
        changed = {"format": "auto", "embeddings": EmbeddingsConfig()}
        base = base.model_copy(update={"input": base.input.model_copy(update=changed)})
    else:
        base = resolve_config(config)
    measured = set(base.probes.enabled())
    if other is not None:
        measured = {name for name, part in other.record.probes.items() if not part.is_given}
    probes = list(dict.fromkeys(["media", *(kind.embedded_by for kind in PAIR_KINDS if kind.embedded_by in measured)]))
    overrides = [f"analyses.{name}.enabled=false" for name in AnalysesConfig.model_fields]
    # Nothing is judged here, and speech is not looked for.
    overrides.append("probes.media.vad=false")
    if root is not None:
        overrides.append(f"input.root={root}")
    return resolve_config(base.model_copy(update={"rules": {}}), overrides=overrides, probes=probes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparability:
    """How far two runs can be held against each other."""

    use_embeddings: tuple[str, ...]
    """Modalities whose embeddings are of one kind."""
    notes: tuple[str, ...]
    """What is missing, and what to do about it."""


def compare_runs(train: SideInput, test: SideInput) -> Comparability:
    """Return what of two runs can be compared: embeddings of other weights are not, nor is what was not measured."""
    runs = (train.opened(), test.opened())
    notes: list[str] = []
    used: list[PairKind] = []
    for kind in PAIR_KINDS:
        if all(run.record.holds(kind.medium) for run in runs):
            reason = _unlike_embeddings(kind, *runs) if kind.is_embedded_by_model else None
            if reason is None:
                used.append(kind)
            else:
                notes.append(f"{reason} {_BY_HASH.format(media=kind.media_noun)}")
    for side, run in zip((train, test), runs, strict=True):
        if not any(run.record.holds(name) for name in MEDIA):
            continue
        if "media" not in run.record.probes:
            notes.append(
                f"{side.role} was scanned without the probe media, so its files have neither checksums nor "
                "fingerprints: only equal paths count as exact. Scan it again with --probes media,... to compare files."
            )
        elif not _has_content(run):
            notes.append(
                f"{side.role} was scanned by an earlier version, whose checksums and fingerprints of files are not "
                "read any more: only equal paths count as exact. Scan it again to compare files."
            )
        elif not run.config().probes.media.fingerprints:
            notes.append(
                f"{side.role} was scanned with probes.media.fingerprints: false, so re-encoded copies are hard to see. "
                "Scan it again with fingerprints."
            )
    versions = [run.record.mmcheck_version for run in runs]
    if versions[0] != versions[1]:
        for kind in [kind for kind in used if not kind.is_embedded_by_model]:
            used.remove(kind)
            notes.append(
                f"TRAIN was scanned by mmcheck {versions[0]} and TEST by {versions[1]}, whose fingerprints of sound "
                f"may differ: {kind.media_noun} were compared by their bytes alone. Scan one of the two again."
            )
    return Comparability(use_embeddings=tuple(kind.name for kind in used), notes=tuple(notes))


def _has_content(run: RunFolder) -> bool:
    shards = run.shards()
    return not shards or set(DIGEST_COLUMNS) <= set(column_names(run.measurements_part("media", shards[0])))


def _unlike_embeddings(kind: PairKind, one: RunFolder, other: RunFolder) -> str | None:
    first, second = (run.record.probes.get(kind.embedded_by) for run in (one, other))
    if first is None or second is None:
        lacking = [role for role, part in (("TRAIN", first), ("TEST", second)) if part is None]
        who = f"{lacking[0]} holds no" if len(lacking) == 1 else "Neither TRAIN nor TEST holds"
        again = "it" if len(lacking) == 1 else "both"
        return (
            f"{who} {kind.medium} embeddings; scan {again} again with the probe {kind.embedded_by} to compare by them."
        )
    if first.fingerprint == second.fingerprint:
        return None
    own, their = _weights(first), _weights(second)
    # Device, precision and the handling of long captions change the fingerprint but not what the numbers mean.
    if own == their and (own[1] or (first.kind_of_vectors and first.kind_of_vectors == second.kind_of_vectors)):
        return None
    told = (
        f"TRAIN was measured with {_told(own)} and TEST with {_told(their)}: their embeddings cannot be compared; scan "
        "one of the two again with the other's model to compare by them."
    )
    if first.is_given or second.is_given:
        return f"{told} Where vectors were given, --set input.embeddings.model=NAME says which model made them."
    return told


def _weights(part: ProbeRecord) -> tuple[str, str, str]:
    return part.model or "other weights", part.weights_sha256, str(part.about.get("backend") or "")


def _told(weights: tuple[str, str, str]) -> str:
    return f"{weights[0]} ({weights[1][:8]})" if weights[1] else weights[0]
