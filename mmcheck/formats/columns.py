"""Which column of a row plays which role.

Names decide first (the field's conventions, case does not matter), the config overrides them, and values decide where
names do not tell: a column of paths that end in ``.flac`` holds recordings whatever it is called. Roles are found
per set of keys, so a JSONL file may mix image rows and audio rows.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from mmcheck.config import ColumnsConfig
from mmcheck.core.errors import ManifestError
from mmcheck.core.inline_media import payload_kind
from mmcheck.core.path_template import PathTemplate
from mmcheck.core.types import Row
from mmcheck.formats.cells import RowFault
from mmcheck.formats.downloads import LOCAL_PATHS
from mmcheck.formats.paths import Modality, is_video, media_kind
from mmcheck.formats.text_source import is_url

EXAMPLE_ROWS = 64
"""Rows looked at before reading, to learn what the columns hold. Our own choice: quick, and beyond a few empty ones."""

IDS = ("id", "uid", "uuid", "key", "utt_id", "utterance_id", "sample_id", "__key__")
IMAGES = (
    *("image", "image_path", "image_file", "image_file_name", "image_filename", "image_filepath", "img", "img_path"),
    *("image_file_names", "images", "jpg", "jpeg", "png", "webp", "image_url", "img_url"),
)
AUDIOS = (
    *("audio", "audio_filepath", "audio_path", "audio_file", "audio_file_name", "audio_filename", "wav", "wav_path"),
    *("audio_file_names", "wav_filename", "flac", "mp3", "opus", "recording", "audio_url"),
)
MEDIA = (
    *LOCAL_PATHS,
    *("file_name", "filepath", "file_path", "filename", "file", "file_names", "path", "url", "uri"),
    *("video", "video_path", "video_filepath", "video_file", "mp4"),
)
CAPTIONS = ("caption", "captions", "image_caption")
WEAK_CAPTIONS = ("alt", "alt_text", "title", "description")
TRANSCRIPTS = ("transcript", "transcripts", "transcription", "sentence", "utterance")
WEAK_TRANSCRIPTS = ("raw_transcription", "normalized_text", "words")
TEXTS = ("text", "txt", "texts")
LANGUAGES = ("lang", "language", "source_lang", "locale", "lang_id")
STARTS = ("offset", "start", "start_time")
CHANNELS = ("channel", "channel_selector")
DURATIONS = ("duration",)
ENDS = ("end", "end_time")

# What a lonely text column cannot be, whatever its values look like.
_NEVER_TEXT = frozenset(
    (
        *(*IDS, *LANGUAGES, *STARTS, *CHANNELS, *DURATIONS, *ENDS, *MEDIA, *IMAGES, *AUDIOS),
        *("speaker", "speaker_id", "source", "license", "licence", "split", "sha256", "md5", "status", "dataset"),
    )
)
_TEXT_NAMES = frozenset((*CAPTIONS, *WEAK_CAPTIONS, *TRANSCRIPTS, *WEAK_TRANSCRIPTS, *TEXTS))

NO_COLUMN = "none"
"""What ``input.columns.id`` says where no column holds ids, whatever it is called."""
_NO_IDS = ("id", NO_COLUMN)
_CONFIGURABLE = ("id", "image", "audio", "caption", "transcript", "language", "start", "duration", "channel")


@dataclass(frozen=True, slots=True, kw_only=True)
class Roles:
    """Names of the columns that play a part, None where there is none."""

    id: str | None = None
    """The sample's own id."""
    image: str | None = None
    """Image by name."""
    audio: str | None = None
    """Recording by name."""
    media: str | None = None
    """Medium of either kind; the value tells which."""
    caption: str | None = None
    """Text of an image."""
    transcript: str | None = None
    """Words of a recording."""
    language: str | None = None
    """Language code."""
    channel: str | None = None
    """Channel of a recording (a side of a call)."""
    start: str | None = None
    """First second of a segment."""
    duration: str | None = None
    """Length of a segment (or of the file, where there is no start)."""
    end: str | None = None
    """Last second of a segment."""


