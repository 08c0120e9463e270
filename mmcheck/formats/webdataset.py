"""WebDataset and img2dataset shards, and the listings that mmcheck writes of them.

A shard is one manifest; each key is one sample. Clean and quarantine manifests are listings (JSON Lines with
``__shard__``, ``__key__`` and the row), which can be scanned again; new shards are written only on request.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from mmcheck.config import InputConfig, OutputConfig
from mmcheck.core.errors import ManifestError
from mmcheck.core.types import FurtherMedium, MediaRef, Row, RowDict, Sample
from mmcheck.formats.base import Added, OutputRow, Recognised
from mmcheck.formats.cells import find_text
from mmcheck.formats.columns import RoleFinder
from mmcheck.formats.jsonl import first_objects, json_rows
from mmcheck.formats.paths import Modality, folder_of, is_folder, join_under, media_kind, walk_files
from mmcheck.formats.rows import RawRow, problem_sample, until_break
from mmcheck.formats.tar_groups import TarGroup, is_tar, read_groups
from mmcheck.formats.tar_keys import find_dotted, is_half, split_fault, split_keys
from mmcheck.formats.text_source import sniff_encoding
from mmcheck.formats.webdataset_write import write_listing

KEY = "__key__"
SHARD = "__shard__"
TAR_SUFFIXES = (
    *(".tar", ".tar.gz", ".tgz", ".tar.zst", ".tar.zstd", ".tzst", ".tar.bz2", ".tbz2", ".tbz", ".tar.xz", ".txz"),
)

Item = TypeVar("Item")

_TEXT_PARTS = ("txt", "text", "caption", "transcript", "json", "cls", "lang", "language")
_PLAIN_TEXTS = ("txt", "text")
_MAX_JSON = 16 << 20  # bytes of the largest JSON member that is read; our own choice: bounds memory


class WebdatasetFormat:
    """Tar shard (``.tar``, also compressed), a folder of shards, or a listing of their samples.

    Args:
        options: Input options. ``columns`` may name an extension (``left.jpg``) or a field of the ``.json`` member.
    """

    name = "webdataset"

    def __init__(self, options: InputConfig) -> None:
        self._options = options
        self._finder = RoleFinder(options.columns)

    def recognise(self, manifest: str) -> Recognised:
        """Return whether it is a tar archive, a folder with some, or a listing with ``__shard__`` and ``__key__``."""
        if is_folder(manifest):
            fits = any(is_tar(join_under(manifest, name)) for name in _shards_in(manifest)[:1])
        else:
            objects = first_objects(manifest, "utf-8", 1)
            fits = bool(objects and {SHARD, KEY} <= objects[0].keys()) or is_tar(manifest)
        return Recognised.CONTAINER if fits else Recognised.NO

    def read(self, manifest: str) -> Iterator[Sample]:
        """Yield the samples of a shard in its order; ``row_number`` counts the samples.

        Raises:
            ManifestError: If it cannot be opened, is no tar archive, or lacks a configured field.
        """
        if is_folder(manifest):
            for name in _shards_in(manifest):
                yield from self.read(join_under(manifest, name))
        elif manifest.lower().endswith(TAR_SUFFIXES) or is_tar(manifest) or first_objects(manifest, "utf-8", 1) is None:
            yield from until_break(manifest, self._read_shard(manifest))
        else:
            yield from until_break(manifest, self._read_listing(manifest))

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
        """Write a listing of ``rows``, and with ``output.write_media`` new shards with byte-identical members.

        Args:
            rows: The rows.
            folder: Where to.
            stem: Name without suffix.
            output: Output options.
            manifest: The input manifest (not needed).
            added: Types of the new columns.
        """
        return write_listing(rows, folder, stem, output, self._options.encoding)

    def _read_shard(self, shard: str) -> Iterator[Sample]:
        seen: set[int] = set()
        split: set[str] = set()
        for group in read_groups(shard, self._is_wanted):
            if not seen and is_half(group):
                split = split_keys(shard)
            row, fault = self._row(shard, group)
            if group.key in split or (hash(group.key) in seen and is_half(group)):
                fault = fault or split_fault(group)
            elif self._options.columns.image is None and self._options.columns.audio is None:
                fault = fault or find_dotted(group)
            seen.add(hash(group.key))
            fault = fault or (group.faults[0] if group.faults else None)
            yield from self._samples(shard, group.number, row, _media_of(shard, group), fault)
        self._finder.check(shard)

    def _is_wanted(self, _key: str, extension: str, size: int) -> bool:
        part = extension.rsplit(".", 1)[-1]
        if part == "json":
            return size <= _MAX_JSON
        known = part in _TEXT_PARTS or extension in (self._options.columns.caption, self._options.columns.transcript)
        return known and size <= self._options.max_text_bytes

    def _row(self, shard: str, group: TarGroup) -> tuple[RowDict, tuple[str, str] | None]:
        fault: tuple[str, str] | None = None
        row: RowDict = {SHARD: shard, KEY: _printable(group.key)}
        if row[KEY] != group.key:
            fault = ("encoding", f"has a key that is not valid UTF-8: {row[KEY]}")
        for extension, member in group.members.items():
            column = _printable(extension)
            if member.data is None:
                row[column] = _printable(member.name)
                if extension.rsplit(".", 1)[-1] in _TEXT_PARTS and media_kind(f"x.{extension}") is None:
                    fault = fault or (
                        "text_too_long",
                        f"has {member.size} bytes of text in {_printable(member.name)!r}",
                    )
                continue
            value, wrong = _parse(member.data, column, self._options.encoding)
            row[column] = value
            fault = fault or wrong
        return row, fault

    def _read_listing(self, manifest: str) -> Iterator[Sample]:
        opened: str | None = None
        media: dict[str, dict[str, MediaRef]] = {}
        for raw in json_rows(manifest, "utf-8"):
            shard = raw.row.get(SHARD)
            key = raw.row.get(KEY)
            if raw.cause is None and not (isinstance(shard, str) and isinstance(key, str)):
                raw = RawRow(
                    number=raw.number, row=raw.row, cause="missing_column", message=f"has no {SHARD!r} or no {KEY!r}"
                )
            if raw.cause is not None:
                yield problem_sample(manifest, raw.number, raw.cause, raw.message, raw.row)
                continue
            path = join_under(folder_of(manifest), str(shard))
            if path != opened:
                opened, media = path, _index(path)
            if str(key) not in media:
                message = f"names the key {key!r}, which is not in {path}"
                yield problem_sample(manifest, raw.number, "missing_media", message, raw.row)
                continue
            yield from self._samples(manifest, raw.number, raw.row, media[str(key)], None)

    def _samples(
        self,
        manifest: str,
        number: int,
        row: Row,
        media: Mapping[str, MediaRef],
        fault: tuple[str, str] | None,
    ) -> list[Sample]:
        key = str(row[KEY])
        fields = _fields(row)
        self._finder.roles(fields | dict.fromkeys(media, ""))
        images, audios = self._pick(media, "image"), self._pick(media, "audio")
        if fault is None and not images and not audios:
            fault = ("missing_media", f"has no image and no recording under the key {key!r}")
        text_columns = (
            self._text_column(row, fields, "caption", not audios) if images else None,
            self._text_column(row, fields, "transcript", not images) if audios else None,
        )
        captions, caption_fault = self._texts(fields, text_columns[0])
        transcripts, transcript_fault = self._texts(fields, text_columns[1])
        further: tuple[FurtherMedium, ...] = ()
        if max(len(captions or ()), len(transcripts or ())) < 2:
            further = _further(images[1:], "image") + _further(audios[1:], "audio")
            images, audios = images[:1], audios[:1]
        count, length_fault = _common_length(images, audios, captions, transcripts)
        split = _split_columns(row, text_columns, count)
        fault = fault or caption_fault or transcript_fault or length_fault
        own = fields.get(self._options.columns.id) if self._options.columns.id else None
        own = str(own) if isinstance(own, str | int) and not isinstance(own, bool) and str(own).strip() else None
        if fault is not None:
            cause, message = fault
            problem = problem_sample(manifest, number, cause, message, row)
            return [Sample(id=own or key, manifest=manifest, row_number=number, row=row, problem=problem.problem)]
        language = fields.get(self._finder.roles(fields).language or "")
        return [
            Sample(
                id=own or key,
                manifest=manifest,
                row_number=number,
                image=_at(images, index),
                audio=_at(audios, index),
                caption=_at(captions, index),
                transcript=_at(transcripts, index),
                language=language.strip() if isinstance(language, str) and language.strip() else self._options.language,
                row=row if count == 1 else _narrowed(row, split, index),
                item=index if count > 1 else None,
                split=split,
                further=further,
                own_id=own is not None and count == 1,
            )
            for index in range(count)
        ]

    def _pick(self, media: Mapping[str, MediaRef], kind: Modality) -> list[MediaRef]:
        wanted = self._options.columns.image if kind == "image" else self._options.columns.audio
        if wanted is not None:
            return [media[wanted]] if wanted in media else []
        fitting = {extension: ref for extension, ref in media.items() if media_kind(f"x.{extension}") == kind}
        # ``x.jpg`` beside ``x.seg.png``: the plain extension is the picture, the others are something about it.
        plain = [ref for extension, ref in fitting.items() if "." not in extension]
        return plain or list(fitting.values())

    def _text_column(self, row: Row, fields: Row, role: str, alone: bool) -> str | None:
        column: str | None = getattr(self._options.columns, role)
        if column is None:
            inner: str | None = getattr(
                self._finder.roles({key: fields[key] for key in fields if key not in row}), role
            )
            plain = [name for name in _PLAIN_TEXTS if name in row]
            if role in row:
                return role
            column = plain[0] if plain and (alone or inner is None) else inner
        return column if column in fields else None

    def _texts(self, fields: Row, column: str | None) -> tuple[list[str] | None, tuple[str, str] | None]:
        if column is None:
            return None, None
        value = fields[column]
        limit = self._options.max_text_bytes
        texts = []
        for item in value if isinstance(value, list) and value else [value]:
            text, fault = find_text(item, column, limit)
            if text is None:
                return None, fault
            texts.append(text)
        return texts, None


def _fields(row: Row) -> RowDict:
    inner = row.get("json")
    outer = {name: value for name, value in row.items() if name not in (KEY, SHARD, "json")}
    fields = {**(inner if isinstance(inner, dict) else {}), **outer}
    # A text file ends with a line end that belongs to the file and not to the caption.
    return {
        name: value.strip("\r\n") if name in outer and isinstance(value, str) else value
        for name, value in fields.items()
    }


def _media_of(shard: str, group: TarGroup) -> dict[str, MediaRef]:
    return {
        extension: MediaRef(
            uri=shard,
            member=member.name,
            offset=member.offset,
            size=member.size if member.offset is not None else None,
        )
        for extension, member in group.members.items()
        if media_kind(f"x.{extension}") is not None
    }


def _index(shard: str) -> dict[str, dict[str, MediaRef]]:
    found: dict[str, dict[str, MediaRef]] = {}
    for group in read_groups(shard, lambda _key, _extension, _size: False):
        found.setdefault(group.key, _media_of(shard, group))
    return found


def _parse(data: bytes, extension: str, encoding: str) -> tuple[object, tuple[str, str] | None]:
    codec, bom = sniff_encoding(data[:4], "utf-8" if extension.rsplit(".", 1)[-1] == "json" else encoding)
    body = data[bom:]
    try:
        text = body.decode(codec)
    except UnicodeDecodeError as error:
        known = "UTF-8" if codec == "utf-8" else codec
        fault = ("encoding", f"has a .{extension} that is not valid {known} (byte 0x{body[error.start]:02x})")
        return body.decode(codec, "backslashreplace"), fault
    if extension.rsplit(".", 1)[-1] != "json":
        return text, None
    try:
        value = json.loads(text)
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        return text, ("encoding", f"has a .{extension} with half of a surrogate pair, which is not a character")
    except (ValueError, RecursionError) as error:
        return text, ("broken_json", f"has a .{extension} that is not valid JSON: {error}")
    return value, None


def _common_length(*lists: Sequence[object] | None) -> tuple[int, tuple[str, str] | None]:
    counts = {len(items) for items in lists if items and len(items) > 1}
    if len(counts) > 1:
        listed = " and ".join(str(count) for count in sorted(counts))
        return 1, ("ambiguous", f"has {listed} media and texts, so it is unclear which items belong together")
    return (counts.pop() if counts else 1), None


def _further(refs: list[MediaRef], modality: Modality) -> tuple[FurtherMedium, ...]:
    return tuple(FurtherMedium(column="", modality=modality, ref=ref) for ref in refs)


def _split_columns(row: Row, columns: tuple[str | None, ...], count: int) -> tuple[str, ...]:
    """Return the lists of the .json member of which each sample gets one item."""
    inner = row.get("json")
    if not isinstance(inner, dict) or count == 1:
        return ()
    return tuple(
        key for key, value in inner.items() if key in columns and isinstance(value, list) and len(value) == count
    )


def _narrowed(row: Row, split: tuple[str, ...], index: int) -> RowDict:
    inner = row.get("json")
    if not isinstance(inner, dict):
        return dict(row)
    return {**row, "json": {key: [value[index]] if key in split else value for key, value in inner.items()}}


def _at(items: Sequence[Item] | None, index: int) -> Item | None:
    if not items:
        return None
    return items[index] if len(items) > 1 else items[0]


def _shards_in(folder: str) -> list[str]:
    try:
        return [name for name in walk_files(folder) if name.lower().endswith(TAR_SUFFIXES)]
    except ManifestError:
        return []


def _printable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
