"""Digests of what a run reads, so that a run folder knows whether it belongs to the same work.

Small local files are hashed whole. Files over 256 MiB (tar shards, Parquet with media) are told apart by size,
modification time and the first and last MiB: hashing terabytes before every resume would cost more than it gives.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import fsspec

from mmcheck.core.digests import digest_bytes, digest_file, digest_value
from mmcheck.core.errors import ManifestError

_WHOLE = 256 << 20  # bytes up to which a manifest is hashed whole; our own choice: a second or less
_EDGE = 1 << 20
"""Bytes hashed at either end of a larger one. Our own choice: quick; size and time of change count as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InputDigest:
    """By what one knows whether an input is still what was scanned."""

    digest: str
    digest_of: str
    """What the digest is of, in words."""
    size: int | None = None
    """Bytes, of a file."""


def describe_input(manifest: str) -> InputDigest:
    """Return the digest of a manifest (a file, a folder or an fsspec URL).

    Raises:
        ManifestError: If it cannot be read.
    """
    if "://" in manifest:
        return _describe_remote(manifest)
    path = Path(manifest)
    try:
        if path.is_dir():
            return InputDigest(digest=_digest_listing(path), digest_of="names, sizes and times of the folder's files")
        size = path.stat().st_size
        if size <= _WHOLE:
            return InputDigest(digest=digest_file(path), digest_of="content", size=size)
        with path.open("rb") as file:
            head = file.read(_EDGE)
            file.seek(-_EDGE, os.SEEK_END)
            edges = digest_bytes(head + file.read(_EDGE))
        value = digest_value([size, path.stat().st_mtime_ns, edges])
        return InputDigest(digest=value, digest_of="size, time, first and last MiB", size=size)
    except OSError as error:
        raise ManifestError(
            f"manifest {manifest} cannot be read: {error.strerror or error}.",
            hint="check the path and permissions.",
        ) from error


def _digest_listing(folder: Path) -> str:
    entries: list[tuple[str, int, int]] = []
    for root, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted(files):
            path = Path(root) / name
            try:
                status = path.stat()
            except OSError:
                continue
            entries.append((path.relative_to(folder).as_posix(), status.st_size, status.st_mtime_ns))
    return digest_value(entries)


def _describe_remote(manifest: str) -> InputDigest:
    try:
        filesystem, path = fsspec.core.url_to_fs(manifest)
        info = filesystem.info(path)
    except ImportError as error:
        raise ManifestError(
            f"manifest {manifest} cannot be read: {error}.",
            hint="pip install 'mmcheck[remote]' for http(s); s3fs, gcsfs or adlfs for object stores.",
        ) from error
    except Exception as error:
        raise ManifestError(f"manifest {manifest} cannot be read: {error}.", hint="check the URL.") from error
    kept = {key: str(info[key]) for key in ("size", "ETag", "etag", "mtime", "LastModified") if key in info}
    return InputDigest(
        digest=digest_value([manifest, kept]),
        digest_of="size and version reported by the store",
        size=info["size"] if isinstance(info.get("size"), int) else None,
    )
