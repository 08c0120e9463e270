from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from mmcheck.backends.whisper_features import LogMel
from mmcheck.backends.whisper_transcriber import (
    WhisperTranscriber,
    load_faster_whisper,
    resolve_compute_type,
)
from mmcheck.core.errors import WeightsError
from mmcheck.metrics.text_loops import find_loop

_SPEC = importlib.util.spec_from_file_location(
    "whisper_folders", Path(__file__).resolve().parents[2] / "fixtures" / "whisper_folders.py"
)
assert _SPEC is not None
assert _SPEC.loader is not None
folders = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(folders)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("whisper")
    return folders.write_ctranslate2(folders.write_transformers(root / "source", seed=3), root / "model")


def is_stuck(text: str) -> bool:
    return find_loop(text, "") is not None


@dataclass
class FakeWhisper:
    """A recogniser that says what it is told, once for each decoding."""

    texts: list[str]
    compression_ratio: list[float]
    is_multilingual: bool = False
    avg_logprob: float = -0.5
    asked: list[dict[str, Any]] = field(default_factory=list)

    @property
    def model(self) -> SimpleNamespace:
        return SimpleNamespace(is_multilingual=self.is_multilingual)

    def transcribe(self, _samples: object, **options: Any) -> tuple[Iterator[Any], Any]:
        turn = len(self.asked)
        self.asked.append(options)
        segment = SimpleNamespace(
            text=self.texts[turn],
            avg_logprob=self.avg_logprob,
            no_speech_prob=0.1,
            compression_ratio=self.compression_ratio[turn],
        )
        info = SimpleNamespace(language=options["language"] or "fr", language_probability=1.0)
        return iter([segment] if self.texts[turn] else []), info


def test_equal_clips_give_equal_text_and_the_length_is_bounded(folder: Path) -> None:
    model = load_faster_whisper(folder, device="cpu", compute_type="float32")
    transcriber = WhisperTranscriber(model, beam_size=2)
    samples = (0.1 * np.random.default_rng(0).standard_normal(16_000)).astype(np.float32)
    first = transcriber.transcribe(samples, "en")
    assert first == transcriber.transcribe(samples, "en")
    assert len(model.hf_tokenizer.encode(first.text).ids) <= 2 * 39


@pytest.mark.parametrize("count", [0, 1, 200, 480_000])
def test_any_length_is_taken(count: int, folder: Path) -> None:
    transcriber = WhisperTranscriber(load_faster_whisper(folder, device="cpu", compute_type="auto"), beam_size=1)
    heard = transcriber.transcribe(np.zeros(count, np.float32), None)
    assert heard.language == "en"


@pytest.mark.parametrize("beam_size", [1, 5])
def test_a_clip_that_was_encoded_for_verification_gives_the_same_text(folder: Path, beam_size: int) -> None:
    from mmcheck.backends.whisper_torch import TorchWhisperVerifier
    from mmcheck.backends.whisper_verifier import VerificationTask

    model = load_faster_whisper(folder, device="cpu", compute_type="float32")
    transcriber = WhisperTranscriber(model, beam_size=beam_size)
    verifier = TorchWhisperVerifier(
        folder.parent / "source", device="cpu", precision="float32", window="full", batch_size=4
    )
    for seed in range(4):
        samples = (0.1 * np.random.default_rng(seed).standard_normal(4000 * (seed + 1))).astype(np.float32)
        task = VerificationTask(features=LogMel(80)(samples), text="hello")
        encoded = verifier.verify([task], keep_encoded=True)[0].encoded
        assert encoded.shape[0] == 1500
        heard, wanted = (
            transcriber.transcribe_encoded(encoded, len(samples), "en"),
            transcriber.transcribe(samples, "en"),
        )
        assert (heard.text, heard.is_repetitive) == (wanted.text, wanted.is_repetitive)
        if wanted.avg_logprob is not None:
            assert heard.avg_logprob == pytest.approx(wanted.avg_logprob, abs=1e-3)
            assert heard.no_speech_prob == pytest.approx(wanted.no_speech_prob, abs=1e-4)


