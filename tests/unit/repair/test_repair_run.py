"""Repair of a finished run: what is written beside it, and manifests in every format that read back repaired."""

from __future__ import annotations

import csv
import importlib.util
import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mmcheck.config import parse_config
from mmcheck.core.errors import ManifestError, OutputError, RunError, UserError
from mmcheck.core.types import Measurement, Sample, Status
from mmcheck.formats.detect import detect_format
from mmcheck.repair.run import repair_run
from mmcheck.repair.summary import read_summary
from mmcheck.scanning.plan import open_format
from mmcheck.store.run_folder import RunFolder

COUNT = 60
BLOCK = (20, 40)


def _load() -> ModuleType:
    file = Path(__file__).resolve().parents[2] / "fixtures" / "repair_run.py"
    spec = importlib.util.spec_from_file_location("repair_run", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


planted = _load()
ORDER = planted.shifted(COUNT, *BLOCK)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    planted.draw(tmp_path / "data" / "images", COUNT)
    return tmp_path / "data"


def _rows(**extra: Any) -> list[dict[str, Any]]:
    return [
        {"uid": f"u{number}", "image": f"images/{number}.png", "caption": f"thing {ORDER[number]}", "w": 3, **extra}
        for number in range(COUNT)
    ]


def _jsonl(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def _read(file: str | Path) -> list[Sample]:
    config = parse_config({})
    return list(open_format(detect_format(str(file), config.input), config).read(str(file)))


def _pairs(samples: list[Sample]) -> Iterator[tuple[int, int]]:
    for sample in samples:
        assert sample.problem is None, sample.problem
        assert sample.image is not None
        assert sample.caption is not None
        name = sample.image.member or sample.image.uri
        yield planted.number_of(name.rsplit(".", 1)[0]), planted.number_of(sample.caption)


def test_the_folder_beside_the_run_tells_everything(data: Path, tmp_path: Path) -> None:
    run = planted.make_run(tmp_path / "run", [(_jsonl(data / "a.jsonl", _rows()), "jsonl")])
    summary = repair_run(run.path)
    assert summary.proposals == BLOCK[1] - BLOCK[0]
    assert list(summary.sentences) == ["rows 22-40 of a.jsonl: each caption belongs to the image before it."]
    assert json.loads((run.path / "repair" / "summary.json").read_text()) == json.loads(json.dumps(summary.to_json()))
    assert read_summary(run) == summary
    lines = [json.loads(line) for line in (run.path / "repair" / "proposals.jsonl").read_text().splitlines()]
    table = pq.read_table(run.path / "repair" / "proposals.parquet")
    assert table.to_pylist() == lines
    first = lines[0]
    assert (first["sample_id"], first["row_number"], first["source_id"]) == ("u20", 21, "u21")
    assert (first["text"], first["proposed_text"]) == ("thing 39", "thing 20")
    assert first["kind"] == "shift"
    assert 0.8 <= first["confidence"] <= 1
    assert first["proposed_score"] > first["own_score"]
    assert not list(run.path.rglob(".tmp-*"))


def test_equal_runs_give_equal_bytes_and_a_second_repair_replaces_the_first(data: Path, tmp_path: Path) -> None:
    run = planted.make_run(tmp_path / "run", [(_jsonl(data / "a.jsonl", _rows()), "jsonl")])
    repair_run(run.path)
    first = {file.name: file.read_bytes() for file in (run.path / "repair").iterdir()}
    repair_run(run.path, min_confidence=1.0)
    assert json.loads((run.path / "repair" / "summary.json").read_text())["proposals"] == 0
    repair_run(run.path)
    assert {file.name: file.read_bytes() for file in (run.path / "repair").iterdir()} == first


def test_a_clean_run_has_nothing_to_repair(data: Path, tmp_path: Path) -> None:
    rows = [{**row, "caption": f"thing {number}"} for number, row in enumerate(_rows())]
    run = planted.make_run(tmp_path / "run", [(_jsonl(data / "a.jsonl", rows), "jsonl")])
    summary = repair_run(run.path, write=tmp_path / "out")
    assert list(summary.sentences) == ["Nothing to repair: no pair looks wrong."]
    written = [json.loads(line) for line in (tmp_path / "out" / "a.jsonl").read_text().splitlines()]
    assert [row["caption"] for row in written] == [row["caption"] for row in rows]
    assert not any("mmcheck_repair" in row for row in written)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_nothing_is_repaired_from_a_source_that_was_changed(kind: str, data: Path, tmp_path: Path) -> None:
    manifest, name = _write_manifest(kind, data)
    run = planted.make_run(tmp_path / "run", [(manifest, name)])
    manifest.write_bytes(manifest.read_bytes() + b"\n")
    with pytest.raises(ManifestError, match="is not what was scanned: its size was"):
        repair_run(run.path, write=tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert repair_run(run.path).proposals > 0


@pytest.mark.parametrize(
    "kind", ["jsonl", "csv", "tsv", "parquet", "imagefolder", "hf_csv", "hf_parquet", "hf_repo", "folder"]
)
def test_repaired_manifests_read_back_right_in_every_format(kind: str, data: Path, tmp_path: Path) -> None:
    manifest, name = _write_manifest(kind, data)
    before = manifest.read_bytes() if manifest.is_file() else b""
    run = planted.make_run(tmp_path / "run", [(manifest, name)])
    summary = repair_run(run.path, write=tmp_path / "out")
    (file,) = summary.written.files
    assert summary.written.repaired_rows == BLOCK[1] - BLOCK[0]
    samples = _read(file)
    assert len(samples) == COUNT
    assert all(image == text for image, text in _pairs(samples))
    assert all(Path(sample.image.uri).is_file() for sample in samples if sample.image)
    told = [sample.row for sample in samples if sample.row.get("mmcheck_repair")]
    assert len(told) == BLOCK[1] - BLOCK[0]
    assert {row["mmcheck_repair"] for row in told} <= {"shift", "match", "cycle"}
    number = BLOCK[0] + 3
    row = next(row for row in told if f"{number}.png" in str(row.get("image", row.get("file_name"))))
    assert planted.number_of(str(row["mmcheck_repair_original"])) == ORDER[number]
    assert float(row["mmcheck_repair_confidence"]) >= 0.8
    assert row["mmcheck_repair_from"]
    assert not manifest.is_file() or manifest.read_bytes() == before


def _write_manifest(kind: str, data: Path) -> tuple[Path, str]:
    rows = _rows(note='quo"ted, text', nested=[1, 2]) if kind == "jsonl" else _rows(note="plain, text")
    if kind == "jsonl":
        return _jsonl(data / "a.jsonl", rows), "jsonl"
    if kind in ("csv", "tsv"):
        text = io.StringIO()
        writer = csv.DictWriter(text, list(rows[0]), delimiter="," if kind == "csv" else "\t")
        writer.writeheader()
        writer.writerows(rows)
        (data / f"a.{kind}").write_text(text.getvalue())
        return data / f"a.{kind}", "csv"
    if kind == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), data / "a.parquet")
        return data / "a.parquet", "parquet"
    if kind == "folder":
        for number in range(COUNT):
            (data / "images" / f"{number}.txt").write_text(f"thing {ORDER[number]}\n")
        return data / "images", "folder"
    if kind == "hf_repo":
        place = data / "repository" / "data" / "train-00000-of-00001.parquet"
        place.parent.mkdir(parents=True)
        paths = [{**row, "image": str(data / row["image"])} for row in rows]
        pq.write_table(pa.Table.from_pylist(paths), place)
        return data / "repository", "hf_repo"
    named = [{"file_name": row["image"], "text": row["caption"], "note": row["note"]} for row in rows]
    if kind == "hf_parquet":
        pq.write_table(pa.Table.from_pylist(named), data / "metadata.parquet")
        return data, "imagefolder"
    if kind == "hf_csv":
        text = io.StringIO()
        writer = csv.DictWriter(text, list(named[0]))
        writer.writeheader()
        writer.writerows(named)
        (data / "metadata.csv").write_text(text.getvalue())
        return data, "imagefolder"
    _jsonl(data / "metadata.jsonl", named)
    return data, "imagefolder"


def test_a_tar_shard_gets_a_listing_that_reads_back_right(data: Path, tmp_path: Path) -> None:
    shard = tmp_path / "00000.tar"
    with tarfile.open(shard, "w") as tar:
        for number in range(COUNT):
            for suffix, content in (
                ("png", (data / "images" / f"{number}.png").read_bytes()),
                ("txt", f"thing {ORDER[number]}\n".encode()),
                ("json", json.dumps({"caption": f"thing {ORDER[number]}", "w": 1}).encode()),
            ):
                info = tarfile.TarInfo(f"{number:05d}.{suffix}")
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    before = shard.read_bytes()
    run = planted.make_run(tmp_path / "run", [(shard, "webdataset")])
    summary = repair_run(run.path, write=tmp_path / "out")
    (file,) = summary.written.files
    assert all(image == text for image, text in _pairs(_read(file)))
    assert any("still hold the old texts" in note for note in summary.written.notes)
    assert shard.read_bytes() == before
    row = json.loads(Path(file).read_text().splitlines()[BLOCK[0]])
    assert row["json"]["caption"] == f"thing {BLOCK[0]}"


def test_broken_rows_and_rows_of_several_captions_go_through(data: Path, tmp_path: Path) -> None:
    rows: list[Any] = [json.dumps(row) for row in _rows()]
    rows[5] = '{"image": "images/5.png", broken'
    rows[50] = json.dumps({"uid": "u50", "image": "images/50.png", "caption": ["thing 50", "thing 50!"]})
    (data / "a.jsonl").write_text("\n".join(rows) + "\n")
    run = planted.make_run(tmp_path / "run", [(data / "a.jsonl", "jsonl")])
    repair_run(run.path, write=tmp_path / "out")
    lines = (tmp_path / "out" / "a.jsonl").read_text().splitlines()
    assert lines[5] == rows[5]
    assert json.loads(lines[50])["caption"] == ["thing 50", "thing 50!"]
    assert len(lines) == len(rows)
    assert json.loads(lines[BLOCK[0]])["caption"] == f"thing {BLOCK[0]}"


def test_a_table_without_a_header_is_written_without_new_columns(data: Path, tmp_path: Path) -> None:
    (data / "a.csv").write_text("".join(f"images/{n}.png,thing {ORDER[n]} is here\n" for n in range(COUNT)))
    run = planted.make_run(tmp_path / "run", [(data / "a.csv", "csv")])
    summary = repair_run(run.path, write=tmp_path / "out")
    assert any("without a header" in note for note in summary.written.notes)
    assert all(image == text for image, text in _pairs(_read(tmp_path / "out" / "a.csv")))


def test_several_inputs_become_several_files(data: Path, tmp_path: Path) -> None:
    one = _jsonl(data / "a.jsonl", _rows())
    (data / "other").mkdir()
    two = _jsonl(data / "other" / "a.jsonl", [{**row, "image": f"../{row['image']}"} for row in _rows()])
    run = planted.make_run(tmp_path / "run", [(one, "jsonl"), (two, "jsonl")])
    summary = repair_run(run.path, write=tmp_path / "out")
    assert len(summary.written.files) == len(set(summary.written.files)) == 2
    for file in summary.written.files:
        assert all(image == text for image, text in _pairs(_read(file)))


def test_relative_paths_start_from_the_written_file(data: Path, tmp_path: Path) -> None:
    manifest = _jsonl(data / "a.jsonl", _rows())
    run = planted.make_run(tmp_path / "run", [(manifest, "jsonl")], config={"output": {"paths": "relative"}})
    repair_run(run.path, write=tmp_path / "deep" / "out")
    row = json.loads((tmp_path / "deep" / "out" / "a.jsonl").read_text().splitlines()[0])
    assert row["image"] == "../../data/images/0.png"


@pytest.mark.parametrize("place", ["file", "full", "sources", "inside"])
def test_nothing_is_ever_written_over(place: str, data: Path, tmp_path: Path) -> None:
    kind = "imagefolder" if place == "inside" else "jsonl"
    manifest, name = _write_manifest(kind, data)
    run = planted.make_run(tmp_path / "run", [(manifest, name)])
    target = {"file": tmp_path / "f", "full": tmp_path / "full", "sources": data, "inside": data / "new"}[place]
    (tmp_path / "f").write_text("mine")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").write_text("mine")
    before = sorted(path for path in tmp_path.rglob("*") if "run" not in path.parts)
    with pytest.raises(OutputError) as caught:
        repair_run(run.path, write=target)
    assert caught.value.hint is not None
    assert sorted(path for path in tmp_path.rglob("*") if "run" not in path.parts) == before


def test_an_empty_folder_may_be_written_to(data: Path, tmp_path: Path) -> None:
    run = planted.make_run(tmp_path / "run", [(_jsonl(data / "a.jsonl", _rows()), "jsonl")])
    (tmp_path / "out").mkdir()
    repair_run(run.path, write=tmp_path / "out")
    assert (tmp_path / "out" / "a.jsonl").is_file()


def _heard(sample: Sample) -> Measurement:
    """Return a transcription of the recording ``<n>.wav``: the words of sentence n."""
    assert sample.audio is not None
    number = planted.number_of(sample.audio.uri.rsplit(".", 1)[0])
    return Measurement(
        sample_id=sample.id,
        probe="transcript",
        status=Status.MEASURED,
        values={"wer": 0.5},
        evidence={"hypothesis": _sentence(number), "language": "en"} if sample.transcript else {},
    )


def _sentence(number: int) -> str:
    words = "the dog ran over a green hill while nine birds sang about winter gold and silver rivers".split()
    return " ".join(np.random.default_rng(number).choice(words, 8)) + f" {number}"


def test_transcripts_are_repaired_in_a_nemo_manifest(tmp_path: Path) -> None:
    rows = [
        {"audio_filepath": f"{n}.wav", "duration": 1.5, "text": _sentence(ORDER[n]), "lang": "en"} for n in range(COUNT)
    ]
    manifest = _jsonl(tmp_path / "m.jsonl", rows)
    run = planted.make_run(tmp_path / "run", [(manifest, "nemo")], encode=_heard)
    summary = repair_run(run.path, write=tmp_path / "out")
    assert list(summary.sentences) == ["rows 22-40 of m.jsonl: each transcript belongs to the recording before it."]
    written = [json.loads(line) for line in (tmp_path / "out" / "m.jsonl").read_text().splitlines()]
    assert [row["text"] for row in written] == [_sentence(n) for n in range(COUNT)]
    assert written[25]["duration"] == 1.5
    assert written[25]["mmcheck_repair_original"] == rows[25]["text"]


def test_a_run_that_heard_nothing_is_told_what_to_do(tmp_path: Path) -> None:
    rows = [{"audio_filepath": f"{n}.wav", "text": ""} for n in range(4)]
    manifest = _jsonl(tmp_path / "m.jsonl", rows)
    run = planted.make_run(tmp_path / "run", [(manifest, "nemo")], encode=_heard)
    with pytest.raises(UserError, match="no recording was transcribed") as caught:
        repair_run(run.path)
    assert "transcribe" in str(caught.value.hint)


def test_runs_that_cannot_be_repaired_are_refused_in_words(data: Path, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="not a run folder"):
        repair_run(tmp_path)
    run = planted.make_run(tmp_path / "run", [(_jsonl(data / "a.jsonl", _rows()), "jsonl")])
    with pytest.raises(UserError, match="between 0 and 1"):
        repair_run(run.path, min_confidence=1.5)
    (run.path / "summary.json").rename(run.path / "gone.json")
    with pytest.raises(RunError, match=r"no summary\.json"):
        repair_run(run.path)
    told = json.loads((run.path / "run.json").read_text())
    (run.path / "run.json").write_text(json.dumps({**told, "state": "measuring"}))
    with pytest.raises(RunError, match="not complete"):
        repair_run(run.path)


def test_a_run_without_embeddings_or_rows(data: Path, tmp_path: Path) -> None:
    gone = [{**row, "image": "nowhere/1.png"} for row in _rows()]
    run = planted.make_run(tmp_path / "run", [(_jsonl(data / "a.jsonl", gone), "jsonl")])
    with pytest.raises(UserError, match="no embeddings"):
        repair_run(run.path)
    empty = planted.make_run(tmp_path / "empty", [(_jsonl(data / "b.jsonl", []), "jsonl")])
    (said,) = repair_run(empty.path).sentences
    assert said == "Nothing was judged: there is no pair whose medium and text can be compared."


def test_the_posterior_of_the_alignment_decides_who_is_suspect(data: Path, tmp_path: Path) -> None:
    from mmcheck.core.pair_kinds import IMAGE_CAPTION
    from mmcheck.repair.inputs import read_posterior

    run = planted.make_run(tmp_path / "run", [(_jsonl(data / "a.jsonl", _rows()), "jsonl")])
    assert read_posterior(run, IMAGE_CAPTION) is None
    told = json.loads((run.path / "run.json").read_text())
    metric = {"name": "alignment.image_posterior", "description": "p"}
    told["analyses"] = {"alignment": {"metrics": [metric]}}
    (run.path / "run.json").write_text(json.dumps(told))
    run = RunFolder(run.path)
    for shard in run.shards():
        ids = pq.read_table(run.samples_part(shard), columns=["id"])["id"]
        values = [0.0] * len(ids)
        part = pa.table({"sample_id": ids, "image_posterior": pa.array(values, pa.float64())})
        run.measurements_part("alignment", shard).parent.mkdir(exist_ok=True)
        pq.write_table(part, run.measurements_part("alignment", shard))
    summary = repair_run(run.path)
    assert (summary.suspects, summary.proposals) == (0, 0)


def test_a_label_that_reads_like_the_caption_stays(data: Path, tmp_path: Path) -> None:
    rows = [{**row, "label": row["caption"], "caption": f"{row['caption']} "} for row in _rows()]
    rows = [{"label": row.pop("label"), **row} for row in rows]
    run = planted.make_run(tmp_path / "run", [(_jsonl(data / "a.jsonl", rows), "jsonl")])
    written = repair_run(run.path, write=tmp_path / "out").written
    repaired = [json.loads(line) for line in Path(written.files[0]).read_text("utf-8").splitlines()]
    assert [row["label"] for row in repaired] == [row["label"] for row in rows]
    changed = [row for row in repaired if row.get("mmcheck_repair")]
    assert changed
    assert all(
        planted.number_of(row["image"].rsplit(".", 1)[0]) == planted.number_of(row["caption"]) for row in changed
    )
