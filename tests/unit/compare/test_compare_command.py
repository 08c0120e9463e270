from __future__ import annotations

import json
import shutil
import wave
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

import mmcheck
from mmcheck.compare.run import FILES
from mmcheck.core.types import Action, Finding, Measurement, Sample, Status, Verdict
from mmcheck.store.run_folder import RunFolder
from mmcheck.store.run_record import MeasuredRecord, read_record, write_record
from mmcheck.store.schema import write_part
from mmcheck.store.seal import write_json

Command = Callable[..., tuple[int, str, str]]
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\u202e\x1b[31m"


def write_set(folder: Path, rows: Sequence[dict[str, Any]], pictures: dict[str, int]) -> Path:
    """Write a manifest with pictures made of seeds and tones made of their names; return it."""
    folder.mkdir(parents=True)
    for name, seed in pictures.items():
        pixels = np.random.default_rng(seed).integers(30, 220, (6, 6, 3), dtype=np.uint8)
        Image.fromarray(pixels).resize((96, 96)).save(folder / name)
    for name in {row["audio"] for row in rows if "audio" in row}:
        time = np.arange(16_000) / 16_000
        with wave.open(str(folder / name), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(16_000)
            file.writeframes((9000 * np.sin(time * 6.28 * (200 + len(name)))).astype("<i2").tobytes())
    manifest = folder / "data.jsonl"
    manifest.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    return manifest


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two scans of a set, before and after: a text edited, a picture replaced, one row gone, one new, one renamed."""
    folder = tmp_path_factory.mktemp("compare")
    images = [{"id": f"i{n}", "image": f"{n}.png", "caption": f"a red cup number {n} on a table"} for n in range(6)]
    sounds = [
        {"id": f"a{n}", "audio": f"{'x' * (n + 1)}.wav", "transcript": "\u4f60\u597d \u4e16\u754c"} for n in range(2)
    ]
    first = write_set(folder / "a", [*images, *sounds], {f"{n}.png": n for n in range(6)})
    images[1]["caption"] = f"a blue cup {HOSTILE}"
    images[3]["id"] = "renamed"
    images[5] |= {"id": "brand-new", "image": "9.png", "caption": "\u0e41\u0e21\u0e27\u0e2a\u0e35\u0e14\u0e33"}
    sounds[0]["transcript"] = "\u4f60\u597d"
    second = write_set(
        folder / "b", [*sounds, *images], {**{f"{n}.png": n for n in range(6)}, "2.png": 77, "9.png": 99}
    )
    runs = []
    for manifest in (first, second):
        runs.append(manifest.parent / "run")
        mmcheck.scan(
            manifest, runs[-1], probes="media,caption_text,transcript_text", overrides=["probes.media.vad=false"]
        )
    return runs[0], runs[1]


def read(command: Command, *words: object) -> dict[str, Any]:
    code, out, err = command("compare", *map(str, words), "--json", "--quiet")
    assert code == 0, err
    found: dict[str, Any] = json.loads(out)
    return found


def test_a_run_against_itself_says_that_nothing_changed(versions: tuple[Path, Path], command: Command) -> None:
    code, out, _ = command("compare", str(versions[0]), str(versions[0]))
    assert code == 0
    assert out == "Nothing changed: both runs hold the same rows with the same verdicts, codes and values.\n"
    found = read(command, versions[0], versions[0])
    assert found["nothing_changed"] is True
    assert found["schema_version"] == 1
    assert found["rows"] == {
        **dict.fromkeys(("renamed", "text_edited", "medium_replaced", "other_content"), 0),
        **{"same": 8, "vanished": 0, "new": 0, "moved": 0},
    }


def test_a_new_version_of_the_data(versions: tuple[Path, Path], command: Command, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for run in versions for path in run.rglob("*") if path.is_file()}
    out = tmp_path / "out"
    found = read(command, *versions, "--out", out)
    assert found["rows"] == {
        "same": 3,
        "renamed": 1,
        "text_edited": 2,
        "medium_replaced": 1,
        "other_content": 0,
        "vanished": 1,
        "new": 1,
        "moved": 4,
    }
    assert found["nothing_changed"] is False
    assert sum(one["rows"] for one in found["transitions"]) == 7
    assert sorted(path.name for path in out.iterdir()) == sorted(FILES)
    assert json.loads((out / "summary.json").read_text("utf-8")) == found
    rows = [json.loads(line) for line in (out / "changes.jsonl").read_text("utf-8").splitlines()]
    told = {(row["how"], row["id_before"], row["id_after"]) for row in rows}
    assert told == {
        ("text_edited", "i1", "i1"),
        ("text_edited", "a0", "a0"),
        ("medium_replaced", "i2", "i2"),
        ("renamed", "i3", "renamed"),
        ("vanished", "i5", None),
        ("new", None, "brand-new"),
    } | {entry for entry in told if entry[0] == "same"}
    assert pq.read_table(out / "changes.parquet").num_rows == len(rows) == found["listed"]
    assert before == {path: path.read_bytes() for run in versions for path in run.rglob("*") if path.is_file()}
    assert command("compare", *map(str, versions), "--out", str(out), "-q")[0] == 0


def test_the_page_shows_both_sides_and_runs_nothing_of_the_data(
    versions: tuple[Path, Path], command: Command, tmp_path: Path
) -> None:
    code, out, _ = command("compare", *map(str, versions), "--out", str(tmp_path / "out"), "-q")
    assert (code, "\x1b" in out) == (0, False)
    page = (tmp_path / "out" / "compare.html").read_text("utf-8")
    assert "<script" not in page.lower()
    assert "onerror=alert(2)>" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "\u4f60\u597d \u4e16\u754c" in page
    assert "\u0e41\u0e21\u0e27" in page
    assert page.count("data:image/") >= 6
    assert page.count("<audio") == 2
    assert "image or recording replaced" in page


def test_a_new_config(versions: tuple[Path, Path], command: Command, tmp_path: Path) -> None:
    stricter = Path(shutil.copytree(versions[0], tmp_path / "stricter"))
    limit = "rules.short_caption.min=30"
    assert command("judge", str(stricter), "--set", limit, "--no-report", "-q")[0] == 0
    found = read(command, versions[0], stricter)
    assert found["sentences"][0] == "1 rule differs: short_caption."
    changed = [one for one in found["transitions"] if one["before"] != one["after"]]
    assert changed
    assert all(one["edited"] == 0 for one in changed)
    assert found["verdicts_changed"] == sum(one["rows"] for one in changed) == len(found["examples"])
    assert any("short_caption" in code for code in found["examples"][0]["codes_after"])
    rate = next(one for one in found["rates"] if one["outcome"].startswith("short_caption"))
    assert (rate["rows_before"], rate["rows_after"], rate["appeared"], rate["disappeared"]) == (0, 6, 6, 0)
    assert rate["paired_low"] <= rate["paired_difference"] <= rate["paired_high"]
    assert rate["p_value"] == pytest.approx(2 * 0.5**6)
    code, out, _ = command("compare", str(versions[0]), str(stricter))
    assert code == 0
    assert "verdicts, from A (down) to B (across)" in out
    assert out.startswith("1 rule differs")
    back = read(command, stricter, versions[0])
    assert [(one["before"], one["after"]) for one in back["transitions"] if one["before"] != one["after"]] == [
        (one["after"], one["before"]) for one in changed
    ]


@pytest.fixture
def stored(report_run: ModuleType, tmp_path: Path) -> Callable[..., Path]:
    """``stored(name, similarities)``: a run of captioned images; below 0.2 they are quarantined."""

    def make(name: str, similarities: Sequence[float], *, model: str = "tiny", texts: Sequence[str] = ()) -> Path:
        samples, verdicts, measured = [], [], []
        for number, value in enumerate(similarities):
            sample = Sample(
                id=f"s{number}",
                manifest="/data/a.jsonl",
                row_number=number + 1,
                own_id=True,
                image=report_run.MediaRef(uri=f"/nowhere/{number}.png"),
                caption=texts[number] if texts else f"text {number}",
            )
            low = value < 0.2
            finding = Finding(rule="mismatch", code="mismatch.below_min", action=Action.QUARANTINE, message="too low")
            samples.append(sample)
            verdicts.append(
                Verdict(
                    sample_id=sample.id,
                    action=Action.QUARANTINE if low else Action.KEEP,
                    findings=(finding,) if low else (),
                )
            )
            values = {"similarity": float(value)}
            measured.append(Measurement(sample_id=sample.id, probe="image_text", status=Status.MEASURED, values=values))
        run: RunFolder = report_run.write_run(
            tmp_path / name, samples, verdicts, {"image_text": measured}, shard_size=64
        )
        record = read_record(run.path)
        made = record.probes["image_text"]
        about = {"model": model, "sha256": model, "backend": "open_clip"}
        part = made.updated(fingerprint=model, about=about)
        write_record(run.path, record.updated(probes={"image_text": part}))
        return run.path

    return make


def test_values_that_moved_are_told_and_others_are_not(stored: Callable[..., Path], command: Command) -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(0.3, 0.05, 400)
    runs = stored("a", values), stored("b", rng.permutation(values)), stored("c", values - 0.03)
    assert [one["moved"] for one in read(command, runs[0], runs[1])["shifts"]] == [False]
    found = read(command, runs[0], runs[2])
    (shift,) = found["shifts"]
    assert (shift["metric"], shift["moved"]) == ("image_text.similarity", True)
    assert shift["median_after"] == pytest.approx(shift["median_before"] - 0.03)
    assert any(sentence.startswith("Values moved: image_text.similarity (PSI") for sentence in found["sentences"])
    assert "Images and recordings were compared by their paths" in found["notes"][0]


def test_scores_of_different_models_are_not_compared(stored: Callable[..., Path], command: Command) -> None:
    values = np.linspace(0.1, 0.5, 60)
    found = read(command, stored("a", values), stored("b", values - 0.05, model="other"))
    assert found["sentences"][0] == (
        "The probe image_text is another one: tiny (tiny) in A, other (other) in B. Its scores cannot be compared, and "
        "their distributions are not."
    )
    assert found["shifts"] == []
    assert found["differences"]["models"] == [
        {"probe": "image_text", "before": "tiny (tiny)", "after": "other (other)"}
    ]
    assert found["verdicts_changed"] > 0


def test_the_mismatched_share_is_told_with_its_interval(stored: Callable[..., Path], command: Command) -> None:
    runs = [stored(name, [0.3] * 4) for name in ("a", "b")]
    for run, share in zip(runs, (0.02, 0.1), strict=True):
        record = read_record(run)
        analyses = {"alignment": MeasuredRecord(fingerprint="f")}
        write_record(run, record.updated(analyses=analyses))
        for part in sorted((run / "measurements" / "image_text").iterdir()):
            (run / "measurements" / "alignment").mkdir(exist_ok=True)
            shutil.copy(part, run / "measurements" / "alignment" / part.name)
        ends = {"share": share, "share_low": share / 2, "share_high": share * 2, "num_pairs": 4}
        summary = {**RunFolder(run).summary, "analyses": {"alignment": {"image": ends}}}
        write_json(run / "summary.json", summary)
    told = "Mismatched image-caption pairs: 2.0 % (1.0 to 4.0 %) before, 10.0 % (5.0 to 20.0 %) after: surely more."
    assert told in read(command, *runs)["sentences"]
    assert "surely fewer." in read(command, *runs[::-1])["shares"][0]["sentence"]


def test_clusters_that_grew_came_and_vanished(stored: Callable[..., Path], command: Command) -> None:
    runs = [stored(name, [0.3] * 4) for name in ("a", "b")]
    sizes = ({"cat": 100, "dog": 100, "car": 100}, {"cat": 100, "dog": 300, "bird": 60})
    places = {"cat": (1.0, 0.0, 0.0), "dog": (0.0, 1.0, 0.0), "car": (0.0, 0.0, 1.0), "bird": (0.0, -1.0, -1.0)}
    assert read(command, *runs)["clusters"] == []
    for run, clusters in zip(runs, sizes, strict=True):
        (run / "coverage").mkdir()
        table = pa.table(
            {
                "view": ["image"] * len(clusters),
                "name": list(clusters),
                "size": list(clusters.values()),
                "radius": [0.4] * len(clusters),
                "centroid": pa.array([places[name] for name in clusters], pa.list_(pa.float32())),
            }
        )
        write_part(run / "coverage" / "clusters.parquet", table, {})
    found = read(command, *runs)
    assert {(one["name"], one["change"]) for one in found["clusters"]} == {
        ("dog", "grew"),
        ("cat", "shrank"),
        ("car", "vanished"),
        ("bird", "came"),
    }
    assert read(command, runs[0], runs[0])["nothing_changed"] is True
    (runs[1] / "coverage" / "clusters.parquet").unlink()
    assert "B has no coverage yet" in read(command, *runs)["notes"][-1]


def test_repeated_rows_are_counted_once_each(stored: Callable[..., Path], command: Command) -> None:
    runs = stored("a", [0.3] * 5, texts=["same"] * 5), stored("b", [0.3] * 3, texts=["same"] * 3)
    rows = read(command, *runs)["rows"]
    assert (rows["same"], rows["vanished"], rows["new"]) == (3, 2, 0)


def test_empty_runs(stored: Callable[..., Path], command: Command, tmp_path: Path) -> None:
    empty, full = stored("empty", []), stored("full", [0.3, 0.1])
    assert read(command, empty, empty)["nothing_changed"] is True
    found = read(command, empty, full, "--out", tmp_path / "out")
    assert (found["rows"]["new"], found["transitions"]) == (2, [])
    assert all(rate["difference"] is None for rate in found["rates"])
    assert read(command, full, empty)["rows"]["vanished"] == 2
    assert "2 new" in (tmp_path / "out" / "compare.html").read_text("utf-8")


def test_what_cannot_be_compared_ends_in_words(stored: Callable[..., Path], command: Command, tmp_path: Path) -> None:
    run, other = stored("a", [0.3] * 4), stored("b", [0.3] * 4)
    assert command("compare", str(run), str(tmp_path / "nowhere"))[0] == 2
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("do not touch", "utf-8")
    code, _, err = command("compare", str(run), str(other), "--out", str(tmp_path / "mine"))
    assert (code, "thesis.txt" in err) == (2, True)
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.txt"]
    part = other / "verdicts" / "00000.parquet"
    data = bytearray(part.read_bytes())
    data[len(data) // 3] ^= 0x40
    part.write_bytes(data)
    code, _, err = command("compare", str(run), str(other))
    assert (code, "00000.parquet" in err) == (3, True)
    write_record(run, read_record(run).updated(state="measuring"))
    code, _, err = command("compare", str(run), str(other))
    assert (code, "is not complete" in err) == (3, True)
