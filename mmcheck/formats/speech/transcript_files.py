"""Corpora of files with one ``id text`` a line, each beside or above the recordings that it names."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import ClassVar

from mmcheck.config import InputConfig, OutputConfig
from mmcheck.core.errors import ManifestError
from mmcheck.core.pair_kinds import PairKind
from mmcheck.core.types import MediaRef, Row, Sample
from mmcheck.formats.base import Added, OutputRow, Recognised
from mmcheck.formats.jsonl import broken_line
from mmcheck.formats.output_rows import raw_bytes
from mmcheck.formats.paths import folder_of, is_folder, join_under, walk_files
from mmcheck.formats.reasons_file import Reasons
from mmcheck.formats.rows import until_break
from mmcheck.formats.speech.glance import glance
from mmcheck.formats.speech.placed_media import place_media
from mmcheck.formats.speech.utterances import RecordingFinder, UtteranceMaker
from mmcheck.formats.text_source import Line, looks_binary, open_output, read_head, read_lines

_LINES = 20  # lines looked at to tell a file of transcripts; our own choice: quick


class TranscriptFileFormat:
    """What the corpora of this kind share; a layout says what its files are called and where recordings lie.

    A folder holds many such files, each a manifest of its own whose place below the folder stays.

    Args:
        options: Input options.
    """

    name: ClassVar[str]
    separator: ClassVar[str]
    """Between the id and the text."""
    companions: ClassVar[tuple[str, ...]] = ()
    """Files in the corpus's folder that its programs want beside the transcripts."""
    reads_folders = True
    """Whether a folder in this layout is one manifest, whatever lists or archives lie in it."""

    def __init__(self, options: InputConfig) -> None:
        self._options = options

    def is_transcripts(self, name: str) -> bool:
        """Return whether a file of this name holds transcripts."""
        raise NotImplementedError

    def stems(self, manifest: str, id: str) -> list[str]:
        """Return where the recording of an id lies, without its ending, the likeliest place first."""
        raise NotImplementedError

    def language(self, manifest: str) -> str | None:
        """Return the language that the place of a file tells, if it does."""
        return None

    def recognise(self, manifest: str) -> Recognised:
        """Return whether it is a file of transcripts (or a folder with one) beside the recordings that it names."""
        file = manifest
        if is_folder(manifest):
            found = next((name for name in glance(manifest) if self.is_transcripts(name)), None)
            if found is None:
                return Recognised.NO
            file = join_under(manifest, found)
        if not self.is_transcripts(posixpath.basename(file)):
            return Recognised.NO
        return Recognised.SIGNATURE if self._fits(file) else Recognised.NO

    def read(self, manifest: str) -> Iterator[Sample]:
        """Yield the samples, file by file; ``row_number`` is the line.

        Raises:
            ManifestError: If there is no file of transcripts, or one cannot be read.
        """
        if not is_folder(manifest):
            yield from until_break(manifest, self._samples(manifest))
            return
        found = False
        for name in walk_files(manifest):
            if self.is_transcripts(name):
                found = True
                yield from self.read(join_under(manifest, name))
        if not found:
            raise ManifestError(
                f"folder {manifest} holds no file of transcripts.",
                hint=f"give the folder of the corpus, or another format than {self.name}.",
            )

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
        """Write the files of transcripts anew, with links to the recordings where the layout wants them.

        The lines have no place for columns: what they would hold goes into ``<stem>.reasons.jsonl``.

        Args:
            rows: The rows.
            folder: Where to.
            stem: Name without suffix; of a scanned folder, the name of what is written.
            output: Output options.
            manifest: The input, for the name of an output without rows.
            added: Types of the new columns.

        Raises:
            OutputError: If a file cannot be written.
        """
        is_whole = bool(manifest) and is_folder(manifest)
        root = folder / stem if is_whole else folder
        reasons = Reasons(root, stem)
        files: list[Path] = []
        for source, group in groupby(rows, lambda out: out.sample.manifest):
            relative = posixpath.relpath(source, manifest) if is_whole else self._written_name(source, stem)
            self._write_file(group, source, root, relative, output, reasons)
            files.append(root / relative)
        for name in self.companions if is_whole else ():
            place_media(join_under(manifest, name), root, name, output)
        if not files:
            files = [root / (self.file_name("empty") if is_whole else self._written_name(manifest, stem))]
            with open_output(files[0]):
                pass
        return [*files, *reasons.write()]

    def with_text(self, sample: Sample, kind: PairKind, text: str) -> Row | None:
        """Return the row with another transcript; None if it is not there."""
        return UtteranceMaker(sample.manifest, self._options).with_text(sample, text)

    def file_name(self, stem: str) -> str:
        """Return the place of a file of transcripts that is to be called ``stem``."""
        raise NotImplementedError

    def _written_name(self, source: str, stem: str) -> str:
        base = posixpath.basename(source)
        return base if self.is_transcripts(base) and base.startswith(stem) else self.file_name(stem)

    def _write_file(
        self,
        rows: Iterable[OutputRow],
        source: str,
        root: Path,
        relative: str,
        output: OutputConfig,
        reasons: Reasons,
    ) -> None:
        encoding = self._options.encoding
        place = posixpath.dirname(relative)
        with open_output(root / relative) as file:
            for out in rows:
                sample = out.sample
                line = raw_bytes(sample, encoding)
                if line is None:
                    text = f"{sample.row['id']}{self.separator}{sample.row['text']}"
                    line = text.encode(encoding, "backslashreplace")
                file.write(line + b"\n")
                if out.extra:
                    reasons.add(out, relative if place else "")
                if sample.audio is not None:
                    inner = posixpath.relpath(sample.audio.uri, folder_of(source))
                    place_media(sample.audio.uri, root, posixpath.join(place, inner), output)

    def _samples(self, manifest: str) -> Iterator[Sample]:
        maker = UtteranceMaker(manifest, self._options)
        finder = RecordingFinder()
        language = self.language(manifest)
        for line in read_lines(manifest, self._options.encoding):
            if line.fault is not None:
                yield maker.broken(broken_line(line, "encoding", line.fault))
            elif "\0" in line.text:
                yield maker.broken(broken_line(line, "nul_bytes", "holds a NUL byte"))
            elif line.text.strip():
                yield self._sample(maker, finder, manifest, line, language)

    def _sample(
        self, maker: UtteranceMaker, finder: RecordingFinder, manifest: str, line: Line, language: str | None
    ) -> Sample:
        id, mark, text = line.text.partition(self.separator)
        if not id or "/" in id or (not mark and " " in id):
            what = "a tab" if self.separator == "\t" else "a space"
            return maker.broken(broken_line(line, "no_id", f"does not begin with the id of a recording and {what}"))
        uri = finder.find(self.stems(manifest, id))
        row = {"id": id, "text": text}
        return maker.sample(line.number, row, id=id, audio=MediaRef(uri=uri), language=language)

    def _fits(self, file: str) -> bool:
        try:
            head = read_head(file)
        except ManifestError:
            return False
        if not head or looks_binary(head):
            return False
        lines = [line for line in head.decode("utf-8", "replace").split("\n")[:_LINES] if line.strip()]
        ids = [line.partition(self.separator)[0] for line in lines if self.separator in line]
        return bool(ids) and len(ids) * 2 >= len(lines) and all(" " not in id for id in ids)
