"""Seals: by them a stored file says whether it is whole, so that damage is noticed before a value is taken from it.

A part carries CRC-32 sums of its three stretches in its own footer, at a place that is counted as zeros: the columns of
values, the columns of embeddings (most of the bytes, so they are summed only when they are read), and the footer. A
text file carries a digest of its text: in JSON as the last key, in YAML as the first line. One flipped bit is always
noticed, and so is a file that was cut; a part costs some 0.3 ms for each megabyte.

Files of versions that wrote no seals are read as they are.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from mmcheck.core.atomic import write_text
from mmcheck.core.digests import digest_bytes

SEAL_KEY = "mmcheck.seal"
"""Key of the seal in a part's footer."""
_MARK = b"mmcheck-sums-1:"
_SUM = 8  # hexadecimal digits of a CRC-32; given by the format of the seal
_BLANK_SUM = b"0" * _SUM
_BOUNDARY = 12  # hexadecimal digits of a place in a file; given by the format of the seal
BLANK_SEAL = (_MARK + b"0" * (_BOUNDARY + 3 * _SUM)).decode()
"""What a part is written with; ``seal_part`` fills it in. Given by the format of the seal."""
_MAGIC = b"PAR1"
_TAIL = 8  # bytes behind a Parquet footer: its length and the magic; given by the Parquet format
_JSON_SEAL = re.compile(rb'\A(.*),\n  "checksum": "([0-9a-f]{16})"\n\}\n\Z', re.DOTALL)
_JSON_TAIL = b',\n  "checksum": "' + b"?" * 16 + b'"\n}\n'  # end of a sealed JSON file; given by the format of the seal
_YAML_HEAD = b"# checksum of what follows: " + b"?" * 16 + b"\n"
"""Head of a sealed YAML file. Given by the format of the seal."""
_FEW_BYTES = 3
"""Bytes of a seal that may be wrong for the seal itself to be what was damaged. Our own choice: a flipped bit or
two."""
_YAML_SEAL = re.compile(rb"\A# checksum of what follows: ([0-9a-f]{16})\n(.*)\Z", re.DOTALL)


class Damaged(Exception):
    """A stored file is not as it was written; the text says how that shows."""


def seal_part(data: bytearray, embeddings: str) -> None:
    """Fill in the seal of a Parquet file that was written with ``BLANK_SEAL`` under ``SEAL_KEY``.

    Args:
        data: The bytes of the file; changed in place.
        embeddings: Prefix of the columns of embeddings, which stand last.
    """
    footer = _footer_start(data)
    boundary = _boundary(data, footer, embeddings)
    at = data.rindex(_MARK, footer) + len(_MARK)
    sums = (data[:boundary], data[boundary:footer])
    text = f"{boundary:0{_BOUNDARY}x}" + "".join(f"{zlib.crc32(part):08x}" for part in sums)
    data[at : at + len(text)] = text.encode()
    place = at + len(text)
    data[place : place + _SUM] = f"{zlib.crc32(data[footer:]):08x}".encode()


def check_footer(data: memoryview) -> bool:
    """Check the last stretch of a part; return whether it carries a seal at all.

    Args:
        data: The file, or the end of it from the beginning of its footer on or before.

    Raises:
        Damaged: If it is not whole.
    """
    footer = _footer_start(data)
    place = _seal_at(data, footer)
    if place is None:
        return False
    own = place + _BOUNDARY + 2 * _SUM
    found = zlib.crc32(data[own + _SUM :], zlib.crc32(_BLANK_SUM, zlib.crc32(data[footer:own])))
    if f"{found:08x}".encode() != bytes(data[own : own + _SUM]):
        raise Damaged("the checksum of its footer does not match")
    return True


def check_part(data: memoryview, *, embeddings: bool) -> bool:
    """Check a part; return whether it carries a seal at all.

    Args:
        data: The whole file.
        embeddings: Whether the columns of embeddings are checked, too.

    Raises:
        Damaged: If it is not whole.
    """
    if not check_footer(data):
        return False
    footer = _footer_start(data)
    place = _seal_at(data, footer) or 0  # there is one, as it was checked
    boundary = int(bytes(data[place : place + _BOUNDARY]), 16)
    sums = bytes(data[place + _BOUNDARY : place + _BOUNDARY + 2 * _SUM])
    if f"{zlib.crc32(data[:boundary]):08x}".encode() != sums[:_SUM]:
        raise Damaged("the checksum of its columns does not match")
    if embeddings and f"{zlib.crc32(data[boundary:footer]):08x}".encode() != sums[_SUM:]:
        raise Damaged("the checksum of its embeddings does not match")
    return True


