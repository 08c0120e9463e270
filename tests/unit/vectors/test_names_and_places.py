"""Names tell the halves apart; folders are read in the order of their numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mmcheck.config.embeddings import EmbeddingsConfig
from mmcheck.core.errors import UserError
from mmcheck.vectors.locate import locate
from mmcheck.vectors.names import pair_names, split_half
from mmcheck.vectors.source import open_source


@pytest.mark.parametrize(
    ("names", "pairs"),
    [
        (["image", "text"], [("image", "text")]),
        (["b32_img", "b32_txt", "l14_img", "l14_txt"], [("l14_img", "l14_txt"), ("b32_img", "b32_txt")]),
        (["text_features", "image_features", "labels"], [("image_features", "text_features")]),
        (["img_embeds", "caption_vectors"], [("img_embeds", "caption_vectors")]),
        (["image_text_score", "image_text_other"], []),
        (["img_a", "txt_b", "img_c", "txt_d"], []),
    ],
)
def test_pairs_among_names(names: list[str], pairs: list[tuple[str, str]]) -> None:
    assert list(pair_names(names).values()) == pairs


def test_words_inside_words_are_no_halves() -> None:
    assert split_half("context_vectors") is None
    assert split_half("imagenet") is None


def _fill(folder: Path, names: list[str]) -> None:
    for name in names:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        np.save(file, np.zeros((1, 2), np.float32))


def test_parts_stand_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    _fill(tmp_path, [f"{half}_emb/{half}_emb_{number}.npy" for half in ("img", "text") for number in (10, 2, 1)])
    found = locate([str(tmp_path)])
    assert found.layout == "clip-retrieval folder"
    assert [part.pair[0].name for part in found.parts if part.pair] == [f"img_emb_{n}.npy" for n in (1, 2, 10)]
    flat = tmp_path / "flat"
    _fill(flat, [f"{half}_{number}.npy" for half in ("img", "txt") for number in (10, 9)])
    assert [part.pair[1].name for part in locate([str(flat)]).parts if part.pair] == ["txt_9.npy", "txt_10.npy"]


def test_what_has_no_counterpart_is_named(tmp_path: Path) -> None:
    _fill(tmp_path, ["img_emb/img_emb_0.npy", "img_emb/img_emb_1.npy", "text_emb/text_emb_0.npy"])
    with pytest.raises(UserError, match=r"img_emb_1\.npy has no counterpart"):
        locate([str(tmp_path)])


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["a.npy", "b.npy", "c.npy"], "unclear"),
        (["l14_img.npy", "l14_txt.npy", "b32_img.npy", "b32_txt.npy"], "several series"),
        ([], "no vectors that are known"),
        (["img_emb/other.txt.npy", "text_emb/x.npy"], None),
    ],
)
def test_folders_that_are_unclear_are_refused(tmp_path: Path, names: list[str], told: str | None) -> None:
    _fill(tmp_path, names)
    if told is None:
        assert len(locate([str(tmp_path)]).parts) == 1
        return
    with pytest.raises(UserError, match=told):
        locate([str(tmp_path)])


def test_nothing_there_and_addresses_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not exist"):
        locate([str(tmp_path / "none.npz")])
    with pytest.raises(UserError, match="is an address"):
        locate(["s3://bucket/v.npz"])


@pytest.mark.parametrize(
    ("names", "images"),
    [(["a.npy", "b.npy"], "a.npy"), (["b.npy", "img.npy"], "img.npy"), (["text.npy", "b.npy"], "b.npy")],
)
def test_one_name_that_tells_is_enough_for_two_files(tmp_path: Path, names: list[str], images: str) -> None:
    _fill(tmp_path, names)
    (part,) = locate([str(tmp_path / name) for name in names]).parts
    assert part.pair is not None
    assert part.pair[0].name == images
    assert {file.name for file in part.pair} == set(names)


def test_one_half_alone_is_named(tmp_path: Path) -> None:
    _fill(tmp_path, ["img.npy"])
    with pytest.raises(UserError, match="one half alone") as raised:
        locate([str(tmp_path / "img.npy")])
    assert raised.value.hint is not None
    assert "--embeddings text.npy" in raised.value.hint


@pytest.mark.parametrize(
    ("arrays", "told"),
    [
        ({"image": np.ones((3, 4), np.float32)}, "vectors of images alone"),
        ({"image": np.ones((3, 4), np.int8), "text": np.ones((3, 4), np.int8)}, r"image \(int8, 3 x 4\)"),
    ],
)
def test_arrays_that_are_no_vectors_are_told_with_their_types(
    tmp_path: Path, arrays: dict[str, np.ndarray], told: str
) -> None:
    np.savez(tmp_path / "v.npz", **arrays)
    with pytest.raises(UserError, match=told):
        open_source(locate([str(tmp_path / "v.npz")]), EmbeddingsConfig(), tmp_path)
