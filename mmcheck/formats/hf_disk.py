"""What ``Dataset.save_to_disk`` and ``DatasetDict.save_to_disk`` write: Arrow files, state.json, dataset_info.json.

Everything in it is JSON and Arrow; nothing is unpickled, and ``datasets`` is not needed.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator
from itertools import groupby, islice
from pathlib import Path

from mmcheck.config import InputConfig, OutputConfig
from mmcheck.core.errors import ManifestError
from mmcheck.core.json_types import JsonObject
from mmcheck.core.types import Sample
from mmcheck.formats.arrow_rows import open_stream, read_rows
from mmcheck.formats.base import Added, OutputRow, Recognised
from mmcheck.formats.cells import is_utf8, shown
from mmcheck.formats.columns import EXAMPLE_ROWS, RoleFinder
from mmcheck.formats.hf_disk_write import write_dataset, write_dict
from mmcheck.formats.paths import folder_of, is_folder, join_under
from mmcheck.formats.rows import SampleMaker, configured_missing
from mmcheck.formats.text_source import is_url

_STATE = "state.json"
_DICT = "dataset_dict.json"
_NO_NAME = re.compile(r"^$|[/\\:\0]")
_INDICES = ("_indices_files", "_indices_data_files")


class HfDiskFormat:
    """Folder that ``datasets.load_from_disk`` loads.

    Args:
        options: Input options.
    """

    name = "hf_disk"
    reads_folders = True

    def __init__(self, options: InputConfig) -> None:
        self._options = options

    def recognise(self, manifest: str) -> Recognised:
        """Return whether it is a folder with ``state.json`` that names Arrow files, or a ``dataset_dict.json``."""
        if is_url(manifest) or not is_folder(manifest):
            return Recognised.NO
        is_dict = bool(_load(join_under(manifest, _DICT)).get("splits"))
        fits = is_dict or "_data_files" in _load(join_under(manifest, _STATE))
        return Recognised.SIGNATURE if fits else Recognised.NO

    def read(self, manifest: str) -> Iterator[Sample]:
        """Yield the samples of all Arrow files; each file is the ``manifest`` of its rows.

        Raises:
            ManifestError: If there is no dataset, or a file of it is not there or not whole.
        """
        places = [folder for folder, _ in _parts(manifest)]
        if not places:
            raise ManifestError(
                f"{manifest} is no folder of save_to_disk: it has neither {_STATE} nor {_DICT}.",
                hint="give the folder that save_to_disk wrote.",
            )
        for place in places:
            for file in _arrow_files(place):
                yield from self._samples(file)

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
        """Write ``folder/stem`` so that ``datasets.load_from_disk`` loads it, splits and features as they were.

        Args:
            rows: The rows.
            folder: Where to.
            stem: Name of the written folder.
            output: Output options.
            manifest: The scanned folder.
            added: Types of the new columns.

        Raises:
            ManifestError: If a file is gone or changed.
        """
        place = folder / stem
        parts = _parts(manifest) if manifest else []
        groups = groupby(rows, lambda out: folder_of(out.sample.manifest))
        waiting = next(groups, None)
        files: list[Path] = []
        for source, name in parts or [("", "")]:
            is_own = waiting is not None and waiting[0] == source
            group = waiting[1] if waiting is not None and is_own else iter(())
            arrow = _arrow_files(source) if source else []
            info, state = (_load(join_under(source, one)) if source else {} for one in ("dataset_info.json", _STATE))
            files += write_dataset(group, place / name, arrow, info, state, self._options, output, added)
            waiting = next(groups, None) if is_own else waiting
        if manifest and os.path.isfile(join_under(manifest, _DICT)):
            files.append(write_dict(place, [name for _, name in parts]))
        return files

    def _samples(self, file: str) -> Iterator[Sample]:
        examples = [raw.row for raw in islice(read_rows(file), EXAMPLE_ROWS)]
        finder = RoleFinder(self._options.columns, examples=examples)
        with open_stream(file) as stream:
            configured_missing(file, finder, stream.schema.names)
        maker = SampleMaker(file, self._options, finder, base=folder_of(file))
        yield from maker.all(read_rows(file))


def _parts(folder: str) -> list[tuple[str, str]]:
    """Return the folders of a saved dataset with their names below it: one, or one a split."""
    splits = _load(join_under(folder, _DICT)).get("splits")
    if isinstance(splits, list) and splits:
        for name in splits:
            # A split is a folder below this one; another name would read, and write, somewhere else.
            if not isinstance(name, str) or name in (".", "..") or not is_utf8(name) or _NO_NAME.search(name):
                raise ManifestError(
                    f"{folder}/{_DICT} names a split {shown(name)}, which is no plain name of a folder.",
                    hint="save the dataset anew; save_to_disk writes plain names.",
                )
        return [(join_under(folder, name), name) for name in dict.fromkeys(splits)]
    return [(folder, "")] if os.path.isfile(join_under(folder, _STATE)) else []


def _arrow_files(folder: str) -> list[str]:
    state = _load(join_under(folder, _STATE))
    if any(state.get(name) for name in _INDICES):
        raise ManifestError(
            f"{folder} was saved with indices by an old version of datasets.",
            hint="save it anew: load_from_disk(OLD).flatten_indices().save_to_disk(NEW).",
        )
    named = state.get("_data_files")
    names = [str(one.get("filename")) for one in named if isinstance(one, dict)] if isinstance(named, list) else []
    if not names:
        raise ManifestError(f"{folder}/{_STATE} names no Arrow file.", hint="was the dataset saved to its end?")
    return [join_under(folder, os.path.basename(name)) for name in names]


def _load(path: str) -> JsonObject:
    try:
        found = json.loads(Path(path).read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
