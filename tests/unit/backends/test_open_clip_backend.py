"""open_clip models: genuine weights or an error, trimmed text equal to padded text, batches that do not
matter."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mmcheck.backends import open_clip_names
from mmcheck.backends.image_text_backend import load_image_text, resolve_image_text
from mmcheck.backends.open_clip_backend import OpenClipBackend
from mmcheck.core.errors import WeightsError

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))
from tests.integration.tiny_models import CONTEXT, IMAGE_SIZE, make_open_clip

CAPTIONS = ["a red dog", "two big cats sits on the house", "photo", "three small green car in the house on a"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_open_clip(tmp_path_factory.mktemp("models") / "words")


@pytest.fixture(scope="module")
def backend(folder: Path) -> OpenClipBackend:
    return load(folder)


def load(folder: Path, precision: str = "float32") -> OpenClipBackend:
    loaded = load_image_text(resolve_image_text(str(folder)), precision=precision)
    assert isinstance(loaded, OpenClipBackend)
    return loaded


def make_images(count: int) -> list[Image.Image]:
    draw = np.random.default_rng(3)
    return [
        Image.fromarray(draw.integers(0, 256, (40 + 13 * index, 90 - 7 * index, 3), dtype=np.uint8))
        for index in range(count)
    ]


def test_embeddings_are_what_open_clip_itself_gives(folder: Path, backend: OpenClipBackend) -> None:
    import open_clip

    model, transform = open_clip.create_model_from_pretrained(f"local-dir:{folder}")
    tokenizer = open_clip.get_tokenizer(f"local-dir:{folder}")
    images = make_images(3)
    with torch.inference_mode():
        wanted_images = model.eval().encode_image(torch.stack([transform(i) for i in images]), normalize=True)
        wanted_texts = model.encode_text(tokenizer(CAPTIONS), normalize=True)
    found_images = backend.encode_images([backend.preprocess(image) for image in images])
    np.testing.assert_allclose(found_images, wanted_images.numpy(), atol=1e-3)
    found_texts = backend.encode_texts(CAPTIONS)
    np.testing.assert_allclose(found_texts, wanted_texts.numpy(), atol=1e-6)
    np.testing.assert_allclose(found_images @ found_texts.T, (wanted_images @ wanted_texts.T).numpy(), atol=5e-4)


def test_images_resized_by_open_clip_itself_give_its_embeddings(folder: Path, backend: OpenClipBackend) -> None:
    import open_clip

    model, transform = open_clip.create_model_from_pretrained(f"local-dir:{folder}")
    *resize, to_tensor, normalise = transform.transforms
    resized = [open_clip.transform.Compose(resize)(image) for image in make_images(3)]
    with torch.inference_mode():
        ready = torch.stack([normalise(to_tensor(image)) for image in resized])
        wanted = model.eval().encode_image(ready, normalize=True)
    pixels = [torch.from_numpy(np.array(image)).permute(2, 0, 1) for image in resized]
    np.testing.assert_allclose(backend.encode_images(pixels), wanted.numpy(), atol=1e-6)


@pytest.mark.parametrize("words", [True, False])
def test_trimmed_text_equals_padded_text(tmp_path: Path, words: bool) -> None:
    backend = load(make_open_clip(tmp_path / "model", words=words, context=20))
    assert backend.describe()["text_trimmed"] is True
    trimmed = backend.encode_texts(CAPTIONS)
    backend._is_trimmed = False
    np.testing.assert_allclose(trimmed, backend.encode_texts(CAPTIONS), atol=1e-6)


def test_a_tower_that_sees_the_padding_is_not_trimmed(tmp_path: Path) -> None:
    folder = make_open_clip(tmp_path / "model")
    config = json.loads((folder / "open_clip_config.json").read_text())
    config["model_cfg"]["text_cfg"]["no_causal_mask"] = True
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    assert load(folder).describe()["text_trimmed"] is False


def test_values_do_not_depend_on_the_batch(backend: OpenClipBackend) -> None:
    pixels = [backend.preprocess(image) for image in make_images(5)]
    alone = np.concatenate([backend.encode_images([one]) for one in pixels])
    np.testing.assert_allclose(backend.encode_images(pixels), alone, atol=1e-5)
    texts = np.concatenate([backend.encode_texts([text]) for text in CAPTIONS])
    np.testing.assert_allclose(backend.encode_texts(CAPTIONS), texts, atol=1e-5)


def test_images_in_several_passes_are_the_same(backend: OpenClipBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = [backend.preprocess(image) for image in make_images(5)]
    wanted = backend.encode_images(pixels)
    monkeypatch.setattr(backend, "_per_pass", 2)
    sizes: list[int] = []
    encode = backend._model.encode_image
    monkeypatch.setattr(backend._model, "encode_image", lambda batch: (sizes.append(len(batch)), encode(batch))[1])
    np.testing.assert_allclose(backend.encode_images(pixels), wanted, atol=1e-6)
    assert sizes == [2, 2, 1]


def test_a_queued_image_is_bytes_of_the_models_size(backend: OpenClipBackend) -> None:
    (image,) = make_images(1)
    pixels = backend.preprocess(image)
    assert pixels.dtype == torch.uint8
    assert tuple(pixels.shape) == (3, IMAGE_SIZE, IMAGE_SIZE)
    assert backend.image_size == (IMAGE_SIZE, IMAGE_SIZE)


@pytest.mark.parametrize("size", [(51, 3), (3, 60), (8, 200)])
def test_a_long_strip_is_seen_as_open_clip_sees_it(backend: OpenClipBackend, size: tuple[int, int]) -> None:
    wave = np.sin(np.arange(max(size)) / 3)[:, None, None] * 100 + np.array([120, 130, 140])
    pixels = np.broadcast_to(wave.astype(np.uint8), (max(size), min(size), 3))
    image = Image.fromarray(np.ascontiguousarray(pixels if size[1] > size[0] else pixels.transpose(1, 0, 2)))
    assert image.size == size
    wanted = image
    for step in backend._transform.transforms[:-2]:
        wanted = step(wanted)
    np.testing.assert_allclose(backend.preprocess(image).permute(1, 2, 0), np.asarray(wanted), atol=12)


def test_a_strip_of_one_pixel_is_not_blown_up(backend: OpenClipBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, int]] = []
    resize = backend._resize
    monkeypatch.setattr(backend, "_resize", lambda image: (seen.append(image.size), resize(image))[1])
    assert tuple(backend.preprocess(Image.new("RGB", (65_000, 1))).shape) == (3, IMAGE_SIZE, IMAGE_SIZE)
    assert seen == [(16, 1)]


def test_unknown_words_are_counted(backend: OpenClipBackend) -> None:
    assert backend.unknown_ratio("a red dog") == 0
    assert backend.unknown_ratio("a xylophone dog zeppelin") == 0.5
    assert backend.unknown_ratio("") is None
    assert backend.capacity == CONTEXT - 2


def test_byte_pair_tokens_that_are_part_of_a_character_count_as_unknown(tmp_path: Path) -> None:
    backend = load(make_open_clip(tmp_path / "model", words=False))
    assert backend.unknown_ratio("a photo of a dog") == 0
    hieroglyph = backend.unknown_ratio("\U00013000\U00013001")
    assert hieroglyph is not None
    assert hieroglyph > 0.5


def test_bfloat16_stays_near_float32(folder: Path, backend: OpenClipBackend) -> None:
    half = load(folder, "bfloat16")
    assert half.precision == "bfloat16"
    pixels = [backend.preprocess(image) for image in make_images(3)]
    close = (half.encode_images(pixels) * backend.encode_images(pixels)).sum(axis=1)
    assert (close > 0.99).all()


def test_a_folder_without_weights_is_an_error_not_random_weights(tmp_path: Path, folder: Path) -> None:
    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    (copy / "open_clip_model.safetensors").unlink()
    with pytest.raises(WeightsError, match=r"cannot be loaded"):
        load(copy)


@pytest.mark.parametrize("length", [0, 100, 20_000])
def test_weights_cut_short_are_an_error(tmp_path: Path, folder: Path, length: int) -> None:
    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    weights = copy / "open_clip_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:length])
    with pytest.raises(WeightsError, match="damaged or cut short"):
        load(copy)


def test_weights_of_another_shape_are_an_error(tmp_path: Path, folder: Path) -> None:
    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    config = json.loads((copy / "open_clip_config.json").read_text())
    config["model_cfg"]["embed_dim"] = 24
    (copy / "open_clip_config.json").write_text(json.dumps(config))
    with pytest.raises(WeightsError, match="cannot be loaded"):
        load(copy)


class Evil:
    """Runs code when it is unpickled the unsafe way."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self.mark,))


