"""Halves that stand alone are encoded with the run's model, and what stands in the way is told."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mmcheck.config import parse_config
from mmcheck.core.errors import WeightsError
from mmcheck.repair import orphans as repair_orphans
from mmcheck.repair.run import repair_run
from mmcheck.store.run_folder import RunFolder


def _load() -> ModuleType:
    file = Path(__file__).resolve().parents[2] / "fixtures" / "repair_run.py"
    spec = importlib.util.spec_from_file_location("repair_run", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


planted = _load()
COUNT = 60


class FakeEncoder:
    """Knows a picture by its red level and a caption by its number, as the planted runs do."""

    image_size = (8, 8)

    def preprocess(self, image: Any) -> int:
        picture = image.image if hasattr(image, "image") else image
        return int(np.asarray(picture)[0, 0, 0])

    def encode_images(self, pixels: Sequence[int]) -> np.ndarray:
        return np.stack([planted.vector(number, 0) for number in pixels])

    def encode_texts(self, texts: Sequence[str]) -> np.ndarray:
        return np.stack([planted.vector(planted.number_of(text), 1) for text in texts])


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """Return a run where row 5 has a stranger's caption and row 20 has none.

    The caption of row 5 stands with a lost file in row 40, that of row 20 in row 50, whose own is nowhere.
    """
    planted.draw(tmp_path / "images", COUNT, skip=[40])
    captions = [f"thing {number}" for number in range(COUNT)]
    captions[5], captions[40], captions[50], captions[20] = "thing 777", "thing 5", "thing 20", ""
    rows = [{"image": f"images/{number}.png", "caption": caption} for number, caption in enumerate(captions)]
    manifest = tmp_path / "a.jsonl"
    manifest.write_text("".join(json.dumps(row) + "\n" for row in rows))
    made: RunFolder = planted.make_run(tmp_path / "run", [(manifest, "jsonl")])
    return made


def _found(run: RunFolder, **options: Any) -> dict[int, int]:
    repair_run(run.path, **options)
    lines = (run.path / "repair" / "proposals.jsonl").read_text().splitlines()
    return {row["index"]: row["source_index"] for row in map(json.loads, lines)}


def test_lost_halves_find_each_other(run: RunFolder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(repair_orphans, "_load", lambda _run: FakeEncoder())
    assert _found(run, write=tmp_path / "out") == {5: 40, 20: 50}
    summary = json.loads((run.path / "repair" / "summary.json").read_text())
    assert summary["orphans"] == {"captions": 1, "images": 1}
    rows = [json.loads(line) for line in (tmp_path / "out" / "a.jsonl").read_text().splitlines()]
    assert (rows[5]["caption"], rows[20]["caption"]) == ("thing 5", "thing 20")
    assert rows[20]["mmcheck_repair_original"] == ""


def test_without_the_model_the_rest_is_repaired(run: RunFolder) -> None:
    assert _found(run, use_model=False) == {}
    summary = json.loads((run.path / "repair" / "summary.json").read_text())
    assert summary["orphans"] == {"captions": 0, "images": 0}
    assert summary["suspects"] == 2


def test_weights_that_are_gone_are_told_and_not_fatal(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_run: RunFolder) -> FakeEncoder:
        raise WeightsError("model 'x' is not here.", hint="get it.")

    monkeypatch.setattr(repair_orphans, "_load", refuse)
    assert _found(run) == {}
    notes = json.loads((run.path / "repair" / "summary.json").read_text())["notes"]
    assert any("model 'x' is not here" in note for note in notes)


def test_other_weights_than_the_runs_are_not_used(run: RunFolder) -> None:
    told = json.loads((run.path / "run.json").read_text())
    told["probes"]["image_text"]["about"] = {"sha256": "0" * 64}
    (run.path / "run.json").write_text(json.dumps(told))
    config = parse_config({"probes": {"image_text": {"model": "tiny-clip", "pretrained": None}}})
    (run.path / "config.yaml").write_text(config.to_yaml(), "utf-8")
    assert _found(RunFolder(run.path)) == {}
    notes = json.loads((run.path / "repair" / "summary.json").read_text())["notes"]
    assert any("not those that the run was measured with" in note for note in notes)


def test_too_many_halves_are_left_aside(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repair_orphans, "MAX_ORPHANS", 1)
    assert _found(run) == {}
    notes = json.loads((run.path / "repair" / "summary.json").read_text())["notes"]
    assert any("ignored" in note for note in notes)


def test_a_picture_that_is_gone_meanwhile_is_left_out(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(repair_orphans, "_load", lambda _run: FakeEncoder())
    (tmp_path / "images" / "20.png").write_bytes(b"no picture")
    assert _found(run) == {5: 40}


def test_the_fake_reads_what_the_fixture_draws(tmp_path: Path) -> None:
    planted.draw(tmp_path, 3)
    assert FakeEncoder().preprocess(Image.open(tmp_path / "2.png")) == 2
