"""A scan of the demo recordings by both bundled verifiers, from the command to the report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import mmcheck
from mmcheck.config import bundled_dir
from mmcheck.report.build import build_report

OPTIONS = ["probes.transcript_second.model=tiny-ctc", "probes.transcript.transcribe=never"]
PROBES = "media,transcript,transcript_null,transcript_second"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Any:
    demo = bundled_dir("demo_data") / "audio-transcript" / "manifest.jsonl"
    rows = [json.loads(line) for line in demo.read_text("utf-8").splitlines()]
    folder = tmp_path_factory.mktemp("second")
    manifest = folder / "rows.jsonl"
    # More shuffled transcripts than the demo has, so that there are enough to count.
    texts = [row["text"] for row in rows]
    wrong = range(0, 140, 14)
    for row in wrong:
        rows[row]["text"] = texts[(row + 5) % len(texts)]
    lines = [{**row, "audio_filepath": str(demo.parent / row["audio_filepath"])} for row in rows]
    manifest.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    (folder / "wrong.json").write_text(json.dumps([rows[row]["id"] for row in wrong]), "utf-8")
    return mmcheck.scan(manifest, folder / "run", "demo", overrides=OPTIONS, probes=PROBES)


def values(run: Any, probe: str) -> dict[str, dict[str, Any]]:
    table = run.folder.measurements_table(probe, embeddings=False)
    return {row["sample_id"]: row for row in table.to_pylist()}


def test_texts_of_other_recordings_are_found_by_the_second_verifier_too(run: Any) -> None:
    wrong = set(json.loads((run.path.parent / "wrong.json").read_text("utf-8")))
    found = {
        name: row["second_posterior"]
        for name, row in values(run, "agreement").items()
        if row["second_posterior"] is not None
    }
    wrong &= set(found)
    assert len(wrong) >= 5
    assert sum(found[name] > 0.5 for name in wrong) >= 0.9 * len(wrong)
    truth = (bundled_dir("demo_data") / "truth.jsonl").read_text("utf-8").splitlines()
    clean = {row["id"] for row in map(json.loads, truth) if row["fault"] is None} & set(found) - wrong
    assert len(clean) > 80
    assert sum(found[name] > 0.5 for name in clean) <= 0.03 * len(clean)


def test_the_summary_says_how_often_both_agree(run: Any) -> None:
    told = run.summary["analyses"]["agreement"]
    assert told["agreement"] > 0.9
    assert told["kappa"] > 0.6
    assert any(sentence.startswith("Both verifiers say the same") for sentence in run.summary["notes"])


def test_replaced_words_are_named_by_both(run: Any) -> None:
    rows = [json.loads(row["evidence"]) for row in values(run, "agreement").values() if row["evidence"]]
    assert any(row.get("both") for row in rows)
    findings = run.summary["findings"]
    assert findings.get("both_doubt_words.above_max", 0) >= 1


def test_the_report_shows_who_doubts_what(run: Any) -> None:
    page = build_report(run.folder)
    assert '<span class="label">Both verifiers doubt</span>' in page
    assert "The second verifier hears" in page


def test_a_scan_without_a_second_model_has_no_such_findings(run: Any, tmp_path: Path) -> None:
    manifest = run.path.parent / "rows.jsonl"
    other = mmcheck.scan(manifest, tmp_path / "run", "demo", probes="media", limit=60)
    rules = {"both_doubt_words", "second_doubts_transcript", "only_first_doubts_transcript"}
    assert not rules & {code.partition(".")[0] for code in other.summary["findings"]}
    # No model was named, so nobody misses them.
    assert not rules & set(other.summary["inactive_rules"])