def test_pickled_code_is_refused_and_does_not_run(tmp_path: Path, folder: Path) -> None:
    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    (copy / "open_clip_model.safetensors").unlink()
    torch.save({"state_dict": Evil(tmp_path / "mark")}, copy / "open_clip_pytorch_model.bin")
    with pytest.raises(WeightsError, match="pickled") as caught:
        load(copy)
    assert "safetensors" in str(caught.value.hint)
    assert not (tmp_path / "mark").exists()


def test_plain_tensors_in_a_bin_file_load(tmp_path: Path, folder: Path, backend: OpenClipBackend) -> None:
    from safetensors.torch import load_file

    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    tensors = load_file(copy / "open_clip_model.safetensors")
    (copy / "open_clip_model.safetensors").unlink()
    torch.save(tensors, copy / "open_clip_pytorch_model.bin")
    np.testing.assert_allclose(load(copy).encode_texts(CAPTIONS), backend.encode_texts(CAPTIONS), atol=1e-6)


@pytest.mark.parametrize("content", ["", "[1]", "{}", '{"model_cfg": 3}', "\0"])
def test_a_broken_config_is_an_error(tmp_path: Path, folder: Path, content: str) -> None:
    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    (copy / "open_clip_config.json").write_text(content)
    with pytest.raises(WeightsError, match="open_clip_config"):
        load(copy)


