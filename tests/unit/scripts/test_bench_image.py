from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from scripts.benchmarks.contest import Entry, Standing, Turn
from scripts.benchmarks.image_parts.contestants import DATA_JUICER, FLOOR, LOOP, OURS, SIZES
from scripts.benchmarks.image_parts.data_juicer_op import steady_rate
from scripts.benchmarks.image_parts.pictures import draw_picture, make_caption, make_set
from scripts.benchmarks.image_parts.verdicts import agreement_line, compare_scores, make_targets
from scripts.benchmarks.image_parts.work import read_work
from scripts.benchmarks.results import standings_table


def stand(name: str, kind: str, rate: float, scores: Path = Path("none"), **told: Any) -> Standing:
    entry = Entry(name=name, kind=kind, command=("x", "--scores", str(scores)))
    if rate == 0:
        return Standing(entry, failure="exit code 1")
    return Standing(entry, [Turn(items=100, seconds=100 / rate, wall=9.0, cpu=9.0, peak_mib=5.0, told=told)])


def test_makes_jpegs_of_the_size_with_captions_once(tmp_path: Path) -> None:
    manifest = make_set(tmp_path, 3, 80, 60)
    rows = [json.loads(line) for line in manifest.read_text().splitlines()]
    first = tmp_path / rows[0]["image"]
    made = first.stat().st_mtime_ns
    with Image.open(first) as image:
        assert (image.format, image.size) == ("JPEG", (80, 60))
    assert draw_picture(0, 80, 60).tobytes() == draw_picture(0, 80, 60).tobytes() != draw_picture(1, 80, 60).tobytes()
    make_set(tmp_path, 4, 80, 60)
    assert first.stat().st_mtime_ns == made
    assert len(manifest.read_text().splitlines()) == 4


def test_more_files_than_pictures_differ_in_bytes_only(tmp_path: Path) -> None:
    make_set(tmp_path, 3, 40, 30, drawn=2)
    first, copy = (tmp_path / "images" / f"0000{number}.jpg" for number in (0, 2))
    assert first.read_bytes() != copy.read_bytes()
    with Image.open(first) as one, Image.open(copy) as other:
        assert one.tobytes() == other.tobytes()


def test_captions_have_8_to_20_words() -> None:
    lengths = {len(make_caption(seed).split()) for seed in range(200)}
    assert lengths == set(range(8, 21))


def test_worker_reads_pairs_and_tells_the_result(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    manifest = make_set(tmp_path, 2, 40, 30)
    given = ["--manifest", str(manifest), "--model", "m", "--scores", str(tmp_path / "s"), "--items", "1"]
    work = read_work("device", arguments=[*given, "--device", "cpu"])
    assert [pair.image.name for pair in work.pairs()] == ["00000.jpg"]
    work.tell(2.0, [0.5], precision="float32")
    assert json.loads(capsys.readouterr().out) == {"items": 1, "seconds": 2.0, "precision": "float32"}
    assert json.loads((tmp_path / "s").read_text()) == [0.5]


def test_targets_are_ratios_of_ours_to_the_best_of_each() -> None:
    standings = [
        stand(f"{OURS} --probes image_text", "ours", 80.0),
        stand(FLOOR, "floor", 99.0),
        stand(LOOP, "peer", 25.0),
        stand(f"{DATA_JUICER}, np=1", "peer", 10.0),
        stand(f"{DATA_JUICER}, np=2", "peer", 12.5),
    ]
    targets = make_targets(SIZES[0], standings, "cpu")
    assert [(target.reached, target.met) for target in targets] == [("6.40x", True), ("3.20x", False), ("0.81", True)]
    assert "| **mmcheck scan --probes image_text** | 80.0 |" in standings_table("t", standings, "pairs")


def test_failed_peers_give_no_target() -> None:
    standings = [stand(f"{OURS} --probes image_text", "ours", 80.0), stand(LOOP, "peer", 0.0)]
    assert make_targets(SIZES[0], standings, "cpu") == []
    assert make_targets(SIZES[0], standings[1:], "cpu") == []


def test_scores_are_compared_on_shared_pairs_and_grouped_where_only_means_are_told(tmp_path: Path) -> None:
    given = {"loop": [0.1, 0.3, 0.2, 0.4], "ours": [0.1, 0.3, 0.21], "means": [0.2, 0.2, 0.3, 0.3]}
    for name, scores in given.items():
        (tmp_path / name).write_text(json.dumps(scores))
    compared = compare_scores(
        [
            stand(LOOP, "peer", 1.0, tmp_path / "loop"),
            stand("ours", "ours", 1.0, tmp_path / "ours"),
            stand("means", "peer", 1.0, tmp_path / "means", grouped=2),
        ]
    )
    assert compared["ours"]["pairs"] == 3
    assert compared["ours"]["largest_difference"] == pytest.approx(0.01)
    assert not compared["ours"]["agrees"]
    assert compared["means"]["agrees"]
    assert "ours 1.0e-02 (TOO FAR)" in agreement_line(SIZES[0], compared)


def test_rate_counts_only_while_all_processes_work() -> None:
    # The second process starts 10 s later and works at half the speed; together they do 1.5 items a second.
    assert steady_rate([[float(n) for n in range(31)], [10.0, 12.0, 14.0, 16.0]]) == pytest.approx(1.5)
    with pytest.raises(ValueError, match="never at work at the same time"):
        steady_rate([[0.0, 1.0], [2.0, 3.0]])
