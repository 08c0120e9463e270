"""The samples of a tar shard: consecutive members with the same key, never extracted.

Keys follow WebDataset: the name up to the first dot of its last part, folders included. Members that could harm whoever
extracts them (``..``, absolute names, links, devices) are named, not followed.
"""

from __future__ import annotations

import re
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from mmcheck.core.errors import ManifestError
from mmcheck.formats.compression import HEAD, STREAM_ERRORS, packing_of
from mmcheck.formats.text_source import BrokenSource, open_bytes, open_raw

_KEY = re.compile(r"^((?:.*/|)[^.]+)[.]([^/]*)$")
_META = re.compile(r"__[^/]*__($|/)")
_BLOCK = 512  # bytes of a block; given by the tar format (POSIX.1)


@dataclass(frozen=True, slots=True, kw_only=True)
class TarMember:
    """One regular member."""

    name: str
    """Name in the archive."""
    size: int
    """Bytes."""
    offset: int | None
    """First byte in the shard file; None if it is compressed."""
    info: tarfile.TarInfo
    """Its header."""
    data: bytes | None = None
    """Its bytes, if they were asked for."""


@dataclass(slots=True, kw_only=True)
class TarGroup:
    """Members that make one sample."""

    number: int
    """1-based position of the sample in the shard."""
    key: str
    """Key."""
    members: dict[str, TarMember] = field(default_factory=dict)
    """Extension (lower case, behind the first dot) -> member."""
    faults: list[tuple[str, str]] = field(default_factory=list)
    """Cause and message of what is wrong with the sample."""


def split_name(name: str) -> tuple[str, str] | None:
    """Return key and lower-case extension of a member; None if WebDataset would skip it."""
    bare = name.removeprefix("./")
    match = _KEY.match(bare)
    if match is None or _META.match(bare):
        return None
    return match.group(1), match.group(2).lower()


def read_groups(shard: str, wanted: Callable[[str, str, int], bool]) -> Iterator[TarGroup]:
    """Yield the samples of a shard in order.

    Args:
        shard: Path or URL of a tar file, plain or compressed.
        wanted: Whether the bytes of a member (key, extension, size) shall be read.

    Raises:
        BrokenSource: If the shard breaks off, after the samples before the break.
        ManifestError: If it cannot be opened or is no tar file.
    """
    group: TarGroup | None = None
    number = 0
    members = read_members(shard, lambda info: (name := split_name(info.name)) is not None and wanted(*name, info.size))
    while True:
        try:
            item = next(members, None)
        except BrokenSource as error:
            if group is None:
                raise
            # The sample at the break may be whole or not; it stands for the break.
            group.faults.insert(0, ("manifest_cut_short", f"may be incomplete: {error.message}"))
            break
        if item is None:
            break
        info, offset, data = item
        if info.isdir():
            continue
        name = split_name(info.name)
        danger = _danger(info)
        if name is None and danger is None:
            continue
        key, extension = name or (info.name, "")
        if group is None or group.key != key:
            if group is not None:
                yield group
            number += 1
            group = TarGroup(number=number, key=key)
        if danger is not None:
            group.faults.append(("unsafe_member", f"holds the member {info.name!r}, which is {danger} and is not read"))
        elif extension in group.members:
            group.faults.append(("duplicate_member", f"holds {info.name!r} twice in a row"))
        else:
            member = TarMember(name=info.name, size=info.size, offset=offset, info=info, data=data)
            group.members[extension] = member
    if group is not None:
        yield group


def is_tar(manifest: str) -> bool:
    """Return whether ``manifest`` holds a tar archive (plain or compressed). Never raises."""
    try:
        with open_bytes(manifest) as file, tarfile.open(fileobj=file, mode="r|") as archive:
            archive.next()
            return True
    except (ManifestError, tarfile.TarError, *STREAM_ERRORS):
        return False


def read_members(
    shard: str, wanted: Callable[[tarfile.TarInfo], bool]
) -> Iterator[tuple[tarfile.TarInfo, int | None, bytes | None]]:
    """Yield the members of a tar file in order: header, first byte in the file (None if packed), bytes if wanted.

    Args:
        shard: Path or URL of a tar file, plain, gzip or zstd.
        wanted: Whether the bytes of a member shall be read.

    Raises:
        BrokenSource: If it breaks off, after the members before the break.
        ManifestError: If it cannot be opened or is no tar file.
    """
    count = 0
    packed = _is_packed(shard)
    try:
        with (
            open_bytes(shard) as file,
            tarfile.open(fileobj=file, mode="r|" if packed else "r:", errors="surrogateescape") as archive,
        ):
            while (info := archive.next()) is not None:
                archive.members = []  # type: ignore[attr-defined]  # tarfile keeps every header; a shard may have millions
                data = None
                plain = info.isreg() and not info.issparse()
                if plain and wanted(info):
                    body = archive.extractfile(info)
                    data = body.read() if body is not None else b""
                    if len(data) < info.size:
                        raise EOFError(f"{info.name} ends after {len(data)} of {info.size} bytes")
                count += 1
                yield info, None if packed or not plain else info.offset_data, data
            if not packed:
                _check_end(file, archive.offset)
    except (tarfile.TarError, *STREAM_ERRORS) as error:
        reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
        if not count:
            raise ManifestError(
                f"shard {shard} cannot be read: {reason}.",
                hint="it is not a tar file, or it was cut short at the start.",
            ) from error
        raise BrokenSource(
            f"shard {shard} breaks off after {count} members: {reason}.",
            hint="it was probably cut short; get it again.",
        ) from error


def _is_packed(shard: str) -> bool:
    with open_raw(shard) as file:
        return packing_of(file.read(HEAD)) is not None


def _check_end(file: object, offset: int) -> None:
    # tarfile takes damage between two members for the end of the archive; the end must be a block of zeros.
    file.seek(offset)  # type: ignore[attr-defined]
    block = file.read(_BLOCK)  # type: ignore[attr-defined]
    if len(block) < _BLOCK:
        raise EOFError("the mark of its end is missing")
    if any(block):
        raise EOFError(f"there is no member header at byte {offset}")


def _danger(info: tarfile.TarInfo) -> str | None:
    if info.issym() or info.islnk():
        return f"a link to {info.linkname!r}"
    if not info.isreg():
        return "a device or another special file"
    if info.issparse():
        return "a sparse file"
    if info.name.startswith("/"):
        return "an absolute path"
    if ".." in info.name.split("/"):
        return "a path that leaves its folder"
    return None
