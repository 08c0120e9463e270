from __future__ import annotations

import json
import shutil
import wave
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import mmcheck
from mmcheck.api import resolve_config
from mmcheck.core.errors import EXIT_USER, ConfigError, OutputError, RunError, UserError
from mmcheck.core.types import Measurement
from mmcheck.probe.base import Prepared
from mmcheck.probe.media import MediaProbe
from mmcheck.scanning.scan import scan_run
from mmcheck.store.run_record import read_record, write_record
from tests.integration.tiny_models import make_open_clip

PROBES = ["media", "caption_text"]


def scan(manifest: Path, out: Path, **options: Any) -> mmcheck.Run:
    return mmcheck.scan(manifest, out, **{"probes": PROBES, **options})


def read_rows(manifest: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in manifest.read_text("utf-8").splitlines()]


def write_rows(manifest: Path, rows: Sequence[dict[str, Any]]) -> Path:
    manifest.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return manifest


def reused(run: mmcheck.Run) -> dict[str, int]:
    assert run.folder.record.reused is not None
    return dict(run.folder.record.reused.measurements)


def measured(run: mmcheck.Run, probe: str) -> pa.Table:
    return run.folder.measurements_table(probe, embeddings=True)


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Ids of the samples that the media probe measures."""
    seen: list[str] = []
    real = MediaProbe.measure

    def measure(self: MediaProbe, batch: Sequence[Prepared]) -> list[Measurement]:
        seen.extend(prepared.sample.id for prepared in batch)
        return real(self, batch)

    monkeypatch.setattr(MediaProbe, "measure", measure)
    return seen


def test_only_what_is_new_or_changed_is_measured(
    make_dataset: Callable[..., Path], tmp_path: Path, batches: list[str]
) -> None:
    manifest = make_dataset(9)
    rows = read_rows(manifest)
    first = scan(write_rows(manifest.with_name("old.jsonl"), rows[:7]), tmp_path / "first")
    assert first.folder.record.reused is None
    batches.clear()
    (manifest.parent / "moved").mkdir()
    shutil.move(manifest.parent / "0.png", manifest.parent / "moved" / "renamed.png")
    shutil.copyfile(manifest.parent / "8.png", manifest.parent / "1.png")
    rows[0] |= {"id": "another", "image": "moved/renamed.png"}
    rows[2]["caption"] = "a green bottle on a chair"
    grown = write_rows(manifest.with_name("new.jsonl"), rows[::-1])
    second = scan(grown, tmp_path / "second", reuse=tmp_path / "first")
    # New rows and another caption: nothing else. The other picture under the old name is that of a new row, met before.
    assert sorted(batches) == ["s2", "s7", "s8"]
    assert reused(second) == {"media": 5, "caption_text": 5}
    fresh = scan(grown, tmp_path / "fresh")
    for probe in PROBES:
        assert measured(second, probe).equals(measured(fresh, probe))
    assert second.summary["findings"] == fresh.summary["findings"]


def test_the_same_manifest_anew_measures_nothing(
    make_dataset: Callable[..., Path], tmp_path: Path, batches: list[str]
) -> None:
    manifest = make_dataset(5)
    scan(manifest, tmp_path / "first", overrides=["run.shard_size=2"])
    batches.clear()
    second = scan(manifest, tmp_path / "second", reuse=[tmp_path / "first"], overrides=["run.shard_size=3"])
    assert batches == []
    assert reused(second) == {"media": 5, "caption_text": 5}


def test_embeddings_and_similarities_are_taken_over(make_dataset: Callable[..., Path], tmp_path: Path) -> None:
    model = make_open_clip(tmp_path / "model")
    manifest = make_dataset(6)
    options = {"probes": ["media", "image_text"], "overrides": [f"probes.image_text.model={model}"], "device": "cpu"}
    rows = read_rows(manifest)
    scan(write_rows(manifest.with_name("old.jsonl"), rows[:4]), tmp_path / "first", **options)
    second = scan(manifest, tmp_path / "second", reuse=tmp_path / "first", **options)
    fresh = scan(manifest, tmp_path / "fresh", **options)
    assert reused(second) == {"media": 4, "image_text": 4}
    ours, theirs = measured(second, "image_text"), measured(fresh, "image_text")
    assert ours.column_names == theirs.column_names
    assert ours["evidence"].equals(theirs["evidence"])
    np.testing.assert_allclose(ours["similarity"].to_numpy(), theirs["similarity"].to_numpy(), atol=1e-6)
    for name in ("embedding.image", "embedding.text"):
        vectors = [np.array(table[name].to_pylist(), dtype=np.float32) for table in (ours, theirs)]
        np.testing.assert_allclose(*vectors, atol=2e-3)


def test_other_options_or_weights_are_measured_anew(make_dataset: Callable[..., Path], tmp_path: Path) -> None:
    manifest = make_dataset(4)
    model, other = make_open_clip(tmp_path / "model"), make_open_clip(tmp_path / "other", seed=1)
    options: dict[str, Any] = {"probes": ["media", "image_text"], "device": "cpu"}
    scan(manifest, tmp_path / "first", overrides=[f"probes.image_text.model={model}"], **options)
    second = scan(
        manifest,
        tmp_path / "second",
        reuse=tmp_path / "first",
        overrides=[f"probes.image_text.model={other}", "probes.media.fingerprints=false"],
        **options,
    )
    assert reused(second) == {}


def test_what_failed_is_tried_again(make_dataset: Callable[..., Path], tmp_path: Path, batches: list[str]) -> None:
    manifest = make_dataset(4)
    good = (manifest.parent / "2.png").read_bytes()
    (manifest.parent / "2.png").write_bytes(good[:300])
    (manifest.parent / "3.png").rename(manifest.parent / "3.away")
    scan(manifest, tmp_path / "first")
    batches.clear()
    (manifest.parent / "2.png").write_bytes(good)
    (manifest.parent / "3.away").rename(manifest.parent / "3.png")
    second = scan(manifest, tmp_path / "second", reuse=tmp_path / "first")
    assert sorted(batches) == ["s2", "s3"]
    assert second.summary["keep"] == 4


def test_a_run_that_was_stopped_midway_gives_what_it_has(
    make_dataset: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = make_dataset(6)
    overrides = ["run.shard_size=2"]
    scan(manifest, tmp_path / "first", overrides=overrides)
    write_record(tmp_path / "first", read_record(tmp_path / "first").updated(state="measuring"))
    (tmp_path / "first/measurements/media/00001.parquet").unlink()
    (tmp_path / "first/measurements/caption_text/00002.parquet").write_bytes(b"PAR1")
    second = scan(manifest, tmp_path / "second", reuse=tmp_path / "first", overrides=overrides)
    assert reused(second) == {"media": 4, "caption_text": 2}
    assert second.summary["keep"] == 6


def test_several_runs_are_asked_in_turn(make_dataset: Callable[..., Path], tmp_path: Path, batches: list[str]) -> None:
    manifest = make_dataset(6)
    rows = read_rows(manifest)
    for name, part in (("a", rows[:2]), ("b", rows[1:4])):
        scan(write_rows(manifest.with_name(f"{name}.jsonl"), part), tmp_path / name)
    batches.clear()
    run = scan(manifest, tmp_path / "run", reuse=[tmp_path / "a", tmp_path / "b"])
    assert sorted(batches) == ["s4", "s5"]
    assert [entry.run for entry in run.folder.record.reused.runs] == [
        str(tmp_path / "a"),
        str(tmp_path / "b"),
    ]


def test_a_stopped_scan_goes_on_with_or_without_the_earlier_run(
    make_dataset: Callable[..., Path], tmp_path: Path
) -> None:
    manifest = make_dataset(4)
    scan(manifest, tmp_path / "first")
    second = scan(manifest, tmp_path / "second", reuse=tmp_path / "first", overrides=["run.shard_size=2"])
    (tmp_path / "second/measurements/media/00001.parquet").unlink()
    again = scan(manifest, tmp_path / "second", overrides=["run.shard_size=2"])
    assert again.folder.record.reused.runs == second.folder.record.reused.runs
    assert reused(again) == {"media": 2, "caption_text": 4}


def test_pictures_inside_parquet_files_are_known_again_in_another_row(
    make_dataset: Callable[..., Path], tmp_path: Path
) -> None:
    manifest = make_dataset(3)
    rows = [
        {"image": {"bytes": (manifest.parent / row["image"]).read_bytes(), "path": None}, "caption": row["caption"]}
        for row in read_rows(manifest)
    ]
    for name, part in (("old", rows[:2]), ("new", rows[::-1])):
        pq.write_table(pa.Table.from_pylist(part), tmp_path / f"{name}.parquet")
    scan(tmp_path / "old.parquet", tmp_path / "first")
    second = scan(tmp_path / "new.parquet", tmp_path / "second", reuse=tmp_path / "first")
    assert reused(second) == {"media": 2, "caption_text": 2}


def _write_tones(folder: Path) -> None:
    folder.mkdir()
    for name, pitch in (("a", 300.0), ("b", 500.0)):
        time = np.arange(32_000) / 16_000
        sound = (0.3 * np.sin(2 * np.pi * pitch * time) * 32767).astype("<i2")
        with wave.open(str(folder / f"{name}.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(16_000)
            file.writeframes(sound.tobytes())


def test_segments_and_declared_durations_are_part_of_what_is_the_same(tmp_path: Path, batches: list[str]) -> None:
    folder = tmp_path / "sounds"
    _write_tones(folder)
    rows = [
        {"audio_filepath": "a.wav", "text": "one", "duration": 2.0},
        {"audio_filepath": "a.wav", "text": "two", "offset": 0.0, "duration": 1.0},
        {"audio_filepath": "b.wav", "text": "three", "duration": 2.0},
    ]
    options: dict[str, Any] = {"probes": ["media"], "overrides": ["probes.media.vad=false"]}
    scan(write_rows(folder / "old.json", rows), tmp_path / "first", **options)
    batches.clear()
    rows[1]["duration"] = 1.5
    rows[2]["duration"] = 3.0
    grown = write_rows(folder / "new.json", rows)
    second = scan(grown, tmp_path / "second", reuse=tmp_path / "first", **options)
    assert len(batches) == 2
    assert reused(second) == {"media": 1}
    assert measured(second, "media").equals(measured(scan(grown, tmp_path / "fresh", **options), "media"))


def test_a_run_without_digests_or_no_run_at_all_is_refused(make_dataset: Callable[..., Path], tmp_path: Path) -> None:
    manifest = make_dataset(2)
    scan(manifest, tmp_path / "texts", probes=["caption_text"])
    with pytest.raises(UserError, match="holds no digests of its media") as caught:
        scan(manifest, tmp_path / "run", reuse=tmp_path / "texts")
    assert caught.value.exit_code == EXIT_USER
    with pytest.raises(OutputError, match="is not a run folder"):
        scan(manifest, tmp_path / "run", reuse=tmp_path / "nowhere")
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign/run.json").write_text('{"state": "complete"}')
    with pytest.raises(RunError, match="lacks identity, shard_size"):
        scan(manifest, tmp_path / "run", reuse=tmp_path / "foreign")
    run = scan(manifest, tmp_path / "run")
    with pytest.raises(ConfigError, match="names the run folder that is written to"):
        scan(manifest, run.path, reuse=run.path, overwrite=True)
    assert run.summary["keep"] == 2


def test_a_part_that_does_not_belong_to_its_samples_is_refused(
    make_dataset: Callable[..., Path], tmp_path: Path
) -> None:
    manifest = make_dataset(3)
    scan(manifest, tmp_path / "first")
    part = tmp_path / "first/measurements/media/00000.parquet"
    pq.write_table(pq.read_table(part).slice(1), part)
    with pytest.raises(RunError, match="does not belong to its samples"):
        scan(manifest, tmp_path / "second", reuse=tmp_path / "first")


def test_a_dry_run_tells_what_may_be_taken_over(make_dataset: Callable[..., Path], tmp_path: Path) -> None:
    manifest = make_dataset(3)
    scan(manifest, tmp_path / "first")
    config = resolve_config(None, probes=PROBES, overrides=["probes.media.fingerprints=false"])
    plan = scan_run([str(manifest)], tmp_path / "second", config, reuse=[tmp_path / "first"], dry_run=True)
    assert plan.reusable == {"media": 0, "caption_text": 3}
    assert not (tmp_path / "second").exists()
