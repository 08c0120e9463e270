"""Arrays in .npy and .npz files: their headers are read, their rows stay on disk, and nothing is unpickled.

A ``.npz`` whose members are stored as they are is mapped in place; a compressed one is unpacked into a scratch folder
once, block by block, and mapped there.
"""

from __future__ import annotations

import shutil
import struct
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Literal

import numpy as np
from numpy.typing import NDArray

from mmcheck.core.digests import digest_bytes
from mmcheck.core.errors import UserError

_LOCAL_HEADER = struct.Struct("<4s5H3I2H")  # of a member of a zip archive; given by the format (APPNOTE 4.3.7)
_BLOCK = 1 << 22  # bytes unpacked at once; our own choice: bounds memory
_FLOATS = (np.float16, np.float32, np.float64)
_DAMAGED = (
    OSError,
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    RuntimeError,
    NotImplementedError,
    ValueError,
    struct.error,
)
"""What zipfile raises at a damaged, encrypted or otherwise odd archive."""
_NOT_READ = "pickled objects are never opened, as they can run code"


@dataclass(frozen=True, slots=True)
class StoredArray:
    """One array on disk."""

    file: Path
    """The file that the user named."""
    name: str
    """Name of the array in a .npz; "" for a .npy."""
    mapped: Path
    """The file that is mapped: the same, or an unpacked copy."""
    offset: int
    """First byte of the values in it."""
    shape: tuple[int, ...]
    """Its shape."""
    is_fortran: bool
    """Whether columns lie together, not rows."""
    dtype: np.dtype[np.generic]
    """Type of its values."""

    def __str__(self) -> str:
        """Return how people find it."""
        return f"{self.file}:{self.name}" if self.name else str(self.file)

    def __len__(self) -> int:
        """Return its number of rows."""
        return self.shape[0]

    @property
    def is_matrix(self) -> bool:
        """Return whether it may hold a vector a row."""
        return len(self.shape) == 2 and self.dtype in _FLOATS

    def open(self) -> NDArray[np.generic]:
        """Return the array, mapped.

        Raises:
            UserError: If the file is gone, or shorter than it was.
        """
        if 0 in self.shape:
            return np.zeros(self.shape, dtype=self.dtype)
        order: Literal["F", "C"] = "F" if self.is_fortran else "C"
        try:
            found: NDArray[np.generic] = np.memmap(
                self.mapped, dtype=self.dtype, mode="r", offset=self.offset, shape=self.shape, order=order
            )
        except (OSError, ValueError) as error:
            raise UserError(f"{self} cannot be read: {error}.", hint="was it changed or removed meanwhile?") from error
        return found


def read_npy(file: Path) -> StoredArray:
    """Return the array of a .npy file.

    Raises:
        UserError: If it is none, is cut short, or holds pickled objects.
    """
    try:
        with file.open("rb") as stream:
            size = file.stat().st_size
            return _array(stream, file, "", file, 0, size)
    except OSError as error:
        raise UserError(f"{file} cannot be read: {error.strerror or error}.", hint="check the path.") from error


def read_npz(file: Path, scratch: Path) -> dict[str, StoredArray]:
    """Return the arrays of a .npz file by name.

    Args:
        file: The file.
        scratch: A folder for what is compressed.

    Raises:
        UserError: If it is none, is damaged, or holds pickled objects alone.
    """
    found: dict[str, StoredArray] = {}
    objects: list[str] = []
    try:
        with zipfile.ZipFile(file) as archive:
            for member in archive.infolist():
                name = member.filename.removesuffix(".npy")
                if name == member.filename:
                    continue
                try:
                    found[name] = _member(archive, member, name, file, scratch)
                except _Pickled:
                    objects.append(name)
    except _DAMAGED as error:
        raise UserError(f"{file} is not a whole .npz file: {error}.", hint="get or write it again.") from error
    if not found and objects:
        raise UserError(
            f"{file} holds Python objects ({', '.join(objects[:5])}): {_NOT_READ}.",
            hint="write plain arrays: np.savez(FILE, image=image.astype('float16'), text=text.astype('float16')).",
        )
    return found


