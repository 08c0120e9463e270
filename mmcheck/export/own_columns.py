"""A row's own columns, as a neutral format wants them: flat, without the media themselves."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from mmcheck.core.inline_media import payload_kind
from mmcheck.core.types import MediaRef, Row, RowDict
from mmcheck.decide.written_columns import PREFIX
from mmcheck.export.target import ExportRow, TargetOptions
from mmcheck.formats.columns import CHANNELS, DURATIONS, ENDS, STARTS, RoleFinder
from mmcheck.formats.paths import folder_of, join_under
from mmcheck.formats.rows import RAW, RAW_BYTES

_OF_RECORDINGS = frozenset(
    (
        *(*STARTS, *DURATIONS, *ENDS, *CHANNELS, "stop", "num_samples", "sampling_rate", "sample_rate"),
        *("orig_sample_rate", "shard_id", "recording", "recording_id", "supervisions", "tracks", "features", "wav"),
    )
)
"""Columns of the layouts of speech corpora that speak of a file and a stretch of it."""
_KEY, _SHARD, _JSON = "__key__", "__shard__", "json"


class OwnColumns:
    """Finds the columns of rows that are neither medium nor text.

    Args:
        options: What was asked for; says which columns the config maps.
    """

    def __init__(self, options: TargetOptions) -> None:
        self._finder = RoleFinder(options.config.input.columns)

    def rest(self, row: ExportRow) -> RowDict:
        """Return the columns that the medium, the text and the ``mmcheck_*`` columns of an earlier run leave."""
        found = flat(row.sample.row)
        roles = self._finder.roles(found)
        named = {roles.image, roles.audio, roles.media}
        texts = {row.text(kind) for kind in row.kinds}
        media = [row.medium(kind) for kind in row.kinds]
        return {
            name: value
            for name, value in found.items()
            if not name.startswith(PREFIX)
            and not (name in named and _is_name(value))
            and not _is_medium(value, media, row.sample.manifest)
            and not _is_text(name, value, texts, roles.caption, roles.transcript)
        }

    def beside_sound(self, row: ExportRow) -> RowDict:
        """Return what ``rest`` returns without what says where the recording is, and which part of it is meant.

        What a written row says of these is about the file that it names, which may be a cut or converted one.
        """
        found = self.rest(row)
        roles = self._finder.roles(found)
        of_media = {roles.start, roles.duration, roles.end, roles.channel, *_OF_RECORDINGS}
        return {name: value for name, value in found.items() if name not in of_media}

    def all(self, row: ExportRow, paths: Mapping[str, str]) -> RowDict:
        """Return the row's own columns, with other paths for its media; what it lacks of medium and text is added.

        Args:
            row: The row.
            paths: Name of a kind of pair -> path of the row's medium of that kind.
        """
        found = {name: value for name, value in flat(row.sample.row).items() if not name.startswith(PREFIX)}
        roles = self._finder.roles(found)
        for kind in row.kinds:
            media = [row.medium(kind)]
            named = [name for name, value in found.items() if _is_medium(value, media, row.sample.manifest)]
            likely = [name for name in (getattr(roles, kind.medium), roles.media) if name in named]
            column = next(iter((*likely, *named)), kind.medium)
            found[column] = paths[kind.name]
            texts = {row.text(kind)}
            if row.text(kind) and not any(
                _is_text(name, value, texts, name) for name, value in found.items() if name != column
            ):
                found[kind.text] = row.text(kind)
        return found


def flat(row: Row) -> RowDict:
    """Return the columns of a row, with those of a WebDataset sample's ``.json`` among them."""
    found = {name: value for name, value in row.items() if name not in (RAW, RAW_BYTES)}
    inner = found.get(_JSON)
    if _KEY in found and isinstance(inner, Mapping):
        del found[_JSON]
        found = {**inner, **found}
    if _KEY in found:
        found.pop(_SHARD, None)
    return found


def _is_name(value: object) -> bool:
    """Return whether a value names a medium, stands for its bytes, or is the medium itself."""
    if isinstance(value, Mapping):
        return "bytes" in value or "path" in value
    return isinstance(value, str)


def _is_medium(value: Any, media: list[MediaRef], manifest: str) -> bool:
    if isinstance(value, Mapping):
        return value.keys() <= {"bytes", "path"} and "bytes" in value
    if not isinstance(value, str) or not value:
        return False
    if payload_kind(value):
        return True
    if len(value) > 4096 or "\n" in value or "\0" in value:
        return False
    places = (value, join_under(folder_of(manifest), value), os.path.abspath(value))
    return any(ref.uri in places or ref.member == value for ref in media)


def _is_text(name: str, value: Any, texts: set[str], *named: str | None) -> bool:
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    return name in named and isinstance(value, str) and value in texts
