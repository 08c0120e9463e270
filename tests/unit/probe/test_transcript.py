from __future__ import annotations

import importlib.util
import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import mmcheck.probe.transcript_media as module
from mmcheck.backends.whisper_transcriber import Transcription
from mmcheck.config import TranscriptConfig, UncertainConfig, bundled_dir
from mmcheck.core.errors import ConfigError, MediaError, WeightsError
from mmcheck.core.types import Measurement, MediaRef, Sample
from mmcheck.media.sample_media import SampleMedia
from mmcheck.media.source import MediaSource
from mmcheck.metrics.window_agreement import WindowAgreement
from mmcheck.probe.base import NotApplicable, Prepared
from mmcheck.probe.transcript import TranscriptProbe
from mmcheck.probe.window_check import WindowTrial

RATE = 16_000
ALL_DOUBTFUL = UncertainConfig(mean_log_prob=0, worst_word_log_prob=0, end_log_prob=0, tail_log_prob=0)
NONE_DOUBTFUL = UncertainConfig(mean_log_prob=-200, worst_word_log_prob=-200, end_log_prob=-200, tail_log_prob=-200)
LOG_PROBS = {"mean_log_prob", "worst_word_log_prob", "head_log_prob", "tail_log_prob", "end_log_prob"}

MakeSample = Callable[..., Sample]


def load_folders() -> ModuleType:
    path = Path(__file__).resolve().parents[2] / "fixtures" / "whisper_folders.py"
    spec = importlib.util.spec_from_file_location("whisper_folders", path)
    assert spec is not None
    assert spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return load_folders().write_transformers(tmp_path_factory.mktemp("whisper") / "source")


@pytest.fixture(scope="module")
def folder(source: Path) -> Path:
    """A folder with both formats, so that nothing is converted into the cache."""
    target = load_folders().write_ctranslate2(source, source.parent / "model")
    (target / "transformers").symlink_to(source)
    return target


@pytest.fixture
def make_sample(tmp_path: Path, wav_bytes: Callable[..., bytes]) -> MakeSample:
    def make(
        seconds: float | None = 1.0, text: str | None = "hello world", language: str | None = "en", seed: int = 0
    ) -> Sample:
        audio = None
        if seconds is not None:
            path = tmp_path / f"{seed}-{seconds}.wav"
            path.write_bytes(wav_bytes(noise(seconds, seed)))
            audio = MediaRef(uri=str(path))
        return Sample(id=f"s{seed}", manifest="m", row_number=1, audio=audio, transcript=text, language=language)

    return make


def noise(seconds: float, seed: int) -> np.ndarray[Any, Any]:
    return (0.1 * np.random.default_rng(seed).standard_normal(round(seconds * RATE))).astype(np.float32)


def open_probe(folder: Path, **options: Any) -> TranscriptProbe:
    plain = {
        "model": str(folder),
        "window": "fitted",
        "precision": "float32",
        "compute_type": "float32",
        "beam_size": 1,
    }
    probe = TranscriptProbe(TranscriptConfig(**{**plain, **options}), "cpu", 0)
    probe.open()
    return probe


def measure(probe: TranscriptProbe, samples: Sequence[Sample]) -> list[Measurement]:
    source = MediaSource(allow_remote=False)
    batch = [Prepared(sample=sample, payload=probe.prepare(SampleMedia(sample, source))) for sample in samples]
    return probe.measure(batch)


class FakeTranscriber:
    """Hears the given texts, one after the other."""

    def __init__(self, *texts: str) -> None:
        self.texts = list(texts)
        self.languages: list[str | None] = []

    def transcribe(self, _samples: object, language: str | None, *, is_loop: Callable[[str], bool]) -> Transcription:
        self.languages.append(language)
        text = self.texts[len(self.languages) - 1]
        return Transcription(
            text=text,
            language=language or "en",
            language_probability=1.0,
            avg_logprob=-0.1,
            no_speech_prob=0.0,
            is_repetitive=is_loop(text),
        )

    def transcribe_encoded(
        self, encoded: Any, num_samples: int, language: str | None, *, is_loop: Callable[[str], bool]
    ) -> Transcription:
        assert encoded.ndim == 2
        assert num_samples > 0
        return self.transcribe(None, language, is_loop=is_loop)


