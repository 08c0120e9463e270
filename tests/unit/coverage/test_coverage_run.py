from __future__ import annotations

import importlib.util
import json
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pyarrow.parquet as pq
import pytest

from mmcheck.core.errors import ConfigError, OutputError, RunError
from mmcheck.coverage import run as module
from mmcheck.coverage.cover import VIEWS, cover
from mmcheck.coverage.facts import read_facts
from mmcheck.coverage.run import CoverageOptions, cover_run
from mmcheck.coverage.summary import read_summary
from mmcheck.store.claim import hold
from mmcheck.store.run_folder import StoredShard

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
    view = summary.views["image"]
    assert summary.misaligned_by == "alignment"
    assert [cluster.name for cluster in view.clusters] == ["anchor", "banjo", "cactus"]
    assert [cluster.size for cluster in view.clusters] == [30, 20, 10]
    assert [cluster.misaligned for cluster in view.clusters] == [0.5, 0.0, 0.0]
    assert [cluster.vague for cluster in view.clusters] == [0.0, 0.0, 1.0]
    assert view.balance.half == 1
    typical = view.clusters[0].typical
    assert all(entry.index >= 15 for entry in typical), "a misaligned caption names nothing"
    said = " ".join(view.sentences)
    assert "60 images fall into 3 clusters" in said
    assert "'anchor' 50 %" in said
    assert "'cactus' 100 %" in said


def test_each_view_reads_the_pair_of_its_own_medium(writer: ModuleType, tmp_path: Path) -> None:
    posterior = [0.9] * 8 + [0.1] * 24
    run = writer.write_groups(tmp_path / "run", [0] * 16 + [1] * 16, posterior=posterior, vague=[30, 31])
    facts = read_facts(run, ())
    assert np.flatnonzero(facts.vague("image")).tolist() == [30, 31]
    assert not facts.vague("audio").any(), "a vague caption says nothing of a transcript"
    assert facts.misaligned("image").tolist() == [1.0] * 8 + [0.0] * 24
    assert np.isnan(facts.misaligned("audio")).all(), "a wrong caption says nothing of a recording"


def test_tables_hold_every_clustered_row(writer: ModuleType, tmp_path: Path) -> None:
    columns = {"source": ["web" if number % 4 else "own" for number in range(60)]}
    run = writer.write_groups(tmp_path / "run", [0, 1, 2] * 20, columns=columns, without=[5, 7], posterior=[None] * 60)
    summary = cover_run(run, CoverageOptions(num_clusters=3, slice_by=("source",)))
    stored = json.loads((run.path / "coverage" / "summary.json").read_text())
    assert stored == json.loads(json.dumps(summary.to_json()))
    assert list(stored)[:2] == ["schema_version", "rows"]
    assert "hint" not in stored["views"]["image"]
    assert read_summary(run) == summary
    assert summary.misaligned_by == "quarantine"
    assert summary.views["image"].rows_without_embedding == 2
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
    counted = {part.slice: part.values for part in summary.views["image"].slices}
    assert [(value.value, value.rows) for value in counted["source"]] == [("web", 45), ("own", 15)]


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
    counted = {part.slice: part.values for part in summary.views["image"].slices}
    assert [value.rows for value in counted["score"]] == [10] * 8
    assert len(counted["user"]) == 50
    assert counted["user"][-1].value == "(other)"
    assert sum(value.rows for value in counted["user"]) == 80


def test_a_reference_tells_what_is_missing_and_what_is_too_much(writer: ModuleType, tmp_path: Path) -> None:
    reference = writer.write_groups(tmp_path / "all", [0, 1, 2, 3] * 50, seed=1)
    run = writer.write_groups(tmp_path / "run", [0, 1, 2] * 50 + [5] * 60, seed=2)
    view = cover_run(run, CoverageOptions(num_clusters=4), reference=reference).views["image"]
    assert [(entry.name, entry.rows_here) for entry in view.missing] == [("dolphin", 0)]
    assert view.missing[0].typical[0].id.startswith("all-")
    assert [entry.name for entry in view.over_represented] == ["falcon"]
    said = " ".join(view.sentences)
    assert "Missing: 1 of the reference's 4 clusters" in said
    assert "'dolphin'" in said
    alike = cover_run(reference, CoverageOptions(num_clusters=4), reference=reference).views["image"]
    assert (alike.missing, alike.over_represented) == ((), ())


