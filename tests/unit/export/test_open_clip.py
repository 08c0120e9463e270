"""open_clip's own training code reads what is written for it, and trains on it."""

from __future__ import annotations

import io
import json
import tarfile
from argparse import Namespace
from functools import partial
from pathlib import Path
from typing import Any

import open_clip
import open_clip_train.data
import pytest
import torch
from open_clip_train.data import CsvDataset, get_csv_dataset, get_wds_dataset
from PIL import Image
from webdataset.tariterators import tar_file_expander

from mmcheck.export.run import export_run

from .conftest import CAPTIONS

ARGS = Namespace(
    csv_img_key="filepath",
    csv_caption_key="title",
    csv_separator="\t",
    batch_size=2,
    workers=0,
    distributed=False,
    world_size=1,
    seed=0,
    dataset_resampled=False,
    train_num_samples=None,
    train_data_upsampling_factors=None,
)


def tokenize(texts: list[str]) -> list[str]:
    return texts


def arguments(file: object) -> Namespace:
    return Namespace(**{**vars(ARGS), "train_data": str(file)})


def test_the_csv_gives_open_clip_the_very_captions(image_run: Path, tmp_path: Path) -> None:
    summary = export_run(image_run, format="open-clip-csv", out=tmp_path / "out")
    dataset = CsvDataset(str(tmp_path / "out" / "train.csv"), lambda image: image, "filepath", "title", "\t", tokenize)
    assert [dataset[number][1].strip() for number in range(len(dataset))] == list(CAPTIONS[:5])
    assert [dataset[number][0].size for number in range(len(dataset))] == [(80, 60)] * 5
    assert "A space was put behind 1 captions" in " ".join(summary.notes)


def test_the_shards_hold_media_byte_for_byte_and_the_rows_own_columns(
    image_run: Path, data: Path, tmp_path: Path
) -> None:
    export_run(image_run, format="webdataset", out=tmp_path / "out", shard_size=2)
    sizes = json.loads((tmp_path / "out" / "sizes.json").read_text())
    assert sizes == {"00000.tar": 2, "00001.tar": 2, "00002.tar": 1}
    assert sorted(path.name for path in (tmp_path / "out").glob("*.tar")) == list(sizes)
    with tarfile.open(tmp_path / "out" / "00001.tar") as shard:
        assert shard.getnames()[:3] == ["000010000.jpg", "000010000.txt", "000010000.json"]
        found = {name: shard.extractfile(name).read() for name in shard.getnames()}  # type: ignore[union-attr]
    assert found["000010000.jpg"] == (data / "images" / "2.jpg").read_bytes()
    about = json.loads(found["000010000.json"])
    assert about["source"] == "album 2"
    assert about["mmcheck_action"] == "keep"
    assert "caption" not in about
    assert "image" not in about


def test_images_that_open_clip_would_pass_over_become_png(tmp_path: Path, scanned: Any) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    Image.new("RGB", (20, 10), (9, 80, 200)).save(folder / "a.bmp")
    (folder / "train.jsonl").write_text(json.dumps({"image": "a.bmp", "caption": "a blue card"}) + "\n")
    run = scanned(folder / "train.jsonl")
    summary = export_run(run, format="webdataset", out=tmp_path / "out")
    with tarfile.open(tmp_path / "out" / "00000.tar") as shard:
        data = shard.extractfile("000000000.png").read()  # type: ignore[union-attr]
    assert Image.open(io.BytesIO(data)).getpixel((3, 3)) == (9, 80, 200)
    assert "1 medium was converted to PNG or WAV" in " ".join(summary.notes)


@pytest.mark.parametrize("kind", ["open-clip-csv", "webdataset"])
def test_open_clip_takes_training_steps_on_it(
    kind: str, image_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # open_clip_train is written for webdataset up to 0.2.86: later ones mark each shard's end, unless told not to.
    monkeypatch.setattr(open_clip_train.data, "tar_file_expander", partial(tar_file_expander, eof_value=None))
    export_run(image_run, format=kind, out=tmp_path / "out", **({"shard_size": 2} if kind == "webdataset" else {}))
    transform = open_clip.image_transform(32, is_train=True)
    tokenizer = open_clip.tokenizer.SimpleTokenizer(context_length=16)
    torch.manual_seed(0)
    model = open_clip.CLIP(
        embed_dim=16,
        vision_cfg={"image_size": 32, "layers": 1, "width": 64, "patch_size": 16},
        text_cfg={"context_length": 16, "vocab_size": tokenizer.vocab_size, "width": 32, "heads": 2, "layers": 1},
    )
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    if kind == "webdataset":
        data = get_wds_dataset(arguments(f"{tmp_path}/out/{{00000..00002}}.tar"), transform, True, tokenizer=tokenizer)
    else:
        data = get_csv_dataset(arguments(tmp_path / "out" / "train.csv"), transform, True, tokenizer=tokenizer)
    losses = []
    for images, texts in data.dataloader:
        image_features, text_features, scale = model(images, texts)
        loss = open_clip.ClipLoss()(image_features, text_features, scale)
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert len(losses) >= 2
    assert all(0 < loss < 100 for loss in losses)