def test_all_figures_are_announced_and_the_evidence_is_json(folder: Path, make_sample: MakeSample) -> None:
    found = measure(open_probe(folder, transcribe="always"), [make_sample(2.0, "Hello, the quick fox")])[0]
    announced = {metric.name.removeprefix("transcript.") for metric in TranscriptProbe.metrics}
    assert set(found.values) <= announced
    multilingual_only = {"language_probability", "stated_language_probability"}
    assert announced - set(found.values) == multilingual_only
    evidence = json.loads(json.dumps(found.evidence))
    assert [word for word, _ in evidence["words"]] == ["Hello,", "the", "quick", "fox"]
    assert evidence["transcribed"]
    assert evidence["decision"].startswith("always")
    assert " ".join(step[1] for step in evidence["alignment"] if step[1]) == "hello the quick fox"
    assert found.values["num_words"] == 4


def test_only_doubtful_pairs_are_transcribed(folder: Path, make_sample: MakeSample) -> None:
    calm = measure(open_probe(folder, uncertain=NONE_DOUBTFUL), [make_sample()])[0]
    assert not calm.evidence["transcribed"]
    assert "wer" not in calm.values
    assert set(calm.values) >= LOG_PROBS
    nervous = measure(open_probe(folder, uncertain=ALL_DOUBTFUL), [make_sample()])[0]
    assert nervous.evidence["decision"].startswith("uncertain: mean_log_prob -")
    assert "wer" in nervous.values
    silent = measure(open_probe(folder, transcribe="never", uncertain=ALL_DOUBTFUL), [make_sample()])[0]
    assert not silent.evidence["transcribed"]


def test_without_verification_everything_is_transcribed(folder: Path, make_sample: MakeSample) -> None:
    found = measure(open_probe(folder, verify=False, transcribe="uncertain"), [make_sample()])[0]
    assert found.evidence["transcribed"]
    assert not LOG_PROBS & set(found.values)
    with pytest.raises(ConfigError, match="measures nothing"):
        TranscriptProbe(TranscriptConfig(verify=False, transcribe="never"), "cpu", 0)


@pytest.mark.parametrize("backend", ["transformers", "ctranslate2"])
def test_values_do_not_depend_on_the_batch(backend: str, folder: Path, make_sample: MakeSample) -> None:
    probe = open_probe(folder, backend=backend, transcribe="never", batch_size=3)
    texts = ["a", "hello world this is", "red", "the quick brown fox", "of speech"]
    samples = [make_sample(0.3 + seed, text, seed=seed) for seed, text in enumerate(texts)]
    together = measure(probe, samples)
    assert [found.sample_id for found in together] == [sample.id for sample in samples]
    for sample, found in zip(samples, together, strict=True):
        alone = measure(probe, [sample])[0]
        assert found.values == pytest.approx(alone.values, abs=1e-4)


def test_backends_agree(folder: Path, make_sample: MakeSample) -> None:
    samples = [make_sample(1.5, "hello world")]
    left = measure(open_probe(folder, backend="transformers", transcribe="never"), samples)[0]
    right = measure(open_probe(folder, backend="ctranslate2", transcribe="never"), samples)[0]
    assert left.values == pytest.approx(right.values, abs=1e-2)


