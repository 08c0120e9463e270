"""Karpathy splits (``dataset_coco.json``): one JSON document with ``images``, each with its ``sentences`` and split."""

from __future__ import annotations

import posixpath
import re
import string
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from mmcheck.config import ColumnsConfig, InputConfig, OutputConfig
from mmcheck.core.json_row import changed_row
from mmcheck.core.pair_kinds import PairKind
from mmcheck.core.types import Row, RowDict, Sample
from mmcheck.formats.base import Added, OutputRow, Recognised
from mmcheck.formats.columns import RoleFinder
from mmcheck.formats.images.image_root import find_root
from mmcheck.formats.json_document import document_head, first_rows, read_members, read_rows, write_array
from mmcheck.formats.jsonl import json_bytes, json_line
from mmcheck.formats.new_text import only_mapping
from mmcheck.formats.output_rows import RowWriter, media_place, with_added
from mmcheck.formats.rows import RawRow, SampleMaker, problem_sample, until_break
from mmcheck.formats.text_source import open_output, output_name

_LISTS = ("sentences", "sentids")
"""Members of an image of which each caption has one item."""
_OF_IMAGES = re.compile(r'"images"\s*:\s*\[')
_OF_SENTENCES = re.compile(r'"sentences"\s*:\s*\[\s*(\{|\])')
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)
"""Taken from neuraltalk2 (prepro.py), which made the tokens of such files."""
_FIRST = 8  # images looked at to find their folder; our own choice: quick


class KarpathyFormat:
    """Karpathy split file of COCO, Flickr8k or Flickr30k.

    Args:
        options: Input options.
    """

    name = "karpathy"

    def __init__(self, options: InputConfig) -> None:
        self._options = options

    def recognise(self, manifest: str) -> Recognised:
        """Return whether it is a document of ``images`` that have ``sentences`` and a ``filename``."""
        text = document_head(manifest, self._options.encoding)
        if not (text.startswith("{") and _OF_IMAGES.search(text) and _OF_SENTENCES.search(text)):
            return Recognised.NO
        first = first_rows(manifest, self._options.encoding, 1, "images")
        return Recognised.SIGNATURE if first and {"filename", "sentences"} <= first[0].keys() else Recognised.NO

    def read(self, manifest: str) -> Iterator[Sample]:
        """Yield one sample a sentence (``raw``, else its tokens); ``row_number`` counts the images.

        Raises:
            ManifestError: If it cannot be opened, is not JSON, or breaks off before the first image.
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
        """Write a document with the images of ``rows`` and their kept sentences; all its other members stay.

        Args:
            rows: The rows.
            folder: Where to.
            stem: Name without suffix.
            output: Output options.
            manifest: The input, for the other members.
            added: Types of the new columns.
        """
        final = folder / output_name(manifest, stem, ".json")
        writer = RowWriter(self._options, output, folder, media_folder=media_place(stem, None))
        others = read_members(manifest, self._options.encoding, ("images",)) if manifest else {}
        with open_output(final) as file:
            file.write(b'{"images":')
            write_array(file, (_line(out, writer) for out in rows))
            for name, value in others.items():
                file.write(b",\n" + json_bytes(name) + b":" + json_bytes(value))
            file.write(b"}\n")
        return [final]

    def with_text(self, sample: Sample, kind: PairKind, text: str) -> Row | None:
        """Return the row with another sentence; its tokens are made as those of the splits were."""
        sentences = sample.row.get("sentences")
        sentence = only_mapping(sentences)
        if sentence is None or sentence.get("raw", sample.caption) != sample.caption:
            return None
        if isinstance(sentence.get("tokens"), list):
            sentence["tokens"] = text.lower().translate(_NO_PUNCTUATION).split()
        return {**sample.row, "sentences": [{**sentence, "raw": text}]}

    def _samples(self, manifest: str) -> Iterator[Sample]:
        encoding = self._options.encoding
        names = [_path(row) or "" for row in first_rows(manifest, encoding, _FIRST, "images")]
        columns = ColumnsConfig(image="image", caption="caption", id="none")
        base = find_root(manifest, names, self._options)
        maker = SampleMaker(manifest, self._options, RoleFinder(columns), base=base)
        for raw in read_rows(manifest, encoding, "images"):
            if raw.cause is not None:
                yield problem_sample(manifest, raw.number, raw.cause, raw.message, raw.row)
            else:
                yield from _samples_of(raw, maker)


def _samples_of(raw: RawRow, maker: SampleMaker) -> Iterator[Sample]:
    row = raw.row
    sentences = row.get("sentences")
    texts = [_text(one) for one in sentences] if isinstance(sentences, list) else []
    found = {**row, "image": _path(row), "caption": texts}
    for sample in maker.samples(replace(raw, row=found)):
        if sample.item is None:
            yield replace(sample, row=row, split=())
            continue
        item = sample.item
        split = tuple(name for name in _LISTS if isinstance(row.get(name), list) and len(row[name]) == len(texts))
        changed = {name: [value[item]] if name in split else value for name, value in row.items()}
        yield replace(sample, row=changed_row(row, changed), split=split)


def _path(row: Row) -> str | None:
    name, folder = row.get("filename"), row.get("filepath")
    if not isinstance(name, str):
        return None
    return posixpath.join(folder, name) if isinstance(folder, str) and folder else name


def _text(sentence: object) -> object:
    if not isinstance(sentence, Mapping):
        return sentence
    tokens = sentence.get("tokens")
    words = " ".join(map(str, tokens)) if isinstance(tokens, list) else ""
    return sentence.get("raw", words)


def _line(out: OutputRow, writer: RowWriter) -> bytes:
    row: RowDict = dict(out.sample.row)
    ref = out.sample.image
    if ref is not None and ref.member is None and (written := _path(row)):
        path = writer.path(ref.uri, written)
        if path != written:
            folder, name = posixpath.split(path)
            # Readers join both to their own folder, which an absolute path overrides.
            row |= {"filepath": folder, "filename": name} if "filepath" in row else {"filename": path}
    return json_line(with_added(row, out.extra), source=out.sample.row)
