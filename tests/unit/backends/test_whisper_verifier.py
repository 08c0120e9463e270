"""Both backends against transformers' own forward pass, against each other, and against their own batching."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmcheck.backends.whisper_features import PADDING_FRAMES, LogMel, stack_features, window_frames
from mmcheck.backends.whisper_passes import (
    MAX_PASSES,
    OWN_CHOICE,
    Expected,
    build_verification,
    pass_ids,
    plan_passes,
    read_early_ends,
    read_pass,
)
from mmcheck.backends.whisper_start import StartReading
from mmcheck.backends.whisper_tokens import EncodedText, WhisperTokens
from mmcheck.backends.whisper_verifier import Verification, VerificationTask, WhisperVerifier
from mmcheck.core.errors import MediaError, WeightsError

_SPEC = importlib.util.spec_from_file_location(
    "whisper_folders", Path(__file__).resolve().parents[2] / "fixtures" / "whisper_folders.py"
)
assert _SPEC is not None
assert _SPEC.loader is not None
folders = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(folders)

MakeVerifier = Callable[..., WhisperVerifier]


@pytest.fixture(scope="module")
def english(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folders.write_transformers(tmp_path_factory.mktemp("english"))


@pytest.fixture(scope="module")
def multilingual(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folders.write_transformers(tmp_path_factory.mktemp("multilingual"), is_multilingual=True)


@pytest.fixture(scope="module")
def make_verifier(tmp_path_factory: pytest.TempPathFactory) -> MakeVerifier:
    converted: dict[Path, Path] = {}

    def make(folder: Path, backend: str, window: str = "full", batch_size: int = 16) -> WhisperVerifier:
        if backend == "torch":
            from mmcheck.backends.whisper_torch import TorchWhisperVerifier

            return TorchWhisperVerifier(folder, device="cpu", precision="float32", window=window, batch_size=batch_size)
        from mmcheck.backends.whisper_ctranslate2 import Ctranslate2WhisperVerifier
        from mmcheck.backends.whisper_transcriber import load_faster_whisper

        if folder not in converted:
            converted[folder] = folders.write_ctranslate2(folder, tmp_path_factory.mktemp("ct2") / "model")
        model = load_faster_whisper(converted[folder], device="cpu", compute_type="float32")
        return Ctranslate2WhisperVerifier(model.model, converted[folder], window=window, batch_size=batch_size)

    return make


def clip(seconds: float, seed: int = 0) -> np.ndarray[Any, Any]:
    return (0.1 * np.random.default_rng(seed).standard_normal(int(seconds * 16000))).astype(np.float32)


def make_tasks(language: str | None = None) -> list[VerificationTask]:
    log_mel = LogMel(80)
    pairs = [(1.003, "the quick brown fox"), (2.5, "hello world."), (7.77, "a " * 20), (0.01, "green"), (4.0, "")]
    return [
        VerificationTask(features=log_mel(clip(seconds, seed)), text=text, language=language)
        for seed, (seconds, text) in enumerate(pairs)
    ]


def numbers(found: Verification) -> list[float]:
    flat = [log_prob for word in found.log_probs for log_prob in word]
    extra = [found.language_probability, found.stated_probability, found.no_speech_prob]
    return [*flat, found.end_log_prob, *(value for value in extra if value is not None)]


def test_features_are_those_that_faster_whisper_and_transformers_compute() -> None:
    from transformers import WhisperFeatureExtractor

    samples = clip(30)
    ours = LogMel(128)(samples)
    theirs = WhisperFeatureExtractor(feature_size=128)(samples, sampling_rate=16000, return_tensors="np")
    assert ours.shape == (128, 3000)
    # The very last frame differs: faster-whisper sees silence behind the clip, transformers its mirror image.
    assert ours[:, :2999] == pytest.approx(theirs["input_features"][0][:, :2999], abs=2e-3)


def test_features_of_odd_recordings() -> None:
    log_mel = LogMel(80)
    assert log_mel(np.zeros(0, np.float32)).shape == (80, 2)
    assert np.isfinite(log_mel(np.full(1600, np.nan, np.float32))).all()
    with pytest.raises(ValueError, match="480000"):
        log_mel(np.zeros(480_001, np.float32))


def test_padding_is_zero_and_even() -> None:
    stacked = stack_features([np.ones((2, 3), np.float32), np.ones((2, 1), np.float32)])
    assert stacked.shape == (2, 2, 4)
    assert stacked[1].sum() == 2


def test_torch_gives_what_transformers_gives(english: Path, make_verifier: MakeVerifier) -> None:
    import torch
    from transformers import WhisperForConditionalGeneration

    verifier = make_verifier(english, "torch")
    task = make_tasks()[1]
    found = verifier.verify([task])[0]
    model = WhisperForConditionalGeneration.from_pretrained(str(english)).eval()
    text = verifier.tokens.encode(task.text)
    inputs = torch.from_numpy(stack_features([task.features], 3000))
    ids = torch.tensor([[*verifier.tokens.prompt(None), *text.tokens]])
    with torch.no_grad():
        log_probs = model(input_features=inputs, decoder_input_ids=ids).logits[0].log_softmax(-1).numpy()
    wanted = [log_probs[1 + index, token] for index, token in enumerate(text.tokens)]
    assert [log_prob for word in found.log_probs for log_prob in word] == pytest.approx(wanted, abs=1e-4)
    ends = [verifier.tokens.eot, *verifier.tokens.sentence_ends]
    over = np.logaddexp.reduce(log_probs[-2, ends])
    assert found.end_log_prob == pytest.approx(over + log_probs[-1, verifier.tokens.eot], abs=1e-4)
    entropy = -(np.exp(log_probs) * log_probs).sum(axis=-1)
    expected = [spread for word in found.entropies for spread in word]
    known = [
        max(spread, -log_prob) if is_mark else spread
        for spread, log_prob, is_mark in zip(entropy[1:], wanted, text.marks, strict=False)
    ]
    assert expected == pytest.approx(known, abs=1e-3)
    behind = log_probs[1 : 1 + len(text.tokens)].max(axis=-1) - wanted
    assert found.num_own == int((behind <= OWN_CHOICE).sum())
    no_speech = verifier.tokens.no_speech
    assert no_speech is not None
    assert found.no_speech_prob == pytest.approx(np.exp(log_probs[0, no_speech]), abs=1e-6)


@pytest.mark.parametrize("window", ["full", "fitted"])
@pytest.mark.parametrize("backend", ["torch", "ctranslate2"])
def test_neighbours_in_the_batch_change_nothing(
    backend: str, window: str, english: Path, make_verifier: MakeVerifier
) -> None:
    verifier = make_verifier(english, backend, window)
    tasks = make_tasks()
    together = verifier.verify(tasks)
    alone = [verifier.verify([task])[0] for task in tasks]
    backwards = make_verifier(english, backend, window, batch_size=2).verify(tasks[::-1])[::-1]
    for first, second, third in zip(together, alone, backwards, strict=True):
        assert numbers(first) == pytest.approx(numbers(second), abs=1e-4)
        assert numbers(first) == pytest.approx(numbers(third), abs=1e-4)


@pytest.mark.parametrize("window", ["full", "fitted"])
def test_several_recordings_at_a_time_change_nothing(
    window: str, english: Path, make_verifier: MakeVerifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    tasks = [task for task in make_tasks() for _ in range(2)]
    verifier = make_verifier(english, "torch", window)
    before = torch.get_num_threads()
    try:
        monkeypatch.setenv("OMP_NUM_THREADS", "1")
        alone = verifier.verify(tasks, keep_encoded=True)
        monkeypatch.setenv("OMP_NUM_THREADS", "3")
        together = verifier.verify(tasks, keep_encoded=True)
        left = torch.get_num_threads()
    finally:
        torch.set_num_threads(before)
    assert left == 3
    for first, second in zip(alone, together, strict=True):
        assert first.words == second.words
        assert numbers(first) == pytest.approx(numbers(second), abs=1e-4)
        assert torch.allclose(first.encoded, second.encoded, atol=1e-4)


@pytest.mark.parametrize("window", ["full", "padded", "fitted"])
@pytest.mark.parametrize("backend", ["torch", "ctranslate2"])
def test_texts_of_one_recording_share_its_encoding(
    backend: str, window: str, english: Path, make_verifier: MakeVerifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    verifier = make_verifier(english, backend, window)
    tasks = [replace(task, text=text) for task in make_tasks()[:2] for text in (task.text, "two words", "")]
    alone = [verifier.verify([task], keep_encoded=True)[0] for task in tasks]
    together = verifier.verify(tasks)
    for first, second in zip(alone, together, strict=True):
        assert numbers(first) == pytest.approx(numbers(second), abs=1e-4)
    # What the encoder made before is taken as it is.
    for name in ("encode", "encode_features"):
        monkeypatch.delattr(f"mmcheck.backends.whisper_{backend}.{name}", raising=False)
    monkeypatch.delattr(type(verifier), "encode", raising=False)
    again = verifier.verify([replace(task, encoded=one.encoded) for task, one in zip(tasks, alone, strict=True)])
    for first, second in zip(alone, again, strict=True):
        assert numbers(first) == pytest.approx(numbers(second), abs=1e-4)


def test_windows_are_as_long_as_they_are_said_to_be(english: Path, make_verifier: MakeVerifier) -> None:
    task = make_tasks()[0]
    frames = task.features.shape[1]
    for backend in ("torch", "ctranslate2"):
        for window, wanted in (("fitted", frames), ("padded", frames + PADDING_FRAMES), ("full", 3000)):
            (found,) = make_verifier(english, backend, window).verify([task], keep_encoded=True)
            assert found.encoded.shape[0] == (wanted + 1) // 2
    assert window_frames("padded", 2900) == window_frames("full", 10) == 3000


def test_a_padded_window_is_the_clip_with_silence_behind_it(english: Path, make_verifier: MakeVerifier) -> None:
    task = make_tasks()[0]
    longer = stack_features([task.features], task.features.shape[1] + PADDING_FRAMES)[0]
    for backend in ("torch", "ctranslate2"):
        (padded,) = make_verifier(english, backend, "padded").verify([task])
        (fitted,) = make_verifier(english, backend, "fitted").verify([replace(task, features=longer)])
        assert numbers(padded) == pytest.approx(numbers(fitted), abs=1e-4)


@pytest.mark.parametrize("window", ["full", "fitted"])
def test_both_backends_agree(window: str, english: Path, make_verifier: MakeVerifier) -> None:
    tasks = make_tasks()
    left = make_verifier(english, "torch", window).verify(tasks)
    right = make_verifier(english, "ctranslate2", window).verify(tasks)
    for first, second in zip(left, right, strict=True):
        assert first.words == second.words
        assert numbers(first) == pytest.approx(numbers(second), abs=1e-2)


@pytest.mark.parametrize("language", [None, "de"])
def test_both_backends_agree_in_many_languages(
    language: str | None, multilingual: Path, make_verifier: MakeVerifier
) -> None:
    tasks = make_tasks(language)
    left = make_verifier(multilingual, "torch", "fitted").verify(tasks)
    right = make_verifier(multilingual, "ctranslate2", "fitted").verify(tasks)
    for first, second in zip(left, right, strict=True):
        assert first.language == second.language
        assert first.language in folders.LANGUAGES
        assert (first.stated_probability is None) == (language is None)
        assert first.language_probability is not None
        assert first.language_probability >= 1 / 99
        assert numbers(first) == pytest.approx(numbers(second), abs=1e-2)


def test_the_prompt_follows_the_language(multilingual: Path, make_verifier: MakeVerifier) -> None:
    verifier = make_verifier(multilingual, "torch", "fitted")
    task = make_tasks()[0]
    detected = verifier.verify([task])[0]
    assert detected.language is not None
    same, other = verifier.verify(
        [replace(task, language=detected.language), replace(task, language="ja" if detected.language != "ja" else "de")]
    )
    assert numbers(same)[:4] == pytest.approx(numbers(detected)[:4], abs=1e-4)
    assert numbers(other)[:4] != pytest.approx(numbers(detected)[:4], abs=1e-4)


@pytest.mark.parametrize("backend", ["torch", "ctranslate2"])
def test_long_texts_are_scored_whole(backend: str, english: Path, make_verifier: MakeVerifier) -> None:
    task = VerificationTask(features=LogMel(80)(clip(1)), text="red green " * 350)
    found = make_verifier(english, backend, "fitted").verify([task])[0]
    assert found.num_scored == found.num_tokens > 448
    assert len(found.words) == 700
    assert found.end_log_prob < 0


def test_texts_that_nobody_can_speak_say_how_much_was_scored(english: Path, make_verifier: MakeVerifier) -> None:
    task = VerificationTask(features=LogMel(80)(clip(1)), text="green " * 9000)
    found = make_verifier(english, "torch", "fitted").verify([task])[0]
    assert 0 < found.num_scored < found.num_tokens
    assert found.num_scored == sum(map(len, found.log_probs))


class _Tokens:
    period, eot, sentence_ends = 5, 9, (5, 6)


def encoded(count: int, *, has_end: bool = False) -> EncodedText:
    tokens = tuple(index % 5 for index in range(count))
    return EncodedText(words=("w",) * count, tokens=tokens, word_of_token=tuple(range(count)), has_end=has_end)


@given(st.integers(0, 400), st.integers(2, 4), st.integers(12, 60), st.booleans())
def test_passes_score_each_token_once_and_fit_the_decoder(count: int, prompt: int, limit: int, has_end: bool) -> None:
    text = encoded(count, has_end=has_end)
    tokens: Any = _Tokens
    passes = plan_passes(text, tokens, prompt, limit)
    assert all(prompt + len(step.tokens) < limit for step in passes)
    assert [step.is_last for step in passes].count(True) == 1
    assert passes[-1].is_last
    scored = [step.first + offset for step in passes for offset in range(step.num_scored)]
    assert scored == sorted(set(scored))
    if len(passes) < MAX_PASSES:
        assert scored == list(range(count))
    for step in passes:
        part = step.tokens[step.context : step.context + step.num_scored]
        assert part == text.tokens[step.first : step.first + step.num_scored]


def test_a_missing_full_stop_is_no_missing_text() -> None:
    tokens: Any = _Tokens
    step = plan_passes(encoded(2), tokens, 2)[0]
    ids = pass_ids(step, tokens)
    table = np.full((4, len(ids)), np.log(1e-6))
    table[2, ids.index(5)] = np.log(0.9)
    table[2, ids.index(9)] = np.log(0.01)
    table[3, ids.index(9)] = np.log(0.5)
    _, end = read_pass(step, table, tokens)
    assert end == pytest.approx(np.log(0.01 + 0.9 * 0.5), abs=1e-3)
    table[3, ids.index(9)] = np.log(1e-4)
    _, end = read_pass(step, table, tokens)
    assert end == pytest.approx(np.log(0.01 + 0.9 * 1e-4), abs=1e-3)


def test_a_full_stop_does_not_hide_that_the_text_was_cut_before_it() -> None:
    tokens: Any = _Tokens
    text = EncodedText(words=("a", "b."), tokens=(1, 5), word_of_token=(0, 1), has_end=True)
    step = plan_passes(text, tokens, 2)[0]
    ids = pass_ids(step, tokens)
    table = np.full((3, len(ids)), np.log(1e-9))
    table[2, ids.index(9)] = np.log(0.99)
    table[1, ids.index(5)] = np.log(0.9)
    assert read_pass(step, table, tokens)[1] == pytest.approx(np.log(0.9 * 0.99), abs=1e-3)
    table[1, ids.index(5)] = np.log(1e-3)
    assert read_pass(step, table, tokens)[1] == pytest.approx(np.log(1e-3 * 0.99), abs=1e-3)


def test_a_text_may_end_before_each_of_its_words_at_once_or_with_a_mark() -> None:
    tokens: Any = _Tokens
    text = EncodedText(words=("a", "b.", "c"), tokens=(1, 2, 5, 3), word_of_token=(0, 1, 1, 2), has_end=False)
    step = plan_passes(text, tokens, 2)[0]
    ids = pass_ids(step, tokens)
    table = np.full((6, len(ids)), np.log(1e-9))
    table[1, ids.index(9)], table[1, ids.index(5)] = np.log(0.3), np.log(0.4)
    # After its mark a text ends or goes on; another mark is no end.
    table[3, ids.index(9)], table[3, ids.index(5)] = np.log(0.2), np.log(0.7)
    ends = read_early_ends(step, table, tokens)
    assert ends[1] == pytest.approx(np.log(0.7), abs=1e-3)
    assert ends[3] == pytest.approx(np.log(0.2), abs=1e-3)
    assert ends[0] == pytest.approx(ends[2], abs=1e-3)
    assert ends[0] < -19


def test_a_mark_that_nobody_expected_surprises_nobody() -> None:
    tokens: Any = _Tokens
    text = EncodedText(
        words=("a.", "b"), tokens=(1, 5, 2), word_of_token=(0, 0, 1), has_end=False, marks=(False, True, False)
    )
    step = plan_passes(text, tokens, 2)[0]
    start = StartReading(no_speech_prob=None, language=None, language_probability=None, stated_probability=None)
    read = [([-7.0, -8.0, -9.0], -0.1)]
    found = build_verification(text, [step], read, [Expected([0.5] * 3, [-9.0] * 3, 3)], start)
    assert found.entropies == ((0.5, 8.0), (0.5,))
    assert found.log_probs == ((-7.0, -8.0), (-9.0,))


def test_numbers_that_are_none_are_refused() -> None:
    tokens: Any = _Tokens
    step = plan_passes(encoded(1, has_end=True), tokens, 2)[0]
    with pytest.raises(MediaError, match="finite"):
        read_pass(step, np.full((2, len(pass_ids(step, tokens))), np.nan), tokens)
    scores, end = read_pass(step, np.full((2, len(pass_ids(step, tokens))), -np.inf), tokens)
    assert (scores, end) == ([-100.0], -100.0)


def test_incomplete_weights_are_refused_instead_of_filled_with_random_ones(english: Path, tmp_path: Path) -> None:
    import shutil

    from safetensors.torch import load_file, save_file

    from mmcheck.backends.whisper_torch import TorchWhisperVerifier

    folder = shutil.copytree(english, tmp_path / "broken")
    weights = load_file(folder / "model.safetensors")
    weights.pop("model.decoder.layers.1.fc1.weight")
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(WeightsError, match=r"incomplete.*fc1"):
        TorchWhisperVerifier(folder, device="cpu", precision="float32", window="full", batch_size=1)
    (folder / "model.safetensors").write_bytes(b"junk")
    with pytest.raises(WeightsError, match="cannot load"):
        TorchWhisperVerifier(folder, device="cpu", precision="float32", window="full", batch_size=1)


def test_tokens_load_from_both_formats(english: Path, make_verifier: MakeVerifier) -> None:
    left = make_verifier(english, "torch").tokens
    right = make_verifier(english, "ctranslate2").tokens
    assert isinstance(left, WhisperTokens)
    assert left.encode("hello <|endoftext|> world") == right.encode("hello <|endoftext|> world")
    assert left.no_speech == right.no_speech
