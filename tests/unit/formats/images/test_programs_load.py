"""What is written of image layouts loads with the programs that read them."""

from __future__ import annotations

import json
from pathlib import Path

import datasets
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mmcheck.config import InputConfig, OutputConfig
from mmcheck.core.parts import FORMATS
from mmcheck.formats.base import OutputRow
from mmcheck.formats.joined_rows import join_rows
from tests.fixtures.image_layouts import MAKERS, TEXTS, picture
from tests.fixtures.layouts import make, stem

EXTRA = {"mmcheck_id": "x", "mmcheck_score": 0.25}
KEPT = [TEXTS[0], TEXTS[2]]


def write(layout: str, tmp_path: Path, *, write_media: bool = False) -> tuple[str, Path, list[Path]]:
    """Write the first and last row of a layout; return what was read, where it lies, and the files."""
    manifest = make(layout, tmp_path)
    form = FORMATS.get(MAKERS[layout][0])(InputConfig())
    samples = list(form.read(manifest))
    rows = join_rows([OutputRow(sample=sample, extra=EXTRA) for sample in (samples[0], samples[2])])
    output = OutputConfig(write_media=write_media)
    files = form.write(rows, tmp_path / "clean", stem(manifest), output, manifest=manifest)
    return manifest, tmp_path / "clean" / stem(manifest), files


@pytest.mark.parametrize(
    "layout", ["JSON array", "LLaVA", "LLaVA lines", "messages", "messages of parts", "Data-Juicer"]
)
def test_json_rows_load_with_datasets(layout: str, tmp_path: Path) -> None:
    _, _, (file,) = write(layout, tmp_path)
    loaded = datasets.load_dataset("json", data_files=str(file), cache_dir=str(tmp_path / "cache"), split="train")
    assert loaded["mmcheck_score"][:] == [0.25] * 2
    assert all(
        text in json.dumps(row, ensure_ascii=False).replace('\\"', '"') for text, row in zip(KEPT, loaded, strict=True)
    )


def test_coco_is_whole(tmp_path: Path) -> None:
    manifest, _, (file,) = write("COCO captions", tmp_path)
    source, found = json.loads(Path(manifest).read_text()), json.loads(file.read_text("utf-8"))
    assert {key: found[key] for key in ("info", "licenses")} == {key: source[key] for key in ("info", "licenses")}
    images = {image["id"]: image for image in found["images"]}
    assert [images[one["image_id"]]["id"] for one in found["annotations"]] == [7, 9]
    assert [one["caption"] for one in found["annotations"]] == KEPT
    assert Path("/elsewhere", images[7]["file_name"]).read_bytes() == picture(0)  # as torchvision joins root and name


def test_karpathy_keeps_splits_and_sentences(tmp_path: Path) -> None:
    _, _, (file,) = write("Karpathy", tmp_path)
    found = json.loads(file.read_text("utf-8"))
    assert found["dataset"] == "coco"
    assert [(one["split"], one["sentences"][0]["raw"]) for one in found["images"]] == [("test", one) for one in KEPT]
    assert Path("/root", found["images"][1]["filepath"], found["images"][1]["filename"]).read_bytes() == picture(80)


def test_lists_load_with_pandas(tmp_path: Path) -> None:
    _, _, files = write("Flickr tokens", tmp_path / "a")
    table = pd.read_csv(files[0], sep="\t", header=None, names=["image", "caption"], quoting=3)
    assert table["caption"].tolist() == KEPT
    assert [Path(name.partition("#")[0]).read_bytes() for name in table["image"]] == [picture(0), picture(80)]
    _, _, files = write("Conceptual Captions", tmp_path / "b")
    assert pd.read_csv(files[0], sep="\t", header=None, quoting=3)[0].tolist() == KEPT


def test_a_repository_loads_with_datasets(tmp_path: Path) -> None:
    _, place, files = write("Hugging Face repository", tmp_path)
    assert len(files) == 3
    loaded = datasets.load_dataset(str(place), cache_dir=str(tmp_path / "cache"))
    assert loaded["train"]["text"][:] == KEPT
    assert loaded["train"]["mmcheck_score"][:] == [0.25] * 2


@pytest.mark.parametrize(("layout", "split"), [("save_to_disk", None), ("save_to_disk of splits", "train")])
def test_saved_datasets_load_from_disk(layout: str, split: str | None, tmp_path: Path) -> None:
    _, place, _ = write(layout, tmp_path)
    loaded = datasets.load_from_disk(str(place))
    if split is not None:
        assert (loaded["train"]["caption"][:], loaded["test"]["caption"][:]) == (KEPT[:1], KEPT[1:])
    one = loaded[split] if split else loaded
    assert isinstance(one.features["image"], datasets.Image)
    assert one[0]["image"].size == (8, 8)
    assert one[0]["mmcheck_score"] == 0.25


def test_img2dataset_rows_and_files_belong_together(tmp_path: Path) -> None:
    _, place, _ = write("img2dataset files", tmp_path, write_media=True)
    table = pq.read_table(place / "00000.parquet").to_pylist()
    assert [row["caption"] for row in table] == KEPT
    for row, text, shade in zip(table, KEPT, (0, 80), strict=True):
        base = place / "00000" / row["key"]
        assert base.with_suffix(".txt").read_text("utf-8") == text
        assert base.with_suffix(".jpg").read_bytes() == picture(shade)


def test_failed_downloads_say_so(tmp_path: Path) -> None:
    manifest = Path(make("img2dataset files", tmp_path))
    table = pq.read_table(manifest / "00000.parquet").to_pydict()
    table["status"][1], table["error_message"][1] = "failed_to_download", "HTTP Error 404: Not Found"
    pq.write_table(pa.table(table), manifest / "00000.parquet")
    samples = list(FORMATS.get("img2dataset")(InputConfig()).read(str(manifest)))
    problem = samples[1].problem
    assert problem is not None
    assert problem.cause == "failed_download"
    assert "HTTP Error 404" in problem.message
    assert [sample.problem for sample in (samples[0], samples[2])] == [None, None]


def test_failed_downloads_of_a_table_say_so(tmp_path: Path) -> None:
    columns = {"key": ["0", "1"], "jpg": [picture(0), None], "caption": ["a cat", "a dog"]}
    columns |= {"status": ["success", "failed_to_download"], "url": ["http://x/0", "http://x/1"]}
    pq.write_table(pa.table(columns | {"error_message": [None, "timed out"]}), tmp_path / "00000.parquet")
    first, second = FORMATS.get("parquet")(InputConfig()).read(str(tmp_path / "00000.parquet"))
    assert first.problem is None
    assert second.problem is not None
    assert second.problem.cause == "failed_download"
    assert "timed out" in second.problem.message


def test_a_downloaded_file_goes_before_its_address(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(picture(0))
    rows = {"URL": ["http://x/a.jpg"], "TEXT": ["a cat"], "local_path": ["a.jpg"], "image_url": ["http://x/b.jpg"]}
    pq.write_table(pa.table(rows), tmp_path / "laion.parquet")
    (sample,) = FORMATS.get("parquet")(InputConfig()).read(str(tmp_path / "laion.parquet"))
    assert sample.image is not None
    assert sample.image.uri == str(tmp_path / "a.jpg")
    assert sample.caption == "a cat"
