"""The image_text probe on a genuine (random) open_clip model."""

from __future__ import annotations

import io
import pickle
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmcheck.config import ImageTextConfig
from mmcheck.core.errors import MediaError, UserError, WeightsError
from mmcheck.core.types import Measurement, MediaRef, Sample, Status
from mmcheck.media.sample_media import SampleMedia
from mmcheck.media.source import MediaSource
from mmcheck.probe.base import NotApplicable, Prepared
from mmcheck.probe.caption_windows import MAX_WINDOWS
from mmcheck.probe.image_text import ImageTextProbe

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))
from tests.integration.tiny_models import CONTEXT, IMAGE_SIZE, make_open_clip

LONG = "a red dog on the house. two big cats in the green car. three small photo under the house on the car."


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_open_clip(tmp_path_factory.mktemp("models") / "words")


@pytest.fixture(scope="module")
def probe(model: Path) -> ImageTextProbe:
    return open_probe(model)


def open_probe(model: Path, **options: object) -> ImageTextProbe:
    config = ImageTextConfig.model_validate({"model": str(model), "precision": "float32", **options})
    probe = ImageTextProbe(config, "cpu", 0)
    probe.open()
    return probe


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    pixels = np.random.default_rng(1).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "picture.png")
    return tmp_path / "picture.png"


def make_media(caption: str | None, image: Path | None, sample_id: str = "one") -> SampleMedia:
    ref = None if image is None else MediaRef(uri=str(image))
    return SampleMedia(
        Sample(id=sample_id, manifest="m.jsonl", row_number=1, image=ref, caption=caption),
        MediaSource(allow_remote=False),
    )


def measure(probe: ImageTextProbe, picture: Path, captions: Sequence[str | None]) -> list[Measurement]:
    batch = []
    for index, caption in enumerate(captions):
        media = make_media(caption, picture, f"sample-{index}")
        batch.append(Prepared(sample=media.sample, payload=probe.prepare(media)))
    return probe.measure(batch)


def test_a_pair_has_its_cosine_and_unit_embeddings(probe: ImageTextProbe, picture: Path) -> None:
    (found,) = measure(probe, picture, ["a red dog"])
    assert found.status is Status.MEASURED
    image, text = found.embeddings["image"], found.embeddings["text"]
    # Of unit length but for the half precision that the score is computed in, and that is stored.
    assert np.linalg.norm(image) == pytest.approx(1, abs=5e-4)
    assert np.array_equal(image, image.astype(np.float16).astype(np.float32))
    assert found.values["similarity"] == pytest.approx(float(image @ text), abs=1e-6)
    assert found.values["worst_similarity"] == found.values["similarity"]
    assert found.values["num_windows"] == 1
    assert found.values["num_tokens"] == 3
    assert found.values["unknown_token_ratio"] == 0
    assert found.evidence == {}


def test_every_value_has_its_metric(probe: ImageTextProbe, picture: Path) -> None:
    (found,) = measure(probe, picture, ["a red dog"])
    assert {f"image_text.{name}" for name in found.values} == {metric.name for metric in probe.metrics}


def test_a_long_caption_is_scored_window_by_window(probe: ImageTextProbe, picture: Path) -> None:
    (found,) = measure(probe, picture, [LONG])
    windows = found.evidence["windows"]
    assert found.evidence["long_caption"] is True
    assert len(windows) == found.values["num_windows"] > 1
    scores = [window["similarity"] for window in windows]
    assert found.values["similarity"] == pytest.approx(np.mean(scores), abs=1e-4)
    assert found.values["worst_similarity"] == pytest.approx(min(scores), abs=1e-4)
    alone = measure(probe, picture, [window["text"] for window in windows])
    assert [one.values["similarity"] for one in alone] == pytest.approx(scores, abs=1e-4)
    assert np.linalg.norm(found.embeddings["text"]) == pytest.approx(1, abs=1e-5)


def test_the_end_of_a_long_caption_counts(probe: ImageTextProbe, picture: Path) -> None:
    first, second = measure(probe, picture, [LONG + " a cat sits.", LONG + " the dog runs."])
    assert first.values["similarity"] != second.values["similarity"]


