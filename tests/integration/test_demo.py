"""The demo finds what was planted: the promise of the README, on the bundled data."""

from __future__ import annotations

from pathlib import Path

import pytest

import mmcheck
from mmcheck.cli.demo_scores import CLEAN, FaultScore, demo_manifests, read_truth, score_run
from mmcheck.config import bundled_dir

BROKEN = {
    *("image_truncated", "image_missing", "image_blank", "audio_corrupt", "audio_missing", "audio_silent"),
    *("caption_empty", "transcript_empty"),
}
SHUFFLED = {"caption_shuffled", "transcript_shuffled"}


@pytest.fixture(scope="module")
def scores(tmp_path_factory: pytest.TempPathFactory) -> list[FaultScore]:
    data = bundled_dir("demo_data")
    run = mmcheck.scan(demo_manifests(data), tmp_path_factory.mktemp("demo") / "run", "demo")
    summary = run.summary
    assert summary["rows_read"] == sum(summary[name] for name in ("keep", "flag", "quarantine", "unchecked"))
    assert Path(run.path / "clean").is_dir()
    return score_run(run, read_truth(data))


def test_every_broken_file_is_quarantined(scores: list[FaultScore]) -> None:
    assert {s.fault for s in scores if s.quarantined == s.planted} >= BROKEN


def test_shuffled_captions_and_transcripts_are_caught(scores: list[FaultScore]) -> None:
    found = [s for s in scores if s.fault in SHUFFLED]
    assert {s.fault for s in found} == SHUFFLED
    assert sum(s.quarantined for s in found) >= 0.95 * sum(s.planted for s in found)


def test_few_clean_pairs_are_taken(scores: list[FaultScore]) -> None:
    clean = [s for s in scores if s.fault == CLEAN]
    assert sum(s.planted for s in clean) > 300
    assert sum(s.taken for s in clean) <= 0.03 * sum(s.planted for s in clean)


def test_every_fault_of_the_truth_is_scored(scores: list[FaultScore]) -> None:
    truth = read_truth(bundled_dir("demo_data"))
    assert sum(s.planted for s in scores) == len(truth) == 450
    assert {s.fault for s in scores} == {fault or CLEAN for fault in truth.values()}
