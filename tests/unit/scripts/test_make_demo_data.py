"""The demo data: equal for equal seeds, and every fault is where truth.jsonl says and nowhere else."""

from __future__ import annotations

import hashlib
import io
import json
import random
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from scripts.make_demo_data import main
from scripts.synthetic.captions import VAGUE
from scripts.synthetic.image_faults import BOILERPLATE, IMAGE_FAULTS, write_image_caption
from scripts.synthetic.scenes import NOUNS

ROOT = Path(__file__).resolve().parents[3]
COUNT = 120
SAMPLE = ROOT / "mmcheck" / "demo_data"


class Demo:
    """One generated imagefolder, with its truth."""

    def __init__(self, folder: Path, truth: list[tuple[str, str | None]]) -> None:
        self.folder = folder
        self.truth = dict(truth)
        lines = (folder / "metadata.jsonl").read_text(encoding="utf-8").splitlines()
        self.rows = [json.loads(line) for line in lines]

    def having(self, fault: str | None) -> list[dict[str, str]]:
        return [row for row in self.rows if self.truth[row["id"]] == fault]

    def read(self, row: dict[str, str]) -> bytes:
        return (self.folder / row["file_name"]).read_bytes()


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    folder = tmp_path_factory.mktemp("demo") / "image-caption"
    return Demo(folder, write_image_caption(folder, COUNT, random.Random("image-7")))


def nouns_of(text: str) -> set[str]:
    words = text.lower().replace(",", " ").replace(".", " ").split()
    stems = {word.removesuffix("s") for word in words} | {word.replace("flies", "fly") for word in words}
    return stems & set(NOUNS)


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), dtype=float)


def tree(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        assert main(["--seed", str(seed), "--images", "40", "--audio", "0", "--out", str(tmp_path / name)]) == 0
    assert tree(tmp_path / "a") == tree(tmp_path / "b")
    assert tree(tmp_path / "a") != tree(tmp_path / "c")


def test_truth_names_each_row_once_and_each_fault(demo: Demo) -> None:
    assert [row["id"] for row in demo.rows] == list(demo.truth)
    assert len(demo.truth) == COUNT
    assert set(demo.truth.values()) - {None} == set(IMAGE_FAULTS)
    assert all({"id", "file_name", "text", "source", "license"} <= set(row) for row in demo.rows)


@pytest.mark.parametrize("seed", range(12))
def test_small_sets_hold_every_fault_and_copies_follow_their_original(seed: int, tmp_path: Path) -> None:
    small = Demo(tmp_path, write_image_caption(tmp_path, 40, random.Random(seed)))
    assert set(small.truth.values()) - {None} == set(IMAGE_FAULTS)
    names = [row["id"] for row in small.rows]
    for row in small.having("image_duplicate"):
        same = [other for other in small.having(None) if small.read(other) == small.read(row)]
        assert len(same) == 1
        assert names.index(same[0]["id"]) < names.index(row["id"])
        assert same[0]["text"] == row["text"]


def test_clean_pairs_are_most_and_specific(demo: Demo) -> None:
    clean = demo.having(None)
    assert 0.6 * COUNT <= len(clean) <= 0.75 * COUNT
    for row in clean:
        assert nouns_of(row["text"]), row
        assert pixels(demo.read(row)).std() > 5


def test_files_are_broken_exactly_where_truth_says(demo: Demo) -> None:
    for row in demo.rows:
        fault = demo.truth[row["id"]]
        path = demo.folder / row["file_name"]
        if fault == "image_missing":
            assert not path.exists()
        elif fault == "image_truncated":
            with pytest.raises(OSError, match="truncated"):
                pixels(path.read_bytes())
        elif fault == "image_blank":
            assert pixels(path.read_bytes()).std() < 1
        else:
            assert pixels(path.read_bytes()).shape == (192, 192, 3)
            assert 1_000 < path.stat().st_size < 20_000


def test_moved_captions_name_other_objects_and_stand_one_row_away(demo: Demo) -> None:
    shifted = demo.having("caption_shifted")
    assert len(shifted) >= 8
    order = [row["id"] for row in demo.rows]
    places = [order.index(row["id"]) for row in shifted]
    assert places == list(range(places[0], places[0] + len(places)))
    # Each caption belongs to the row before it, so no two neighbours may share a noun.
    for before, after in pairwise(shifted):
        assert nouns_of(before["text"]).isdisjoint(nouns_of(after["text"]))


def test_empty_vague_boilerplate_and_file_names_say_nothing(demo: Demo) -> None:
    assert {row["text"] for row in demo.having("caption_boilerplate")} == {BOILERPLATE}
    assert len(demo.having("caption_boilerplate")) >= 2
    assert all(not row["text"].strip() for row in demo.having("caption_empty"))
    for fault in ("caption_vague", "caption_filename", "caption_boilerplate"):
        assert all(row["text"] and not nouns_of(row["text"]) for row in demo.having(fault))
    assert any(row["text"].lower().rstrip(".") in VAGUE for row in demo.having("caption_vague"))


def test_near_copies_look_alike_but_are_other_bytes(demo: Demo) -> None:
    readable = [row for row in demo.having(None) if demo.read(row)]
    for row in demo.having("image_near_duplicate"):
        copy = demo.read(row)
        distances = [np.abs(pixels(copy) - pixels(demo.read(other))).mean() for other in readable]
        assert min(distances) < 15
        assert all(demo.read(other) != copy for other in readable)


def test_wrong_requests_are_explained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--images", "5", "--audio", "0", "--out", str(tmp_path / "x")]) == 2
    assert "hint: every planted image fault needs its rows: 0 or at least 40" in capsys.readouterr().err
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("keep me", encoding="utf-8")
    assert main(["--images", "40", "--audio", "0", "--out", str(tmp_path / "full")]) == 2
    assert "is not empty" in capsys.readouterr().err
    assert (tmp_path / "full" / "mine.txt").read_text(encoding="utf-8") == "keep me"
    (tmp_path / "file").write_text("", encoding="utf-8")
    assert main(["--images", "40", "--audio", "0", "--out", str(tmp_path / "file")]) == 2
    assert "is a file" in capsys.readouterr().err


def test_without_espeak_the_hint_names_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert main(["--images", "0", "--audio", "5", "--out", str(tmp_path / "x")]) == 2
    assert "apt-get install espeak-ng" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()


def test_the_script_runs_as_a_file_from_anywhere(tmp_path: Path) -> None:
    script = ROOT / "scripts" / "make_demo_data.py"
    command = [sys.executable, str(script), "--images", "40", "--audio", "0", "--out", "here"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "40 pairs" in done.stdout
    assert len((tmp_path / "here" / "truth.jsonl").read_text(encoding="utf-8").splitlines()) == 40


def test_the_shipped_sample_is_whole_and_small() -> None:
    truth = [json.loads(line) for line in (SAMPLE / "truth.jsonl").read_text(encoding="utf-8").splitlines()]
    ids = []
    for manifest in ("image-caption/metadata.jsonl", "audio-transcript/manifest.jsonl"):
        lines = (SAMPLE / manifest).read_text(encoding="utf-8").splitlines()
        ids += [json.loads(line)["id"] for line in lines]
    assert ids == [row["id"] for row in truth]
    assert sum(path.stat().st_size for path in SAMPLE.rglob("*") if path.is_file()) < 8_000_000
    clean = sum(row["fault"] is None for row in truth)
    assert 0.65 < clean / len(truth) < 0.75
