"""WebDataset tar shards, as webdataset, open_clip and datasets read them."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

from mmcheck.core.atomic import write_text
from mmcheck.core.errors import MediaError
from mmcheck.core.json_row import json_text
from mmcheck.core.types import RowDict
from mmcheck.export.own_columns import OwnColumns
from mmcheck.export.shelf import MediaShelf
from mmcheck.export.tar_shards import TarShards, shard_range
from mmcheck.export.target import ExportRow, Rows, TargetOptions, TargetTraits
from mmcheck.export.with_media import tell_fault

IMAGES = (".jpg", ".png", ".webp")
"""What open_clip takes out of a tar; an image of another kind would be passed over in silence."""


class WebdatasetTarget:
    """WebDataset shards: the medium, its text (``txt``) and the row's own columns (``json``).

    Args:
        options: What was asked for.
    """

    name = "webdataset"
    traits = TargetTraits(media=("copy",), has_shards=True)

    def __init__(self, options: TargetOptions) -> None:
        self._options = options
        self._own = OwnColumns(options)
        self._shards: list[str] = []

    def write(self, rows: Rows, shelf: MediaShelf, folder: Path) -> None:
        """Write the shards, and ``sizes.json``, from which open_clip knows how many samples they hold."""
        with TarShards(folder, self._options.shard_size) as shards:
            for row in rows:
                try:
                    members = self._members(row, shelf)
                except MediaError as error:
                    rows.leave_out(row, tell_fault(row, error))
                else:
                    shards.add(members)
        self._shards = list(shards.sizes)
        write_text(folder / "sizes.json", json.dumps(shards.sizes, indent=0) + "\n")

    def how_to_load(self) -> str:
        """Return the line of Python."""
        if not self._shards:
            return ""
        shards = shlex.quote(str(self._options.final / shard_range(self._shards)))
        return f"python -m open_clip_train.main --dataset-type webdataset --train-data {shards} --model ViT-B-32"

    def _members(self, row: ExportRow, shelf: MediaShelf) -> list[tuple[str, bytes]]:
        members: list[tuple[str, bytes]] = []
        about: RowDict = {}
        for kind in row.kinds:
            found = shelf.data(row, kind, suffixes=IMAGES if kind.is_seen else ())
            members.append((found.suffix[1:], found.data))
            if len(row.kinds) > 1:
                about[kind.text] = row.text(kind)
        members.append(("txt", row.text().encode()))
        own = self._own.rest(row)
        own.setdefault("id", row.sample.id)
        own.pop("__key__", None)
        if row.sample.language is not None:
            own.setdefault("language", row.sample.language)
        members.append(("json", json_text({**own, **about, **row.added}).encode("utf-8", "backslashreplace")))
        return members