class _Pickled(UserError):
    """An array of Python objects."""


def _member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, name: str, file: Path, scratch: Path) -> StoredArray:
    if member.compress_type == zipfile.ZIP_STORED:
        with file.open("rb") as stream:
            stream.seek(member.header_offset)
            header = _LOCAL_HEADER.unpack(stream.read(_LOCAL_HEADER.size))
            start = member.header_offset + _LOCAL_HEADER.size + header[-2] + header[-1]
            stream.seek(start)
            return _array(stream, file, name, file, start, start + member.file_size)
    with archive.open(member) as packed:
        # The header alone: a compressed array that nobody asks for costs nothing.
        about = _array(packed, file, name, file, 0, member.file_size)
    place = scratch / f"{digest_bytes(f'{file}:{name}'.encode('utf-8', 'surrogatepass'))[:24]}.npy"
    return replace(about, mapped=place)


def unpack(array: StoredArray) -> StoredArray:
    """Return an array that can be mapped: one of a compressed .npz is unpacked, another is returned as it is.

    Raises:
        UserError: If the archive is damaged, or there is no room.
    """
    if array.mapped == array.file or array.mapped.exists():
        return array
    try:
        with (
            zipfile.ZipFile(array.file) as archive,
            archive.open(f"{array.name}.npy") as packed,
            array.mapped.open("wb") as out,
        ):
            shutil.copyfileobj(packed, out, _BLOCK)
    except _DAMAGED as error:
        array.mapped.unlink(missing_ok=True)
        raise UserError(f"{array} cannot be unpacked: {error}.", hint="get or write the file again.") from error
    return array


def _array(stream: IO[bytes], file: Path, name: str, mapped: Path, start: int, end: int) -> StoredArray:
    told = f"{file}:{name}" if name else str(file)
    try:
        version = np.lib.format.read_magic(stream)
        readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
        if version not in readers:
            raise ValueError(f"version {version[0]}.{version[1]} of the format is not known")
        shape, is_fortran, dtype = readers[version](stream)
        if any(side < 0 for side in shape):
            raise ValueError(f"its shape {shape} is impossible")
    except Exception as error:  # NumPy's parser of headers lets through whatever Python's own raises
        raise UserError(
            f"{told} is not a NumPy array: {(str(error).splitlines() or ['its header is damaged'])[0].rstrip('.')}.",
            hint="write vectors with np.save or np.savez.",
        ) from error
    if dtype.hasobject:
        raise _Pickled(
            f"{told} holds Python objects: {_NOT_READ}.",
            hint="write plain numbers: np.save(FILE, vectors.astype('float16')).",
        )
    if not shape:
        shape = (1,)
    offset = stream.tell()
    needed = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    if offset + needed > end:
        raise UserError(
            f"{told} is cut short: {shape[0]:,} rows need {needed:,} bytes, and {max(0, end - offset):,} are there.",
            hint="it was probably cut while it was copied; get it again.",
        )
    return StoredArray(file, name, mapped, offset, tuple(shape), is_fortran, dtype)


class Stacked:
    """Arrays one after the other, as if they were one.

    Args:
        arrays: Of shapes (n_i, ...), equal but for their numbers of rows.
    """

    def __init__(self, arrays: Sequence[StoredArray]) -> None:
        self.arrays = arrays
        self.starts = np.concatenate([[0], np.cumsum([len(array) for array in arrays])]).astype(np.int64)
        self._dtype = np.result_type(*(array.dtype for array in arrays))

    def __len__(self) -> int:
        """Return the number of rows."""
        return int(self.starts[-1])

    def take(self, rows: NDArray[np.int64]) -> NDArray[np.generic]:
        """Return rows by their numbers, in the order asked for.

        Args:
            rows: Shape (k,), each in 0..n-1.
        """
        part = np.searchsorted(self.starts, rows, side="right") - 1
        found = np.zeros((len(rows), *self.arrays[0].shape[1:]), dtype=self._dtype)
        for number in np.unique(part).tolist():
            own = np.flatnonzero(part == number)
            found[own] = unpack(self.arrays[number]).open()[rows[own] - self.starts[number]]
        return found