def test_sets_too_small_to_compare_are_not_called_complete(writer: ModuleType, tmp_path: Path) -> None:
    run, small = writer.write_groups(tmp_path / "run", [0, 1] * 6), writer.write_groups(tmp_path / "small", [0, 1, 2])
    said = " ".join(cover_run(run, CoverageOptions(num_clusters=12), reference=run).sentences)
    assert "too small to tell" in said
    assert "clearly missing" not in said
    said = " ".join(cover_run(run, reference=small).sentences)
    assert "too little to compare with: 3 images" in said
    assert "clearly missing" not in said


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
    view = cover_run(run).views["image"]
    assert (view.state, view.clusters) == (state, ())
    assert said in view.sentences[0]
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
    view = cover_run(spoken).views["audio"]
    assert view.state == "absent"
    assert [value.rows for value in view.slices[0].values] == [6, 6]


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


def test_clusters_of_one_picture_are_not_wide(writer: ModuleType, tmp_path: Path) -> None:
    groups = [number % 8 for number in range(160)] + [9] * 5
    vectors = writer.make_vectors([group % 24 for group in groups], noise=0.05)
    run = writer.write_groups(tmp_path / "run", [group % 8 for group in groups], vectors=vectors)
    covered = cover([StoredShard(run, shard) for shard in run.shards()], VIEWS["image"], num_clusters=9)
    # Half precision and the last step of k-means leave a single picture off its centroid.
    alone = np.flatnonzero(covered.rows == 160)[0]
    label = covered.labels[alone]
    one = replace(
        covered,
        keys=np.where(covered.labels == label, covered.keys[alone], covered.keys),
        distances=np.where(covered.labels == label, np.float32(1.0), covered.distances),
    )
    assert one.spread_out() == []
    other = replace(covered, distances=one.distances)
    assert other.spread_out() == [label], "many different ones that lie as far are wide"


def test_pictures_without_captions_are_clustered_too(writer: ModuleType, tmp_path: Path) -> None:
    run = writer.write_groups(tmp_path / "run", [0, 1, 2] * 20, bare=range(60))
    view = cover_run(run, CoverageOptions(num_clusters=3)).views["image"]
    assert view.rows == 60
    assert view.rows_without_embedding == 0
    assert [cluster.words for cluster in view.clusters] == [(), (), ()]
    assert [cluster.name for cluster in view.clusters] == ["cluster 0", "cluster 1", "cluster 2"]
    with pytest.raises(ConfigError, match="no text embeddings") as refused:
        cover_run(run, CoverageOptions(views=("text",)))
    assert "have no captions" in str(refused.value)
    some = writer.write_groups(tmp_path / "some", [0, 1, 2] * 20, bare=range(0, 60, 3))
    assert cover_run(some).views["image"].rows == 60
    assert cover_run(some, CoverageOptions(views=("text",))).views["text"].rows == 40


def test_advice_on_a_run_without_embeddings_fits_the_run(writer: ModuleType, tmp_path: Path) -> None:
    run = writer.write_groups(tmp_path / "run", [0, 1] * 10, without=range(20))
    with pytest.raises(ConfigError, match="no embeddings to cluster") as refused:
        cover_run(run)
    assert "--probes" not in str(refused.value), "that probe has run already"
    assert "could read none of the images" in str(refused.value)
    with pytest.raises(ConfigError, match="no audio embeddings") as refused:
        cover_run(run, CoverageOptions(views=("audio",)))
    assert "have no recordings" in str(refused.value)
    report_run = writer.load_report_run()
    sample = report_run.Sample(id="a", manifest="m", row_number=1, image=report_run.MediaRef(uri="/x"), caption="a")
    verdict = report_run.Verdict(sample_id="a", action=report_run.Action.KEEP)
    bare = report_run.write_run(tmp_path / "bare", [sample], [verdict])
    with pytest.raises(ConfigError) as refused:
        cover_run(bare)
    assert "--probes media,image_text" in str(refused.value)
    spoken = report_run.make_gallery(tmp_path / "gallery", images=2)
    said = " ".join(cover_run(spoken).sentences)
    assert "media,media" not in said