class RoleFinder:
    """Finds the roles of rows.

    Args:
        columns: What the config maps.
        examples: The first good rows of the manifest.
        modality: What generic media columns hold where suffixes do not tell; None: as most examples do, else images.
        embedded: Columns of bytes that are images or recordings; taken where no name and no path tells.
        template: What ``input.path`` says; its columns must be there as well.
    """

    def __init__(
        self,
        columns: ColumnsConfig,
        *,
        examples: Sequence[Row] = (),
        modality: Modality | None = None,
        embedded: Mapping[str, Modality] | None = None,
        template: str | None = None,
    ) -> None:
        self._columns = columns
        self._embedded = embedded or {}
        self._cache: dict[tuple[str, ...], Roles] = {}
        self._unseen = {
            getattr(columns, role): f"input.columns.{role}"
            for role in _CONFIGURABLE
            if getattr(columns, role) is not None
        }
        if columns.id == NO_COLUMN:
            del self._unseen[NO_COLUMN]
        if template is not None:
            # A name with a dot may be that of a member of an object.
            self._unseen |= {name: "input.path" for name in PathTemplate(template).columns if "." not in name}
        self._present: dict[str, None] = {}
        self._media_columns = _columns_of_paths(examples)
        self._paths = {
            column: [row[column] for row in examples if isinstance(row.get(column), str) and row[column]]
            for column in self._media_columns
        }
        # In a manifest that names its texts, a row without one has none; its id is not taken for a caption.
        has_named_text = any(key.strip().lower() in _TEXT_NAMES for row in examples for key in row)
        self._text_columns = set() if has_named_text else _columns_of_text(examples)
        self._sentence_columns = self._text_columns & _columns_of_sentences(examples)
        self._fixed = modality
        self._modality: Modality = modality or self._usual_modality(examples)

    def roles(self, row: Row) -> Roles:
        """Return the roles of the columns of ``row``."""
        keys = tuple(row)
        found = self._cache.get(keys)
        if found is None:
            found = self._cache[keys] = self._find(keys)
            for key in keys:
                self._unseen.pop(key, None)
                self._present[key] = None
        return found

    def paths_of(self, column: str) -> list[str]:
        """Return what the example rows hold in a column of paths to media; nothing for any other column."""
        return self._paths.get(column, [])

    def modality(self, value: object, roles: Roles) -> Modality:
        """Return what the generic media column of a row holds, judged by its value, then by the other columns."""
        first = value[0] if isinstance(value, list) and value else value
        name = first.get("path") if isinstance(first, Mapping) else first
        kind = media_kind(name) if isinstance(name, str) else None
        if kind is not None:
            return kind
        if isinstance(name, str) and is_video(name):
            self._refuse_caption(roles)
            return "audio"
        if self._fixed is None and isinstance(name, str) and is_url(name) and roles.caption != roles.transcript:
            return "image" if roles.caption else "audio"
        return self._modality

    def _refuse_caption(self, roles: Roles) -> None:
        """Refuse a film whose text is not said to be what is spoken: only its sound is compared.

        Raises:
            RowFault: Saying how to say it.
        """
        named = (*TRANSCRIPTS, *WEAK_TRANSCRIPTS)
        text = roles.transcript
        if self._columns.transcript is None and (text is None or text.strip().lower() not in named):
            raise RowFault(
                "video_caption",
                "names a film whose text is not said to be a transcript; only sound and transcripts of films are "
                f"compared: name the column with --set input.columns.transcript={text or '<column>'}",
            )

    def check(self, manifest: str) -> None:
        """Raise if a configured column stands in no row seen so far (and there was a row).

        Raises:
            ManifestError: Naming the column, the nearest one and those present.
        """
        if not self._present or not self._unseen:
            return
        name, place = next(iter(self._unseen.items()))
        near = difflib.get_close_matches(name, list(self._present), n=1)
        shown = ", ".join(list(self._present)[:40])
        raise ManifestError(
            f"manifest {manifest} has no column {name!r} ({place}); it has: {shown}.",
            hint=f"did you mean {near[0]!r}?" if near else f"correct {place} in the config.",
        )

    def _usual_modality(self, examples: Sequence[Row]) -> Modality:
        kinds = []
        for row in examples:
            roles = self._find(tuple(row))
            value = row.get(roles.media) if roles.media else None
            kinds.append(media_kind(value) if isinstance(value, str) else None)
        return "audio" if kinds.count("audio") > kinds.count("image") else "image"

    def _find(self, keys: tuple[str, ...]) -> Roles:
        names: dict[str, str] = {}
        for key in keys:
            names.setdefault(key.strip().lower(), key)
        configured = {
            role: name
            for role in _CONFIGURABLE
            if (name := getattr(self._columns, role)) is not None and name in keys and (role, name) != _NO_IDS
        }
        taken = set(configured.values())

        def pick(role: str, *aliases: tuple[str, ...]) -> str | None:
            if role in configured:
                name: str = configured[role]
                return name
            if getattr(self._columns, role, None) is not None:
                return None
            for group in aliases:
                for alias in group:
                    if alias in names and names[alias] not in taken:
                        return names[alias]
            return None

        image, audio = pick("image", IMAGES), pick("audio", AUDIOS)
        if any(name in names for name in LOCAL_PATHS):
            # The file goes before the address that it came from.
            image = None if _is_address(image) and "image" not in configured else image
            audio = None if _is_address(audio) and "audio" not in configured else audio
        media = None if image or audio else self._pick_media(names, taken)
        if not (image or audio or media):
            image, audio = self._pick_embedded("image", keys, taken), self._pick_embedded("audio", keys, taken)
        taken.update(name for name in (image, audio, media) if name)
        caption = pick("caption", CAPTIONS)
        transcript = pick("transcript", TRANSCRIPTS)
        text = next((names[alias] for alias in TEXTS if alias in names and names[alias] not in taken), None)
        # One generic text belongs to whatever has no text of its own name, to both if neither has.
        caption = caption or (text if self._columns.caption is None else None)
        transcript = transcript or (text if self._columns.transcript is None else None)
        caption = caption or pick("caption", WEAK_CAPTIONS)
        transcript = transcript or pick("transcript", WEAK_TRANSCRIPTS)
        if caption is None and image and not audio and self._columns.caption is None:
            caption = transcript
        if caption is None and transcript is None:
            lonely = [
                key
                for key in keys
                if key in self._text_columns and key not in taken and key.strip().lower() not in _NEVER_TEXT
            ]
            if len(lonely) > 1:
                # Beside single words (a speaker's name, a split), what holds sentences is the text.
                lonely = [key for key in lonely if key in self._sentence_columns]
            if len(lonely) == 1:
                caption = lonely[0] if self._columns.caption is None else None
                transcript = lonely[0] if self._columns.transcript is None else None
        return Roles(
            id=pick("id", IDS),
            image=image,
            audio=audio,
            media=media,
            caption=caption,
            transcript=transcript,
            language=pick("language", LANGUAGES),
            channel=pick("channel", CHANNELS),
            start=pick("start", STARTS),
            duration=pick("duration", DURATIONS),
            end=pick("end", ENDS),
        )

    def _pick_embedded(self, kind: Modality, keys: tuple[str, ...], taken: set[str]) -> str | None:
        if getattr(self._columns, kind) is not None:
            return None
        return next((key for key in keys if self._embedded.get(key) == kind and key not in taken), None)

    def _pick_media(self, names: Mapping[str, str], taken: set[str]) -> str | None:
        named = [names[alias] for alias in MEDIA if alias in names and names[alias] not in taken]
        # "*_file_name" is Hugging Face's way to name a further media column.
        named += [key for name, key in names.items() if name.endswith("_file_name") and key not in taken]
        by_value = [key for key in names.values() if key in self._media_columns and key not in taken]
        for key in named:
            if key in by_value:
                return key
        if by_value and named and not any(name.lower() in ("url", "uri") for name in named):
            return by_value[0]
        return next(iter(named or by_value), None)


def _is_address(column: str | None) -> bool:
    return column is not None and column.strip().lower().endswith(("url", "uri"))


def _columns_of_paths(examples: Sequence[Row]) -> set[str]:
    return _columns_where(
        examples, lambda text: (len(text) < 4096 and "\n" not in text and media_kind(text)) or payload_kind(text)
    )


def _columns_of_text(examples: Sequence[Row]) -> set[str]:
    return _columns_where(examples, lambda text: not media_kind(text) and not _is_number(text) and not is_url(text))


def _columns_of_sentences(examples: Sequence[Row]) -> set[str]:
    return _columns_where(examples, lambda text: len(text.split()) > 1)


def _columns_where(examples: Sequence[Row], test: Callable[[str], object]) -> set[str]:
    good: dict[str, int] = {}
    seen: dict[str, int] = {}
    for row in examples:
        for key, value in row.items():
            if isinstance(value, str) and value:
                seen[key] = seen.get(key, 0) + 1
                good[key] = good.get(key, 0) + bool(test(value))
    return {key for key, count in seen.items() if good[key] * 2 >= count and good[key]}


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
