"""Whether the manifests that rows are written from are still the ones that were scanned.

Some formats write rows by copying them from the source by row number (Parquet), or need its header (CSV) or its members
(tar shards whose media come along). From a source that was swapped, appended to or cut they would write other rows than
those that were judged. Rows of JSON Lines and of plain folders are stored in the run, so that these never ask for it.
"""

from __future__ import annotations

from collections.abc import Iterator

from mmcheck.core.errors import ManifestError, RunError
from mmcheck.core.parts import FORMATS
from mmcheck.formats.hf_folder import METADATA
from mmcheck.formats.manifest_digest import InputDigest, describe_input
from mmcheck.formats.paths import is_folder, join_under, walk_files
from mmcheck.store.run_folder import RunFolder
from mmcheck.store.run_record import InputRecord

_BY_ROW = ("parquet", "csv")
_WITH_MEDIA = ("webdataset",)
_FOLDERS = ("imagefolder", "audiofolder")
_TABLES = (".csv", ".parquet")


def describe_tables(manifest: str, form: str) -> dict[str, str]:
    """Return the digests of the tables in a folder that rows will be copied from, by name below the folder.

    Args:
        manifest: The input.
        form: Its format.

    Raises:
        ManifestError: If one cannot be read.
    """
    if form not in _FOLDERS or not is_folder(manifest):
        return {}
    names = (name for name in walk_files(manifest) if name.rsplit("/", 1)[-1] in METADATA)
    return {name: describe_input(join_under(manifest, name)).digest for name in names if name.endswith(_TABLES)}


def check_sources(run: RunFolder, *, write_media: bool) -> None:
    """Refuse to write rows from a source that is not what was scanned; sources that are not read are not looked at.

    Args:
        run: The run folder.
        write_media: Whether media will be copied along with the rows.

    Raises:
        ManifestError: Naming the first one that was changed, and what of it.
        RunError: If the package of the format that one was read in is not installed.
    """
    for entry in run.record.inputs:
        if entry.format not in FORMATS:
            package = f" of {entry.package}" if entry.package else ""
            raise RunError(
                f"{run.path} was made with the format {entry.format}{package}, which is not installed.",
                hint="install its package again; `mmcheck list` shows what is installed.",
            )
        for name, digest, digest_of in _read_for_writing(entry, write_media):
            try:
                now = describe_input(name)
            except ManifestError as error:
                raise _refused(name, f"cannot be read any more: {error.message}", run) from error
            if now.digest != digest:
                raise _refused(name, f"is not what was scanned: its {_what_changed(entry, now, digest_of)}", run)


def _read_for_writing(entry: InputRecord, write_media: bool) -> Iterator[tuple[str, str, str]]:
    """Yield path, digest and what the digest is of, for every file that rows of an input are copied from."""
    manifest, form = entry.manifest, entry.format
    if form in _BY_ROW or (form in _WITH_MEDIA and write_media):
        yield manifest, entry.digest, entry.digest_of
    elif form in _FOLDERS and not is_folder(manifest) and manifest.endswith(_TABLES):
        yield manifest, entry.digest, entry.digest_of
    elif form in _FOLDERS:
        for name, digest in entry.tables.items():
            yield join_under(manifest, name), digest, "content"


def _what_changed(entry: InputRecord, now: InputDigest, digest_of: str) -> str:
    before, after = entry.size, now.size
    if before is not None and after is not None and before != after:
        return f"size was {before:,} bytes then and is {after:,} now"
    return f"{digest_of} changed"


def _refused(name: str, fault: str, run: RunFolder) -> ManifestError:
    return ManifestError(
        f"{name} {fault.rstrip('.')}. Its rows are copied by number, so wrong rows would be written; nothing was "
        "written.",
        hint=f"put the scanned file back, or scan again into a new folder with --reuse {run.path}, which measures only "
        "what is new.",
    )
