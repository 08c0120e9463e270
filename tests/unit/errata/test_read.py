"""Errata from outside: what is wrong is told with its line, and nothing of a wrong file is applied."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmcheck.core.errors import ManifestError
from mmcheck.errata.read import read_errata
from mmcheck.errata.record import text_digest

OLD, NEW = text_digest("old").hex(), text_digest("new").hex()
SHA, OTHER_SHA = "a" * 64, "b" * 64


def record(**changes: Any) -> dict[str, Any]:
    return {"action": "remove", "medium": {"kind": "image", "sha256": SHA}, "text_sha256": OLD, **changes}


def replacing(old: str, new: str, **medium: Any) -> dict[str, Any]:
    found = {"action": "replace_text", "text_sha256": text_digest(old).hex(), "new_text": new}
    return {**found, "medium": {"kind": "image", "sha256": SHA, **medium}}


def write(path: Path, *records: Any, header: Any = None) -> Path:
    first = {"mmcheck_errata": 1, "records": len(records)} if header is None else header
    rows = [one if isinstance(one, str) else json.dumps(one) for one in (first, *records)]
    path.write_text("\n".join(rows) + "\n", "utf-8")
    return path


def fault(path: Path) -> str:
    with pytest.raises(ManifestError) as caught:
        read_errata(str(path))
    assert str(path) in caught.value.message
    return str(caught.value)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("{not json", "line 3 is not valid JSON"),
        ("[1, 2]", "line 3 must be a JSON object, but is an array"),
        ('{"action": "remove", "action": "remove"}', "line 3 names 'action' twice"),
        ('{"action": "remove\x00"}', "line 3 holds a NUL byte"),
        ('{"action": "\\ud800"}', "line 3 holds half of a surrogate pair"),
        ("[" * 600 + "]" * 600, "line 3 is nested more than 500 levels deep"),
        ({"mmcheck_errata": 1, "records": 9}, "line 3: a second first line"),
        (record(action="delete"), "line 3: action: Input should be 'remove' or 'replace_text', but is 'delete'"),
        (record(text_sha256="0X"), "line 3: text_sha256: must be 64 hexadecimal digits in lower case, but is '0X'"),
        (record(text_sha256=7), "line 3: text_sha256: Input should be a valid string, but is 7"),
        ({"action": "remove", "text_sha256": OLD}, "line 3: medium is missing"),
        (record(medium={"kind": "image"}), "line 3: medium: wants `sha256` or `sound_sha256`"),
        (record(medium={"kind": "image", "sha256": SHA, "start": "0"}), "line 3: medium.start: Input should be"),
        (record(medium={"kind": "image", "sha256": SHA, "phash": "1"}), "phash: must be 16 hexadecimal digits"),
        (record(text="other"), "line 3: `text_sha256` is not the digest of `text`"),
        (record(new_text="x"), "line 3: a removal has no new text"),
        (record(action="replace_text"), "line 3: `replace_text` wants `new_text`"),
        (record(action="replace_text", new_text="a\0b"), "line 3: `new_text` holds a NUL character"),
        (record(action="replace_text", new_text=" old "), "line 3: the new text is the old one"),
        (record(action="replace_text", new_text="n", new_text_sha256=OLD), "`new_text_sha256` is not the digest"),
        (record(action="replace_text", new_text="n", keep_copies=1), "line 3: `keep_copies` is for removals alone"),
        (record(keep_copies=-1), "line 3: keep_copies: Input should be greater than or equal to 0, but is -1"),
        (record(reason="x" * 20_000), "line 3: reason: String should have at most 10000 characters"),
        (record(other_texts=[OLD] * 33), "line 3: other_texts: Tuple should have at most 32 items"),
        (record(medium={"kind": "image", "sha256": SHA, "name": "n" * 2000}), "line 3: medium.name: String should"),
    ],
)
def test_a_wrong_line_is_told_with_its_number(wrong: Any, told: str, tmp_path: Path) -> None:
    good = record(text_sha256=NEW)
    assert told in fault(write(tmp_path / "e.jsonl", good, wrong, good))


def test_all_faults_are_told_at_once_up_to_ten(tmp_path: Path) -> None:
    message = fault(write(tmp_path / "e.jsonl", record(action="x"), record(), record(action="y")))
    assert "2 faults" in message
    assert "line 2" in message
    assert "line 4" in message
    assert "nothing of it was applied" in message
    message = fault(write(tmp_path / "many.jsonl", *[record(action="x")] * 50))
    assert "10 faults or more" in message


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ({"mmcheck_errata": 2, "records": 0}, "is of version 2; this mmcheck reads version 1"),
        ({"mmcheck_errata": True, "records": 0}, "is of version True"),
        ({"mmcheck_errata": "1", "records": 0}, "is of version '1'"),
        ({"mmcheck_errata": 1}, "line 1: records is missing"),
        ({"mmcheck_errata": 1, "records": 0, "rules": []}, "line 1: rules"),
        (record(), "no file of errata: its first line has no 'mmcheck_errata'"),
        ("no json", "no file of errata"),
    ],
)
def test_a_first_line_that_is_another_is_refused(header: Any, told: str, tmp_path: Path) -> None:
    assert told in fault(write(tmp_path / "e.jsonl", header=header))


def test_a_later_version_is_refused_before_its_lines_are_looked_at(tmp_path: Path) -> None:
    message = fault(write(tmp_path / "e.jsonl", {"quite": "different"}, header={"mmcheck_errata": 3}))
    assert "version 3" in message
    assert "update mmcheck" in message


def test_keys_of_later_minor_versions_are_passed_over(tmp_path: Path) -> None:
    header = {"mmcheck_errata": 1, "records": 1, "later": {"a": 1}}
    (one,) = read_errata(str(write(tmp_path / "e.jsonl", record(later=[1]), header=header))).errata
    assert one.old.hex() == OLD


def test_a_file_that_was_cut_short_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "e.jsonl", record(), record(text_sha256=NEW))
    path.write_text("\n".join(path.read_text().splitlines()[:2]) + "\n")
    assert "says that it has 2 lines, but has 1" in fault(path)
    path.write_text("")
    assert "it is empty" in fault(path)
    packed = tmp_path / "e.jsonl.gz"
    packed.write_bytes(gzip.compress(write(tmp_path / "x.jsonl", *[record()] * 5).read_bytes())[:-20])
    fault(packed)


@pytest.mark.parametrize("data", [b"\x89PNG\r\n\x1a\n" + bytes(4000), bytes(range(256)) * 40, b"PAR1" + bytes(100)])
def test_what_is_no_text_is_refused(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "e.jsonl").write_bytes(data)
    fault(tmp_path / "e.jsonl")


def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    assert "does not exist" in fault(tmp_path / "absent.jsonl")


def test_two_lines_that_contradict_each_other_are_told(tmp_path: Path) -> None:
    path = write(tmp_path / "e.jsonl", replacing("old", "one"), replacing("old", "two"))
    assert "lines 2 and 3 say different things about the same medium and text" in fault(path)
    path = write(tmp_path / "e.jsonl", record(), replacing("old", "two"))
    assert "lines 2 and 3 say different things" in fault(path)
    # Said twice is no contradiction.
    assert len(read_errata(str(write(tmp_path / "e.jsonl", record(), record()))).errata) == 2
    assert (
        len(read_errata(str(write(tmp_path / "e.jsonl", record(), replacing("old", "x", sha256=OTHER_SHA)))).errata)
        == 2
    )


def test_lines_that_undo_each_other_are_told(tmp_path: Path) -> None:
    path = write(tmp_path / "e.jsonl", replacing("one", "two"), replacing("two", "one"))
    assert "line 2 writes the text that line 3 takes for wrong" in fault(path)
    path = write(tmp_path / "e.jsonl", replacing("new", "old"), record())
    assert "they would never come to an end" in fault(path)
    # Two media that have each other's texts are no circle.
    swapped = (replacing("one", "two"), replacing("two", "one", sha256=OTHER_SHA))
    assert len(read_errata(str(write(tmp_path / "e.jsonl", *swapped))).errata) == 2


@settings(deadline=None)
@given(data=st.binary(max_size=300))
def test_noise_is_an_error_and_nothing_else(data: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("noise") / "e.jsonl"
    path.write_bytes(b'{"mmcheck_errata": 1, "records": 1}\n' + data)
    with pytest.raises(ManifestError):
        read_errata(str(path))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@settings(deadline=None)
@given(
    field=st.sampled_from(["action", "medium", "text_sha256", "new_text", "scores", "codes", "id"]), value=json_values
)
def test_a_value_of_any_other_kind_is_told_or_allowed(
    field: str, value: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = write(tmp_path_factory.mktemp("kinds") / "e.jsonl", record(**{field: value}))
    try:
        found = read_errata(str(path))
    except ManifestError as error:
        told = error.message
    else:
        told = f"line {found.errata[0].line}"
    assert "line 2" in told