def test_what_does_not_apply_says_why(folder: Path, make_sample: MakeSample) -> None:
    probe = open_probe(folder, transcribe="never")
    cases = {
        "no recording": make_sample(None),
        "no transcript": make_sample(text=None),
        "transcript is empty": make_sample(text=" \n\t"),
        "English only": make_sample(language="de"),
    }
    for reason, sample in cases.items():
        with pytest.raises(NotApplicable, match=reason):
            measure(probe, [sample])
    measure(probe, [make_sample(language="en-GB"), make_sample(language=None), make_sample(language="English")])


def test_broken_recordings_are_media_errors(folder: Path, tmp_path: Path) -> None:
    probe = open_probe(folder, transcribe="never")
    (tmp_path / "bad.wav").write_bytes(b"RIFF nothing")
    for name in ("bad.wav", "absent.wav"):
        ref = MediaRef(uri=str(tmp_path / name))
        sample = Sample(id="x", manifest="m", row_number=1, audio=ref, transcript="hello")
        with pytest.raises(MediaError):
            measure(probe, [sample])


@pytest.mark.parametrize("text", ["...", "<|endoftext|>", "[noise]", "\U0001f600", "x" * 3000, "NO CAPITALS"])
def test_odd_transcripts_are_measured(text: str, folder: Path, make_sample: MakeSample) -> None:
    found = measure(open_probe(folder, transcribe="always"), [make_sample(0.5, text)])[0]
    assert set(found.values) >= LOG_PROBS
    assert json.dumps(found.evidence)


def test_silence_is_measured_like_anything_else(folder: Path, tmp_path: Path, wav_bytes: Callable[..., bytes]) -> None:
    (tmp_path / "silence.wav").write_bytes(wav_bytes(np.zeros(RATE, np.int16)))
    ref = MediaRef(uri=str(tmp_path / "silence.wav"))
    sample = Sample(id="x", manifest="m", row_number=1, audio=ref, transcript="hello")
    found = measure(open_probe(folder, transcribe="always"), [sample])[0]
    assert 0 <= found.values["no_speech_prob"] <= 1


def test_scripts_without_spaces_are_decided_by_characters(folder: Path, make_sample: MakeSample) -> None:
    probe = open_probe(folder, transcribe="always")
    probe._hearing.transcriber = FakeTranscriber("\u4eca\u65e5\u306f \u96e8\u308c")  # type: ignore[assignment]
    found = measure(probe, [make_sample(1, "\u4eca\u65e5\u306f\u6674\u308c\u3002", None)])[0]
    assert found.values["error_rate"] == found.values["cer"] == pytest.approx(1 / 5)
    assert "wer" not in found.values
    assert found.values["num_words"] == 5


def test_nothing_said_and_nothing_left_to_compare(folder: Path, make_sample: MakeSample) -> None:
    probe = open_probe(folder, transcribe="always")
    probe._hearing.transcriber = FakeTranscriber("thank you")  # type: ignore[assignment]
    found = measure(probe, [make_sample(1, "[noise]")])[0]
    assert "wer" not in found.values
    assert found.values["insertions"] == 2
    assert found.values["num_words"] == 0


RATES = {"wer", "cer", "error_rate", "hits", "substitutions", "insertions", "deletions", "tail_coverage"}


def test_a_loop_of_the_recogniser_is_no_evidence(folder: Path, make_sample: MakeSample) -> None:
    probe = open_probe(folder, transcribe="always")
    loop = "Please check the number. Please check the number. Please check the number."
    probe._hearing.transcriber = FakeTranscriber(loop)  # type: ignore[assignment]
    found = measure(probe, [make_sample(1, "please check the number you have dialled")])[0]
    assert not RATES & set(found.values)
    assert found.values["doubted_word_log_prob"] == pytest.approx(found.values["worst_word_log_prob"])
    assert found.evidence["transcribed"]
    assert found.evidence["looped_hypothesis"] == loop
    assert not {"hypothesis", "alignment"} & set(found.evidence)
    assert found.evidence["not_compared"] == (
        "the transcription says 'please check the number' 3 times in a row, which is a loop of the recogniser, so it "
        "was not compared"
    )


