"""Rows that a downloader wrote: which file is theirs, and which of them were never downloaded.

img2dataset and what builds on it (LAION, DataComp) note in ``status`` how the download of each row went.
"""

from __future__ import annotations

from mmcheck.core.types import Row

LOCAL_PATHS = ("local_path", "image_local_path", "local_file")
"""Columns that hold where a file was put; they go before the address that it came from."""

_FAILED = ("failed_to_download", "failed_to_resize", "failed")
CAUSE = "failed_download"
"""Cause of the problem of a row whose download failed."""


def download_fault(row: Row) -> str | None:
    """Return what is wrong with a row whose download failed, as half a sentence; None if it did not fail."""
    status = row.get("status")
    if not isinstance(status, str) or status.strip().lower() not in _FAILED:
        return None
    told = row.get("error_message")
    detail = f": {' '.join(told.split())[:200]}" if isinstance(told, str) and told.strip() else ""
    return f"was not downloaded ({status.strip()}{detail})"
