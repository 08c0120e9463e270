"""Overlap on the demo's own media, split in two, with copies saved again: found with the bundled model, and no more."""

from __future__ import annotations

import json
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mmcheck.api import scan
from mmcheck.config import bundled_dir, load_config
from mmcheck.media.audio import decode_audio
from mmcheck.overlap.run import overlap_runs

DATA = bundled_dir("demo_data")


def _sound_rows(file: Path, column: str, inner: str, count: int) -> list[dict[str, Any]]:
    """Return the first rows whose media exist and lie once in the demo."""
    truth = (DATA / "truth.jsonl").read_text("utf-8").splitlines()
    clean = {row["id"] for row in map(json.loads, truth) if row["fault"] is None}
    rows = []
    for row in map(json.loads, file.read_text("utf-8").splitlines()):
        path = DATA / inner / row[column]
        if row["id"] in clean and path.is_file():
            rows.append({**row, column: str(path)})
    return rows[:count]


def _write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    return path


def test_images_saved_again_are_found_by_the_model(tmp_path: Path) -> None:
    rows = _sound_rows(DATA / "image-caption" / "metadata.jsonl", "file_name", "image-caption", 60)
    for row in rows:
        row["image"] = row.pop("file_name")
    train, test = rows[:40], rows[40:]
    for number in (3, 8, 21):
        with Image.open(train[number]["image"]) as picture:
            copy = picture.convert("RGB").resize((150, 150), Image.Resampling.LANCZOS)
        copy.save(tmp_path / f"копия-{number}.webp", quality=70)
        test.append({**train[number], "id": f"複製-{number}", "image": str(tmp_path / f"копия-{number}.webp")})
    # A crop turns many bits of a hash: only with the model's agreement is it the same picture.
    run = scan(_write(tmp_path / "train.jsonl", train), tmp_path / "run", "demo", probes="media,image_text")
    summary = overlap_runs(run.path, _write(tmp_path / "test.jsonl", test))
    out = Path(summary.written.folder)
    found = [json.loads(line) for line in (out / "overlaps.jsonl").read_text("utf-8").splitlines()]
    pairs = {(row["train_id"], row["test_id"], row["how"]) for row in found if row["kind"] == "pair"}
    assert pairs == {(train[number]["id"], f"複製-{number}", "near") for number in (3, 8, 21)}
    assert summary.kinds["image"].searched["image"].index.recall == 1.0
    assert not summary.notes
    # The demo draws few kinds of scenes, so two clean rows may show the very same thing; hardly more.
    assert 3 <= summary.shared_test_rows <= 6


def test_recordings_saved_again_are_found_and_shared_transcripts_alone_do_not_count(tmp_path: Path) -> None:
    rows = _sound_rows(DATA / "audio-transcript" / "manifest.jsonl", "audio_filepath", "audio-transcript", 40)
    train, test = rows[:28], rows[28:]
    for number in (2, 11):
        samples = decode_audio(
            Path(train[number]["audio_filepath"]).read_bytes(), start=None, duration=None, max_seconds=60.0
        ).samples
        with wave.open(str(tmp_path / f"{number}.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(16_000)
            file.writeframes((0.5 * np.asarray(samples) * 32767).astype("<i2").tobytes())
        text = train[number]["text"] if number == 2 else "something else was written here entirely"
        path = str(tmp_path / f"{number}.wav")
        test.append({**train[number], "id": f"again-{number}", "audio_filepath": path, "text": text})
    test.append({**test[0], "id": "same words", "text": train[20]["text"].upper()})
    config = load_config("demo", ["probes.media.vad=false", "probes.image_text.enabled=false"])
    config = config.model_copy(update={"rules": {}})
    sides = (_write(tmp_path / "train.json", train), _write(tmp_path / "test.json", test))
    summary = overlap_runs(*sides, out=tmp_path / "out", config=config)
    lines = (tmp_path / "out" / "overlaps.jsonl").read_text("utf-8").splitlines()
    found = {(row["train_id"], row["test_id"], row["kind"], row["how"]) for row in map(json.loads, lines)}
    planted = {
        (train[2]["id"], "again-2", "audio", "near"),
        (train[2]["id"], "again-2", "text", "exact"),
        (train[2]["id"], "again-2", "pair", "near"),
        (train[11]["id"], "again-11", "audio", "near"),
        (train[20]["id"], "same words", "text", "exact"),
    }
    assert planted <= found
    assert {entry for entry in found if entry[2] != "text"} == {entry for entry in planted if entry[2] != "text"}
    assert summary.shared_test_rows == 2
    kept = [json.loads(line)["id"] for line in (tmp_path / "out" / "clean" / "train.json").read_text().splitlines()]
    assert kept == [row["id"] for number, row in enumerate(train) if number not in (2, 11)]


@pytest.mark.parametrize("quality", [35, 95])
def test_the_scanned_side_is_measured_with_the_other_runs_model(tmp_path: Path, quality: int) -> None:
    rows = _sound_rows(DATA / "image-caption" / "metadata.jsonl", "file_name", "image-caption", 6)
    for row in rows:
        row["image"] = row.pop("file_name")
    with Image.open(rows[0]["image"]) as picture:
        picture.convert("RGB").save(tmp_path / "copy.jpg", quality=quality)
    run = scan(_write(tmp_path / "train.jsonl", rows), tmp_path / "run", "demo", probes="media,image_text")
    test = _write(tmp_path / "test.jsonl", [{"image": str(tmp_path / "copy.jpg"), "caption": "unlike words"}])
    summary = overlap_runs(run.path, test)
    assert summary.shared_test_rows == 1
    assert summary.kinds["image"].searched["image"].index
    assert not summary.notes
