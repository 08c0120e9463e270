"""A plain folder of media with a text of the same name beside each: ``x.jpg`` + ``x.txt``, ``x.wav`` + ``x.txt``.

The text may also be ``x.jpg.txt``, ``x.caption`` (kohya's trainers), ``x.lab`` (aligners), ``x.normalized.txt``
(LibriTTS), or stand in ``x.json``, whose other members are then columns of the row.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from mmcheck.config import InputConfig, OutputConfig
from mmcheck.core.errors import ManifestError
from mmcheck.core.json_row import json_text, load_json, load_row
from mmcheck.core.types import MediaRef, Row, RowDict, Sample
from mmcheck.formats.base import Added, OutputRow, Recognised
from mmcheck.formats.cells import find_text, is_utf8
from mmcheck.formats.columns import RoleFinder
from mmcheck.formats.compression import STREAM_ERRORS
from mmcheck.formats.downloads import download_fault
from mmcheck.formats.jsonl import json_line
from mmcheck.formats.output_rows import link_or_copy, with_added
from mmcheck.formats.paths import is_folder, is_inside, join_under, media_kind, walk_files
from mmcheck.formats.rows import problem_sample
from mmcheck.formats.text_source import MAX_LINE_BYTES, is_url, open_output, open_raw, sniff_encoding

_TEXT = ".txt"
_TEXTS = (_TEXT, ".caption", ".lab", ".normalized.txt", ".original.txt")
"""Endings of texts; where one medium has several, the first is read."""
_JSON = ".json"
_FILES = ("file_name", "audio_file", "text_file")
"""Columns of the listing that name files."""
_NOT_CAPTIONS = frozenset(
    "readme license licence notice changelog contributing requirements classes labels metadata authors sources".split()
)


class FolderFormat:
    """Folder of pairs, nested folders included.

    Args:
        options: Input options.
    """

    name = "folder"

    def __init__(self, options: InputConfig) -> None:
        self._options = options

    def recognise(self, manifest: str) -> Recognised:
        """Return whether it is a folder with at least one image or recording."""
        try:
            fits = is_folder(manifest) and any(media_kind(name) for name in walk_files(manifest))
        except ManifestError:
            return Recognised.NO
        return Recognised.SHAPE if fits else Recognised.NO

    def read(self, manifest: str) -> Iterator[Sample]:
        """Yield the samples in the order of their names; ``row_number`` counts them.

        Where other media of the folder have a text, one without is a broken row, and so is a text without a medium.

        Raises:
            ManifestError: If it is no folder, cannot be listed, or holds no media.
        """
        if not is_folder(manifest):
            raise ManifestError(
                f"{manifest} is not a folder.", hint="format `folder` wants a folder of media and texts."
            )
        media: dict[str, list[str]] = {}
        texts: dict[str, str] = {}
        others: dict[str, str] = {}
        found = [name for name in walk_files(manifest) if not posixpath.basename(name).startswith(".")]
        for name in found:
            if media_kind(name) is not None:
                media.setdefault(posixpath.splitext(name)[0], []).append(name)
        for name in found:
            stem, suffix = posixpath.splitext(name)
            if suffix.lower() == _JSON and (key := _json_owner(stem, media)) is not None:
                others[key] = name
            elif media_kind(name) is None and (key := _owner(name, media)) is not None:
                texts[key] = min(texts.get(key, name), name, key=_rank)
        if not media:
            raise ManifestError(
                f"folder {manifest} holds no image and no recording.", hint="give the folder that holds the media."
            )
        number = 0
        has_texts = bool(texts or others)
        owned = {name for names in media.values() for name in names} & texts.keys()
        for stem in sorted(media.keys() | (texts.keys() - owned)):
            for names in _pairs(media.get(stem, [])):
                number += 1
                text = next((texts[name] for name in names if name in texts), texts.get(stem))
                other = next((others[name] for name in names if name in others), others.get(stem))
                yield self._sample(manifest, number, names, text, other, has_texts)

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
        """Write a listing with ``file_name``, ``text`` and the new columns.

        With ``output.write_media``, media and texts are linked or copied into ``folder/stem`` as they lay, and the
        listing lies there as ``metadata.jsonl``, so that the folder is an imagefolder too.

        Args:
            rows: The rows.
            folder: Where to.
            stem: Name without suffix.
            output: Output options.
            manifest: The input folder (not needed).
            added: Types of the new columns.

        Raises:
            OutputError: If a file would be written outside ``folder``.
        """
        place = folder / stem if output.write_media else folder
        final = place / ("metadata.jsonl" if output.write_media else f"{stem}.jsonl")
        with open_output(final) as file:
            for out in rows:
                if output.write_media:
                    self._copy(out, place)
                file.write(json_line(with_added(out.sample.row, out.extra)) + b"\n")
        return [final]

    def _copy(self, out: OutputRow, place: Path) -> None:
        sample = out.sample
        for column in _FILES:
            name = sample.row.get(column)
            if not isinstance(name, str) or is_url(sample.manifest):
                continue
            source = join_under(sample.manifest, name)
            if not os.path.isfile(source):
                continue
            if column == "text_file" and "text" in out.changed and is_inside(name):
                self._write_text(sample, source, place / name)
            else:
                link_or_copy(source, place, name)

    def _write_text(self, sample: Sample, source: str, final: Path) -> None:
        """Write the text file of a sample whose text is another one than its file has."""
        text = str(sample.row["text"])
        data = text.encode(self._options.encoding, "backslashreplace")
        if source.lower().endswith(_JSON):
            members = load_row(Path(source).read_text("utf-8-sig").strip())
            column = self._text_member(members, str(sample.row["file_name"]))
            data = json_line({**members, str(column): text}, source=members)
        with open_output(final) as file:
            file.write(data)

    def _sample(
        self, manifest: str, number: int, names: list[str], text_name: str | None, other: str | None, has_texts: bool
    ) -> Sample:
        # Not ``*_file_name``: Hugging Face would take such a column for a further medium.
        row: RowDict = {}
        for name in names:
            row["audio_file" if "file_name" in row else "file_name"] = name
        fault: tuple[str, str] | None = None
        text: str | None = None
        if text_name is None and other is not None:
            text, fault = self._json(manifest, other, names[0], row)
        elif text_name is not None:
            text, fault = self._text(join_under(manifest, text_name), text_name)
            row["text"] = text
            row["text_file"] = text_name
            if not names:
                fault = ("missing_media", f"has a text but no image or recording: {text_name}")
        elif has_texts:
            fault = (
                "missing_text",
                f"has no text beside it: {posixpath.splitext(names[0])[0]}{_TEXT} is missing",
            )
        clean = {key: _printable(value) if isinstance(value, str) else value for key, value in row.items()}
        if any(row[key] != clean[key] for key in _FILES if key in row):
            fault = ("encoding", f"has a file name that is not valid UTF-8: {clean.get('file_name')}")
        identity = str(clean.get("file_name") or clean.get("text_file"))
        if fault is not None:
            problem = problem_sample(manifest, number, fault[0], fault[1], clean)
            return replace(problem, id=identity)
        caption = text.strip("\r\n") if text is not None else None
        image = next((name for name in names if media_kind(name) == "image"), None)
        audio = next((name for name in names if media_kind(name) == "audio"), None)
        return Sample(
            id=identity,
            manifest=manifest,
            row_number=number,
            image=MediaRef(uri=join_under(manifest, image)) if image else None,
            audio=MediaRef(uri=join_under(manifest, audio)) if audio else None,
            caption=caption if image else None,
            transcript=caption if audio else None,
            language=self._options.language,
            row=clean,
        )

    def _json(self, manifest: str, name: str, medium: str, row: RowDict) -> tuple[str | None, tuple[str, str] | None]:
        """Return the text of a JSON sidecar, or what is wrong with it; its other members become columns of ``row``."""
        row["text_file"] = name
        told, fault = self._text(join_under(manifest, name), name, limit=MAX_LINE_BYTES)
        if told is None or fault is not None:
            return None, fault
        try:
            members = load_json(told)
        except ValueError:
            return None, ("broken_json", f"has a text that is not valid JSON: {name}")
        if not isinstance(members, dict) or not is_utf8(json_text(members)):
            return None, ("broken_json", f"has a text that is no JSON object: {name}")
        column = self._text_member(members, medium)
        if (missing := download_fault(members)) is not None:
            return None, ("failed_download", missing)
        if column is None or column not in members:
            return None, ("missing_text", f"has no text beside it: {name} has no caption or transcript in it")
        row.update({key: value for key, value in members.items() if key not in row and key not in ("text", column)})
        text, fault = find_text(members[column], name, self._options.max_text_bytes)
        row["text"] = text
        return text, fault

    def _text_member(self, members: Row, medium: str) -> str | None:
        kind = media_kind(medium)
        roles = RoleFinder(self._options.columns, modality=kind).roles({**members, str(kind): medium})
        return roles.caption if kind == "image" else roles.transcript

    def _text(self, path: str, name: str, *, limit: int | None = None) -> tuple[str | None, tuple[str, str] | None]:
        limit = self._options.max_text_bytes if limit is None else limit
        try:
            with open_raw(path) as file:
                data = file.read(limit + 1)
        except (ManifestError, *STREAM_ERRORS) as error:
            return None, ("unreadable_text", f"has a text that cannot be read: {name}: {error}".splitlines()[0])
        if len(data) > limit:
            return None, ("text_too_long", f"has more than {limit} bytes of text in {name} (input.max_text_bytes)")
        codec, bom = sniff_encoding(data[:4], self._options.encoding)
        try:
            text = data[bom:].decode(codec)
        except UnicodeDecodeError:
            return data[bom:].decode(codec, "backslashreplace"), (
                "encoding",
                f"has a text that is not valid {codec}: {name}",
            )
        _, fault = find_text(text, name, limit)
        return text, fault


def _json_owner(stem: str, media: Mapping[str, list[str]]) -> str | None:
    """Return what a JSON file lies beside: a file of media (``x.jpg.json``), else a name without ending."""
    if stem in media.get(posixpath.splitext(stem)[0], ()):
        return stem
    return stem if stem in media else None


def _owner(name: str, media: Mapping[str, list[str]]) -> str | None:
    """Return what a text belongs to: a file of media, else a name without ending; None if it is no text of a pair."""
    for suffix in reversed(_TEXTS):
        if not name.lower().endswith(suffix):
            continue
        stem = name[: -len(suffix)]
        if suffix == _TEXT and stem in media.get(posixpath.splitext(stem)[0], ()):
            return stem
        if suffix == _TEXT and posixpath.basename(stem).lower() in _NOT_CAPTIONS:
            return None
        # Only plain texts are missed where there is no medium: the other endings mean much else.
        if suffix == _TEXT or stem in media:
            return stem
    return None


def _rank(name: str) -> int:
    return max((place for place, suffix in enumerate(_TEXTS) if name.lower().endswith(suffix)), default=0)


def _pairs(names: list[str]) -> list[list[str]]:
    images = [name for name in names if media_kind(name) == "image"]
    audios = [name for name in names if media_kind(name) == "audio"]
    if len(images) == 1 and len(audios) == 1:
        return [[images[0], audios[0]]]
    return [[name] for name in images + audios] or [[]]


def _printable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
