"""Downloads that can be stopped and continued: HTTP ranges into a .part file, checked by length and digest."""

from __future__ import annotations

import hashlib
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from scripts.benchmarks.real_parts.recordings import NoRealDataError

Log = Callable[[str], None]

_BLOCK = 1 << 20
_TRIES = 5
_WAIT = 1.0  # seconds before the second try; doubled each time
_TIMEOUT = 60.0
_TOLD_EVERY = 512 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    """A published file."""

    name: str
    """Its name in the download folder."""
    url: str
    sha256: str | None = None
    """Where it is published."""
    told_size: str = ""
    """About how large it is, in words."""


def fetch(remote: Remote, folder: Path, log: Log, *, base: str | None = None, wait: float = _WAIT) -> Path:
    """Return the file, downloaded or continued if it is not there yet.

    Args:
        remote: The file.
        folder: Where downloads lie; a whole file has its name, one on its way ends in `.part`.
        log: Called with a line of progress.
        base: Another server that has the same names, e.g. of a test; None: the published address.
        wait: Seconds before the second try; doubled each time.

    Raises:
        NoRealDataError: If it cannot be had, or is not what was published.
    """
    folder.mkdir(parents=True, exist_ok=True)
    whole = folder / remote.name
    if whole.is_file():
        return whole
    url = remote.url if base is None else f"{base.rstrip('/')}/{remote.name}"
    part = folder / f"{remote.name}.part"
    log(f"downloading {remote.name} {remote.told_size}".rstrip())
    fault = ""
    for attempt in range(_TRIES):
        if attempt:
            time.sleep(wait * 2 ** (attempt - 1))
        try:
            if _continue(url, part, log):
                break
            fault = "the connection ended early"
        except urllib.error.HTTPError as error:
            fault = f"the server says {error.code} {error.reason}"
            if error.code < 500 and error.code not in (408, 416, 429):
                raise NoRealDataError(f"{url} cannot be had: {fault}") from error
            if error.code == 416:
                part.unlink(missing_ok=True)
        except OSError as error:
            fault = str(error)
    else:
        raise NoRealDataError(f"{url} cannot be had: {fault}; the same command continues it")
    if remote.sha256 is not None and (found := _digest(part)) != remote.sha256:
        part.unlink()
        raise NoRealDataError(f"{url} is not what was published: its SHA-256 is {found}, wanted {remote.sha256}")
    part.replace(whole)
    return whole


def _continue(url: str, part: Path, log: Log) -> bool:
    """Fetch what is missing of a file; return whether it is whole."""
    start = part.stat().st_size if part.is_file() else 0
    headers = {"User-Agent": "mmcheck-bench", **({"Range": f"bytes={start}-"} if start else {})}
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=_TIMEOUT) as answer:
        if answer.status != 206:
            start = 0  # the server knows no ranges: from the beginning
        size = answer.headers.get("Content-Length")
        total = start + int(size) if size is not None else None
        done = start
        with part.open("ab" if start else "wb") as out:
            while block := answer.read(_BLOCK):
                out.write(block)
                if (done + len(block)) // _TOLD_EVERY > done // _TOLD_EVERY:
                    log(f"  {part.name}: {(done + len(block)) >> 20:,} MiB of {(total or 0) >> 20:,}")
                done += len(block)
    return total is None or done == total


def _digest(file: Path) -> str:
    state = hashlib.sha256()
    with file.open("rb") as stream:
        while block := stream.read(_BLOCK):
            state.update(block)
    return state.hexdigest()
