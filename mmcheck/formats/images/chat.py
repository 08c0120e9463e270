"""LLaVA, ShareGPT and ``messages``: conversations about images, one JSON array or JSON Lines.

What is judged is the image and the answers (``input.chat`` says which texts); rows come back with every turn and mark.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from mmcheck.config import ColumnsConfig, InputConfig, OutputConfig
from mmcheck.core.pair_kinds import PairKind
from mmcheck.core.types import Row, RowDict, Sample
from mmcheck.formats.base import Added, OutputRow, Recognised
from mmcheck.formats.columns import IMAGES, NO_COLUMN, RoleFinder
from mmcheck.formats.images.chat_turns import chat_images, chat_text, find_chat, with_chat_text, with_images
from mmcheck.formats.images.image_root import find_root
from mmcheck.formats.json_document import document_head, first_rows, read_rows, write_array
from mmcheck.formats.jsonl import first_objects, json_line, json_rows
from mmcheck.formats.output_rows import RowWriter, media_place, raw_bytes, with_added
from mmcheck.formats.rows import RawRow, SampleMaker, problem_sample, until_break
from mmcheck.formats.text_source import open_output, output_name

_ROWS = 64  # rows looked at to tell the layout; our own choice: mixes have rows without images among them


class ChatFormat:
    """Conversations about images.

    Args:
        options: Input options; ``chat`` says which texts of a conversation are judged.
    """

    name = "chat"

    def __init__(self, options: InputConfig) -> None:
        self._options = options

    def recognise(self, manifest: str) -> Recognised:
        """Return whether a row of the first ones has turns and an image."""
        rows = self._first(manifest)
        fits = any(find_chat(row) is not None and self._images(row) for row in rows)
        return Recognised.SIGNATURE if fits else Recognised.NO

    def read(self, manifest: str) -> Iterator[Sample]:
        """Yield one sample a conversation; further images of it go with the first.

        Raises:
            ManifestError: If it cannot be opened or is not JSON.
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
        """Write ``rows`` as the input is, one array or lines; turns and marks stay as they are.

        Args:
            rows: The rows.
            folder: Where to.
            stem: Name without suffix.
            output: Output options.
            manifest: The input, for its kind.
            added: Types of the new columns.
        """
        is_array = bool(manifest) and self._is_array(manifest)
        final = folder / output_name(manifest, stem, ".json" if is_array else ".jsonl")
        writer = RowWriter(self._options, output, folder, media_folder=media_place(stem, None))
        with open_output(final) as file:
            if is_array:
                write_array(file, (self._line(out, writer) for out in rows))
                file.write(b"\n")
            else:
                for out in rows:
                    raw = raw_bytes(out.sample)
                    file.write((raw if raw is not None else self._line(out, writer)) + b"\n")
        return [final]

    def with_text(self, sample: Sample, kind: PairKind, text: str) -> Row | None:
        """Return the row with another answer; None if several texts of it are judged as one."""
        chat = find_chat(sample.row)
        if chat is None or chat_text(sample.row[chat], self._options.chat) != sample.caption:
            return None
        turns = with_chat_text(sample.row[chat], self._options.chat, text)
        return None if turns is None else {**sample.row, chat: turns}

    def _is_array(self, manifest: str) -> bool:
        return document_head(manifest, self._options.encoding).startswith("[")

    def _first(self, manifest: str) -> list[RowDict]:
        head = document_head(manifest, self._options.encoding)
        if not any(f'"{name}"' in head for name in ("conversations", "messages", "conversation")):
            return []
        if head.startswith("["):
            return first_rows(manifest, self._options.encoding, _ROWS)
        return first_objects(manifest, self._options.encoding, _ROWS) or []

    def _samples(self, manifest: str) -> Iterator[Sample]:
        names = [name for row in self._first(manifest) for name in self._images(row)[:1]]
        base = find_root(manifest, [name for name in names if isinstance(name, str)], self._options)
        columns = ColumnsConfig(image="image", caption="caption", id="id", language=self._options.columns.language)
        maker = SampleMaker(manifest, self._options, RoleFinder(columns), base=base)
        is_array = self._is_array(manifest)
        encoding = self._options.encoding
        for raw in read_rows(manifest, encoding) if is_array else json_rows(manifest, encoding):
            yield self._sample(manifest, raw, maker)

    def _sample(self, manifest: str, raw: RawRow, maker: SampleMaker) -> Sample:
        row = raw.row
        chat = find_chat(row) if raw.cause is None else None
        if raw.cause is not None:
            return problem_sample(manifest, raw.number, raw.cause, raw.message, row)
        if chat is None:
            message = "is no conversation: it has no turns in `conversations` or `messages`"
            return problem_sample(manifest, raw.number, "missing_column", message, row)
        images = self._images(row)
        found: RowDict = {**row, "caption": chat_text(row[chat], self._options.chat)}
        own = self._options.columns.id or "id"
        found["id"] = row.get(own) if own != NO_COLUMN else None
        if not images:
            # Mixes hold conversations without any image: no fault, and nothing that the texts could be compared with.
            bare = problem_sample(manifest, raw.number, "", "", row)
            return replace(bare, caption=found["caption"], problem=None)
        found["image"] = images
        (sample,) = maker.samples(replace(raw, row=found))
        # Mixes give one id to several conversations, about other images too: #2 and no error.
        return replace(sample, row=row, split=(), own_id=False)

    def _images(self, row: Row) -> list[object]:
        """Return the images that a row names: in a column of its own, else in the parts of its turns."""
        column = self._image_column(row)
        if column is not None:
            value = row[column]
            items = value if isinstance(value, list) else [value]
            return [item for item in items if item not in (None, "")]
        chat = find_chat(row)
        return list(chat_images(row[chat])) if chat is not None else []

    def _image_column(self, row: Row) -> str | None:
        wanted = self._options.columns.image
        if wanted is not None:
            return wanted if wanted in row else None
        return next((name for name in row if name.lower() in IMAGES and row[name]), None)

    def _line(self, out: OutputRow, writer: RowWriter) -> bytes:
        row = dict(out.sample.row)
        refs = [out.sample.image, *(one.ref for one in out.sample.further)]
        paths = {
            name: writer.path(ref.uri, name)
            for name, ref in zip(map(_name, self._images(row)), refs, strict=False)
            if name and ref is not None and ref.member is None
        }
        column, chat = self._image_column(row), find_chat(row)
        if column is not None:
            row[column] = _renamed(row[column], paths)
        elif chat is not None and paths:
            row[chat] = with_images(row[chat], lambda name: paths.get(name, name))
        return json_line(with_added(row, out.extra), source=out.sample.row)


def _name(image: object) -> str:
    value = image.get("path") if isinstance(image, dict) else image
    return value if isinstance(value, str) else ""


def _renamed(value: object, paths: dict[str, str]) -> object:
    if isinstance(value, list):
        changed = [_renamed(item, paths) for item in value]
        return value if changed == value else changed
    if isinstance(value, dict):
        return {**value, "path": paths[value["path"]]} if value.get("path") in paths else value
    return paths.get(value, value) if isinstance(value, str) else value