def test_a_run_in_use_is_left_alone(writer: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, other = (writer.write_groups(tmp_path / name, [0, 1] * 10) for name in ("run", "other"))
    with hold(run.path), pytest.raises(OutputError, match="another mmcheck") as refused:
        cover_run(run)
    assert "--out" not in str(refused.value), "this command has no such option"
    with hold(other.path), pytest.raises(OutputError, match="another mmcheck"):
        cover_run(run, reference=other)
    assert not (run.path / "coverage").exists()
    seen: list[str] = []

    def write_page(*_: object, **__: object) -> None:
        for place in (run.path, other.path):
            with pytest.raises(OutputError), hold(place):
                pass
            seen.append(place.name)

    monkeypatch.setattr("mmcheck.coverage.run.write_coverage_page", write_page)
    cover_run(run, reference=other)
    assert seen == ["run", "other"]


def test_a_folder_that_cannot_be_written_is_told_with_advice_that_holds(writer: ModuleType, tmp_path: Path) -> None:
    run = writer.write_groups(tmp_path / "run", [0, 1] * 10)
    (run.path / "coverage").write_text("in the way")
    with pytest.raises(OutputError, match="coverage") as refused:
        cover_run(run)
    assert "--out" not in str(refused.value)
    (run.path / "coverage").unlink()
    (run.path / ".lock").unlink(missing_ok=True)
    (run.path / ".lock").mkdir()
    with pytest.raises(OutputError, match="cannot write to") as refused:
        cover_run(run)
    assert "--out" not in str(refused.value)


def test_a_failed_call_leaves_no_older_result(
    writer: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = writer.write_groups(tmp_path / "run", [0, 1] * 10)
    cover_run(run)
    page = run.path / "coverage" / "coverage.html"
    page.write_text("old")
    plain, calls = module.write_part, []

    def fail(*given: object) -> None:
        calls.append(given)
        if len(calls) == 2:
            raise OutputError("the disk is full.")
        plain(*given)

    monkeypatch.setattr(module, "write_part", fail)
    with pytest.raises(OutputError, match="disk is full"):
        cover_run(run, CoverageOptions(num_clusters=2))
    assert not (run.path / "coverage" / "summary.json").exists()
    assert not page.exists()


def test_texts_can_be_clustered_too(writer: ModuleType, tmp_path: Path) -> None:
    run = writer.write_groups(tmp_path / "run", [0, 1] * 20)
    summary = cover_run(run, CoverageOptions(views=("text",), num_clusters=2))
    assert list(summary.views) == ["text"]
    assert {cluster.name for cluster in summary.views["text"].clusters} == {"anchor", "banjo"}


def test_a_summary_that_would_be_misread_is_refused(writer: ModuleType, tmp_path: Path) -> None:
    run = writer.write_groups(tmp_path / "run", [0, 1] * 20)
    cover_run(run, CoverageOptions(num_clusters=2))
    file = run.path / "coverage" / "summary.json"
    stored = json.loads(file.read_text())
    file.write_text(json.dumps({**stored, "schema_version": 2}))
    with pytest.raises(RunError, match="its schema_version is 2, and this one reads 1"):
        read_summary(run)
    file.write_text(json.dumps({**stored, "views": {"image": {}}}))
    with pytest.raises(RunError, match=r"summary\.json is missing or damaged: views\.image\.state"):
        read_summary(run)