def test_truncation_is_only_on_request_and_says_so(model: Path, picture: Path) -> None:
    probe = open_probe(model, long_captions="truncate")
    first, second = measure(probe, picture, [LONG, LONG + " the dog runs."])
    assert first.evidence == {"long_caption": True, "truncated": True}
    assert first.values["similarity"] == pytest.approx(second.values["similarity"], abs=1e-6)
    assert first.values["num_windows"] == 1


def test_a_caption_at_the_limit_is_not_long(probe: ImageTextProbe, picture: Path) -> None:
    at_limit, beyond = measure(probe, picture, [" ".join(["dog"] * (CONTEXT - 2)), " ".join(["dog"] * (CONTEXT - 1))])
    assert "long_caption" not in at_limit.evidence
    assert beyond.evidence["long_caption"] is True


def test_values_do_not_depend_on_the_batch(probe: ImageTextProbe, picture: Path) -> None:
    captions = ["a red dog", LONG, "two", "a red dog", "\u732b \u00f1and\u00fa \u043a\u043e\u0442"]
    together = measure(probe, picture, captions)
    for index, caption in enumerate(captions):
        (alone,) = measure(probe, picture, [caption])
        for name, value in alone.values.items():
            assert together[index].values[name] == pytest.approx(value, abs=1e-5)
        np.testing.assert_allclose(together[index].embeddings["text"], alone.embeddings["text"], atol=1e-5)


def test_equal_captions_are_encoded_once(probe: ImageTextProbe, picture: Path) -> None:
    backend = probe._opened()
    seen: list[str] = []
    encode = backend.encode_texts
    backend.encode_texts = lambda texts: (seen.extend(texts), encode(texts))[1]  # type: ignore[method-assign]
    try:
        measure(probe, picture, ["a red dog", "two cat", "a red dog", "a red dog"])
    finally:
        backend.encode_texts = encode  # type: ignore[method-assign]
    assert sorted(seen) == ["a red dog", "two cat"]