def test_what_is_said_three_times_and_written_three_times_is_compared(folder: Path, make_sample: MakeSample) -> None:
    probe = open_probe(folder, transcribe="always")
    text = "row, row, row your boat; merrily on, merrily on, merrily on"
    probe._hearing.transcriber = FakeTranscriber(text.capitalize())  # type: ignore[assignment]
    found = measure(probe, [make_sample(1, text)])[0]
    assert found.values["wer"] == 0
    assert "doubted_word_log_prob" not in found.values
    assert "hypothesis" in found.evidence


def test_only_words_that_were_not_recognised_are_in_doubt(folder: Path, make_sample: MakeSample) -> None:
    probe = open_probe(folder, transcribe="always")
    text = "The quick brown fox, dear!"
    heard = ("the quick brown fox dear", "a the quick brown fox dear sir", "the quick brown box dear")
    for hypothesis in heard:
        probe._hearing.transcriber = FakeTranscriber(hypothesis)  # type: ignore[assignment]
        found = measure(probe, [make_sample(1, text)])[0]
        words = dict(found.evidence["words"])
        if "box" in hypothesis:
            assert found.values["doubted_word_log_prob"] == pytest.approx(words["fox,"], abs=1e-3)
        else:
            assert "doubted_word_log_prob" not in found.values
    for hypothesis, text in (
        ("it costs 20 dollars", "it costs twenty dollars"),
        ("it costs $20", "it costs 20 dollars"),
    ):
        probe._hearing.transcriber = FakeTranscriber(hypothesis)  # type: ignore[assignment]
        assert "doubted_word_log_prob" not in measure(probe, [make_sample(1, text)])[0].values


def test_long_recordings_are_verified_in_windows(
    folder: Path, make_sample: MakeSample, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "find_speech", lambda _samples: [(1.0, 25.0), (26.0, 50.0), (60.0, 64.0)])
    probe = open_probe(folder, transcribe="never")
    probe._hearing.transcriber = fake = FakeTranscriber("The quick brown fox", "jumps over the", "lazy dog")  # type: ignore[assignment]
    text = "the quick, brown fox jumps over the extra lazy dog"
    sample = make_sample(65, text)
    found = measure(probe, [sample, make_sample(1, "hello", seed=1)])[0]
    assert len(fake.languages) == 3
    assert [round(start) for start, _ in found.evidence["windows"]] == [1, 26, 60]
    assert [word for word, _ in found.evidence["words"]] == text.split()
    assert found.values["wer"] == pytest.approx(1 / 10)
    assert found.evidence["decision"].startswith("long")
    assert found.evidence["hypothesis"] == "The quick brown fox jumps over the lazy dog"
    last = measure(probe, [make_sample(1, "hello", seed=1)])[0]
    assert "windows" not in last.evidence


def test_long_silence_is_measured_too(folder: Path, tmp_path: Path, wav_bytes: Callable[..., bytes]) -> None:
    (tmp_path / "silence.wav").write_bytes(wav_bytes(np.zeros(40 * RATE, np.int16)))
    ref = MediaRef(uri=str(tmp_path / "silence.wav"))
    sample = Sample(id="x", manifest="m", row_number=1, audio=ref, transcript="hello " * 60)
    found = measure(open_probe(folder, transcribe="never"), [sample])[0]
    assert found.evidence["speech_found"] is False
    assert len(found.evidence["words"]) == 60


