"""DataComp's subsets: a sorted ``.npy`` of 128-bit uids, which its resharder and its training code take."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mmcheck.core.atomic import TMP_PREFIX, atomic_path
from mmcheck.core.errors import UserError
from mmcheck.export.own_columns import flat
from mmcheck.export.shelf import MediaShelf
from mmcheck.export.target import ExportRow, Rows, TargetOptions, TargetTraits

NAME = "subset.npy"
UIDS = np.dtype("u8,u8")
"""A uid's first and last 64 bits, as DataComp has them."""
_UID = re.compile(r"[0-9a-fA-F]{32}")
_CHUNK = 1 << 20  # uids looked at once for repeats; our own choice: bounds memory


class DatacompTarget:
    """DataComp subset.

    Args:
        options: What was asked for.
    """

    name = "datacomp"
    traits = TargetTraits(needs_text=False, takes_broken=True, media=("reference",))

    def __init__(self, options: TargetOptions) -> None:
        self._options = options

    def write(self, rows: Rows, shelf: MediaShelf, folder: Path) -> None:
        """Write ``subset.npy``. The uids lie in a file while they are sorted, 16 bytes a row.

        Raises:
            UserError: If there are rows, and none has a uid.
        """
        unsorted = folder / f"{TMP_PREFIX}uids"
        count, seen = 0, False
        with unsorted.open("wb") as file:
            for row in rows:
                seen = True
                uid = _uid_of(row)
                if uid is None:
                    rows.leave_out(row, "has no uid of 32 hexadecimal digits")
                    continue
                file.write(np.array([(int(uid[:16], 16), int(uid[16:], 16))], dtype=UIDS).tobytes())
                count += 1
        if seen and not count:
            raise UserError(
                "no row has a uid, by which DataComp's subsets name their rows.",
                hint="the manifest needs a column `uid` of 32 hexadecimal digits, as in DataComp's metadata.",
            )
        with atomic_path(folder / NAME) as temporary:
            repeated = _write_sorted(unsorted, temporary, count)
        unsorted.unlink()
        if repeated:
            rows.note(f"{repeated:,} rows have the uid of another row; each uid is written once.")

    def how_to_load(self) -> str:
        """Return the command of DataComp's repository."""
        return f"python resharder.py -i SHARDS -o NEW_SHARDS -s {shlex.quote(str(self._options.final / NAME))}"


def _uid_of(row: ExportRow) -> str | None:
    if row.sample.problem is not None:
        return None
    named = next((value for name, value in flat(row.sample.row).items() if name.lower() == "uid"), row.sample.id)
    found = str(named).replace("-", "")
    return found if _UID.fullmatch(found) else None


def _write_sorted(source: Path, target: Path, count: int) -> int:
    """Sort the uids of a file in place and write each once; return how many were repeats."""
    if not count:
        with target.open("wb") as file:
            np.save(file, np.zeros(0, dtype=UIDS))
        return 0
    uids = np.memmap(source, dtype=UIDS, mode="r+")
    uids.sort()
    single = sum(int(_is_first(uids, start).sum()) for start in range(0, count, _CHUNK))
    written = np.lib.format.open_memmap(target, mode="w+", dtype=UIDS, shape=(single,))
    done = 0
    for start in range(0, count, _CHUNK):
        found = uids[start : start + _CHUNK][_is_first(uids, start)]
        written[done : done + len(found)] = found
        done += len(found)
    written.flush()
    return count - single


def _is_first(uids: NDArray[np.void], start: int) -> NDArray[np.bool_]:
    """Return which uids of a chunk differ from the one before."""
    part = uids[start : start + _CHUNK]
    found = np.ones(len(part), dtype=bool)
    found[1:] = part[1:] != part[:-1]
    if start:
        found[0] = part[0] != uids[start - 1]
    return found
