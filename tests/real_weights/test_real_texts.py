"""Transcripts with residue, read by real weights: one finding names it, and the words are judged without it."""

from __future__ import annotations

import importlib.util
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from mmcheck.api import scan

pytestmark = [pytest.mark.real_weights, pytest.mark.timeout(1200)]
TESTS = Path(__file__).resolve().parents[1]
NAMED = {"soft_hyphen": "invisible_characters", "entities": "entities", "nospace": "missing_spaces"}
WORDS = (
    "mismatched_transcript",
    "cut_transcript",
    "cut_audio",
    "wrong_word",
    "missing_words",
    "inserted_words",
    "word_mismatch",
    "max_error_rate",
)
_SPEC = importlib.util.spec_from_file_location("own_loss", TESTS / "fixtures" / "own_loss.py")
assert _SPEC is not None
assert _SPEC.loader is not None
own_loss = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(own_loss)


def _scan(folder: Path, rows: Sequence[Mapping[str, Any]], weights: Path) -> dict[str, dict[str, Any]]:
    """Return id -> sample with its findings, read by tiny.en."""
    manifest = folder / "manifest.jsonl"
    manifest.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    run = scan(
        [str(manifest)],
        folder / "out",
        probes="media,transcript_text,transcript,transcript_null",
        overrides=[f"probes.transcript.model={weights / 'whisper-tiny.en'}"],
    )
    return {row["id"]: row for row in run.samples().to_arrow().to_pylist()}


def _codes(row: Mapping[str, Any]) -> list[str]:
    return sorted(row["codes"])


def _word_codes(row: Mapping[str, Any]) -> list[str]:
    return [code for code in _codes(row) if code.startswith(WORDS)]


def _plant(kind: str, text: str) -> str:
    if kind == "soft_hyphen":
        return " ".join(word[:2] + "\u00ad" + word[2:] for word in text.split())
    return text.replace(" ", "&nbsp;") if kind == "entities" else text.replace(" ", "")


def test_residue_changes_no_word_finding(real_weights: Path, tmp_path: Path) -> None:
    rows = [
        {"id": row["id"], "audio_filepath": str(row["path"]), "text": row["text"], "lang": "en"}
        for row in own_loss.demo_rows(48)
    ]
    # One sentence each, and not too short to be taken apart with certainty.
    long = [row for row in rows if len(row["text"]) >= 36 and not {".", "?"} & set(row["text"][:-1])]
    planted = [
        {**row, "id": f"{row['id']}-{kind}", "text": _plant(kind, row["text"])}
        for at, kind in enumerate(NAMED)
        for row in long[at * 4 : at * 4 + 4]
    ]
    assert len(planted) == 4 * len(NAMED)
    found = _scan(tmp_path, [*rows, *planted], real_weights)
    for row in planted:
        plain, _, kind = row["id"].rpartition("-")
        residue = [code for code in _codes(found[row["id"]]) if code.startswith("transcript_residue")]
        assert residue == [f"transcript_residue.{NAMED[kind]}"]
        assert _word_codes(found[row["id"]]) == _word_codes(found[plain])


def test_residue_and_loops_of_the_case(real_weights: Path, tmp_path: Path) -> None:
    root = Path(os.environ.get("MMCHECK_SHARED") or TESTS.parents[1] / "shared")
    case = root / "cases" / "speech-mixed"
    if not case.is_dir():
        pytest.skip("../shared/cases/speech-mixed is not on this machine")
    rows = [json.loads(line) for line in (case / "manifest.jsonl").read_text("utf-8").splitlines()]
    # Of the 98 clips those that it is about, one kind that makes Whisper loop, and the clean ones to judge them by.
    rows = [row for row in rows if row["kind"] in {*NAMED, "rate_header_half", "clean"}]
    rows = [{**row, "audio_filepath": str(case / row["audio_filepath"])} for row in rows]
    found = _scan(tmp_path, rows, real_weights)
    for row in rows:
        codes = _codes(found[row["id"]])
        if row["kind"] in NAMED:
            assert codes == [f"transcript_residue.{NAMED[row['kind']]}"]
        if "looped_hypothesis" in (found[row["id"]]["transcript.evidence"] or ""):
            assert found[row["id"]]["transcript.error_rate"] is None
            assert row["kind"] != "clean" or codes == []