def test_a_loop_is_decoded_again_without_repeated_trigrams() -> None:
    fake = FakeWhisper(texts=["no no no no no no", "no thanks"], compression_ratio=[5.0, 1.0])
    heard = WhisperTranscriber(fake, beam_size=5).transcribe(np.zeros(16_000, np.float32), None, is_loop=is_stuck)
    assert (heard.text, heard.is_repetitive) == ("no thanks", False)
    assert [options["no_repeat_ngram_size"] for options in fake.asked] == [0, 3]
    assert all(options["temperature"] == 0.0 for options in fake.asked)


def test_a_loop_that_stays_one_is_marked() -> None:
    fake = FakeWhisper(texts=["no no no no no no", ""], compression_ratio=[5.0, 0.0])
    heard = WhisperTranscriber(fake, beam_size=5).transcribe(np.zeros(16_000, np.float32), None, is_loop=is_stuck)
    assert heard.is_repetitive
    assert heard.text == "no no no no no no"


@pytest.mark.parametrize("second", [("go on go on go on", -0.2), ("go on then", -1.4)])
def test_a_second_text_that_is_a_loop_or_a_guess_is_not_believed(second: tuple[str, float]) -> None:
    text, avg_logprob = second
    fake = FakeWhisper(texts=["no no no no no no", text], compression_ratio=[1.0] * 2, avg_logprob=avg_logprob)
    heard = WhisperTranscriber(fake, beam_size=5).transcribe(np.zeros(16_000, np.float32), None, is_loop=is_stuck)
    assert (heard.text, heard.is_repetitive) == ("no no no no no no", True)


def test_what_the_caller_knows_to_be_said_is_no_loop() -> None:
    fake = FakeWhisper(texts=["go on go on go on"], compression_ratio=[1.0])
    heard = WhisperTranscriber(fake, beam_size=5).transcribe(
        np.zeros(16_000, np.float32), None, is_loop=lambda text: False
    )
    assert (heard.text, heard.is_repetitive, len(fake.asked)) == ("go on go on go on", False, 1)


def test_languages_are_forced_where_the_model_has_them() -> None:
    fake = FakeWhisper(texts=["a"] * 2, compression_ratio=[1.0] * 2, is_multilingual=True)
    transcriber = WhisperTranscriber(fake, beam_size=5)
    assert transcriber.transcribe(np.zeros(16_000, np.float32), "de").language == "de"
    assert transcriber.transcribe(np.zeros(16_000, np.float32), None).language == "fr"


def test_nothing_heard_is_an_empty_text() -> None:
    fake = FakeWhisper(texts=[""], compression_ratio=[0.0])
    heard = WhisperTranscriber(fake, beam_size=5).transcribe(np.zeros(16_000, np.float32), None)
    assert (heard.text, heard.avg_logprob, heard.is_repetitive) == ("", None, False)


def test_unusable_folders_and_types_are_told(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"no tokenizer\.json"):
        load_faster_whisper(tmp_path, device="cpu", compute_type="auto")
    with pytest.raises(WeightsError, match=r"compute type 'int3'[\s\S]*hint: "):
        load_faster_whisper(folder, device="cpu", compute_type="int3")
    (tmp_path / "tokenizer.json").write_bytes((folder / "tokenizer.json").read_bytes())
    (tmp_path / "model.bin").write_bytes(b"junk")
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(WeightsError, match="cannot load"):
        load_faster_whisper(tmp_path, device="cpu", compute_type="auto")


def test_compute_types() -> None:
    assert resolve_compute_type("auto", "cpu") == "int8"
    assert resolve_compute_type("auto", "cuda") == "float16"
    assert resolve_compute_type("float32", "cuda") == "float32"


def test_loading_leaves_torch_its_threads(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    before = torch.get_num_threads()
    try:
        monkeypatch.setenv("OMP_NUM_THREADS", "3")
        model = load_faster_whisper(folder, device="cpu", compute_type="float32")
        assert model.model.num_workers == 3
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
