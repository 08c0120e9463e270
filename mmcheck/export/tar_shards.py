"""Tar shards as WebDataset reads them: numbered without a gap, none of them empty, the same bytes each time."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from mmcheck.core.atomic import atomic_path

_FEWEST_DIGITS = 4
"""Digits of a sample's number in its key, at least. Taken from img2dataset: with 10,000 samples a shard they are
enough, and keys sort as numbers."""


class TarShards:
    """Writes samples into ``00000.tar``, ``00001.tar`` and so on.

    Use it as a context manager: the last shard is whole when it is left.

    Args:
        folder: Where to.
        size: Samples a shard.
        closed: Called with the number of each shard once it is whole.
        name: Number of a shard -> the name of its file; None: five digits.
    """

    def __init__(
        self,
        folder: Path,
        size: int,
        closed: Callable[[int], None] | None = None,
        *,
        name: Callable[[int], str] | None = None,
    ) -> None:
        self._folder = folder
        self._name = name or _name
        self._size = size
        self._digits = max(_FEWEST_DIGITS, len(str(size - 1)))
        self._closed = closed
        self._open = ExitStack()
        self._tar: tarfile.TarFile | None = None
        self.sizes: dict[str, int] = {}
        """Name of a shard -> its samples."""

    def __enter__(self) -> TarShards:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if error is None:
            self._close()
        else:
            # The half-written shard is taken away, and the error goes on.
            self._open.__exit__(kind, error, None)

    @property
    def number(self) -> int:
        """Return the number of the shard that the next sample goes into."""
        full = bool(self.sizes) and next(reversed(self.sizes.values())) >= self._size
        return len(self.sizes) - (0 if full or not self.sizes else 1)

    def next_key(self) -> str:
        """Return the key that the next sample gets: the numbers of its shard and of its place there."""
        number = self.number
        place = self.sizes.get(self._name(number), 0)
        return f"{number:05d}{place:0{self._digits}d}"

    def add(self, members: Sequence[tuple[str, bytes]]) -> str:
        """Append a sample; return its key.

        Args:
            members: Ending (``jpg``, ``txt``) and content of its files.

        Raises:
            OutputError: If it cannot be written.
        """
        key, number = self.next_key(), self.number
        name = self._name(number)
        if name not in self.sizes:
            self._close()
            temporary = self._open.enter_context(atomic_path(self._folder / name))
            self._tar = self._open.enter_context(tarfile.open(temporary, "w", format=tarfile.USTAR_FORMAT))
            self.sizes[name] = 0
        if self._tar is None:
            raise ValueError("a shard that is closed takes no more samples")
        for ending, data in members:
            info = tarfile.TarInfo(f"{key}.{ending}")
            info.size, info.mode = len(data), 0o644
            self._tar.addfile(info, io.BytesIO(data))
        self.sizes[name] += 1
        return key

    def _close(self) -> None:
        if self._tar is not None:
            self._tar = None
            self._open.close()
            if self._closed is not None:
                self._closed(len(self.sizes) - 1)


def shard_range(sizes: Sequence[str]) -> str:
    """Return the names of shards as a brace range: ``{00000..00012}.tar``; one name where there is one."""
    if len(sizes) < 2:
        return sizes[0] if sizes else ""
    first, last = (name.removesuffix(".tar") for name in (sizes[0], sizes[-1]))
    return f"{{{first}..{last}}}.tar"


def _name(number: int) -> str:
    return f"{number:05d}.tar"
