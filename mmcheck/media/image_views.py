"""Further looks at a picture, by which altered copies are told: mirrored, bordered, captioned or cropped ones.

A perceptual hash sees large shapes in their places, so a border or a mirror makes another hash of the same picture.
Four views are kept beside the plain one: the mirrored picture; its content, without even borders; the same without
bands of one ground that carry some writing; and its inner part, which a slightly cropped copy shows. Two pictures are
compared by all views of both. What is not there (no border) is zeros.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from mmcheck.media.fingerprints import image_fingerprint

VIEWS = ("mirrored", "content", "unlettered", "inner")
"""The views, in the order in which they are stored."""
VIEW_BYTES = 56
"""Bytes of a view. Given by ``image_fingerprint``: the hash (8) and the colours (48)."""
_SIDE = 256
"""Pixels of the longer side on which borders are looked for. Our own choice: a border of 2 % is five lines."""
EVEN = (12, 0.9)
"""Levels of 255 within which a pixel has the colour of its border, and share of a line's pixels that must have it. Our
own choice: an even border through a JPEG."""
_WRITING = 0.08
"""Share of a side up to which lines of other colours count as writing, if even lines lie on both sides. Measured: of
117 photographs with a caption below, in letters of three sizes, 83 % are known again, and no other two are joined."""
_THIN = 0.015
"""Share of a side below which a border is none. Our own choice: such a copy has the plain hash anyway."""
_LEAST = 0.25
"""Share of the picture that must be left. Our own choice: less is an even picture, not a border."""
_EDGE = 0.04
"""Share of each side that the inner part leaves out. Measured: of copies cropped by up to 5 % a side it finds 65 %
instead of 41 % (117 photographs)."""


Box = tuple[int, int, int, int]


def image_views(image: Image.Image) -> bytes:
    """Return hash and colours of each view, one after the other, shape (4 x 56,) bytes; zeros where there is none.

    Args:
        image: Mode RGB, any size.
    """
    mirrored = b"".join(image_fingerprint(ImageOps.mirror(image)))
    content, unlettered = find_content(image), find_content(image, has_writing=True)
    width, height = image.size
    inner = (round(width * _EDGE), round(height * _EDGE), round(width * (1 - _EDGE)), round(height * (1 - _EDGE)))
    boxes = (content, None if unlettered == content else unlettered, inner)
    return mirrored + b"".join(_look_at(image, box) for box in boxes)


def _look_at(image: Image.Image, box: Box | None) -> bytes:
    if box is None or box[2] <= box[0] or box[3] <= box[1]:
        return bytes(VIEW_BYTES)
    return b"".join(image_fingerprint(image.crop(box)))


def find_content(image: Image.Image, *, has_writing: bool = False) -> Box | None:
    """Return the box (left, top, right, bottom; pixels) of what stands within even borders; None if there are none.

    Args:
        image: Mode RGB, any size.
        has_writing: Whether lines of writing within a border belong to it.
    """
    scale = _SIDE / max(image.size)
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    small = np.asarray(image.resize(size, Image.Resampling.BOX)).astype(np.int16)
    height, width = small.shape[:2]
    top, bottom = _border(small, has_writing), _border(small[::-1], has_writing)
    if top + bottom >= height:
        return None
    columns = small[top : height - bottom].transpose(1, 0, 2)
    left, right = _border(columns, has_writing), _border(columns[::-1], has_writing)
    if max(top / height, bottom / height, left / width, right / width) < _THIN:
        return None
    if (height - top - bottom) * (width - left - right) < _LEAST * height * width:
        return None
    across, down = image.width / width, image.height / height
    return round(left * across), round(top * down), round((width - right) * across), round((height - bottom) * down)


def _border(lines: NDArray[np.int16], has_writing: bool) -> int:
    """Return how many lines from the edge have the ground of the first one, shape (lines, pixels, 3)."""
    levels, share = EVEN
    ground = np.median(lines[0], axis=0)
    even = np.flatnonzero((np.abs(lines - ground).max(axis=-1) <= levels).mean(axis=1) >= share)
    if not len(even) or even[0]:
        return 0
    most = round(_WRITING * len(lines)) if has_writing else 0
    ends = np.flatnonzero(np.diff(even) > most + 1)
    return int(even[ends[0] if len(ends) else -1]) + 1
