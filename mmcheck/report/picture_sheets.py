"""Many small pictures in few large JPEGs, for a page that shows one of thousands at a time.

Thousands of single thumbnails would be three times the bytes, and thousands of elements.
"""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

from PIL import Image

from mmcheck.core.errors import MediaError
from mmcheck.core.types import MediaRef
from mmcheck.media.image import decode_image
from mmcheck.media.source import MediaSource
from mmcheck.store.run_folder import RunFolder

MAX_SHEET_BYTES = 12 << 20
"""Base64 characters that the sheets of one map take at most. Our own choice: bounds the size of the page."""
TILE, COLUMNS = 80, 16
"""Side of a tile in pixels, and tiles in a row of a sheet. Our own choice: a picture can be recognised."""
_TILES = COLUMNS * COLUMNS
_QUALITY = 68  # JPEG quality of a sheet; our own choice: bounds the size of the page
_THREADS = 4  # threads that decode pictures; our own choice: bounds memory


def make_sheets(
    run: RunFolder, refs: Sequence[MediaRef | None], advance: Callable[[], None]
) -> tuple[list[tuple[int, int, int] | None], list[str]]:
    """Return for each image its tile (number, width, height), None if there is no picture of it, and the sheets.

    Args:
        run: The run that the images are of; its config says how they may be read.
        refs: The images.
        advance: Called for each.

    Returns:
        Tiles in the order of ``refs``, and ``data:`` URIs of JPEGs with 16 x 16 tiles of 80 x 80 pixels.
    """
    config = run.config()
    tiles: list[tuple[int, int, int] | None] = []
    sheets: list[str] = []
    sheet, used, spent, offline = Image.new("RGB", (TILE * COLUMNS,) * 2), 0, 0, False
    count = 0
    with closing(MediaSource(allow_remote=config.input.allow_remote)) as source:
        with ThreadPoolExecutor(min(_THREADS, os.cpu_count() or 1)) as pool:
            for start in range(0, len(refs), _TILES):
                part = [None if ref is None or (offline and "://" in ref.uri) else ref for ref in refs[start:][:_TILES]]
                if spent > MAX_SHEET_BYTES:
                    tiles += [None] * len(part)
                    continue
                for found in pool.map(lambda ref: _small(ref, source, config.probes.media.max_pixels), part):
                    advance()
                    if isinstance(found, str) or found is None:
                        offline = offline or found == "unreachable"
                        tiles.append(None)
                        continue
                    sheet.paste(found, (used % COLUMNS * TILE, used // COLUMNS * TILE))
                    tiles.append((count, found.width, found.height))
                    used, count = used + 1, count + 1
                    if used == _TILES:
                        sheets.append(_encode(sheet, used))
                        spent += len(sheets[-1])
                        sheet, used = Image.new("RGB", (TILE * COLUMNS,) * 2), 0
    if used:
        sheets.append(_encode(sheet, used))
    return tiles, sheets


def _small(ref: MediaRef | None, source: MediaSource, max_pixels: int) -> Image.Image | str | None:
    """Return a picture of at most 80 pixels a side, or the cause why there is none."""
    if ref is None:
        return None
    try:
        image = decode_image(source.read(ref), min_side=TILE, max_pixels=max_pixels).image.convert("RGB")
    except MediaError as error:
        return error.cause
    image.thumbnail((TILE, TILE), Image.Resampling.LANCZOS)
    return image


def _encode(sheet: Image.Image, used: int) -> str:
    lines = -(-used // COLUMNS)
    buffer = io.BytesIO()
    sheet.crop((0, 0, sheet.width, lines * TILE)).save(buffer, "JPEG", quality=_QUALITY, optimize=True)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"
