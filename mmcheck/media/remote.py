"""Bytes from http(s) and, through fsspec, from any other address; every wait and every retry is bounded.

http(s) goes through the standard library, because fsspec's needs aiohttp and gives no simple deadline.
"""

from __future__ import annotations

import http.client
import queue
import re
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import IO, TypeVar

from mmcheck.core.errors import MediaError

ATTEMPTS = 3
"""How often a read is tried before it counts as failed. Our own choice: a passing trouble passes."""
WAIT_SECONDS = 20.0
"""Longest silence of a server. Our own choice: a slow one answers by then."""
TOTAL_SECONDS = 120.0
"""Longest time for one medium and one attempt, in seconds. Our own choice: bounds the harm of one slow server."""

_PAUSE_SECONDS = 0.5
"""Seconds before the second attempt, doubled for each further one. Our own choice: the usual backing off."""
_BLOCK = 1 << 18  # bytes read at once; our own choice: the time is looked at in between
_SCHEME = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*(://|::)")
_LOCAL_SCHEMES = ("file://", "local://")
_USER_AGENT = "mmcheck (+dataset check)"

T = TypeVar("T")


def is_remote(uri: str) -> bool:
    """Return whether ``uri`` is an address (``https://``, ``s3://``, ``zip::``) and not a local path."""
    return bool(_SCHEME.match(uri)) and not uri.startswith(_LOCAL_SCHEMES)


def read_remote(uri: str, *, max_bytes: int, offset: int | None = None, size: int | None = None) -> bytes:
    """Return the bytes at ``uri``, or ``size`` of them from ``offset``.

    Raises:
        MediaError: With cause ``missing``, ``permission_denied``, ``too_large``, ``unreachable`` or
            ``missing_dependency``.
    """
    if uri.startswith(("http://", "https://")):
        return _retry(uri, lambda: _read_http(uri, max_bytes, offset, size))
    return _retry(uri, lambda: _within(TOTAL_SECONDS, lambda: _read_fsspec(uri, max_bytes, offset, size)))


def open_remote(uri: str) -> IO[bytes]:
    """Return ``uri`` as an open binary file (seekable where the file system can).

    Raises:
        MediaError: As ``read_remote``.
    """

    def start() -> IO[bytes]:
        import fsspec

        file: IO[bytes] = fsspec.open(uri, "rb").open()
        return file

    return _retry(uri, lambda: _within(TOTAL_SECONDS, start))


def _read_http(uri: str, max_bytes: int, offset: int | None, size: int | None) -> bytes:
    request = urllib.request.Request(uri, headers={"User-Agent": _USER_AGENT})
    if offset is not None and size is not None:
        request.add_header("Range", f"bytes={offset}-{offset + size - 1}")
    deadline = time.monotonic() + TOTAL_SECONDS
    blocks: list[bytes] = []
    held = 0
    with urllib.request.urlopen(request, timeout=WAIT_SECONDS) as response:
        announced = response.headers.get("Content-Length")
        skip = offset if offset is not None and response.status == 200 else 0  # a server that ignores Range
        if announced and announced.isdigit() and int(announced) > max_bytes + skip:
            raise MediaError(f"{uri} has {announced} bytes, more than the limit of {max_bytes}", cause="too_large")
        wanted = skip + size if size is not None else None
        while block := response.read(_BLOCK):
            blocks.append(block)
            held += len(block)
            if held > max_bytes + skip:
                raise MediaError(f"{uri} has more bytes than the limit of {max_bytes}", cause="too_large")
            if time.monotonic() > deadline:
                raise TimeoutError(f"not finished after {TOTAL_SECONDS:.0f} s")
            if wanted is not None and held >= wanted:
                break
        if wanted is None and announced and announced.isdigit() and held < int(announced):
            raise ConnectionError(f"the connection ended after {held} of {announced} bytes")
    data = b"".join(blocks)
    return data[skip:wanted] if wanted is not None else data


def _read_fsspec(uri: str, max_bytes: int, offset: int | None, size: int | None) -> bytes:
    import fsspec

    with fsspec.open(uri, "rb") as file:
        if offset is not None and size is not None:
            file.seek(offset)
            return bytes(file.read(size))
        data = bytes(file.read(max_bytes + 1))
    if len(data) > max_bytes:
        raise MediaError(f"{uri} has more bytes than the limit of {max_bytes}", cause="too_large")
    return data


def _retry(uri: str, read: Callable[[], T]) -> T:
    last: Exception | None = None
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(_PAUSE_SECONDS * 2**attempt)
        try:
            return read()
        except urllib.error.HTTPError as error:
            if error.code in (404, 410):
                raise MediaError(f"{uri} does not exist (HTTP {error.code})", cause="missing") from error
            if error.code in (401, 403):
                raise MediaError(f"{uri} cannot be read (HTTP {error.code})", cause="permission_denied") from error
            if error.code < 500 and error.code not in (408, 425, 429):
                raise MediaError(f"{uri} cannot be read (HTTP {error.code})", cause="unreachable") from error
            last = error
        except FileNotFoundError as error:
            raise MediaError(f"{uri} does not exist", cause="missing") from error
        except PermissionError as error:
            raise MediaError(f"{uri} may not be read: {error}", cause="permission_denied") from error
        except ImportError as error:
            raise MediaError(
                f"reading {uri} needs a package that is not installed: {error}",
                cause="missing_dependency",
                hint="install the fsspec package of that storage, e.g. pip install s3fs.",
            ) from error
        except (http.client.InvalidURL, ValueError) as error:
            raise MediaError(f"{uri} is not an address that can be read: {error}", cause="bad_path") from error
        except (OSError, http.client.HTTPException) as error:
            last = error
    raise MediaError(
        f"{uri} cannot be reached after {ATTEMPTS} attempts: {last}",
        cause="unreachable",
        hint="check the network, or fetch the media first and point the manifest at the files.",
    ) from last


def _within(seconds: float, work: Callable[[], T]) -> T:
    """Run ``work`` in a thread of its own and stop waiting for it after ``seconds``."""
    answers: queue.SimpleQueue[tuple[T | None, BaseException | None]] = queue.SimpleQueue()

    def run() -> None:
        try:
            answers.put((work(), None))
        except (MediaError, OSError, ImportError, ValueError) as error:
            answers.put((None, error))
        except Exception as error:  # noqa: BLE001 - each storage client has error classes of its own
            answers.put((None, ConnectionError(f"{type(error).__name__}: {error}")))

    threading.Thread(target=run, daemon=True, name="mmcheck-remote").start()
    try:
        value, error = answers.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError(f"no answer within {seconds:.0f} s") from None
    if error is not None:
        raise error
    return value  # type: ignore[return-value]
