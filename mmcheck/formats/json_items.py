"""The items of an array inside one large JSON document, one at a time: the document may be larger than the memory."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from typing import Any

from mmcheck.core.errors import ManifestError
from mmcheck.core.json_row import lenient_int
from mmcheck.formats.text_source import STREAM_ERRORS, BrokenSource, open_bytes, read_head, sniff_encoding

_BLOCK = 1 << 20  # characters read at once; our own choice: bounds memory
_MAX_ITEM = (
    64 << 20
)  # characters of the largest item; our own choice: as for lines, more is a document that lost its end
_SKIP = re.compile(r"[\s,]*")


class JsonItems:
    """The items of the array under one key of a JSON document.

    Args:
        manifest: Path or URL of the document, plain or packed.
        key: The key, at the top of the document.
        encoding: What holds without a BOM.
    """

    def __init__(self, manifest: str, key: str, encoding: str) -> None:
        self._manifest = manifest
        self._start = re.compile(rf'"{re.escape(key)}"\s*:\s*\[')
        self._key = key
        self._encoding = encoding
        self.before = ""
        """What stands in the document up to the array's bracket, once items were asked for."""
        self.after = "]}"
        """What follows the last item, once all were read."""

    def __iter__(self) -> Iterator[Any]:
        """Yield the items in order.

        Raises:
            BrokenSource: If the document breaks off or is no JSON, after the items before that.
            ManifestError: If it cannot be opened or has no such array.
        """
        codec, bom = sniff_encoding(read_head(self._manifest, 4), self._encoding)
        count = 0
        try:
            with open_bytes(self._manifest) as file:
                file.read(bom)
                text = io.TextIOWrapper(file, codec, newline="")
                buffer = self._begin(text)
                decoder = json.JSONDecoder(parse_int=lenient_int)
                position, wanted = 0, _BLOCK
                while True:
                    position = _SKIP.match(buffer, position).end()  # type: ignore[union-attr]
                    if position == len(buffer):
                        more = text.read(_BLOCK)
                        if not more:
                            raise EOFError("the array does not end")
                        buffer, position = more, 0
                        continue
                    if buffer[position] == "]":
                        self.after = buffer[position:] + text.read()
                        return
                    try:
                        item, end = decoder.raw_decode(buffer, position)
                    except RecursionError as error:
                        raise EOFError(f"its {count + 1}. item is nested too deep") from error
                    except json.JSONDecodeError as error:
                        more = text.read(wanted) if len(buffer) - position < _MAX_ITEM else ""
                        if not more:
                            raise EOFError(f"{error.msg} in its {count + 1}. item") from error
                        # Half of an item: as much again, so that a long one is tried a few times only.
                        buffer, position = buffer[position:] + more, 0
                        wanted = max(_BLOCK, len(buffer))
                        continue
                    position = end
                    count += 1
                    yield item
        except (*STREAM_ERRORS, UnicodeDecodeError) as error:
            where = f"after {count} items of {self._key!r}"
            raise BrokenSource(
                f"manifest {self._manifest} breaks off {where}: {str(error).splitlines()[0].rstrip('.')}.",
                hint="the file was probably cut short while it was copied; get it again.",
            ) from error

    def _begin(self, text: io.TextIOWrapper) -> str:
        head = ""
        while (match := self._start.search(head)) is None:
            more = text.read(_BLOCK)
            if not more:
                raise ManifestError(
                    f"manifest {self._manifest} is no JSON document with an array {self._key!r}.",
                    hint="name another --format.",
                )
            head += more
        self.before = head[: match.end()]
        return head[match.end() :]