def _footer_start(data: bytearray | memoryview) -> int:
    size = len(data)
    if size < _TAIL + len(_MAGIC) or bytes(data[-len(_MAGIC) :]) != _MAGIC:
        raise Damaged("it is empty" if not size else f"it breaks off after {size:,} bytes, or its end was changed")
    start = size - _TAIL - int.from_bytes(data[-_TAIL : -len(_MAGIC)], "little")
    if start < 0:
        raise Damaged("the length of its footer is impossible")
    return start


def _seal_at(data: memoryview, footer: int) -> int | None:
    tail = bytes(data[footer:])
    found = tail.rfind(_MARK)
    return None if found < 0 else footer + found + len(_MARK)


def _boundary(data: bytearray, footer: int, embeddings: str) -> int:
    """Return where the columns of embeddings begin; the beginning of the footer if there are none."""
    metadata = pq.read_metadata(pa.BufferReader(pa.py_buffer(bytes(data))))
    if metadata.num_row_groups == 1:
        group = metadata.row_group(0)
        for number in range(group.num_columns):
            column = group.column(number)
            if column.path_in_schema.startswith(embeddings):
                starts = (column.dictionary_page_offset, column.data_page_offset)
                return int(min(start for start in starts if start is not None))
    return footer


def write_json(file: Path, value: Mapping[str, Any], *, allow_nan: bool = True) -> None:
    """Write a JSON object with its checksum as last key, atomically.

    Args:
        file: Where to.
        value: The object; without a key ``checksum``.
        allow_nan: Whether NaN may be written.

    Raises:
        OutputError: If it cannot be written.
        ValueError: If there is a NaN that may not be written.
    """
    body = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=allow_nan).removesuffix("\n}")
    digest = digest_bytes(body.encode("utf-8", "surrogatepass"))[:16]
    write_text(file, f'{body},\n  "checksum": "{digest}"\n}}\n')


def read_json(file: Path, *, sealed: bool = False) -> dict[str, Any]:
    """Return the JSON object in a file, without its checksum.

    Args:
        file: The file.
        sealed: Whether a file without a checksum counts as damaged.

    Raises:
        Damaged: If it cannot be read, is not whole, or is no JSON object.
    """
    data = _read(file)
    match = _JSON_SEAL.match(data)
    if match is not None and digest_bytes(match[1])[:16] != match[2].decode():
        raise Damaged("its checksum does not match")
    if match is None and _is_nearly(data[-len(_JSON_TAIL) :], _JSON_TAIL):
        raise Damaged("its checksum was changed")
    if match is None and sealed:
        raise Damaged("it has no checksum at its end" if data else "it is empty")
    try:
        value = json.loads(data.decode("utf-8", "surrogatepass"))
    except ValueError as error:
        raise Damaged(f"it is not JSON: {error}" if data else "it is empty") from error
    if not isinstance(value, dict):
        raise Damaged("it is not a JSON object")
    if match is None and "checksum" in value:
        raise Damaged("its checksum is not at its end")
    value.pop("checksum", None)
    return value


def write_yaml(file: Path, text: str) -> None:
    """Write YAML text below a line with its checksum, atomically.

    Raises:
        OutputError: If it cannot be written.
    """
    write_text(file, f"# checksum of what follows: {digest_bytes(text.encode('utf-8', 'surrogatepass'))[:16]}\n{text}")


def check_yaml(file: Path) -> None:
    """Check a YAML file that mmcheck wrote.

    Raises:
        Damaged: If it cannot be read, is empty, or is not as it was written.
    """
    data = _read(file)
    match = _YAML_SEAL.match(data)
    if match is not None and digest_bytes(match[2])[:16] != match[1].decode():
        raise Damaged("its checksum does not match: it was damaged, or changed by hand")
    if match is None and _is_nearly(data[: len(_YAML_HEAD)], _YAML_HEAD):
        raise Damaged("its checksum was changed")
    if match is None and not any(line.strip() and not line.startswith(b"#") for line in data.splitlines()):
        raise Damaged("it is empty")


def _is_nearly(found: bytes, seal: bytes) -> bool:
    """Return whether ``found`` is a seal with some bytes changed, not the words of a version that wrote none."""
    if len(found) != len(seal):
        return False
    return sum(one != other for one, other in zip(found, seal, strict=True) if other != ord("?")) <= _FEW_BYTES


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise Damaged(f"it cannot be read: {error.strerror or error}") from error
