"""Parts of a medium, as players ask for them when somebody jumps to the middle."""

from __future__ import annotations

import re

from starlette.responses import Response

_RANGE = re.compile(r"bytes=(\d{0,15})-(\d{0,15})")


def answer_range(data: bytes, media_type: str, wanted: str | None) -> Response:
    """Return the answer that holds all bytes, or those that were asked for (RFC 9110, section 14).

    Args:
        data: The whole medium.
        media_type: Its type.
        wanted: Header ``Range``; one that names several ranges, or none that can be read, is answered with all.
    """
    size = len(data)
    headers = {"accept-ranges": "bytes", "cache-control": "private, max-age=3600"}
    match = _RANGE.fullmatch(wanted.strip()) if wanted else None
    if match is None or match[0] == "bytes=-":
        return Response(data, media_type=media_type, headers=headers)
    first, last = match[1], match[2]
    if first:
        start, stop = int(first), min(int(last) + 1 if last else size, size)
    else:
        start, stop = max(0, size - int(last)), size
    if start >= stop:
        return Response(status_code=416, headers={"content-range": f"bytes */{size}"})
    headers["content-range"] = f"bytes {start}-{stop - 1}/{size}"
    return Response(data[start:stop], 206, media_type=media_type, headers=headers)
