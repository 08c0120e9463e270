"""`scripts/bench real` from its command line, on a handful of real recordings with the smallest real weights."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scripts.benchmarks import real
from scripts.benchmarks.real_parts.kept_probe import open_probe

pytestmark = pytest.mark.real_weights


def test_the_whole_command_on_a_few_recordings(
    real_weights: Path, shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = (real.ROOT / "docs" / "quality.md").read_bytes()
    cache = tmp_path / "cache"
    words = ["--quick", "--only", "speech", "--clips", "3", "--faults", "2", "--data", str(shared_data)]
    words += ["--cache", str(cache)]
    assert real.main([*words, "--json", str(tmp_path / "first.json")]) == 0
    told = capsys.readouterr().out
    assert "By `scripts/bench real --only speech --quick --clips 3" in told
    assert "### Planted faults: found, and named rightly" in told
    first = json.loads((tmp_path / "first.json").read_text("utf-8"))
    (outcome,) = first["speech"]
    assert outcome["num_clips"] == outcome["clean"]["all"]["rows"] == 3
    assert sum(tally["rows"] for name, tally in outcome["faults"].items() if name != "clean") == 6
    areas = {(one["fault"], one["score"]): one["area"] for one in outcome["areas"]}
    # Three recordings say little; that another clip's text is told from the right one they do say.
    assert areas["another clip's text", "mean"] == 1.0
    # All was kept: the same again computes nothing, and comes to the same.
    probe = open_probe("tiny.en", "ctranslate2", "full", cache)
    computed = probe.kept.num_computed
    assert computed > 6
    assert real.main([*words, "--json", str(tmp_path / "second.json")]) == 0
    assert probe.kept.num_computed == computed
    assert json.loads((tmp_path / "second.json").read_text("utf-8")) == first
    assert (real.ROOT / "docs" / "quality.md").read_bytes() == document
