"""Reading ctranslate2's ``model.bin``: named tensors behind a short header, no code and no pickle in it."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

_TYPES = {0: np.float32, 1: np.int8, 2: np.int16, 3: np.int32, 4: np.float16}
"""ctranslate2's numbers of data types."""
_VERSION = 6
"""Version of the file's layout."""


def read_tensors(path: Path) -> dict[str, Any]:
    """Return the tensors by name, tied ones under each of their names.

    Raises:
        ValueError: If the file has another layout.
    """
    with path.open("rb") as file:
        version = _number(file, "<I")
        if version != _VERSION:
            raise ValueError(f"{path} has version {version} of ctranslate2's layout, wanted is {_VERSION}")
        if (spec := _text(file)) != "WhisperSpec":
            raise ValueError(f"{path} holds a {spec}, wanted is a WhisperSpec")
        _number(file, "<I")
        tensors: dict[str, Any] = {}
        for _ in range(_number(file, "<I")):
            name = _text(file)
            shape = [_number(file, "<I") for _ in range(_number(file, "<B"))]
            kind = _TYPES[_number(file, "<B")]
            content = file.read(_number(file, "<I"))
            tensors[name] = np.frombuffer(content, dtype=kind).reshape(shape)
        for _ in range(_number(file, "<I")):
            alias, name = _text(file), _text(file)
            tensors[alias] = tensors[name]
    return tensors


def _number(file: BinaryIO, layout: str) -> int:
    content = file.read(struct.calcsize(layout))
    try:
        return int(struct.unpack(layout, content)[0])
    except struct.error as error:
        raise ValueError("the file ends too early") from error


def _text(file: BinaryIO) -> str:
    return file.read(_number(file, "<H")).rstrip(b"\0").decode()
