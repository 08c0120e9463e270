"""A plain folder of media with a text of the same name beside each: ``x.jpg`` + ``x.txt``, ``x.wav`` + ``x.txt``."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from mmcheck.config import InputConfig, OutputConfig
from mmcheck.core.errors import ManifestError
from mmcheck.core.types import MediaRef, Sample
from mmcheck.formats.base import Added, OutputRow
from mmcheck.formats.cells import find_text
from mmcheck.formats.jsonl import json_line
from mmcheck.formats.output_rows import link_or_copy, with_added
from mmcheck.formats.paths import is_folder, join_under, media_kind, walk_files
from mmcheck.formats.rows import problem_sample
from mmcheck.formats.text_source import STREAM_ERRORS, is_url, open_output, open_raw, sniff_encoding

_TEXT = ".txt"
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

    def recognises(self, manifest: str) -> bool:
        """Return whether it is a folder with at least one image or recording."""
        try:
            return is_folder(manifest) and any(media_kind(name) for name in walk_files(manifest))
        except ManifestError:
            return False

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
        for name in walk_files(manifest):
            stem, suffix = posixpath.splitext(name)
            if posixpath.basename(name).startswith("."):
                continue
            if media_kind(name) is not None:
                media.setdefault(stem, []).append(name)
            elif suffix.lower() == _TEXT and posixpath.basename(stem).lower() not in _NOT_CAPTIONS:
                texts[stem] = name
        if not media:
            raise ManifestError(
                f"folder {manifest} holds no image and no recording.", hint="give the folder that holds the media."
            )
        number = 0
        for stem in sorted(media.keys() | texts.keys()):
            for names in _pairs(media.get(stem, [])):
                number += 1
                yield self._sample(manifest, number, names, texts.get(stem), bool(texts))

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
                    self._copy(out.sample, place)
                file.write(json_line(with_added(out.sample.row, out.extra)) + b"\n")
        return [final]

    def _copy(self, sample: Sample, place: Path) -> None:
        for column in ("file_name", "audio_file", "text_file"):
            name = sample.row.get(column)
            if not isinstance(name, str) or is_url(sample.manifest):
                continue
            source = join_under(sample.manifest, name)
            if os.path.isfile(source):
                link_or_copy(source, place, name)

    def _sample(self, manifest: str, number: int, names: list[str], text_name: str | None, has_texts: bool) -> Sample:
        # Not ``*_file_name``: Hugging Face would take such a column for a further medium.
        row: dict[str, Any] = {}
        for name in names:
            row["audio_file" if "file_name" in row else "file_name"] = name
        fault: tuple[str, str] | None = None
        text: str | None = None
        if text_name is not None:
            text, fault = self._text(join_under(manifest, text_name), text_name)
            row["text"] = text
            row["text_file"] = text_name
            if not names:
                fault = ("missing_media", f"has a text but no image or recording: {text_name}")
        elif has_texts:
            fault = ("missing_text", f"has no text beside it: {posixpath.splitext(names[0])[0]}{_TEXT} is missing")
        clean = {key: _printable(value) if isinstance(value, str) else value for key, value in row.items()}
        if any(row[key] != clean[key] for key in row if "file" in key):
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

    def _text(self, path: str, name: str) -> tuple[str | None, tuple[str, str] | None]:
        limit = self._options.max_text_bytes
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


def _pairs(names: list[str]) -> list[list[str]]:
    images = [name for name in names if media_kind(name) == "image"]
    audios = [name for name in names if media_kind(name) == "audio"]
    if len(images) == 1 and len(audios) == 1:
        return [[images[0], audios[0]]]
    return [[name] for name in images + audios] or [[]]


def _printable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
