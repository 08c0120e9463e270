from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pyarrow.parquet as pq
import pytest

from mmcheck.core.errors import ConfigError, RunError
from mmcheck.run.coverage import CoverageOptions, cover_run

_WRITER = Path(__file__).resolve().parents[2] / "fixtures" / "coverage_run.py"


@pytest.fixture(scope="module")
def writer() -> ModuleType:
    spec = importlib.util.spec_from_file_location("coverage_run", _WRITER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_clusters_get_names_sizes_and_shares(writer: ModuleType, tmp_path: Path) -> None:
    groups = [0] * 30 + [1] * 20 + [2] * 10
    posterior = [0.9 if number < 15 else 0.05 for number in range(60)]
    vague = range(50, 60)
    run = writer.write_groups(tmp_path / "run", groups, posterior=posterior, vague=vague, quarantined=range(60))
    summary = cover_run(run, CoverageOptions(num_clusters=3))
    view = summary["views"]["image"]
    assert summary["misaligned_by"] == "alignment.posterior"
    assert [cluster["name"] for cluster in view["clusters"]] == ["anchor", "banjo", "cactus"]
    assert [cluster["size"] for cluster in view["clusters"]] == [30, 20, 10]
    assert [cluster["misaligned"] for cluster in view["clusters"]] == [0.5, 0.0, 0.0]
    assert [cluster["vague"] for cluster in view["clusters"]] == [0.0, 0.0, 1.0]
    assert view["balance"]["half"] == 1
    typical = view["clusters"][0]["typical"]
    assert all(entry["index"] >= 15 for entry in typical), "a misaligned caption names nothing"
    said = " ".join(view["sentences"])
    assert "60 images fall into 3 clusters" in said
    assert "'anchor' 50 %" in said
    assert "'cactus' 100 %" in said


def test_tables_hold_every_clustered_row(writer: ModuleType, tmp_path: Path) -> None:
    columns = {"source": ["web" if number % 4 else "own" for number in range(60)]}
    run = writer.write_groups(tmp_path / "run", [0, 1, 2] * 20, columns=columns, without=[5, 7], posterior=[None] * 60)
    summary = cover_run(run, CoverageOptions(num_clusters=3, slice_by=("source",)))
    assert summary == json.loads((run.path / "coverage" / "summary.json").read_text())
    assert summary["misaligned_by"] == "quarantine"
    assert summary["views"]["image"]["rows_without_embedding"] == 2
    samples = pq.read_table(run.path / "coverage" / "samples.parquet")
    assert samples["index"].to_pylist() == [number for number in range(60) if number not in (5, 7)]
    assert samples["sample_id"][0].as_py() == "run-0000"
    assert np.isfinite(samples["x"].to_numpy()).all()
    clusters = pq.read_table(run.path / "coverage" / "clusters.parquet")
    assert sum(clusters["size"].to_pylist()) == 58
    slices = pq.read_table(run.path / "coverage" / "slices.parquet").to_pylist()
    for name in ("language", "manifest", "source"):
        assert sum(row["rows"] for row in slices if row["slice"] == name) == 60
    assert sum(row["rows"] for row in slices if row["slice"] == "source" and row["value"] == "own") == 15
    counted = {part["slice"]: part["values"] for part in summary["views"]["image"]["slices"]}
    assert [(value["value"], value["rows"]) for value in counted["source"]] == [("web", 45), ("own", 15)]


def test_equal_runs_give_equal_bytes(writer: ModuleType, tmp_path: Path) -> None:
    run = writer.write_groups(tmp_path / "run", [0, 1, 2] * 20)
    cover_run(run)
    files = sorted((run.path / "coverage").iterdir())
    first = [file.read_bytes() for file in files]
    cover_run(run)
    assert [file.read_bytes() for file in files] == first


def test_numeric_columns_are_binned_and_rare_values_counted_together(writer: ModuleType, tmp_path: Path) -> None:
    columns = {"score": [number / 7 for number in range(80)], "user": [f"u{number % 60}" for number in range(80)]}
    run = writer.write_groups(tmp_path / "run", [0, 1] * 40, columns=columns)
    summary = cover_run(run, CoverageOptions(slice_by=("score", "user")))
    counted = {part["slice"]: part["values"] for part in summary["views"]["image"]["slices"]}
    assert [value["rows"] for value in counted["score"]] == [10] * 8
    assert len(counted["user"]) == 50
    assert counted["user"][-1]["value"] == "(other)"
    assert sum(value["rows"] for value in counted["user"]) == 80


def test_a_reference_tells_what_is_missing_and_what_is_too_much(writer: ModuleType, tmp_path: Path) -> None:
    reference = writer.write_groups(tmp_path / "all", [0, 1, 2, 3] * 50, seed=1)
    run = writer.write_groups(tmp_path / "run", [0, 1, 2] * 50 + [5] * 60, seed=2)
    view = cover_run(run, CoverageOptions(num_clusters=4), reference=reference)["views"]["image"]
    assert [(entry["name"], entry["rows_here"]) for entry in view["missing"]] == [("dolphin", 0)]
    assert view["missing"][0]["typical"][0]["id"].startswith("all-")
    assert [entry["name"] for entry in view["over_represented"]] == ["falcon"]
    said = " ".join(view["sentences"])
    assert "Missing: 1 of the reference's 4 clusters" in said
    assert "'dolphin'" in said
    alike = cover_run(reference, CoverageOptions(num_clusters=4), reference=reference)["views"]["image"]
    assert (alike["missing"], alike["over_represented"]) == ([], [])


def test_runs_of_other_weights_are_refused(writer: ModuleType, tmp_path: Path) -> None:
    run = writer.write_groups(tmp_path / "run", [0, 1] * 10)
    other = writer.write_groups(tmp_path / "other", [0, 1] * 10, weights="ef" * 32)
    with pytest.raises(ConfigError, match="cannot be compared"):
        cover_run(run, reference=other)
    assert not (run.path / "coverage").exists()


@pytest.mark.parametrize(
    ("groups", "vectors", "state", "said"),
    [
        ([0, 1, 2], None, "too_few", "10 are needed"),
        ([0] * 20, np.tile(np.eye(24, dtype=np.float32)[0], (20, 1)), "constant", "same embedding"),
    ],
)
def test_sets_without_clusters_are_told_in_words(
    writer: ModuleType, tmp_path: Path, groups: list[int], vectors: np.ndarray | None, state: str, said: str
) -> None:
    run = writer.write_groups(tmp_path / "run", groups, vectors=vectors)
    view = cover_run(run)["views"]["image"]
    assert (view["state"], view["clusters"]) == (state, [])
    assert said in view["sentences"][0]
    assert pq.read_table(run.path / "coverage" / "samples.parquet").num_rows == 0


def test_a_run_without_embeddings_is_refused_unless_it_has_recordings(writer: ModuleType, tmp_path: Path) -> None:
    report_run = writer.load_report_run()
    sample = report_run.Sample(id="a", manifest="m", row_number=1, image=report_run.MediaRef(uri="/x"), caption="a")
    verdict = report_run.Verdict(sample_id="a", action=report_run.Action.KEEP)
    bare = report_run.write_run(tmp_path / "bare", [sample], [verdict])
    with pytest.raises(ConfigError, match="no embeddings"):
        cover_run(bare)
    with pytest.raises(ConfigError, match="no audio embeddings"):
        cover_run(bare, CoverageOptions(views=("audio",)))
    spoken = report_run.make_gallery(tmp_path / "gallery", images=2)
    view = cover_run(spoken)["views"]["audio"]
    assert view["state"] == "absent"
    assert [value["rows"] for value in view["slices"][0]["values"]] == [6, 6]


def test_unknown_columns_views_and_unfinished_runs_are_refused(writer: ModuleType, tmp_path: Path) -> None:
    run = writer.write_groups(tmp_path / "run", [0, 1] * 10, columns={"source": ["a"] * 20})
    with pytest.raises(ConfigError, match="'sourc'") as refused:
        cover_run(run, CoverageOptions(slice_by=("sourc",)))
    assert "source" in str(refused.value)
    with pytest.raises(ConfigError, match="no view 'smell'"):
        cover_run(run, CoverageOptions(views=("smell",)))
    run.run_file.write_text(run.run_file.read_text().replace('"complete"', '"measuring"'))
    with pytest.raises(RunError, match="not complete"):
        cover_run(type(run)(run.path))


def test_texts_can_be_clustered_too(writer: ModuleType, tmp_path: Path) -> None:
    run = writer.write_groups(tmp_path / "run", [0, 1] * 20)
    summary = cover_run(run, CoverageOptions(views=("text",), num_clusters=2))
    assert list(summary["views"]) == ["text"]
    assert {cluster["name"] for cluster in summary["views"]["text"]["clusters"]} == {"anchor", "banjo"}
