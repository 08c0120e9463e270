"""Reading a file of errata. It comes from outside: everything is checked, and nothing of it is taken for a path."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from mmcheck.core.errors import ManifestError
from mmcheck.core.sentences import count_noun
from mmcheck.errata.record import MARK, VERSION, Action, Header, Record
from mmcheck.formats.jsonl import json_rows
from mmcheck.formats.rows import RawRow

MAX_RECORDS = 1_000_000
"""Lines of one file. Our own choice: bounds memory, at about a kilobyte a line."""
_MAX_FAULTS = 10  # faults that one message lists; our own choice: a message stays readable


@dataclass(frozen=True, slots=True)
class MediumKey:
    """By what the medium of an erratum is known."""

    sha256: bytes | None
    """Of the bytes of the file."""
    sound: bytes | None
    """Of the decoded sound."""
    start: float | None
    duration: float | None
    channel: int | None
    looks: tuple[bytes, bytes] | None
    """Perceptual hash and colours of an image."""


@dataclass(frozen=True, slots=True)
class Erratum:
    """One line of the file, as small as it can be."""

    line: int
    """1-based."""
    action: Action
    kind: str
    """``image`` or ``audio``."""
    medium: MediumKey
    size: int | None
    """Bytes of the file."""
    name: str | None
    """Last part of the medium's path, in lower case."""
    old: bytes
    """Digest of the text that is wrong."""
    new: bytes | None
    """Digest of the right one."""
    new_text: str | None
    keep_copies: int
    others: tuple[bytes, ...]
    """Digests of the medium's other texts."""
    knows_others: bool
    """Whether that is all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Errata:
    """A file of errata."""

    path: str
    header: Header
    errata: tuple[Erratum, ...]


def read_errata(path: str) -> Errata:
    """Return a file of errata, plain or compressed, local or at an fsspec URL.

    Raises:
        ManifestError: If it is none, is of a later version, is cut short, or has a wrong line (names up to ten).
    """
    rows = json_rows(path, "utf-8")
    header = _header(path, next(rows, None))
    faults: list[str] = []
    found: list[Erratum] = []
    for row in rows:
        if len(found) >= MAX_RECORDS:
            raise ManifestError(
                f"errata {path} has more than {MAX_RECORDS:,} lines, which is the limit.",
                hint="split it into files, each with its first line, and apply one after the other.",
            )
        record = _record(row, faults)
        if record is not None:
            found.append(_small(row.number, record))
        if len(faults) >= _MAX_FAULTS:
            break
    faults = faults or list(_contradictions(found))
    if faults:
        raise _refused(path, faults)
    if len(found) != header.records:
        raise ManifestError(
            f"errata {path} says that it has {count_noun(header.records, 'line')}, but has {len(found):,}.",
            hint="it was cut short or changed; get it again.",
        )
    return Errata(path=path, header=header, errata=tuple(found))


def _header(path: str, row: RawRow | None) -> Header:
    if row is None or row.cause is not None or MARK not in row.row:
        told = "it is empty" if row is None else f"its first line has no {MARK!r}"
        raise ManifestError(
            f"{path} is no file of errata: {told}.", hint="`mmcheck patch RUN --out errata.jsonl` writes one."
        )
    version = row.row[MARK]
    if version != VERSION or isinstance(version, bool):
        raise ManifestError(
            f"errata {path} is of version {version!r}; this mmcheck reads version {VERSION}.",
            hint="update mmcheck (pip install -U mmcheck)." if isinstance(version, int) else None,
        )
    try:
        return Header.model_validate_json(_json(row))
    except ValidationError as error:
        raise _refused(path, [f"line {row.number}: {_tell(fault)}" for fault in error.errors()]) from error


def _record(row: RawRow, faults: list[str]) -> Record | None:
    if row.cause is not None:
        faults.append(f"line {row.number} {row.message}")
        return None
    if MARK in row.row:
        faults.append(f"line {row.number}: a second first line; errata are applied file by file")
        return None
    try:
        # The JSON mode, in which lists become tuples and nothing else is converted.
        return Record.model_validate_json(_json(row))
    except ValidationError as error:
        faults += [f"line {row.number}: {_tell(fault)}" for fault in error.errors()]
        return None


def _json(row: RawRow) -> str:
    return str(getattr(row.row, "text", ""))


def _tell(fault: ErrorDetails) -> str:
    place = ".".join(map(str, fault["loc"]))
    message = fault["msg"].removeprefix("Value error, ")
    if fault["type"] == "missing":
        return f"{place} is missing"
    if fault["type"] == "string_pattern_mismatch":
        length = {"phash": 16, "colours": 96}.get(place.rpartition(".")[2], 64)
        message = f"must be {length} hexadecimal digits in lower case"
    value = fault["input"]
    shown = f", but is {value!r:.80}" if isinstance(value, str | int | float | bool | None) else ""
    return f"{place}: {message}{shown}" if place else message


def _small(line: int, record: Record) -> Erratum:
    medium = record.medium
    looks = None
    if medium.phash is not None and medium.colours is not None:
        looks = (bytes.fromhex(medium.phash), bytes.fromhex(medium.colours))
    new = record.new_digest
    return Erratum(
        line=line,
        action=record.action,
        kind=medium.kind,
        medium=MediumKey(
            sha256=_raw(medium.sha256),
            sound=_raw(medium.sound_sha256),
            start=medium.start,
            duration=medium.duration,
            channel=medium.channel,
            looks=looks,
        ),
        size=medium.bytes,
        name=medium.name.lower() if medium.name else None,
        old=bytes.fromhex(record.text_sha256),
        new=_raw(new),
        new_text=record.new_text,
        keep_copies=record.keep_copies,
        others=tuple(map(bytes.fromhex, record.other_texts)),
        knows_others=len(record.other_texts) == record.num_texts - 1,
    )


def _raw(digest: str | None) -> bytes | None:
    return None if digest is None else bytes.fromhex(digest)


def _contradictions(errata: list[Erratum]) -> Iterator[str]:
    """Yield what two lines say of one pair that cannot both be done, or would go on each time they are applied."""
    at: dict[tuple[object, ...], Erratum] = {}
    for one in errata:
        for place in _places(one):
            first = at.setdefault((*place, one.old), one)
            if first is not one and (first.action, first.new, first.keep_copies) != (
                one.action,
                one.new,
                one.keep_copies,
            ):
                yield f"lines {first.line} and {one.line} say different things about the same medium and text"
                break
    for one in errata:
        for place in _places(one):
            after = at.get((*place, one.new)) if one.new is not None else None
            if after is not None:
                yield (
                    f"line {one.line} writes the text that line {after.line} takes for wrong, of the same medium: "
                    "they would never come to an end"
                )
                break


def _places(one: Erratum) -> Iterator[tuple[object, ...]]:
    key = one.medium
    if key.sha256 is not None:
        yield one.kind, key.sha256, key.start, key.duration, key.channel
    if key.sound is not None:
        yield one.kind, key.sound


def _refused(path: str, faults: list[str]) -> ManifestError:
    count = f"{len(faults)} fault{'s' if len(faults) > 1 else ''}"
    more = " or more" if len(faults) >= _MAX_FAULTS else ""
    told = "\n".join(f"  {fault}" for fault in faults[:_MAX_FAULTS])
    return ManifestError(
        f"errata {path} has {count}{more}, and nothing of it was applied:\n{told}",
        hint="docs/errata.md describes the file.",
    )
