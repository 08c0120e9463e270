"""Hugging Face CLIP, SigLIP and SigLIP 2 folders give what transformers itself gives, whatever the batch."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mmcheck.backends.image_text_backend import load_image_text, resolve_image_text
from mmcheck.backends.transformers_clip_backend import TransformersClipBackend
from mmcheck.core.errors import WeightsError

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))
from tests.integration.tiny_models import make_hf_clip, make_hf_siglip, make_hf_siglip2, make_open_clip

CAPTIONS = ["a red dog", "two big dog on the house", "car"]
MAKERS = {"clip": make_hf_clip, "siglip": make_hf_siglip, "siglip2": make_hf_siglip2}


@pytest.fixture(scope="module", params=list(MAKERS))
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    make: Callable[[Path], Path] = MAKERS[request.param]
    return make(tmp_path_factory.mktemp("models") / request.param)


@pytest.fixture(scope="module")
def backend(folder: Path) -> TransformersClipBackend:
    loaded = load_image_text(resolve_image_text(str(folder)), precision="float32")
    assert isinstance(loaded, TransformersClipBackend)
    return loaded


def make_images(count: int) -> list[Image.Image]:
    draw = np.random.default_rng(3)
    return [
        Image.fromarray(draw.integers(0, 256, (40 + 13 * index, 90 - 7 * index, 3), dtype=np.uint8))
        for index in range(count)
    ]


def test_embeddings_are_what_transformers_itself_gives(folder: Path, backend: TransformersClipBackend) -> None:
    import transformers

    model = transformers.AutoModel.from_pretrained(folder).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    processor = transformers.AutoImageProcessor.from_pretrained(folder)
    images = make_images(3)
    is_clip = model.config.model_type == "clip"
    tokens = tokenizer(
        CAPTIONS,
        padding=True if is_clip else "max_length",
        truncation=True,
        max_length=model.config.text_config.max_position_embeddings,
        return_tensors="pt",
        return_attention_mask=is_clip,
    )
    tokens.pop("token_type_ids", None)
    with torch.inference_mode():
        wanted_images = model.get_image_features(**processor(images=images, return_tensors="pt"))
        wanted_texts = model.get_text_features(**tokens)
    for wanted, got in (
        (wanted_images, backend.encode_images([backend.preprocess(image) for image in images])),
        (wanted_texts, backend.encode_texts(CAPTIONS)),
    ):
        features = torch.nn.functional.normalize(wanted.pooler_output, dim=-1)
        np.testing.assert_allclose(got, features.numpy(), atol=2e-5)


def test_values_do_not_depend_on_the_batch(backend: TransformersClipBackend) -> None:
    pixels = [backend.preprocess(image) for image in make_images(4)]
    alone = np.concatenate([backend.encode_images([one]) for one in pixels])
    np.testing.assert_allclose(backend.encode_images(pixels), alone, atol=1e-5)
    texts = np.concatenate([backend.encode_texts([text]) for text in CAPTIONS])
    np.testing.assert_allclose(backend.encode_texts(CAPTIONS), texts, atol=1e-5)


def test_foreign_writing_counts_as_unknown(backend: TransformersClipBackend) -> None:
    assert backend.unknown_ratio("\u732b\u72ac") == pytest.approx(1, abs=0.3)
    assert backend.unknown_ratio("") is None
    assert backend.count_tokens("a red dog") >= 3


def test_missing_tensors_are_an_error_not_random_weights(tmp_path: Path, folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    tensors = load_file(copy / "model.safetensors")
    name = next(name for name in tensors if "text" in name and name.endswith("weight"))
    del tensors[name]
    save_file(tensors, copy / "model.safetensors", {"format": "pt"})
    with pytest.raises(WeightsError, match="1 tensors of the config are not in the weights"):
        load_image_text(resolve_image_text(str(copy)))


def test_weights_cut_short_are_an_error(tmp_path: Path, folder: Path) -> None:
    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    weights = copy / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(WeightsError, match="damaged"):
        load_image_text(resolve_image_text(str(copy)))


def test_a_folder_of_another_kind_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "whisper"}))
    with pytest.raises(WeightsError, match="model_type: whisper"):
        resolve_image_text(str(tmp_path))


def test_the_wrong_backend_is_an_error(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(WeightsError, match="in the format of transformers"):
        resolve_image_text(str(folder), backend="open_clip")
    with pytest.raises(WeightsError, match="in the format of open_clip"):
        resolve_image_text(str(make_open_clip(tmp_path / "model")), backend="transformers")
