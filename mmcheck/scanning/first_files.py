"""The first files of each manifest are looked for while it is read: a wrong folder is told after 64 rows, not hours.

If none of them is there, or next to none, the manifest and its media have lost each other, and the scan stops with the
option that brings them together. A few that are missing are findings like others.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from mmcheck.config import Config
from mmcheck.core.errors import ManifestError
from mmcheck.core.inline_media import payload_kind
from mmcheck.core.pair_kinds import IMAGE_CAPTION, MEDIA, TEXTS
from mmcheck.core.types import MediaRef, Row, Sample
from mmcheck.formats.paths import Modality, folder_of, resolve_media
from mmcheck.media.nearby_names import NearbyNames
from mmcheck.media.remote import is_remote
from mmcheck.scanning.lost_media import Named, find_media
from mmcheck.store.run_record import InputRecord

FEW = 8
"""One file in so many, or fewer, counts as none: what a download that broke off leaves. Our own choice."""
_MIN_FOR_FEW = 16  # files from which on a few that are there do not count; our own choice: a small set may be so
_MAX_ROWS = 4096  # rows after which no further files are waited for; our own choice: many may share one recording
_WITHOUT_FILES = (
    f"To judge by the vectors that are given, without any file: --probes {IMAGE_CAPTION.probe},caption_text."
)


@dataclass(slots=True)
class _Trial:
    """The first files of one manifest."""

    entry: InputRecord
    rows: int = 0
    texts: int = 0
    files: dict[str, dict[str, Named]] = field(default_factory=lambda: {kind: {} for kind in MEDIA})
    """Kind of medium -> place -> what names it."""
    is_open: bool = True


def try_first_files(
    samples: Iterator[tuple[int, Sample]], inputs: Sequence[InputRecord], config: Config, *, wants_text: bool
) -> Iterator[tuple[int, Sample]]:
    """Yield ``samples``, having looked for the first files of each manifest.

    Args:
        samples: Samples with the number of their input, in order.
        inputs: The manifests.
        config: Says how many files are tried (``input.try_first``), and whether remote ones may be fetched.
        wants_text: Whether a manifest without texts is refused.

    Raises:
        ManifestError: If none (or next to none) of a manifest's first files is there; says where they are if near.
    """
    wanted = config.input.try_first
    trial: _Trial | None = None
    for number, sample in samples:
        entry = inputs[number]
        if trial is None or trial.entry is not entry:
            _close(trial, config, wants_text)
            trial = _Trial(entry)
        if trial.is_open:
            trial.rows += 1
            trial.texts += any(getattr(sample, text) is not None for text in TEXTS)
            base = config.input.root or entry.base or folder_of(sample.manifest)
            for kind in MEDIA:
                _add(trial.files[kind], sample, getattr(sample, kind), wanted, base)
            if trial.rows >= _MAX_ROWS or any(len(files) >= wanted for files in trial.files.values()):
                _close(trial, config, wants_text)
        yield number, sample
    _close(trial, config, wants_text)


def _add(files: dict[str, Named], sample: Sample, ref: MediaRef | None, wanted: int, base: str) -> None:
    if ref is None or ref.uri in files or len(files) >= wanted or payload_kind(ref.uri):
        return
    column, value = _naming(sample.row, ref.uri, base)
    files[ref.uri] = Named(uri=ref.uri, value=value, column=column)


def _naming(row: Row, uri: str, base: str) -> tuple[str | None, str | None]:
    """Return the column that names a medium and what it says; no column if the path was made in another way."""
    for column, cell in row.items():
        for item in cell if isinstance(cell, list) else [cell]:
            value = item.get("path") if isinstance(item, Mapping) else item
            if isinstance(value, str) and 0 < len(value) < 4096 and "\0" not in value and value[-1] in uri:
                if resolve_media(value, base) == uri:
                    return column, value
    if is_remote(uri) or is_remote(base):
        return None, None
    path = os.path.relpath(uri, base)
    return None, uri if path.startswith(os.pardir) else path


def _close(trial: _Trial | None, config: Config, wants_text: bool) -> None:
    if trial is None or not trial.is_open:
        return
    trial.is_open = False
    if wants_text and not trial.texts:
        return  # that no column holds a text tells more of what is wrong, and is told when all is read
    for kind, files in trial.files.items():
        if files:
            _check(trial.entry, "image" if kind == "image" else "audio", list(files.values()), config)


def _check(entry: InputRecord, kind: Modality, files: Sequence[Named], config: Config) -> None:
    manifest = entry.manifest
    remote = [one for one in files if is_remote(one.uri)]
    local = [one for one in files if not is_remote(one.uri)]
    if remote and config.input.allow_remote:
        return
    if not local:
        raise _not_allowed(manifest, [one.uri for one in remote], config)
    lost = [one for one in local if _is_missing(one.uri)]
    num_there = len(local) - len(lost)
    if num_there and (len(local) < _MIN_FOR_FEW or num_there * FEW > len(local)):
        return
    if len(files) == 1:
        what = f"the only file that {manifest} names is missing"
    elif num_there:
        what = f"only {num_there} of the first {len(local)} files that {manifest} names are there"
    else:
        what = f"none of the first {len(files)} files that {manifest} names is there"
    base = config.input.root or entry.base or folder_of(manifest)
    found = find_media(lost, base, kind, config.input.path)
    hints = [
        f"{found}." if found else "",
        "" if found else NearbyNames().hint(lost[0].uri) or "",
        "" if found else _questions(kind),
        "--set input.allow_remote=true fetches the remote ones." if remote else "",
        _without_files(config),
        "To go on all the same: --set input.try_first=0.",
    ]
    whose = "input.root" if config.input.root else "the working directory" if entry.base else "the manifest's folder"
    raise ManifestError(
        f"{what}; the first that is missing is {lost[0].uri} (relative paths start from {base}, {whose}).",
        hint=" ".join(hint for hint in hints if hint),
    )


def _questions(kind: Modality) -> str:
    return (
        "Say which folder the paths start from (--root DIR), or how a path is made of the row's columns (--set "
        f"'input.path=clips/{{path}}'). Is it the right column (--set input.columns.{kind}=<column>)?"
    )


def _not_allowed(manifest: str, urls: Sequence[str], config: Config) -> ManifestError:
    files = f"the first {len(urls)} files" if len(urls) > 1 else "the only file"
    are = "are remote addresses" if len(urls) > 1 else "is a remote address"
    return ManifestError(
        f"{files} that {manifest} names {are} ({urls[0]}), and the config does not allow fetching those.",
        hint="--set input.allow_remote=true if the manifest is to be trusted; or --root DIR, if the files are on this "
        f"machine. {_without_files(config)}".rstrip(),
    )


def _without_files(config: Config) -> str:
    """Return how the set is judged without any file, where there is a way; else ""."""
    if config.input.embeddings.is_given:
        return _WITHOUT_FILES
    if config.judged_columns:
        return "To judge by the manifest's own columns alone, without any file: --probes none."
    return ""


def _is_missing(path: str) -> bool:
    for scheme in ("file://", "local://"):
        path = path.removeprefix(scheme)
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except (OSError, ValueError):
        # Another trouble (rights, an impossible name) is told of the file itself.
        return False
    return False
