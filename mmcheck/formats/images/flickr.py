"""Flickr8k and Flickr30k: ``x.jpg#0<tab>caption`` lines, ``image_name| comment_number| comment``, ``captions.txt``.

The images lie in a folder beside the list (``Images``, ``Flicker8k_Dataset``, ``flickr30k_images``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

from mmcheck.config import InputConfig, OutputConfig
from mmcheck.core.errors import ManifestError
from mmcheck.core.pair_kinds import PairKind
from mmcheck.core.types import Row, Sample
from mmcheck.formats.base import Added, OutputRow, Recognised
from mmcheck.formats.csv import CsvFormat
from mmcheck.formats.images.image_root import find_root
from mmcheck.formats.new_text import put_text
from mmcheck.formats.output_rows import RowWriter, media_place
from mmcheck.formats.paths import media_kind
from mmcheck.formats.text_source import looks_binary, read_head, read_lines

_LINES = 20  # lines looked at to tell the layout; our own choice: quick
_TOKEN = re.compile(r"(?P<path>.+)(?P<number>#\d+)")
_PLACE, _CAPTION = "column_1", "column_2"
_PIPE = ("image_name", "comment_number", "comment")
_LISTED = ("image", "caption")


class FlickrFormat:
    """A list of captions of Flickr8k or Flickr30k.

    Args:
        options: Input options.
    """

    name = "flickr"

    def __init__(self, options: InputConfig) -> None:
        self._options = options

    def recognise(self, manifest: str) -> Recognised:
        """Return whether its lines begin with ``x.jpg#0`` and a tab, or its header is one of Flickr's."""
        return Recognised.SIGNATURE if self._kind(manifest) else Recognised.NO

    def read(self, manifest: str) -> Iterator[Sample]:
        """Yield one sample a line.

        Raises:
            ManifestError: If it cannot be opened or is not text.
        """
        form = self._form(self._kind(manifest))
        names = [sample.image for sample in islice(form.read_as(manifest, "image", base=""), _LINES)]
        base = find_root(manifest, [_TOKEN.sub(r"\g<path>", ref.uri) for ref in names if ref], self._options)
        for sample in form.read_as(manifest, "image", base=base):
            yield _without_number(sample)

    def write(
        self,
        rows: Iterable[OutputRow],
        folder: Path,
        stem: str,
        output: OutputConfig,
        *,
        manifest: str = "",
        added: Added | None = None,
    ) -> list[Path]:
        """Write ``rows`` as the same list; of a list without columns, what was found goes beside it.

        Args:
            rows: The rows.
            folder: Where to.
            stem: Name without suffix.
            output: Output options.
            manifest: The input, for its kind.
            added: Types of the new columns.
        """
        kind = self._kind(manifest) if manifest else "token"
        form = self._form(kind)
        if kind == "token":
            rows = self._with_numbers(rows, folder, stem, output)
            output = output.model_copy(update={"write_media": False})
        return form.write(
            rows, folder, stem, output, manifest=manifest or f"{stem}.txt", added=added, keep_paths=kind == "token"
        )

    def with_text(self, sample: Sample, kind: PairKind, text: str) -> Row | None:
        """Return the row with another comment; None if it is not there."""
        columns = (self._options.columns.caption or _CAPTION, _PIPE[-1], _LISTED[-1])
        return put_text(sample.row, columns, sample.caption, text)

    def _with_numbers(
        self, rows: Iterable[OutputRow], folder: Path, stem: str, output: OutputConfig
    ) -> Iterator[OutputRow]:
        """Yield ``rows`` with the paths to write, each with its caption's number."""
        writer = RowWriter(self._options, output, folder, media_folder=media_place(stem, None))
        for out in rows:
            ref, written = out.sample.image, out.sample.row.get(_PLACE)
            match = _TOKEN.fullmatch(written) if isinstance(written, str) else None
            if ref is None or match is None:
                yield out
                continue
            row = {**out.sample.row, _PLACE: writer.path(ref.uri, match["path"]) + match["number"]}
            yield replace(out, sample=replace(out.sample, row=row, image=None))

    def _form(self, kind: str) -> CsvFormat:
        changed: dict[str, object] = {}
        columns = {"caption": "comment", "image": "image_name"} if kind == "pipe" else {}
        if kind == "pipe":
            changed = {"delimiter": "|", "has_header": True}
        elif kind == "token":
            changed = {"delimiter": "\t", "has_header": False, "quoting": "none"}
            columns = {"image": _PLACE, "caption": _CAPTION}
        own = self._options.columns.model_dump(exclude_none=True)
        changed["columns"] = self._options.columns.model_copy(update={**columns, **own})
        return CsvFormat(self._options.model_copy(update=changed))

    def _kind(self, manifest: str) -> str:
        """Return ``token``, ``pipe``, ``list`` or, where it is none of Flickr's, an empty text."""
        try:
            if looks_binary(read_head(manifest)):
                return ""
            lines = [line.text for line in islice(read_lines(manifest, self._options.encoding), _LINES)]
        except ManifestError:
            return ""
        lines = [line for line in lines if line.strip()]
        if not lines:
            return ""
        if tuple(cell.strip() for cell in lines[0].split("|"))[:3] == _PIPE:
            return "pipe"
        header = tuple(cell.strip() for cell in lines[0].split(","))
        if header[:2] == _LISTED and manifest.rpartition("/")[2].lower() == "captions.txt":
            return "list"
        places = [_TOKEN.fullmatch(line.partition("\t")[0]) for line in lines if "\t" in line]
        fits = sum(match is not None and media_kind(match["path"]) == "image" for match in places)
        return "token" if fits * 2 > len(lines) else ""


def _without_number(sample: Sample) -> Sample:
    """Return a sample with the image's path without the caption's number, and a caption without the list's spaces."""
    ref = sample.image
    match = _TOKEN.fullmatch(ref.uri) if ref is not None else None
    image = replace(ref, uri=match["path"]) if ref is not None and match is not None else ref
    caption = sample.caption.strip() if sample.caption is not None else None
    return replace(sample, image=image, caption=caption)
