"""Tar shards whose keys do not hold together what belongs together: dots inside keys, and members out of order.

WebDataset ends a key at the first dot of a name and joins neighbours only, so such shards train on wrong pairs or on
none, without a word.
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress

from mmcheck.core.errors import ManifestError
from mmcheck.formats.paths import media_kind
from mmcheck.formats.tar_groups import TarGroup, read_groups

TEXT_PARTS = ("txt", "text", "caption", "transcript", "json")
_SHOWN = 3  # names that a message lists; our own choice: a message stays readable


def is_half(group: TarGroup) -> bool:
    """Return whether a group lacks a medium or a text."""
    has_media = any(media_kind(f"x.{extension}") for extension in group.members)
    return not (has_media and any(_is_text(extension) for extension in group.members))


def split_keys(shard: str) -> set[str]:
    """Return the keys of which a shard has several groups and not all are whole, up to where it breaks off."""
    halves: Counter[str] = Counter()
    whole: set[str] = set()
    with suppress(ManifestError):
        for group in read_groups(shard, lambda _key, _extension, _size: False):
            if is_half(group):
                halves[group.key] += 1
            else:
                whole.add(group.key)
    return {key for key, count in halves.items() if count > 1 or key in whole}


def split_fault(group: TarGroup) -> tuple[str, str]:
    """Return cause and message for a group of a key whose members do not stand together."""
    return (
        "split_key",
        f"has only {_names(group)} of the key {_printable(group.key)!r}: its members are not next to each other, and "
        "WebDataset joins neighbours only. Sort the shard: tar --sort=name -cf NEW.tar FOLDER",
    )


def find_dotted(group: TarGroup) -> tuple[str, str] | None:
    """Return cause and message for a group whose key was cut at a dot that belongs to it; None if it was not.

    ``x.jpg`` beside ``x.seg.png`` is one sample; ``x.05.jpg`` and ``x.05.txt`` are one that is called ``x.05``.
    """
    if not group.members or any("." not in extension for extension in group.members):
        return None
    media = {extension.rpartition(".")[0] for extension in group.members if media_kind(f"x.{extension}")}
    texts = {extension.rpartition(".")[0] for extension in group.members if _is_text(extension)}
    if not media & texts:
        return None
    return (
        "dotted_key",
        f"has the key {_printable(group.key)!r} only because a key ends at the first dot of a name; its members are "
        f"{_names(group)}. WebDataset reads them as one sample. Rename them without the dot, such as "
        f"{_without_dots(next(iter(group.members.values())).name)!r}",
    )


def _names(group: TarGroup) -> str:
    names = [_printable(member.name) for member in group.members.values()]
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _without_dots(name: str) -> str:
    folder, slash, base = _printable(name).rpartition("/")
    stem, _, suffix = base.rpartition(".")
    return f"{folder}{slash}{stem.replace('.', '_')}.{suffix}"


def _is_text(extension: str) -> bool:
    return extension.rpartition(".")[2] in TEXT_PARTS


def _printable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
