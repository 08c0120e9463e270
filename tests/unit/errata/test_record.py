"""The file of errata as an interface: what it is, what counts as the same text, and its JSON Schema."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from mmcheck.errata.read import read_errata
from mmcheck.errata.record import Header, Medium, Record, json_schema, plain_form, text_digest, to_line

SCHEMA = json.loads((Path(__file__).parents[3] / "docs" / "errata.schema.json").read_text("utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
DIGEST = "0123456789abcdef" * 4


def test_equal_texts_differ_in_composition_line_ends_and_outer_space_alone() -> None:
    composed = "Z\u00fcrich, \ud55c\uad6d\uc5b4, \u0e19\u0e49\u0e33, \u0627\u0644\u0639\u0631\u0628\u064a\u0629\nend"
    for same in (unicodedata.normalize("NFD", composed), f"  {composed}\n", composed.replace("\n", "\r\n")):
        assert text_digest(same) == text_digest(composed)
    for other in (composed.lower(), composed.replace(",", ""), composed.replace(" ", "  "), f"{composed}."):
        assert text_digest(other) != text_digest(composed)
    # Compatibility forms are other texts: a ligature, a fullwidth letter, a superscript.
    assert len({text_digest(text) for text in ("fi", "\ufb01", "x2", "x\u00b2", "\uff21", "A")}) == 6
    assert text_digest(None) == text_digest("") == text_digest(" \n")


def test_anybody_can_compute_the_digest_of_a_text() -> None:
    text = " Cafe\u0301 "
    plain = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n")).strip()
    assert text_digest(text).hex() == hashlib.sha256(plain.encode()).hexdigest()


@settings(deadline=None)
@given(st.text())
def test_the_plain_form_of_a_text_is_its_own(text: str) -> None:
    assert plain_form(plain_form(text)) == plain_form(text)


texts = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=40)
digests = st.binary(min_size=32, max_size=32).map(bytes.hex)
names = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=20)
media = st.builds(
    Medium,
    kind=st.sampled_from(["image", "audio"]),
    sha256=digests,
    bytes=st.none() | st.integers(0, 2**50),
    start=st.none() | st.floats(0, 1e6),
    duration=st.none() | st.floats(0, 1e6),
    channel=st.none() | st.integers(0, 63),
    sound_sha256=st.none() | digests,
    name=st.none() | names,
)


@st.composite
def records(draw: st.DrawFn) -> Record:
    old, new = draw(texts), draw(st.none() | texts)
    if new is not None and plain_form(new) == plain_form(old):
        new = f"{plain_form(old)}!"
    return Record(
        action="remove" if new is None else "replace_text",
        medium=draw(media),
        text_sha256=text_digest(old).hex(),
        text=draw(st.sampled_from([None, old])),
        new_text=new,
        keep_copies=draw(st.integers(0, 9)) if new is None else 0,
        codes=tuple(draw(st.lists(names, max_size=3))),
        reason=draw(texts),
        scores=draw(st.dictionaries(names, st.floats(allow_nan=False, allow_infinity=False), max_size=3)),
        decided_by=draw(names),
        id=draw(st.none() | names),
    )


@settings(deadline=None)
@given(found=st.lists(records(), max_size=4, unique_by=lambda one: one.medium.sha256))
def test_what_is_written_is_read(found: list[Record], tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("round") / "errata.jsonl"
    header = Header(mmcheck_errata=1, producer="test", records=len(found), about="x\u2028y")
    path.write_bytes("".join(to_line(one) + "\n" for one in (header, *found)).encode())
    for line, one in zip(path.read_text("utf-8").split("\n")[1:], found, strict=False):
        assert Record.model_validate_json(line) == one
    read = read_errata(str(path))
    assert read.header == header
    assert [(e.line, e.action, e.old.hex(), e.new_text, e.keep_copies) for e in read.errata] == [
        (number, one.action, one.text_sha256, one.new_text, one.keep_copies) for number, one in enumerate(found, 2)
    ]


@settings(deadline=None)
@given(records())
def test_every_record_fits_the_published_schema(record: Record) -> None:
    VALIDATOR.validate(json.loads(to_line(record)))


def test_the_published_schema_is_that_of_the_program() -> None:
    published, own = SCHEMA["$defs"], json_schema()["$defs"]
    assert published.keys() == own.keys()
    for name, part in own.items():
        assert published[name]["properties"].keys() == part["properties"].keys()
        assert published[name].get("required") == part.get("required")
        told = {key: value.get("description") for key, value in part["properties"].items()}
        assert {key: value.get("description") for key, value in published[name]["properties"].items()} == told


@pytest.mark.parametrize(
    "line",
    [
        {"mmcheck_errata": 1},
        {"mmcheck_errata": "1", "records": 0},
        {"action": "remove", "medium": {"kind": "image", "sha256": "x"}, "text_sha256": DIGEST},
        {"action": "drop", "medium": {"kind": "image", "sha256": DIGEST}, "text_sha256": DIGEST},
        {"action": "remove", "medium": {"kind": "video", "sha256": DIGEST}, "text_sha256": DIGEST},
        {"action": "remove", "medium": {"kind": "audio", "sha256": DIGEST, "start": -1}, "text_sha256": DIGEST},
        {"action": "remove", "text_sha256": DIGEST},
    ],
)
def test_the_schema_refuses_what_the_program_refuses(line: dict[str, object]) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert not VALIDATOR.is_valid(line)
    with pytest.raises(ValidationError):
        (Header if "mmcheck_errata" in line else Record).model_validate_json(json.dumps(line))