def test_an_architecture_without_a_tag_names_the_tags() -> None:
    with pytest.raises(WeightsError) as caught:
        resolve_image_text("ViT-B-32")
    assert "laion2b_s34b_b79k" in str(caught.value.hint)


def test_a_misspelt_tag_gets_the_nearest() -> None:
    with pytest.raises(WeightsError) as caught:
        resolve_image_text("ViT-B/32", "laion2b_s34b_b79")
    assert "did you mean 'laion2b_s34b_b79k'" in str(caught.value.hint)


def test_a_misspelt_architecture_gets_the_nearest() -> None:
    with pytest.raises(WeightsError) as caught:
        resolve_image_text("ViT-B32")
    assert "ViT-B-32" in str(caught.value.hint)


def test_every_tag_of_open_clip_has_files_on_the_hub() -> None:
    tags = [(model, tag) for model in open_clip_names.architectures() for tag in open_clip_names.pretrained_tags(model)]
    assert len(tags) > 100
    for model, tag in tags:
        repo_id, files = open_clip_names.tag_files(model, tag)
        assert repo_id.count("/") == 1
        assert files.split("|")[0].endswith(".safetensors")


def test_a_tower_that_is_no_transformer_takes_whole_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    import open_clip

    loaded = load_image_text(resolve_image_text("tiny-clip"))
    sizes: list[int] = []
    real = open_clip.CLIP.encode_image

    def encode_image(self: open_clip.CLIP, image: torch.Tensor, normalize: bool = False) -> torch.Tensor:
        sizes.append(len(image))
        return real(self, image, normalize)

    monkeypatch.setattr(open_clip.CLIP, "encode_image", encode_image)
    assert loaded.encode_images([loaded.preprocess(image) for image in make_images(5)]).shape[0] == 5
    assert sizes == [5]