def test_an_image_with_several_captions_is_encoded_once(probe: ImageTextProbe, picture: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.png"
    Image.new("RGB", (90, 70), (0, 160, 30)).save(other)
    batch = []
    for number, (path, caption) in enumerate([(picture, "a red dog"), (other, "two cat"), (picture, "two cat")]):
        media = make_media(caption, path, f"sample-{number}")
        batch.append(Prepared(sample=media.sample, payload=probe.prepare(media)))
    backend = probe._opened()
    counts: list[int] = []
    encode = backend.encode_images
    backend.encode_images = lambda pixels: (counts.append(len(pixels)), encode(pixels))[1]  # type: ignore[method-assign]
    try:
        together = probe.measure(batch)
    finally:
        backend.encode_images = encode  # type: ignore[method-assign]
    assert counts == [2]
    for prepared, found in zip(batch, together, strict=True):
        (alone,) = probe.measure([prepared])
        np.testing.assert_allclose(found.embeddings["image"], alone.embeddings["image"], atol=1e-6)
        assert found.values["similarity"] == pytest.approx(alone.values["similarity"], abs=1e-6)


@pytest.mark.parametrize(
    ("caption", "reason"),
    [(None, "no caption"), ("", "the caption is empty"), (" \n\t", "the caption is empty")],
)
def test_without_a_caption_the_image_alone_is_embedded(
    probe: ImageTextProbe, picture: Path, caption: str | None, reason: str
) -> None:
    alone, pair = measure(probe, picture, [caption, "a red dog"])
    assert alone.status is Status.NOT_APPLICABLE
    assert reason in (alone.reason or "")
    assert not alone.values
    assert set(alone.embeddings) == {"image"}
    np.testing.assert_allclose(alone.embeddings["image"], pair.embeddings["image"], atol=1e-5)


def test_a_broken_image_without_a_caption_is_no_lost_pair(probe: ImageTextProbe, tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n nothing")
    with pytest.raises(NotApplicable, match="no caption"):
        probe.prepare(make_media(None, tmp_path / "broken.png"))


def test_without_an_image_there_is_nothing_to_say(probe: ImageTextProbe) -> None:
    with pytest.raises(NotApplicable, match="no image"):
        probe.prepare(make_media("a dog", None))


def test_a_broken_image_is_a_media_error(probe: ImageTextProbe, tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n nothing")
    with pytest.raises(MediaError):
        probe.prepare(make_media("a dog", tmp_path / "broken.png"))


@pytest.mark.parametrize("caption", ["\ud800 dog", "\0 dog", "dog " * 2000, "x" * 300_000, "\u732b" * 5000])
def test_strange_captions_are_measured(probe: ImageTextProbe, picture: Path, caption: str) -> None:
    (found,) = measure(probe, picture, [caption])
    assert found.status is Status.MEASURED
    assert -1 <= found.values["worst_similarity"] <= found.values["similarity"] <= 1
    assert len(found.evidence.get("windows", [])) <= MAX_WINDOWS


def test_what_is_left_out_of_an_enormous_caption_is_told(probe: ImageTextProbe, picture: Path) -> None:
    (found,) = measure(probe, picture, ["the dog runs on. " * 20_000])
    assert found.evidence["characters_left_out"] > 0
    assert found.evidence["windows_left_out"] > 0
    assert found.values["num_windows"] == len(found.evidence["windows"]) + found.evidence["windows_left_out"]


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "CMYK", "1", "I;16"])
@pytest.mark.parametrize("size", [(1, 1), (700, 3), (33, 500)])
def test_images_of_all_modes_and_shapes_are_measured(
    probe: ImageTextProbe, tmp_path: Path, mode: str, size: tuple[int, int]
) -> None:
    path = tmp_path / "image.tiff"
    Image.new(mode, size).save(path)
    (found,) = measure(probe, path, ["a dog"])
    assert found.status is Status.MEASURED


def test_the_queued_payload_is_small_and_can_be_sent(probe: ImageTextProbe, picture: Path) -> None:
    payload = probe.prepare(make_media(LONG, picture))
    buffer = io.BytesIO()
    pickle.dump(payload, buffer)
    assert buffer.tell() < 3 * IMAGE_SIZE * IMAGE_SIZE + 4000


def test_an_embedding_that_is_not_finite_fails_the_sample_alone(
    probe: ImageTextProbe, picture: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.png"
    other.write_bytes(picture.read_bytes())
    good = probe.prepare(make_media("a dog", picture))
    backend = probe._opened()
    encode = backend.encode_images

    def encode_with_one_overflow(pixels: Sequence[object]) -> np.ndarray:
        rows = encode(pixels).copy()
        rows[0] = np.nan
        return rows

    backend.encode_images = encode_with_one_overflow  # type: ignore[method-assign]
    try:
        samples = [make_media("a dog", path).sample for path in (picture, other)]
        first, second = probe.measure([Prepared(sample=sample, payload=good) for sample in samples])
    finally:
        backend.encode_images = encode  # type: ignore[method-assign]
    assert (first.status, first.cause) == (Status.FAILED, "not_finite")
    assert second.status is Status.MEASURED


def test_an_empty_batch_is_empty(probe: ImageTextProbe) -> None:
    assert probe.measure([]) == []


def test_the_fingerprint_follows_weights_and_options_without_loading(model: Path, tmp_path: Path) -> None:
    def fingerprint(folder: Path, **options: object) -> str:
        config = ImageTextConfig.model_validate({"model": str(folder), **options})
        probe = ImageTextProbe(config, "cpu", 0)
        made = probe.fingerprint()
        assert probe.min_side is None
        return made

    first = fingerprint(model)
    assert fingerprint(model) == first
    assert fingerprint(make_open_clip(tmp_path / "same")) == first
    assert fingerprint(make_open_clip(tmp_path / "other", seed=1)) != first
    assert fingerprint(model, long_captions="truncate") != first
    assert fingerprint(model, precision="bfloat16") != first
    assert fingerprint(model, batch_size=7) == first


def test_missing_weights_fail_at_the_start(tmp_path: Path) -> None:
    probe = ImageTextProbe(ImageTextConfig(model=str(tmp_path / "nowhere")), "cpu", 0)
    with pytest.raises(WeightsError, match="no such folder"):
        probe.fingerprint()


def test_opening_tells_how_far_images_may_shrink(probe: ImageTextProbe) -> None:
    assert probe.min_side == 2 * IMAGE_SIZE
    about = probe.describe()
    assert about["kind"] == "folder"
    assert about["precision"] == "float32"
    assert len(about["sha256"]) == 64


def test_a_gpu_that_is_not_there_is_the_users_error(model: Path) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(UserError, match="cuda"):
        ImageTextProbe(ImageTextConfig(model=str(model)), "cuda", 0).open()
