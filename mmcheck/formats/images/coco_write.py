"""COCO documents on the way out: annotations as they come, each image once."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, cast

from mmcheck.config import InputConfig, OutputConfig
from mmcheck.core.types import Row, RowDict
from mmcheck.formats.base import OutputRow
from mmcheck.formats.json_document import read_members, write_array
from mmcheck.formats.jsonl import json_bytes, json_line
from mmcheck.formats.output_rows import RowWriter, media_place, with_added
from mmcheck.formats.text_source import open_output, output_name

INNER = ("image", "__image__")
"""Member of a row that holds its image; the second where an annotation has the first itself."""


def write_coco(
    rows: Iterable[OutputRow],
    folder: Path,
    stem: str,
    output: OutputConfig,
    options: InputConfig,
    *,
    manifest: str,
    file_member: str,
) -> list[Path]:
    """Write a document of ``rows``; return the file.

    Args:
        rows: The rows.
        folder: Where to.
        stem: Name without suffix.
        output: Output options.
        options: Input options.
        manifest: The input, whose other members are kept.
        file_member: Name of the member of an image that is its path.
    """
    final = folder / output_name(manifest, stem, ".json")
    writer = RowWriter(options, output, folder, media_folder=media_place(stem, None))
    others = read_members(manifest, options.encoding, ("images", "annotations")) if manifest else {}
    # Readers want the images first, and they are known last.
    with tempfile.TemporaryFile() as spool, open_output(final) as file:
        annotations = cast(BinaryIO, spool)
        file.write(b"{")
        for name, value in others.items():
            file.write(json_bytes(name) + b":" + json_bytes(value) + b",\n")
        file.write(b'"images":')
        write_array(file, _images(rows, annotations, writer, file_member))
        file.write(b',\n"annotations":')
        annotations.seek(0)
        write_array(file, (line.rstrip(b"\n") for line in annotations))
        file.write(b"}\n")
    return [final]


def _images(rows: Iterable[OutputRow], annotations: BinaryIO, writer: RowWriter, member: str) -> Iterator[bytes]:
    """Yield the images of ``rows``, each once; their annotations go into the spool, one a line."""
    seen: set[str] = set()
    for out in rows:
        inner = INNER[1] if INNER[1] in out.sample.row else INNER[0]
        image = out.sample.row.get(inner)
        annotation = {name: value for name, value in out.sample.row.items() if name != inner or image is None}
        extra = with_added({}, out.extra)
        if annotation or image is None:
            line = json_line(with_added(annotation, out.extra), source=out.sample.row)
            annotations.write(line + b"\n")
            extra = {}
        if isinstance(image, Mapping) and (key := f"{image.get('id')}") not in seen:
            seen.add(key)
            yield json_bytes({**_with_path(image, out, writer, member), **extra})


def _with_path(image: Row, out: OutputRow, writer: RowWriter, member: str) -> RowDict:
    ref = out.sample.image
    changed = dict(image)
    if ref is not None and ref.member is None and isinstance(changed.get(member), str):
        changed[member] = writer.path(ref.uri, changed[member])
    return changed
