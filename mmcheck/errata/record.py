"""What stands in a file of errata: a first line about the whole file, then one line a pair.

A pair is known by its medium's bytes and its text, never by a path, so that the errata fit anybody's copy, in whatever
layout, order and folder. docs/errata.md describes the file as an interface.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from mmcheck.core.json_row import json_text

VERSION = 1
"""Of the file. Counted up when an earlier version of mmcheck would misread it."""
MARK = "mmcheck_errata"
"""Key of the first line that tells such a file."""
TEXT_FORM = "SHA-256 of the text in UTF-8 and NFC, line ends as LF, no white space around it"
"""By what texts are known. Given by this version of the file."""

MAX_TEXT = 1_000_000
"""Characters of a text. Taken from ``input.max_text_bytes``, beyond which a row counts as broken."""
MAX_OTHER_TEXTS = 32
"""Digests of the other texts of a medium that one line holds. Our own choice: COCO has five, and a placeholder under
thousands of captions must not fill the file."""
_MAX_REASON = 10_000  # characters; our own choice: some sentences
_MAX_NAME = 1024  # characters of names, codes and ids; our own choice: beyond any file name
_MAX_LISTED = 256  # codes and scores of one line; our own choice: more than there are rules

Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Name = Annotated[str, StringConstraints(max_length=_MAX_NAME)]
Text = Annotated[str, StringConstraints(max_length=MAX_TEXT)]
Seconds = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]
Action = Literal["remove", "replace_text"]


class _Part(BaseModel):
    """A part of a line: keys of later versions are passed over, values are not converted."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)


class JudgedBy(_Part):
    """A model that the errata rest on."""

    probe: Name
    model: Name
    weights_sha256: Digest | None = None


class JudgedLimit(_Part):
    """A limit that the errata rest on."""

    metric: Name | None = None
    min: float | None = None
    max: float | None = None
    action: Name


class Header(_Part):
    """The first line: what the file is, and what its lines rest on."""

    mmcheck_errata: int = Field(description="version of the file: 1")
    producer: Name = Field("", description="program and version that wrote it")
    records: int = Field(ge=0, description="lines that follow; fewer: the file was cut short")
    about: Annotated[str, StringConstraints(max_length=_MAX_REASON)] | None = Field(
        None, description="which set it is about, in words"
    )
    models: tuple[JudgedBy, ...] = Field((), description="models that measured")
    rules: Mapping[str, JudgedLimit] = Field({}, description="rules that decided, with their limits")
    text_form: Annotated[str, StringConstraints(max_length=_MAX_REASON)] = Field(
        "", description="what text_sha256 is of, in words"
    )


class Medium(_Part):
    """An image or recording, or a stretch of one, known by its content."""

    kind: Literal["image", "audio"]
    sha256: Digest | None = Field(None, description="SHA-256 of the bytes of the file (of the whole one for a segment)")
    bytes: int | None = Field(None, ge=0, description="length of that file")
    start: Seconds | None = Field(None, description="first second of a segment")
    duration: Seconds | None = Field(None, description="seconds of a segment")
    channel: int | None = Field(None, ge=0, le=63, description="0-based channel; absent: all, mixed")
    sound_sha256: Digest | None = Field(
        None, description="SHA-256 of the decoded sound: 16 kHz, mono, 16-bit little-endian samples"
    )
    phash: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")] | None = Field(
        None, description="perceptual hash of an image"
    )
    colours: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{96}$")] | None = Field(
        None, description="mean colours of 4 x 4 fields of an image"
    )
    name: Name | None = Field(None, description="last part of the path that it had; only ever compared")

    @model_validator(mode="after")
    def _is_known(self) -> Self:
        if self.sha256 is None and self.sound_sha256 is None:
            raise ValueError("wants `sha256` or `sound_sha256`: nothing else tells a medium for certain")
        return self


class Record(_Part):
    """One line: a pair that is to be removed, or to get another text."""

    action: Action
    medium: Medium
    text_sha256: Digest = Field(description="digest of the text that is wrong")
    text: Text | None = Field(None, description="that text itself, unless the errata keep texts to themselves")
    new_text: Text | None = Field(None, description="the right text; only with replace_text")
    new_text_sha256: Digest | None = Field(
        None, description="its digest, where the text itself is left out: it stands elsewhere in the same set"
    )
    keep_copies: int = Field(0, ge=0, description="equal pairs that stay (repeated rows): all beyond these are removed")
    num_texts: int = Field(1, ge=1, description="different texts that the medium had in the set")
    other_texts: Annotated[tuple[Digest, ...], Field(max_length=MAX_OTHER_TEXTS)] = Field(
        (), description="digests of the others, where there are at most 32"
    )
    codes: Annotated[tuple[Name, ...], Field(max_length=_MAX_LISTED)] = Field((), description="findings, as codes")
    reason: Annotated[str, StringConstraints(max_length=_MAX_REASON)] = Field("", description="why, in words")
    scores: Annotated[Mapping[str, float], Field(max_length=_MAX_LISTED)] = Field({}, description="metric -> value")
    decided_by: Name = Field("", description="policy (the rules), repair, or who reviewed it")
    id: Name | None = Field(None, description="the row's own id in the set")

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.text is not None and text_digest(self.text).hex() != self.text_sha256:
            raise ValueError("`text_sha256` is not the digest of `text`")
        if self.action == "remove":
            if self.new_text is not None or self.new_text_sha256 is not None:
                raise ValueError("a removal has no new text")
            return self
        if self.keep_copies:
            raise ValueError("`keep_copies` is for removals alone")
        if self.new_text is None and self.new_text_sha256 is None:
            raise ValueError("`replace_text` wants `new_text` or `new_text_sha256`")
        if self.new_text is not None and "\0" in self.new_text:
            raise ValueError("`new_text` holds a NUL character")
        digest = text_digest(self.new_text).hex() if self.new_text is not None else self.new_text_sha256
        if self.new_text_sha256 not in (None, digest):
            raise ValueError("`new_text_sha256` is not the digest of `new_text`")
        if digest == self.text_sha256:
            raise ValueError("the new text is the old one")
        return self

    @property
    def new_digest(self) -> str | None:
        """Return the digest of the new text; None for a removal."""
        return self.new_text_sha256 if self.new_text is None else text_digest(self.new_text).hex()


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of one line of the file: its first line, or any other."""
    parts: dict[type[BaseModel], str] = {Header: "header", Record: "record"}
    defs: dict[str, Any] = {}
    for part, name in parts.items():
        schema = part.model_json_schema(ref_template="#/$defs/{model}")
        defs |= schema.pop("$defs", {})
        defs[name] = schema
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A line of mmcheck's errata, version 1",
        "oneOf": [{"$ref": f"#/$defs/{name}"} for name in parts.values()],
        "$defs": defs,
    }


def plain_form(text: str | None) -> str:
    """Return a text as errata know it: NFC, line ends as LF, without white space around it; no text is an empty one.

    Letter case, punctuation and spaces inside the text count: where these differ, the texts do.
    """
    lines = (text or "").replace("\r\n", "\n").replace("\r", "\n")
    return unicodedata.normalize("NFC", lines).strip()


def text_digest(text: str | None) -> bytes:
    """Return the digest that errata know a text by (SHA-256 of ``plain_form``), 32 bytes."""
    return hashlib.sha256(plain_form(text).encode("utf-8", "surrogatepass")).digest()


def to_line(part: Header | Record) -> str:
    """Return a line of the file without its end; what has no value is left out."""
    found: dict[str, Any] = part.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    if isinstance(part, Header):
        found = {MARK: part.mmcheck_errata, **found}
    return json_text(found)
