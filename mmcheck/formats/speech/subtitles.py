"""Recordings and films with subtitles beside them: ``talk.wav`` + ``talk.srt``, ``film.mp4`` + ``film.en.vtt``.

Each cue is a sample: the stretch of the recording that it is shown for, and what it says.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

from mmcheck.config import InputConfig, OutputConfig
from mmcheck.core.errors import ManifestError
from mmcheck.core.pair_kinds import PairKind
from mmcheck.core.types import MediaRef, Row, RowDict, Sample
from mmcheck.formats.base import Added, OutputRow, Recognised
from mmcheck.formats.paths import folder_of, is_folder, is_video, join_under, media_kind, walk_files
from mmcheck.formats.reasons_file import Reasons
from mmcheck.formats.speech.cues import Cue, read_cues, with_cue_text
from mmcheck.formats.speech.glance import glance, top_names
from mmcheck.formats.speech.placed_media import place_media
from mmcheck.formats.speech.utterances import UtteranceMaker
from mmcheck.formats.text_source import STREAM_ERRORS, looks_binary, open_bytes, open_output, sniff_encoding

_ENDINGS = (".srt", ".vtt")
_MAX_BYTES = 64 << 20  # bytes of the largest file of subtitles; our own choice: bounds memory, a day of talk has 2 MB
_LANGUAGE = re.compile(r"^(?P<stem>.+)\.(?P<language>[a-z]{2,3}(?:[-_][A-Za-z]{2,4})?)(?:[-_]orig)?$")
"""``film.en``, ``film.pt-BR``: how players and yt-dlp name the language."""


class SubtitlesFormat:
    """A folder of recordings or films with subtitles, or one file of subtitles.

    Args:
        options: Input options.
    """

    name = "subtitles"
    reads_folders = True

    def __init__(self, options: InputConfig) -> None:
        self._options = options

    def recognise(self, manifest: str) -> Recognised:
        """Return whether it is subtitles with a recording of their name beside them, or a folder with such."""
        if is_folder(manifest):
            names = glance(manifest)
            media = _media_of(names)
            fits = any(_partner(name, media) for name in names if name.lower().endswith(_ENDINGS))
        else:
            media = _media_of(top_names(folder_of(manifest)))
            base = posixpath.basename(manifest)
            fits = base.lower().endswith(_ENDINGS) and _partner(base, media) is not None
        return Recognised.SIGNATURE if fits else Recognised.NO

    def read(self, manifest: str) -> Iterator[Sample]:
        """Yield a sample for each cue, file by file; ``row_number`` is the line of its times.

        Recordings of a folder without subtitles come last, as broken rows.

        Raises:
            ManifestError: If there are no subtitles, or a file cannot be read.
        """
        if not is_folder(manifest):
            names: Iterable[str] = top_names(folder_of(manifest))
            yield from self._cues(
                manifest, _partner(posixpath.basename(manifest), _media_of(names)), folder_of(manifest)
            )
            return
        names = list(walk_files(manifest))
        media = _media_of(names)
        subtitles = [name for name in names if name.lower().endswith(_ENDINGS)]
        if not subtitles:
            raise ManifestError(f"folder {manifest} holds no subtitles (.srt, .vtt).", hint="name another --format.")
        used = set()
        for name in subtitles:
            partner = _partner(name, media)
            used.add(partner)
            yield from self._cues(join_under(manifest, name), partner, manifest)
        maker = UtteranceMaker(manifest, self._options)
        for number, name in enumerate(sorted(set(media.values()) - used), 1):
            yield maker.problem(number, {"file_name": name}, "missing_text", f"has no subtitles: {name}", id=name)

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
        """Write the subtitles with the cues of ``rows``, as they were written, and links to the recordings.

        What columns would hold goes into ``<stem>.reasons.jsonl``.

        Args:
            rows: The rows.
            folder: Where to.
            stem: Name without suffix; of a scanned folder, the name of what is written.
            output: Output options.
            manifest: The input.
            added: Types of the new columns.

        Raises:
            OutputError: If a file cannot be written.
        """
        is_whole = bool(manifest) and is_folder(manifest)
        root = folder / stem if is_whole else folder
        reasons = Reasons(root, stem)
        files: list[Path] = []
        for source, group in groupby(rows, lambda out: out.sample.manifest):
            if not source.lower().endswith(_ENDINGS):
                continue  # recordings without subtitles have nothing to be written
            relative = posixpath.relpath(source, manifest) if is_whole else posixpath.basename(source)
            self._write_file(group, source, root, relative, output, reasons)
            files.append(root / relative)
        if not files:
            ending = posixpath.splitext(manifest)[1] if manifest.lower().endswith(_ENDINGS) else _ENDINGS[0]
            files = [root / f"{stem}{ending}"]
            with open_output(files[0]):
                pass
        return [*files, *reasons.write()]

    def with_text(self, sample: Sample, kind: PairKind, text: str) -> Row | None:
        """Return the cue with another text, its number and times as they are; None if the text cannot be one."""
        is_own = sample.row.get("text") == sample.transcript
        block = with_cue_text(str(sample.row.get("cue", "")), text) if is_own else None
        return None if block is None else {**sample.row, "text": text, "cue": block}

    def _write_file(
        self, rows: Iterable[OutputRow], source: str, root: Path, relative: str, output: OutputConfig, reasons: Reasons
    ) -> None:
        encoding = self._options.encoding
        place = posixpath.dirname(relative)
        with open_output(root / relative) as file:
            header = "WEBVTT" if source.lower().endswith(".vtt") else ""
            if header:
                file.write(header.encode() + b"\n\n")
            for out in rows:
                file.write(str(out.sample.row["cue"]).encode(encoding, "backslashreplace") + b"\n\n")
                if out.extra:
                    reasons.add(out, relative if place else "")
                if out.sample.audio is not None:
                    inner = posixpath.relpath(out.sample.audio.uri, folder_of(source))
                    place_media(out.sample.audio.uri, root, posixpath.join(place, inner), output)

    def _cues(self, subtitles: str, medium: str | None, folder: str) -> Iterator[Sample]:
        maker = UtteranceMaker(subtitles, self._options)
        base = posixpath.basename(subtitles)
        named = _LANGUAGE.match(posixpath.splitext(base)[0])
        # ``talk.final.srt`` beside ``talk.final.wav`` names no language.
        language = (
            named["language"] if named and medium and named["stem"] == _stem(posixpath.basename(medium)) else None
        )
        count = 0
        for cue in read_cues(self._text(subtitles)):
            if not isinstance(cue, Cue):
                continue
            count += 1
            row: RowDict = {"start": cue.start, "end": cue.end, "text": cue.text, "cue": cue.block}
            if cue.speaker is not None:
                row["speaker"] = cue.speaker
            id = f"{base}#{count}"
            if cue.fault is not None:
                yield maker.problem(cue.line, row, "bad_segment", cue.fault, id=id)
            elif medium is None:
                message = "has a text but no recording: none of that name is beside it"
                yield maker.problem(cue.line, row, "missing_media", message, id=id)
            else:
                row = {"file_name": medium, **row}
                length = round(cue.end - cue.start, 3)
                audio = MediaRef(uri=join_under(folder, medium), start=cue.start, duration=length)
                yield maker.sample(cue.line, row, id=id, audio=audio, language=language, own_id=False)

    def _text(self, subtitles: str) -> str:
        try:
            with open_bytes(subtitles) as file:
                data = file.read(_MAX_BYTES + 1)
        except STREAM_ERRORS as error:
            raise ManifestError(f"manifest {subtitles} cannot be read: {str(error).splitlines()[0]}.") from error
        if looks_binary(data[: 1 << 16]) or len(data) > _MAX_BYTES:
            raise ManifestError(f"manifest {subtitles} is no text of subtitles.", hint="name another --format.")
        codec, bom = sniff_encoding(data[:4], self._options.encoding)
        return data[bom:].decode(codec, "backslashreplace")


def _stem(name: str) -> str:
    return posixpath.splitext(name)[0]


def _media_of(names: Iterable[str]) -> dict[str, str]:
    """Return recordings and films by their names without ending; a recording comes before a film."""
    found: dict[str, str] = {}
    for name in sorted(names, key=lambda name: (is_video(name), name)):
        if (is_video(name) or media_kind(name) == "audio") and not posixpath.basename(name).startswith("."):
            found.setdefault(_stem(name), name)
    return found


def _partner(subtitles: str, media: dict[str, str]) -> str | None:
    """Return the recording that subtitles belong to: ``x.srt``, ``x.wav.srt``, ``x.en.srt``."""
    stem = _stem(subtitles)
    if stem in media:
        return media[stem]
    if media.get(_stem(stem)) == stem:
        return stem
    named = _LANGUAGE.match(stem)
    return media.get(named["stem"]) if named else None
