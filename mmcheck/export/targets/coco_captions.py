"""COCO captions: one JSON document of images and annotations, as pycocotools and torchvision read it."""

from __future__ import annotations

import shutil
from pathlib import Path

from mmcheck.core.atomic import TMP_PREFIX, atomic_path
from mmcheck.core.json_row import json_text
from mmcheck.core.types import MediaRef, RowDict
from mmcheck.export.shelf import MediaShelf
from mmcheck.export.target import ExportRow, Rows, TargetOptions, TargetTraits
from mmcheck.export.with_media import with_files

NAME = "captions.json"
_HEAD = '{"info": {"description": "exported by mmcheck", "version": "1.0"}, "licenses": [],\n"images": ['


class CocoCaptionsTarget:
    """COCO captions JSON.

    Args:
        options: What was asked for.
    """

    name = "coco-captions"
    traits = TargetTraits(kinds=("image",), paths=("relative", "absolute", "keep"))

    def __init__(self, options: TargetOptions) -> None:
        self._options = options

    def write(self, rows: Rows, shelf: MediaShelf, folder: Path) -> None:
        """Write ``captions.json``; captions that follow each other on one image are annotations of one entry.

        The annotations wait in a file until all images are written.
        """
        waiting = folder / f"{TMP_PREFIX}annotations"
        images, last = 0, None
        with atomic_path(folder / NAME) as temporary:
            with temporary.open("w", encoding="utf-8") as file, waiting.open("w", encoding="utf-8") as later:
                file.write(_HEAD)
                number = 0
                for row, placed in with_files(rows, shelf):
                    ref = _whole(row.medium())
                    if ref != last:
                        last, images = ref, images + 1
                        file.write(f"{',' if images > 1 else ''}\n{json_text(_image(row, images, placed.path))}")
                    number += 1
                    about = {"id": number, "image_id": images, "caption": row.text(), **row.added}
                    later.write(f"{',' if number > 1 else ''}\n{json_text(about)}")
                file.write('\n],\n"annotations": [')
            with temporary.open("ab") as sink, waiting.open("rb") as source:
                shutil.copyfileobj(source, sink)
                sink.write(b"\n]}\n")
        waiting.unlink()

    def how_to_load(self) -> str:
        """Return the line of Python."""
        root, file = str(self._options.final), str(self._options.final / NAME)
        return f"from torchvision.datasets import CocoCaptions; CocoCaptions(root={root!r}, annFile={file!r})"


def _whole(ref: MediaRef) -> tuple[str, str | None, int | None]:
    return ref.uri, ref.member, ref.offset


def _image(row: ExportRow, number: int, path: str) -> RowDict:
    found: RowDict = {"id": number, "file_name": path}
    for name in ("width", "height"):
        if name in row.facts:
            found[name] = round(row.facts[name])
    return found