def test_the_fingerprint_follows_weights_and_options_only(folder: Path, source: Path, tmp_path: Path) -> None:
    def print_of(**options: Any) -> str:
        return TranscriptProbe(TranscriptConfig(**{"model": str(folder), **options}), "cpu", 0).fingerprint()

    base = print_of()
    assert base == print_of(batch_size=3) == print_of(backend="transformers")
    others = [print_of(window="fitted"), print_of(beam_size=2), print_of(backend="ctranslate2")]
    others += [print_of(uncertain=ALL_DOUBTFUL), print_of(model=str(source))]
    assert len({base, *others}) == 6
    broken = Path(shutil.copytree(folder, tmp_path / "broken"))
    for file in (broken / "tokenizer.json", broken / "transformers" / "tokenizer.json"):
        if file.is_file():
            content = json.loads(file.read_text("utf-8"))
            content["model"]["merges"] = content["model"]["merges"][1:]
            file.write_text(json.dumps(content), "utf-8")
    assert print_of(model=str(broken)) not in (base, *others)
    copy = load_folders().write_transformers(tmp_path / "copy", seed=1)
    assert print_of(model=str(copy)) not in (base, *others)


def test_run_json_says_what_measured(folder: Path) -> None:
    described = open_probe(folder, transcribe="uncertain").describe()
    assert len(described["weights"]["sha256"]) == 64
    assert described["verification"]["backend"] == "transformers"
    assert described["verification"]["precision"] == "float32"
    assert described["transcription"]["compute_type"] == "float32"
    assert described["is_multilingual"] is False
    assert len(described["tokenizer"]["sha256"]) == 64
    assert json.dumps(described)


