"""Damage inside a JPEG that every decoder paints over: libjpeg warns, and Pillow keeps the warning to itself.

Where picture data is missing, libjpeg goes on with grey; where bytes are wrong, with garbled blocks. So the file is
gone through once more with libjpeg-turbo at an eighth of its size, which takes about half as long as decoding it did,
and the first warning counts. A progressive file may also lack its last scans, of which libjpeg says nothing: the scans
that are there are added up.
"""

from __future__ import annotations

import re

import simplejpeg

from mmcheck.media.decoding_limits import DECODING_MEMORY

_LOST = re.compile(r"premature end|bad huffman|found marker|corrupt", re.IGNORECASE)
_SURPLUS = re.compile(r"(\d+) extraneous bytes before marker", re.IGNORECASE)
_MANY_SCANS = 200
"""Scans of a JPEG from which its damage is not looked for. Our own choice: encoders make a dozen, and each goes over
the whole picture."""
_MANY_BYTES = 64  # stray bytes before a marker that are no damage; our own choice: a few are some camera's bad habit
_PROGRESSIVE = b"\xff\xc2"
_SCAN = re.compile(rb"\xff\xda")
SURPLUS = 0.5
"""Value for a few bytes too many: no picture data is missing. Our own choice: between sound (0) and damaged (1)."""


def jpeg_damage(data: bytes) -> float:
    """Return 0 for a sound JPEG, 0.5 for a few bytes too many, 1 where picture data is missing or wrong."""
    # Encoders make a dozen scans. Each goes over the whole picture, so thousands of them are meant to hold us up.
    is_usual = sum(1 for _ in zip(_SCAN.finditer(data), range(_MANY_SCANS), strict=False)) < _MANY_SCANS
    warning = _first_warning(data) if is_usual else None
    if warning is not None:
        surplus = _SURPLUS.search(warning)
        if surplus is None or int(surplus[1]) > _MANY_BYTES:
            return 1.0
        return 1.0 if _lacks_scans(data) else SURPLUS
    return float(_lacks_scans(data))


def _first_warning(data: bytes) -> str | None:
    try:
        height, width, colours, _ = simplejpeg.decode_jpeg_header(data, strict=False)
        target = "CMYK" if colours in ("CMYK", "YCCK") else "RGB"
        # A progressive picture lies in memory whole, as coefficients of two bytes.
        with DECODING_MEMORY.reserve(height * width * (6 if _PROGRESSIVE in data[: 1 << 16] else 1)):
            simplejpeg.decode_jpeg(
                data, target, fastdct=True, fastupsample=True, min_height=1, min_width=1, min_factor=1, strict=True
            )
    except ValueError as error:
        said = str(error)
        return said if _LOST.search(said) or _SURPLUS.search(said) else None
    return None


def _lacks_scans(data: bytes) -> bool:
    """Return whether a progressive JPEG ends before all bits of all coefficients were sent."""
    head = data.find(_PROGRESSIVE, 0, 1 << 20)
    first = _SCAN.search(data, max(head, 0))
    if head < 0 or first is None or not 0 < data[head + 9] <= 4:
        return False
    components = [data[head + 10 + 3 * number] for number in range(data[head + 9])]
    # Lowest bit that was sent of each coefficient; 13 stands for none.
    left = {component: [13] * 64 for component in components}
    for scan in _SCAN.finditer(data, first.start()):
        at = scan.start() + 4
        count = data[at] if at < len(data) else 0
        if not 0 < count <= 4 or at + 1 + 2 * count + 3 > len(data):
            return False
        begin, end, bits = data[at + 1 + 2 * count : at + 4 + 2 * count]
        for number in range(count):
            sent = left.get(data[at + 1 + 2 * number])
            if sent is None or end > 63:
                return False
            sent[begin : end + 1] = [bits & 15] * (end + 1 - begin)
    return any(any(sent) for sent in left.values())
