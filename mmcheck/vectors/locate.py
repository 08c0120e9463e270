"""From what the user names to files of vectors: clip-retrieval and DataComp folders, .npz, .npy, Parquet."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mmcheck.core.errors import UserError
from mmcheck.vectors.names import natural, number_of, pair_names, split_half

_FOLDERS = ("img_emb", "text_emb")
"""Folders of clip-retrieval (`clip-retrieval inference --output_folder`)."""
_TABLES = "metadata"
_SUFFIXES = (".npz", ".npy", ".parquet")
_SERIES = re.compile(r"\d*\.npy$")  # what tells the files of one series apart; given by the names that writers give
_PICKLES = (".pkl", ".pickle", ".pt", ".pth", ".bin", ".ckpt", ".joblib")
_KNOWN = (
    "a clip-retrieval folder (img_emb/, text_emb/, metadata/), a folder of DataComp .npz beside their .parquet, a .npz "
    "with image and text arrays, two .npy, or a .parquet with columns of vectors or scores"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorPart:
    """Files that go together, row by row."""

    archive: Path | None = None
    """A .npz with arrays of both halves."""
    pair: tuple[Path, Path] | None = None
    """Two .npy: the images' vectors and the captions'."""
    table: Path | None = None
    """A .parquet of the same rows: keys, captions, scores, perhaps the vectors themselves."""

    @property
    def files(self) -> tuple[Path, ...]:
        """Return its files."""
        return tuple(file for file in (self.archive, *(self.pair or ()), self.table) if file is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Located:
    """Where vectors lie."""

    layout: str
    """What people call it."""
    parts: tuple[VectorPart, ...]
    """In the order of the rows."""

    @property
    def files(self) -> tuple[Path, ...]:
        """Return all files."""
        return tuple(file for part in self.parts for file in part.files)


def locate(paths: Sequence[str]) -> Located:
    """Return the files that hold vectors, in the order of their rows.

    Args:
        paths: Files, folders or globs.

    Raises:
        UserError: If nothing is there, or it is in no known layout.
    """
    files = [file for path in paths for file in _expand(path)]
    if len(files) == 1 and files[0].is_dir():
        return _of_folder(files[0])
    if folders := [file for file in files if file.is_dir()]:
        parts = [_of_folder(folder) for folder in folders]
        if len(folders) == len(files) and len({part.layout for part in parts}) == 1:
            return Located(layout=parts[0].layout, parts=tuple(part for one in parts for part in one.parts))
        raise UserError(
            f"{folders[0]} is a folder among files of vectors.", hint="give folders of one layout, or files."
        )
    kinds = {file.suffix.lower() for file in files}
    if kinds == {".npz"}:
        return _archives(files)
    if kinds == {".npy"}:
        return Located(layout="pairs of .npy", parts=tuple(VectorPart(pair=pair) for pair in _pair_files(files)))
    if kinds == {".parquet"}:
        return Located(layout="Parquet columns", parts=tuple(VectorPart(table=file) for file in files))
    raise _unknown(files[0], kinds)


def _expand(path: str) -> list[Path]:
    if "://" in path:
        raise UserError(f"vectors are read from local files, and {path} is an address.", hint="copy them here first.")
    if os.path.exists(path):
        return [Path(path)]
    found = sorted(glob.glob(path, recursive=True), key=natural)
    if not found:
        raise UserError(f"there are no vectors at {path}: it does not exist.", hint=f"give {_KNOWN}.")
    return [Path(name) for name in found]


def _of_folder(folder: Path) -> Located:
    if any((folder / name).is_dir() for name in _FOLDERS):
        return _clip_retrieval(folder)
    names = sorted((entry.name for entry in os.scandir(folder) if entry.is_file()), key=natural)
    by_kind = {kind: [folder / name for name in names if name.lower().endswith(kind)] for kind in _SUFFIXES}
    if by_kind[".npz"]:
        return _archives(by_kind[".npz"])
    if by_kind[".npy"]:
        pairs = _pair_files(by_kind[".npy"])
        return Located(layout="pairs of .npy", parts=tuple(VectorPart(pair=pair) for pair in pairs))
    if by_kind[".parquet"]:
        return Located(layout="Parquet columns", parts=tuple(VectorPart(table=file) for file in by_kind[".parquet"]))
    raise UserError(f"{folder} holds no vectors that are known.", hint=f"give {_KNOWN}.")


def _clip_retrieval(folder: Path) -> Located:
    found = [{number_of(file.name): file for file in (folder / name).glob("*.npy")} for name in _FOLDERS]
    for number, (name, files) in enumerate(zip(_FOLDERS, found, strict=True)):
        for part, file in found[1 - number].items():
            if part not in files:
                raise UserError(
                    f"{file} has no counterpart in {folder / name}.",
                    hint="image-caption pairs need both img_emb and text_emb; make both with clip-retrieval inference.",
                )
    tables = {number_of(file.name): file for file in (folder / _TABLES).glob("*.parquet")}
    numbers = sorted(found[0], key=lambda number: -1 if number is None else number)
    if not numbers:
        raise UserError(f"{folder / _FOLDERS[0]} holds no .npy file.", hint="was clip-retrieval inference stopped?")
    parts = tuple(VectorPart(pair=(found[0][number], found[1][number]), table=tables.get(number)) for number in numbers)
    return Located(layout="clip-retrieval folder", parts=parts)


def _archives(files: Sequence[Path]) -> Located:
    tables = [file.with_suffix(".parquet") for file in files]
    parts = tuple(
        VectorPart(archive=file, table=table if table.is_file() else None)
        for file, table in zip(files, tables, strict=True)
    )
    has_tables = any(part.table for part in parts)
    return Located(layout="DataComp .npz beside .parquet" if has_tables else ".npz", parts=parts)


def _pair_files(files: Sequence[Path]) -> list[tuple[Path, Path]]:
    by_name = {file.name: file for file in files}
    if len(by_name) == len(files):
        pairs = list(pair_names(by_name).items())
        pairs.sort(key=lambda pair: natural(pair[0]))
        if len({_SERIES.sub("", rest) for rest, _ in pairs}) > 1:
            raise UserError(
                f"{files[0].parent} holds several series of vectors: {', '.join(rest for rest, _ in pairs[:4])}.",
                hint="name the files of one: --embeddings image.npy --embeddings text.npy.",
            )
        if 2 * len(pairs) == len(files):
            return [(by_name[image], by_name[text]) for _, (image, text) in pairs]
    if len(files) == 1:
        raise UserError(
            f"{files[0]} holds the vectors of one half alone; images' and captions' vectors are needed.",
            hint="give both files: --embeddings image.npy --embeddings text.npy.",
        )
    if len(files) == 2:
        told = [split_half(file.name) for file in files]
        # One name that tells is enough: the other file is the other half.
        if None in told:
            is_swapped = (told[0] is not None and told[0][0] == 1) or (told[1] is not None and told[1][0] == 0)
            return [(files[1], files[0]) if is_swapped else (files[0], files[1])]
    listed = ", ".join(file.name for file in files[:4])
    raise UserError(
        f"of {listed}{' ...' if len(files) > 4 else ''} it is unclear which hold images and which captions.",
        hint="give both halves, named so: --embeddings image.npy --embeddings text.npy.",
    )


def _unknown(file: Path, kinds: set[str]) -> UserError:
    if file.suffix.lower() in _PICKLES:
        return UserError(
            f"{file} may hold pickled objects, which are never opened, as they can run code.",
            hint="write plain arrays: np.savez(FILE, image=image.astype('float16'), text=text.astype('float16')).",
        )
    told = "files of several kinds" if len(kinds) > 1 else f"{file}"
    return UserError(f"{told} cannot be read as vectors.", hint=f"give {_KNOWN}.")