def test_a_hugging_face_folder_alone_is_converted_once(
    source: Path, make_sample: MakeSample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    lazy = open_probe(source, transcribe="never")
    assert not (tmp_path / "cache" / "mmcheck" / "ctranslate2").exists()
    assert "transcription" not in lazy.describe()
    found = measure(open_probe(source, transcribe="always"), [make_sample()])[0]
    assert "wer" in found.values
    assert len(list((tmp_path / "cache" / "mmcheck" / "ctranslate2").iterdir())) == 1


def test_unknown_weights_are_a_user_error(tmp_path: Path) -> None:
    with pytest.raises(WeightsError):
        TranscriptProbe(TranscriptConfig(model=str(tmp_path / "absent")), "cpu", 0).fingerprint()


def test_bundled_model_tells_right_from_wrong() -> None:
    """The bundled model on bundled recordings: shuffled texts look worse, cut texts end too early."""
    data = bundled_dir("demo_data") / "audio-transcript"
    truth = {
        entry["id"]: entry["fault"]
        for entry in map(json.loads, (data.parent / "truth.jsonl").read_text("utf-8").splitlines())
    }
    rows = [
        row
        for row in map(json.loads, (data / "manifest.jsonl").read_text("utf-8").splitlines())
        if truth[row["id"]] is None and len(row["text"].split()) >= 6
    ][:8]
    texts = [row["text"] for row in rows]
    variants = {
        "own": texts,
        "other": texts[1:] + texts[:1],
        "cut": [" ".join(text.split()[: -len(text.split()) // 3]) for text in texts],
    }
    samples = [
        Sample(
            id=f"{kind}{number}",
            manifest="m",
            row_number=1,
            audio=MediaRef(uri=str(data / row["audio_filepath"])),
            transcript=variants[kind][number],
            language="en",
        )
        for kind in variants
        for number, row in enumerate(rows)
    ]
    found = measure(open_probe(Path("tiny-whisper"), transcribe="never"), samples)

    def mean(kind: str, name: str) -> float:
        return float(np.mean([one.values[name] for one in found if one.sample_id.startswith(kind)]))

    assert mean("own", "mean_log_prob") > mean("other", "mean_log_prob") + 0.5
    assert mean("own", "worst_word_log_prob") > mean("other", "worst_word_log_prob") + 0.5
    assert mean("own", "end_log_prob") > mean("cut", "end_log_prob") + 1


def trial_of(make_sample: MakeSample, count: int) -> list[SampleMedia]:
    source = MediaSource(allow_remote=False)
    return [
        SampleMedia(make_sample(1.0 + seed / 10, f"these are five words number {seed}", seed=seed), source)
        for seed in range(count)
    ]


def test_auto_keeps_full_windows_where_the_model_tells_nothing(folder: Path, make_sample: MakeSample) -> None:
    probe = open_probe(folder, window="auto", transcribe="never")
    assert probe.num_trial > 0
    small = probe.batch_size
    probe.settle(trial_of(make_sample, 8), 1000)
    about = probe.describe()["verification"]
    # Random weights tell no text from another, so nothing speaks for cut windows.
    assert about["window"] == "full"
    assert about["window_check"]["clips"] >= 8
    assert not about["window_check"]["agree"]
    assert probe.batch_size == small


def test_auto_takes_cut_windows_where_they_judge_alike(
    folder: Path, make_sample: MakeSample, monkeypatch: pytest.MonkeyPatch
) -> None:
    probe = open_probe(folder, window="auto", transcribe="never", uncertain=NONE_DOUBTFUL)
    alike = WindowAgreement(agree=True, reason="alike", numbers={"clips": 8.0})
    trial = WindowTrial(agreement=alike, window="fitted", precision="float32")
    monkeypatch.setattr("mmcheck.probe.transcript.check_windows", lambda *_: trial)
    before = probe.batch_size
    probe.settle(trial_of(make_sample, 8), 1000)
    assert probe.describe()["verification"]["window"] == "fitted"
    assert probe.batch_size == 4 * before
    sample = make_sample(2.0, "hello world")
    cut = measure(probe, [sample])[0]
    assert cut.evidence["window"] == "fitted"
    alone = open_probe(folder, window="fitted", transcribe="never", uncertain=NONE_DOUBTFUL)
    assert cut.values == measure(alone, [sample])[0].values
    # What is in doubt there is looked at once more, as in training; a config that asks for cut windows has its will.
    probe = open_probe(folder, window="auto", transcribe="never", uncertain=ALL_DOUBTFUL)
    probe.settle(trial_of(make_sample, 8), 1000)
    again = measure(probe, [sample])[0]
    assert again.evidence["window"] == "full"
    whole = measure(open_probe(folder, window="full", transcribe="never", uncertain=ALL_DOUBTFUL), [sample])[0]
    assert again.values == pytest.approx(whole.values, abs=1e-4)
    assert probe.describe()["verification"]["window"] == "fitted"
    strict = measure(open_probe(folder, window="fitted", transcribe="never", uncertain=ALL_DOUBTFUL), [sample])[0]
    assert strict.evidence["window"] == "fitted"


def test_what_an_earlier_attempt_settled_holds_without_a_trial(folder: Path, make_sample: MakeSample) -> None:
    options = TranscriptConfig(model=str(folder), transcribe="never", uncertain=ALL_DOUBTFUL)
    assert options.window == options.precision == "auto"
    probe = TranscriptProbe(options, "cpu")
    probe.take_up({"window": "fitted", "precision": "float32"})
    probe.open()
    assert probe.num_trial == 0
    verification = probe.describe()["verification"]
    assert (verification["window"], verification["precision"]) == ("fitted", "float32")
    # As in the attempt that was stopped, what is in doubt there is looked at once more.
    assert measure(probe, [make_sample(2.0, "hello world")])[0].evidence["window"] == "full"


@pytest.mark.parametrize(
    ("count", "recordings", "reason"), [(8, 235, "fewer than"), (1, 1000, "no clips"), (2, 1000, "only 2 clips")]
)
def test_too_little_for_a_trial_means_full_windows(
    folder: Path, make_sample: MakeSample, count: int, recordings: int, reason: str
) -> None:
    probe = open_probe(folder, window="auto", transcribe="never")
    probe.settle(trial_of(make_sample, count), recordings)
    about = probe.describe()["verification"]
    assert about["window"] == "full"
    assert reason in about["window_check"]["reason"]


def test_a_named_window_is_not_tried(folder: Path) -> None:
    assert open_probe(folder, window="fitted", transcribe="never").num_trial == 0
