"""Which format a manifest is in, and which manifests a command line means.

Content decides, not the name; each format says how surely a manifest is its own, and the surest one reads it. What fits
nothing is described by what was seen, because "unknown format" helps nobody.
"""

from __future__ import annotations

import difflib
import glob
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import fsspec

from mmcheck.config import InputConfig
from mmcheck.core.errors import ConfigError, ManifestError
from mmcheck.core.sentences import count_noun
from mmcheck.formats.base import FORMATS, Recognised
from mmcheck.formats.csv_dialect import BARE_RETURNS, has_bare_returns
from mmcheck.formats.foreign_files import find_foreign
from mmcheck.formats.known_layouts import find_layout
from mmcheck.formats.near_misses import find_near_miss
from mmcheck.formats.open_format import make_format
from mmcheck.formats.paths import is_folder, join_under, media_kind, walk_files
from mmcheck.formats.text_source import is_url, looks_binary, open_raw, read_head
from mmcheck.formats.webdataset import TAR_SUFFIXES

STANDARD_INPUT = "-"
"""What stands for standard input among manifests."""
_RANGE = re.compile(r"\{(\d+)\.\.(\d+)\}")
_CHOICE = re.compile(r"\{([^{}]*,[^{}]*)\}")
_MAX_EXPANSION = 1_000_000  # names that braces may stand for; our own choice: bounds memory
_LIST_NAME = re.compile(r"(\.jsonl|\.csv|\.tsv|^manifest\.json)(\.gz|\.zst|\.bz2|\.xz)?$", re.IGNORECASE)
_SURENESS = {
    Recognised.SIGNATURE: "surely: it has a mark that no other format has",
    Recognised.CONVENTION: "surely: names of files and columns are those of the convention",
    Recognised.CONTAINER: "surely: the container shows it",
    Recognised.SHAPE: "by its shape alone, which much else has",
}
_LISTS = ("nemo", "jsonl", "csv")
_SHARDS = (*TAR_SUFFIXES, ".parquet")
_HEAD = 1 << 16  # bytes that are looked at to say what an unknown file is; our own choice: quick
_KINDS = (
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"RIFF", "a WAV or WebP file"),
    (b"fLaC", "a FLAC recording"),
    (b"OggS", "an Ogg recording"),
    (b"ID3", "an MP3 recording"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"PAR1", "a Parquet file that is cut short"),
    (b"ARROW1", "an Arrow file"),
    (b"SQLite format 3", "an SQLite database"),
    (b"%PDF", "a PDF"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognition:
    """The format that a manifest was taken for."""

    format: str
    """Its name."""
    told: str
    """Why and how surely, with the runner-up, as a piece of a sentence."""


def detect_format(manifest: str, options: InputConfig) -> str:
    """Return the name of the format that ``manifest`` is in, as ``recognise_format`` does."""
    return recognise_format(manifest, options).format


def recognise_format(manifest: str, options: InputConfig) -> Recognition:
    """Return the format that ``manifest`` is in, or the one that ``options.format`` forces, and why.

    Raises:
        ConfigError: If the forced format does not exist.
        ManifestError: If the manifest does not exist, or no format fits (says what was seen), or two fit equally well.
    """
    if options.format != "auto":
        return Recognition(format=FORMATS.entry(options.format).name, told="forced by --format")
    if not is_folder(manifest):
        open_raw(manifest).close()
    # Thousands of shards are not opened once more for it.
    is_shard = manifest.lower().endswith(_SHARDS)
    if not is_shard and not is_folder(manifest) and (foreign := find_foreign(manifest)) is not None:
        raise ManifestError(f"manifest {manifest} is in no known format: it is {foreign[0]}.", hint=foreign[1])
    layout = None if is_shard else find_layout(manifest)
    sure, broken = _ask_formats(manifest, options)
    surest = max(sure.values())
    if layout is not None and not layout.is_read and surest < Recognised.SIGNATURE:
        raise ManifestError(f"{manifest} is {layout.seen}, which is not read as it is.", hint=layout.hint)
    fitting = [name for name, how in sure.items() if how == surest]
    if surest and len(fitting) > 1:
        raise ManifestError(
            f"manifest {manifest} fits several formats equally well: {' and '.join(fitting)}.",
            hint=f"say which one it is, e.g. --format {fitting[0]}.",
        )
    near = None if is_shard or is_folder(manifest) else find_near_miss(manifest)
    if surest:
        return Recognition(format=fitting[0], told=_told(fitting[0], sure, near))
    seen, hint = (layout.seen, layout.hint) if layout is not None else _describe(manifest)
    if near is not None:
        seen = f"nearly {near}"
    raise ManifestError(
        f"manifest {manifest} is in no known format: it is {seen}.{''.join(f' Not asked: {told}' for told in broken)}",
        hint=hint,
    )


def _told(name: str, sure: Mapping[str, Recognised], near: str | None) -> str:
    others = sorted(((how, other) for other, how in sure.items() if other != name and how), reverse=True)
    told = _SURENESS[sure[name]]
    if others:
        told += f"; next would be {others[0][1]} ({_SURENESS[others[0][0]]})"
    return f"{told}; it is nearly {near}" if near else told


def _ask_formats(manifest: str, options: InputConfig) -> tuple[dict[str, Recognised], list[str]]:
    """Return how surely each format recognises a manifest, and what is wrong with formats that cannot be asked.

    A broken package does not keep the other formats from being read.
    """
    sure: dict[str, Recognised] = {}
    broken: list[str] = []
    for name in FORMATS.names():
        try:
            sure[name] = make_format(name, options).recognise(manifest)
        except ConfigError as error:
            broken.append(error.message)
    return sure, broken


def expand_manifests(patterns: Sequence[str]) -> list[str]:
    """Return the manifests that paths, URLs, globs and brace ranges (``{000..012}.tar``) mean, each once.

    Local paths become absolute. What one pattern matches is sorted; the order of the patterns stays. A folder stays
    itself, except one that holds manifests: JSON Lines or CSV files that list media (and no texts beside the media), or
    tar shards or Parquet files (and no media). There each file is a manifest.

    Raises:
        ManifestError: If a pattern matches nothing.
    """
    found: dict[str, None] = {}
    for pattern in patterns:
        if pattern == STANDARD_INPUT:
            raise ManifestError(
                "standard input can only be scanned.",
                hint="scan it into a run (cat x.jsonl | mmcheck scan - --out RUN), and give the run.",
            )
        for manifest in _expand(pattern):
            found.update(dict.fromkeys(_contents(manifest)))
    if not found:
        raise ManifestError("no manifest is given.", hint="name a manifest, a folder or a glob.")
    return list(found)


def _expand(pattern: str) -> list[str]:
    if is_url(pattern):
        if pattern.lower().startswith("file://"):
            return _expand(join_under("", pattern))
        return [url for one in _braces(pattern) for url in _remote(one)]
    path = os.path.abspath(os.path.expanduser(pattern))
    if os.path.lexists(path):
        return [path]
    found: list[str] = []
    for one in _braces(path):
        matches = [one] if os.path.exists(one) else sorted(glob.glob(one, recursive=True))
        if not matches:
            raise _nothing(pattern, one)
        found += matches
    return found


def _remote(url: str) -> list[str]:
    if not any(mark in url for mark in "*?["):
        return [url]
    try:
        filesystem, path = fsspec.core.url_to_fs(url)
        names = sorted(filesystem.unstrip_protocol(name) for name in filesystem.glob(path))
    except (OSError, ValueError, ImportError) as error:
        raise ManifestError(f"{url} cannot be listed: {error}.") from error
    if not names:
        raise _nothing(url, url)
    return names


def _braces(pattern: str) -> Iterator[str]:
    yield from islice(_all_braces(pattern), _MAX_EXPANSION)


def _all_braces(pattern: str) -> Iterator[str]:
    match = _RANGE.search(pattern)
    if match:
        first, last = match.groups()
        step = 1 if int(first) <= int(last) else -1
        width = len(first) if first.startswith("0") or len(first) == len(last) else 0
        choices = [str(number).zfill(width) for number in range(int(first), int(last) + step, step)]
    else:
        match = _CHOICE.search(pattern)
        if match is None:
            yield pattern
            return
        choices = match.group(1).split(",")
    for choice in choices:
        yield from _all_braces(pattern[: match.start()] + choice + pattern[match.end() :])


def _contents(manifest: str) -> list[str]:
    if not is_folder(manifest):
        return [manifest]
    try:
        names = [name for name in walk_files(manifest) if "/" not in name and not name.startswith(".")]
    except ManifestError:
        return [manifest]
    if any(name.startswith("metadata.") for name in names) or _is_layout(manifest):
        return [manifest]
    if not any(name.lower().endswith(".txt") for name in names):
        lists = [join_under(manifest, name) for name in names if _LIST_NAME.search(name)]
        lists = [name for name in lists if _lists_media(name)]
        if lists:
            return lists
    if any(media_kind(name) for name in names):
        return [manifest]
    for suffixes in (TAR_SUFFIXES, (".parquet",)):
        shards = [join_under(manifest, name) for name in names if name.lower().endswith(suffixes)]
        if shards:
            return shards
    return [manifest]


def _is_layout(folder: str) -> bool:
    """Return whether a format knows the folder for one of its own, whatever lists or archives lie in it."""
    forms = (FORMATS.get(entry.name) for entry in FORMATS if not entry.package)
    layouts = (form for form in forms if getattr(form, "reads_folders", False))
    return any(form(InputConfig()).recognise(folder) is Recognised.SIGNATURE for form in layouts)


def _lists_media(manifest: str) -> bool:
    for name in _LISTS:
        part = FORMATS.get(name)(InputConfig())
        if part.recognise(manifest):
            try:
                return any(sample.problem is None for sample in islice(part.read(manifest), 8))
            except ManifestError:
                return False
    return False


def _nothing(pattern: str, one: str) -> ManifestError:
    what = f"{pattern} matches nothing" if one == pattern else f"{pattern}: there is no {one}"
    folder, name = os.path.split(one)
    try:
        near = difflib.get_close_matches(name, os.listdir(folder or "."), n=1)
    except OSError:
        return ManifestError(f"{what}.", hint=f"the folder {folder} does not exist or cannot be read.")
    return ManifestError(
        f"{what}.", hint=f"did you mean {os.path.join(folder, near[0])}?" if near else "check the path."
    )


def _describe(manifest: str) -> tuple[str, str]:
    """Return what a manifest seems to be, and what to do about it."""
    force = "force one with --format (see `mmcheck list`)."
    if is_folder(manifest):
        names = list(islice(walk_files(manifest), 1000))
        suffixes = sorted({os.path.splitext(name)[1] or "(no suffix)" for name in names})
        shown = f"{count_noun(len(names), 'file')}: {', '.join(suffixes[:8])}" if names else "it is empty"
        return f"a folder without media and without a manifest ({shown})", "name the manifest itself."
    with open_raw(manifest) as file:
        stored = file.read(16)
    if not stored:
        return "an empty file", f"if zero rows are intended, {force}"
    head = read_head(manifest, _HEAD)
    for magic, kind in _KINDS:
        if stored.startswith(magic) or head.startswith(magic):
            return kind, "give the manifest that lists the media, not a medium."
    if not head:
        return "a compressed file that is cut short", "get it again."
    if looks_binary(head):
        return "binary data", force
    text = head.decode("utf-8", "replace").lstrip("\ufeff").lstrip()
    if text.startswith("[") and text[1:].strip() == "]":
        return "an empty JSON array", "it has no rows, so there is nothing to scan: is it the right file?"
    if text.startswith("["):
        return (
            "one JSON array whose first elements are no objects, or broken",
            "make each element an object with the names of its columns; --format json reads the file anyway and "
            "reports the rows.",
        )
    if text.startswith("{") and _is_broken_row(text, is_whole=len(head) < _HEAD):
        return (
            "JSON Lines whose first row is cut short or broken",
            "fix or remove that row; --format jsonl reads the file anyway and reports the row.",
        )
    if text.startswith("{"):
        return "JSON, but not one object a line", "make it JSON Lines: jq -c . IN.json > OUT.jsonl"
    if has_bare_returns(text):
        return BARE_RETURNS
    line = text.split("\n", 1)[0].strip()
    shown = line if len(line) <= 60 else f"{line[:57]}..."
    return f"text that begins with {shown!r}", f"{force.removesuffix('.')}, and map its columns in input.columns."


def _is_broken_row(text: str, *, is_whole: bool) -> bool:
    """Return whether a text that begins like JSON looks like a broken row rather than like one large document."""
    first, _, rest = text.partition("\n")
    if first.strip() == "{" or (not rest and not is_whole):
        return False
    try:
        json.loads(text)
    except ValueError:
        # A document over several lines opens with a bracket or a comma at the end of its first line.
        return not rest or first.rstrip()[-1:] not in "{[,"
    return False
