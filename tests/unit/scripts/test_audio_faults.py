"""The audio half of the demo data and the speech world behind it."""

from __future__ import annotations

import json
import random
import re
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from scripts.synthetic.audio_faults import PLANTED_FAULTS, write_audio_transcript
from scripts.synthetic.recording import coloured_noise, decode_audio, encode_audio
from scripts.synthetic.sentences import (
    VOCABULARY,
    draw_words,
    grammar_words,
    is_held_out,
    write_text,
)
from scripts.synthetic.speech import (
    HELD_OUT_VARIANTS,
    SAMPLING_RATE,
    TRAINING_VARIANTS,
    SpeechUnavailableError,
    Synthesizer,
    Voice,
    draw_voice,
    find_espeak,
    resample,
    speak_repeatably,
)

needs_espeak = pytest.mark.skipif(
    find_espeak() is None, reason="espeak-ng, which speaks the demo recordings, is not installed"
)


def _words(text: str) -> list[str]:
    return re.sub(r"[.?]", "", text.lower()).split()


def _read(folder: Path) -> list[dict[str, Any]]:
    lines = (folder / "manifest.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[tuple[str, str | None]]]:
    if find_espeak() is None:
        pytest.skip("espeak-ng, which speaks the demo recordings, is not installed")
    folder = tmp_path_factory.mktemp("demo")
    return folder, write_audio_transcript(folder, 74, random.Random(11))


def _rows_with(demo: tuple[Path, list[tuple[str, str | None]]], fault: str | None) -> list[tuple[dict[str, Any], Path]]:
    folder, planted = demo
    wanted = {sample_id for sample_id, found in planted if found == fault}
    return [(row, folder / row["audio_filepath"]) for row in _read(folder) if row["id"] in wanted]


def test_every_fault_is_planted_and_most_pairs_are_clean(
    demo: tuple[Path, list[tuple[str, str | None]]],
) -> None:
    folder, planted = demo
    counts = Counter(fault for _, fault in planted)
    assert set(counts) == {None, *PLANTED_FAULTS}
    assert counts[None] == round(74 * 0.7)
    assert [row["id"] for row in _read(folder)] == [sample_id for sample_id, _ in planted]
    assert planted[0][0] == "aud-00001"


def test_clean_rows_decode_to_the_duration_they_state(
    demo: tuple[Path, list[tuple[str, str | None]]],
) -> None:
    for row, path in _rows_with(demo, None):
        samples = decode_audio(path.read_bytes())
        assert abs(len(samples) / SAMPLING_RATE - row["duration"]) < 0.05
        assert float(np.abs(samples).max()) > 0.05
        assert 4 <= len(_words(row["text"])) / row["duration"] * 2 <= 12
        assert row["lang"] == "en"
        assert row["speaker"].rpartition("-")[2] in {name.lower() for name in HELD_OUT_VARIANTS}


def test_clean_sentences_are_held_out(demo: tuple[Path, list[tuple[str, str | None]]]) -> None:
    punctuated = [row["text"] for row, _ in _rows_with(demo, None) if row["text"][0].isupper()]
    sentences = [part for text in punctuated for part in re.findall(r"[^.?]+[.?]", text)]
    assert sentences
    assert all(is_held_out(_words(sentence)) for sentence in sentences)


def test_silent_and_noisy_rows_hold_no_speech(demo: tuple[Path, list[tuple[str, str | None]]]) -> None:
    silent = [decode_audio(path.read_bytes()) for _, path in _rows_with(demo, "audio_silent")]
    noisy = [decode_audio(path.read_bytes()) for _, path in _rows_with(demo, "audio_noise")]
    assert silent
    assert noisy
    assert all(float(np.abs(samples).max()) < 1e-3 for samples in silent)
    for samples in noisy:
        blocks = samples[: len(samples) // 1600 * 1600].reshape(-1, 1600).std(axis=1)[1:-1]
        assert float(blocks.max()) < 6 * float(blocks.min())


def test_missing_and_corrupt_audio_cannot_be_read(
    demo: tuple[Path, list[tuple[str, str | None]]],
) -> None:
    missing, corrupt = _rows_with(demo, "audio_missing"), _rows_with(demo, "audio_corrupt")
    assert missing
    assert corrupt
    assert not any(path.exists() for _, path in missing)
    for row, path in corrupt:
        assert "duration" not in row
        with pytest.raises((av.FFmpegError, ValueError, IndexError)):
            decode_audio(path.read_bytes())


def test_text_faults_change_the_text_as_named(demo: tuple[Path, list[tuple[str, str | None]]]) -> None:
    assert all(not row["text"].strip() for row, _ in _rows_with(demo, "transcript_empty"))
    rates = [len(row["text"]) / row["duration"] for row, _ in _rows_with(demo, "rate_implausible")]
    clean = [len(row["text"]) / row["duration"] for row, _ in _rows_with(demo, None)]
    assert rates
    assert all(rate > 1.5 * max(clean) or rate < min(clean) / 1.5 for rate in rates)
    cut = [len(row["text"]) / row["duration"] for row, _ in _rows_with(demo, "transcript_truncated")]
    assert np.mean(cut) < np.mean(clean)


@needs_espeak
@pytest.mark.parametrize("count", [0, 1, 3])
def test_small_counts_give_that_many_rows(count: int, tmp_path: Path) -> None:
    planted = write_audio_transcript(tmp_path, count, random.Random(2))
    assert len(planted) == len(_read(tmp_path)) == count


@needs_espeak
def test_equal_seeds_give_equal_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_audio_transcript(tmp_path / name, 8, random.Random(3))
    first, second = (
        {path.name: path.read_bytes() for path in (tmp_path / name).rglob("*.*") if path.is_file()}
        for name in ("a", "b")
    )
    assert first == second
    write_audio_transcript(tmp_path / "c", 8, random.Random(4))
    assert (tmp_path / "c/manifest.jsonl").read_bytes() != (tmp_path / "a/manifest.jsonl").read_bytes()


def test_held_out_and_training_material_do_not_meet() -> None:
    assert not set(HELD_OUT_VARIANTS) & set(TRAINING_VARIANTS)
    rng = random.Random(5)
    kept = {" ".join(draw_words(rng, held_out=False)).lower() for _ in range(400)}
    held = {" ".join(draw_words(rng, held_out=True)).lower() for _ in range(400)}
    assert not kept & held
    assert all(draw_voice(rng, held_out=True).variant in HELD_OUT_VARIANTS for _ in range(50))


def test_sentences_use_the_vocabulary_only() -> None:
    rng = random.Random(6)
    words = {word for _ in range(500) for word in grammar_words(rng)}
    assert words <= set(VOCABULARY)
    assert len({word.lower() for word in VOCABULARY}) >= 300


@pytest.mark.parametrize(
    ("words", "sentence_case", "text"),
    [
        (["the", "dog", "found", "Anna"], True, "The dog found Anna."),
        (["the", "dog", "found", "Anna"], False, "the dog found anna"),
        (["where", "is", "the", "cup"], True, "Where is the cup?"),
    ],
)
def test_write_text(words: list[str], sentence_case: bool, text: str) -> None:
    assert write_text(words, sentence_case=sentence_case) == text


@needs_espeak
def test_synthesizer_reports_a_start_for_every_word() -> None:
    voice = Voice(accent="gmw/en-US", variant="m4", rate=180, pitch=50, pitch_range=50)
    spoken = Synthesizer().speak("There are two dogs in the garden.", voice)
    assert len(spoken.words) == 7
    assert list(spoken.words) == sorted(spoken.words)
    assert spoken.words[-1] < len(spoken.samples) / SAMPLING_RATE
    assert len(spoken.phonemes) > 12


@needs_espeak
def test_unknown_voice_is_refused() -> None:
    voice = Voice(accent="gmw/xx-none", variant="", rate=180, pitch=50, pitch_range=50)
    with pytest.raises(SpeechUnavailableError, match="gmw/xx-none"):
        Synthesizer().speak("Hello.", voice)


@needs_espeak
def test_faster_rate_is_shorter() -> None:
    slow, fast = (Voice(accent="gmw/en", variant="f4", rate=rate, pitch=50, pitch_range=50) for rate in (120, 240))
    text = "The small dog found a red ball."
    assert len(speak_repeatably(text, fast).samples) < 0.7 * len(speak_repeatably(text, slow).samples)


@pytest.mark.parametrize("rate", [8000, 22050, 48000])
def test_resample_keeps_a_tone(rate: int) -> None:
    tone = np.sin(2 * np.pi * 100 * np.arange(rate) / rate).astype(np.float32)
    out = resample(tone, rate, SAMPLING_RATE)
    assert len(out) == SAMPLING_RATE
    wanted = np.sin(2 * np.pi * 100 * np.arange(SAMPLING_RATE) / SAMPLING_RATE)
    assert float(np.abs(out - wanted)[800:-800].max()) < 0.05  # the length is rounded, by less than a sample


@pytest.mark.parametrize("audio_format", ["opus", "flac"])
def test_audio_files_come_back(audio_format: Any) -> None:
    samples = coloured_noise(np.random.default_rng(0), 16_000, 1.0) * np.float32(0.02)
    samples += (0.3 * np.sin(2 * np.pi * 300 * np.arange(16_000) / 16_000)).astype(np.float32)
    data = encode_audio(samples, audio_format)
    assert data == encode_audio(samples, audio_format)
    out = decode_audio(data)
    assert abs(len(out) - len(samples)) <= 320
    assert float(np.corrcoef(out[:15_000], samples[:15_000])[0, 1]) > 0.9
