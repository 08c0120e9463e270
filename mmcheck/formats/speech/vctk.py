"""VCTK: ``txt/p225/p225_001.txt`` and ``wav48_silence_trimmed/p225/p225_001_mic1.flac`` (or ``wav48/...wav``)."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from mmcheck.config import InputConfig, OutputConfig
from mmcheck.core.errors import ManifestError
from mmcheck.core.pair_kinds import PairKind
from mmcheck.core.types import MediaRef, Row, RowDict, Sample
from mmcheck.formats.base import Added, OutputRow, Recognised
from mmcheck.formats.paths import is_folder, join_under, media_kind, walk_files
from mmcheck.formats.reasons_file import Reasons
from mmcheck.formats.speech.glance import glance, top_names
from mmcheck.formats.speech.placed_media import place_media
from mmcheck.formats.speech.utterances import UtteranceMaker
from mmcheck.formats.text_source import STREAM_ERRORS, open_output, open_raw, sniff_encoding

_AUDIO = re.compile(r"^(?P<root>wav\d+[^/]*)/(?P<speaker>[^/]+)/(?P<utterance>[^/]+?)(?P<mic>_mic\d+)?\.[^./]+$")
_TEXT = re.compile(r"^txt/(?P<speaker>[^/]+)/(?P<utterance>[^/]+)\.txt$")
_EMPTY = ".empty"
"""File that keeps the folder of texts where no text is left."""
_COMPANIONS = ("speaker-info.txt",)


class VctkFormat:
    """The folder of VCTK; each microphone's recording is a sample.

    Args:
        options: Input options.
    """

    name = "vctk"
    reads_folders = True

    def __init__(self, options: InputConfig) -> None:
        self._options = options

    def recognise(self, manifest: str) -> Recognised:
        """Return whether it is a folder with texts in ``txt/SPEAKER/`` and recordings in ``wav.../SPEAKER/``."""
        if not is_folder(manifest):
            return Recognised.NO
        roots = [name for name in top_names(manifest) if re.fullmatch(r"wav\d+.*", name)]
        texts = any(_TEXT.match(f"txt/{name}") for name in glance(join_under(manifest, "txt"), 200))
        media = texts and any(
            _AUDIO.match(f"{root}/{name}") and media_kind(name) == "audio"
            for root in roots
            for name in glance(join_under(manifest, root), 200)
        )
        return Recognised.SIGNATURE if media else Recognised.NO

    def read(self, manifest: str) -> Iterator[Sample]:
        """Yield the recordings in the order of their names; ``row_number`` counts them, texts without one come last.

        Raises:
            ManifestError: If it is no such folder.
        """
        texts: dict[tuple[str, str], str] = {}
        media: list[tuple[str, tuple[str, str]]] = []
        for name in walk_files(manifest) if is_folder(manifest) else ():
            if text := _TEXT.match(name):
                texts[text["speaker"], text["utterance"]] = name
            elif (audio := _AUDIO.match(name)) and media_kind(name) == "audio":
                media.append((name, (audio["speaker"], audio["utterance"])))
        if not media and not texts and "txt" not in top_names(manifest):
            raise ManifestError(
                f"{manifest} is no folder of VCTK: it holds no txt/ and no wav48*/.",
                hint="give the folder that holds both.",
            )
        maker = UtteranceMaker(manifest, self._options)
        missing = dict(texts)
        for number, (name, key) in enumerate(media, 1):
            missing.pop(key, None)
            yield self._sample(maker, manifest, number, name, texts.get(key))
        for number, name in enumerate(missing.values(), len(media) + 1):
            row = {"text_file": name}
            yield maker.problem(number, row, "missing_media", f"has a text but no recording: {name}", id=name)

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
        """Write ``folder/stem`` with the texts and links to the recordings; columns go into ``<stem>.reasons.jsonl``.

        Args:
            rows: The rows.
            folder: Where to.
            stem: Name of the folder.
            output: Output options.
            manifest: The input folder.
            added: Types of the new columns.

        Raises:
            OutputError: If a file cannot be written.
        """
        root = folder / stem
        reasons = Reasons(root, stem)
        files: dict[Path, None] = {}
        for out in rows:
            row = out.sample.row
            name, text_file = row.get("file_name"), row.get("text_file")
            if isinstance(text_file, str) and isinstance(row.get("text"), str) and root / text_file not in files:
                files[root / text_file] = None
                with open_output(root / text_file) as file:
                    file.write(str(row["text"]).encode(self._options.encoding, "backslashreplace"))
            if isinstance(name, str) and out.sample.audio is not None:
                place_media(out.sample.audio.uri, root, name, output)
            if out.extra:
                reasons.add(out)
        for name in _COMPANIONS if manifest else ():
            place_media(join_under(manifest, name), root, name, output)
        if not files:
            files[root / "txt" / _EMPTY] = None
            with open_output(root / "txt" / _EMPTY):
                pass
        return [*files, *reasons.write()]

    def with_text(self, sample: Sample, kind: PairKind, text: str) -> Row | None:
        """Return None: one file holds the text of all microphones, so that of one alone cannot change."""
        return None

    def _sample(self, maker: UtteranceMaker, manifest: str, number: int, name: str, text_file: str | None) -> Sample:
        id = posixpath.splitext(posixpath.basename(name))[0]
        row: RowDict = {"file_name": name}
        if text_file is None:
            return maker.problem(number, row, "missing_text", f"has no text: there is none in txt/ for {name}", id=id)
        row["text_file"] = text_file
        try:
            with open_raw(join_under(manifest, text_file)) as file:
                data = file.read(self._options.max_text_bytes + 1)
            codec, bom = sniff_encoding(data[:4], self._options.encoding)
            row["text"] = data[bom:].decode(codec)
        except UnicodeDecodeError:
            return maker.problem(number, row, "encoding", f"has a text in another encoding: {text_file}", id=id)
        except (ManifestError, *STREAM_ERRORS) as error:
            message = f"has a text that cannot be read: {text_file}: {error}".splitlines()[0]
            return maker.problem(number, row, "unreadable_text", message, id=id)
        audio = MediaRef(uri=join_under(manifest, name))
        return maker.sample(number, row, id=id, audio=audio)
