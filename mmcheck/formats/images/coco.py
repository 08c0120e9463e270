"""COCO captions: one JSON document with ``images`` and ``annotations``, each annotation a caption of an image."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from mmcheck.config import ColumnsConfig, InputConfig, OutputConfig
from mmcheck.core.json_row import JsonRow, json_text
from mmcheck.core.pair_kinds import PairKind
from mmcheck.core.types import Row, RowDict, Sample
from mmcheck.formats.base import Added, OutputRow, Recognised
from mmcheck.formats.cells import shown
from mmcheck.formats.columns import NO_COLUMN, RoleFinder
from mmcheck.formats.images.coco_write import INNER, write_coco
from mmcheck.formats.images.image_index import ImageIndex
from mmcheck.formats.images.image_root import find_root
from mmcheck.formats.json_document import document_head, first_rows, read_rows
from mmcheck.formats.new_text import put_text
from mmcheck.formats.rows import RawRow, SampleMaker, problem_sample, until_break

_OF_CAPTIONS = re.compile(r'"annotations"\s*:\s*\[\s*\{[^\]]*?"image_id"\s*:')
_OF_IMAGES = re.compile(r'"images"\s*:\s*\[\s*\{[^\]]*?"file_name"\s*:')
_BESIDE = re.compile(r'"(annotations|licenses|info|categories)"\s*:')
_FIRST = 8  # images looked at to find their folder; our own choice: quick


class CocoFormat:
    """COCO caption annotations; images without a caption are rows of their own, after the others.

    Args:
        options: Input options. ``columns`` may name other members: ``caption`` of an annotation, ``image`` of an image.
    """

    name = "coco"

    def __init__(self, options: InputConfig) -> None:
        self._options = options
        self._caption = options.columns.caption or "caption"
        self._file = options.columns.image or "file_name"

    def recognise(self, manifest: str) -> Recognised:
        """Return whether it is a document with ``images`` that have a ``file_name``, and ``annotations`` of them."""
        text = document_head(manifest, self._options.encoding)
        if not text.startswith("{"):
            return Recognised.NO
        fits = _OF_CAPTIONS.search(text) or (_OF_IMAGES.search(text) and (_BESIDE.search(text) or _is_open(text)))
        return Recognised.SIGNATURE if fits else Recognised.NO

    def read(self, manifest: str) -> Iterator[Sample]:
        """Yield one sample an annotation, then one an image that has none; ``row_number`` counts both.

        Raises:
            ManifestError: If it cannot be opened, is not JSON, or breaks off before the first annotation.
        """
        return until_break(manifest, self._samples(manifest))

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
        """Write a document with the annotations of ``rows`` and their images; all its other members stay.

        The new columns are members of the annotation, which readers of COCO pass over.

        Args:
            rows: The rows.
            folder: Where to.
            stem: Name without suffix.
            output: Output options.
            manifest: The input, for the other members.
            added: Types of the new columns.
        """
        return write_coco(rows, folder, stem, output, self._options, manifest=manifest, file_member=self._file)

    def with_text(self, sample: Sample, kind: PairKind, text: str) -> Row | None:
        """Return the row with another text in its annotation; None if it is not there."""
        return put_text(sample.row, (self._caption,), sample.caption, text)

    def _samples(self, manifest: str) -> Iterator[Sample]:
        encoding = self._options.encoding
        first = first_rows(manifest, encoding, _FIRST, "images")
        base = find_root(manifest, [str(row.get(self._file, "")) for row in first], self._options)
        columns = ColumnsConfig(image="image", caption="caption", id="id", language=self._options.columns.language)
        maker = SampleMaker(manifest, self._options, RoleFinder(columns), base=base)
        number = 0
        with ImageIndex() as images:
            broken = images.fill(read_rows(manifest, encoding, "images"))
            for raw in read_rows(manifest, encoding, "annotations"):
                number += 1
                yield self._sample(manifest, raw, images, maker)
            for raw in broken:
                number += 1
                yield problem_sample(manifest, number, raw.cause or "", f"(image {raw.number}) {raw.message}", raw.row)
            for row in images.unused():
                number += 1
                whole = RawRow(number=number, row=_joined(JsonRow({}, "{}"), row))
                yield self._make(whole, {}, row, maker)

    def _sample(self, manifest: str, raw: RawRow, images: ImageIndex, maker: SampleMaker) -> Sample:
        if raw.cause is not None:
            return problem_sample(manifest, raw.number, raw.cause, raw.message, raw.row)
        wanted = raw.row.get("image_id")
        image = images.take(wanted)
        if image is None:
            message = f"names no image: there is none with the id {wanted!r} in `images`"
            return problem_sample(manifest, raw.number, "missing_media", message, raw.row)
        return self._make(replace(raw, row=_joined(raw.row, image)), raw.row, image, maker)

    def _make(self, raw: RawRow, annotation: Row, image: Row, maker: SampleMaker) -> Sample:
        found: RowDict = {**image, **annotation, "image": image.get(self._file)}
        if annotation:
            found["caption"] = annotation.get(self._caption, "")
        if self._options.columns.id == NO_COLUMN or not annotation:
            found.pop("id", None)
        elif self._options.columns.id:
            found["id"] = found.get(self._options.columns.id)
        samples = maker.samples(replace(raw, row=found))
        if len(samples) > 1:
            message = f"has no text: {self._caption!r} must be text, but is {shown(found.get('caption'))}"
            return problem_sample(samples[0].manifest, raw.number, "not_text", message, raw.row)
        return replace(samples[0], row=raw.row, split=())


def _joined(annotation: Row, image: Row) -> RowDict:
    """Return the row of a pair: the annotation with its image as a member."""
    inner = INNER[0] if INNER[0] not in annotation else INNER[1]
    row = {**annotation, inner: image}
    if not isinstance(annotation, JsonRow) or not isinstance(image, JsonRow):
        return row
    comma = "," if annotation else ""
    return JsonRow(row, f"{annotation.text.rstrip()[:-1].rstrip()}{comma}{json_text(inner)}:{image.text}}}")


def _is_open(text: str) -> bool:
    """Return whether the first line is no whole object, as a row of JSON Lines would be."""
    first = text.partition("\n")[0].strip()
    return not first.endswith("}") or first.count("{") != first.count("}")
