"""The shard task goes to another process and gives the same bytes there: all that was settled stands in run.json."""

from __future__ import annotations

import json
import multiprocessing
import pickle
import shutil
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

import mmcheck
from mmcheck.config import bundled_dir
from mmcheck.core.errors import RunError
from mmcheck.scanning.measure_task import MeasureTask
from mmcheck.store.run_record import read_record, write_record

OVERRIDES = ("run.shard_size=4", "probes.image_text.batch_size=3", "probes.transcript_null.num_clips=4")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> mmcheck.Run:
    """Scan eight images (two of them once more, at other places) and four recordings."""
    folder = tmp_path_factory.mktemp("task")
    data = bundled_dir("demo_data")
    lines = (data / "image-caption/metadata.jsonl").read_text("utf-8").splitlines()[:8]
    pairs = [(data / "image-caption" / row["file_name"], row["text"]) for row in map(json.loads, lines)]
    for place, text in pairs[:2]:
        shutil.copy(place, folder / f"copy-{place.name}")
        pairs.append((folder / f"copy-{place.name}", f"once more {text}"))
    images = [json.dumps({"image": str(place), "caption": text}) for place, text in pairs]
    (folder / "images.jsonl").write_text("\n".join(images) + "\n", "utf-8")
    lines = (data / "audio-transcript/manifest.jsonl").read_text("utf-8").splitlines()[:4]
    sounds = []
    for row in map(json.loads, lines):
        name = str(data / "audio-transcript" / row["audio_filepath"])
        sounds.append(json.dumps({**row, "audio_filepath": name}))
    (folder / "sounds.jsonl").write_text("\n".join(sounds) + "\n", "utf-8")
    manifests = [folder / "images.jsonl", folder / "sounds.jsonl"]
    return mmcheck.scan(manifests, folder / "run", "demo", overrides=OVERRIDES)


def parts(folder: Path) -> dict[str, bytes]:
    probes = read_record(folder).probes
    found = [path for name in probes for path in (folder / "measurements" / name).glob("*.parquet")]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def test_another_process_measures_part_of_the_shards_to_the_same_bytes(run: mmcheck.Run, tmp_path: Path) -> None:
    whole = parts(run.path)
    assert {name.split("/")[1] for name in whole} >= {"media", "image_text", "transcript", "transcript_null"}
    work = tmp_path / "run"
    shutil.copytree(run.path, work)
    shards = run.folder.shards()
    for name in whole:
        if not name.endswith(shards[0].part):
            (work / name).unlink()
    task = MeasureTask(work, run.config)
    assert len(pickle.dumps(task)) < 100_000
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        done = pool.submit(task.measure, shards[2:]).result()
        assert [event.shard for event in done] == shards[2:]
        assert done[0].model_seconds["image_text"] > 0
        missing = {name for name in whole if name.endswith(shards[1].part)}
        assert set(parts(work)) == set(whole) - missing
    # What is left is measured here, and both together are what one process wrote.
    assert [event.shard for event in task.measure(shards)] == [shards[1]]
    assert parts(work) == whole
    # The models that are open here now do not travel.
    assert len(pickle.dumps(task)) < 100_000


def test_a_process_that_would_measure_otherwise_is_refused(run: mmcheck.Run, tmp_path: Path) -> None:
    work = tmp_path / "run"
    shutil.copytree(run.path, work)
    record = read_record(work)
    other = record.probes["media"].updated(fingerprint="0" * 64)
    write_record(work, record.updated(probes={**record.probes, "media": other}))
    with pytest.raises(RunError, match="media would measure otherwise here"):
        MeasureTask(work, run.config).measure(run.folder.shards())
