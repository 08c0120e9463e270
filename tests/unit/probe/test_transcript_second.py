from __future__ import annotations

import pickle
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mmcheck
from mmcheck.config import TranscriptConfig, TranscriptSecondConfig, bundled_dir, load_config
from mmcheck.config.resolve import resolve_config
from mmcheck.core.errors import ConfigError, WeightsError
from mmcheck.core.types import MediaRef, Sample
from mmcheck.probe.base import NotApplicable, Prepared, PrimedProbe
from mmcheck.probe.context import ProbeContext
from mmcheck.probe.second_ctc import CtcSecond
from mmcheck.probe.second_whisper import WhisperSecond
from mmcheck.probe.transcript import TranscriptProbe
from mmcheck.probe.transcript_second import TranscriptSecondProbe, find_verifier
from tests.fixtures.small_ctc import write_ctc

TEXTS = (
    ("the red dog walked behind the old garden", "en"),
    ("her black church is often very heavy", "en"),
    ("a green bird sings near every river", "en"),
    ("my uncle quickly painted six doors", "en"),
    ("those small lions never jump over us", "en"),
    ("who opened our broken window yesterday", "en"),
)


@dataclass
class FakeSound:
    samples: np.ndarray


@dataclass
class FakeMedia:
    """A sample whose sound is noise."""

    sample: Sample
    seconds: float = 1.5

    def audio(self) -> FakeSound:
        rng = np.random.default_rng(len(self.sample.id))
        return FakeSound(rng.normal(0, 0.1, int(16_000 * self.seconds)).astype(np.float32))


def sample(text: str | None = TEXTS[0][0], language: str | None = "en", *, has_audio: bool = True) -> Sample:
    audio = MediaRef(uri="a.wav") if has_audio else None
    return Sample(id="s1", manifest="m", row_number=1, audio=audio, transcript=text, language=language)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_ctc(tmp_path_factory.mktemp("ctc"))


def make(folder: Path, texts: Any = TEXTS, *, seed: int = 0, **options: Any) -> TranscriptSecondProbe:
    probe = TranscriptSecondProbe(TranscriptSecondConfig(model=str(folder), **options), "cpu", seed)
    probe.prime(ProbeContext(num_rows=len(texts), texts=texts))
    return probe


@pytest.fixture(scope="module")
def opened(folder: Path) -> TranscriptSecondProbe:
    probe = make(folder)
    probe.open()
    return probe


def measure(probe: TranscriptSecondProbe, *media: FakeMedia) -> list[Any]:
    return probe.measure([Prepared(sample=it.sample, payload=probe.prepare(it)) for it in media])  # type: ignore[arg-type]


def test_a_recording_is_measured_with_its_null(opened: TranscriptSecondProbe) -> None:
    (found,) = measure(opened, FakeMedia(sample()))
    assert {metric.name.partition(".")[2] for metric in opened.metrics} == set(found.values)
    assert found.values["num_words"] == 8
    assert found.values["unknown_share"] == 0
    assert [word for word, _ in found.evidence["words"]] == TEXTS[0][0].split()
    others = [entry["text"] for entry in found.evidence["null"]]
    assert len(others) == 3
    assert TEXTS[0][0] not in others
    changed = [one != two for one, two in zip(TEXTS[0][0].split(), found.evidence["planted"].split(), strict=True)]
    assert sum(changed) == 1


def test_values_do_not_depend_on_the_batch(opened: TranscriptSecondProbe) -> None:
    media = [FakeMedia(sample(text), seconds=1 + place / 3) for place, (text, _) in enumerate(TEXTS)]
    together = measure(opened, *media)
    alone = [measure(opened, it)[0] for it in media]
    assert [it.values for it in together] == [it.values for it in alone]
    assert [it.evidence for it in together] == [it.evidence for it in alone]


def test_recordings_that_are_not_sampled_have_no_null(folder: Path) -> None:
    probe = make(folder, num_clips=0)
    probe.open()
    (found,) = measure(probe, FakeMedia(sample()))
    assert set(found.values) == {"mean_log_prob", "worst_word_log_prob", "missed_speech", "unknown_share", "num_words"}
    assert "null" not in found.evidence


def test_letters_that_the_model_lacks_are_counted(opened: TranscriptSecondProbe) -> None:
    (found,) = measure(opened, FakeMedia(sample("the red жук dog walked home")))
    assert found.values["unknown_share"] == pytest.approx(3 / 22)
    assert dict(map(tuple, found.evidence["words"]))["жук"] is None


def test_numbers_are_read_as_the_words_that_say_them(opened: TranscriptSecondProbe) -> None:
    (found,) = measure(opened, FakeMedia(sample("in 1984 the red dog walked")))
    assert found.values["unknown_share"] == 0
    assert "eighty" in " ".join(word for word, _ in found.evidence["words"])


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (sample(has_audio=False), "no recording"),
        (sample(None), "no transcript"),
        (sample("  "), "no transcript"),
        (sample("жук и жаба"), "does not know most"),
        (sample("..."), "no letters"),
    ],
)
def test_what_it_has_nothing_to_say_about(opened: TranscriptSecondProbe, row: Sample, told: str) -> None:
    with pytest.raises(NotApplicable, match=told):
        opened.prepare(FakeMedia(row))  # type: ignore[arg-type]


def test_other_languages_are_left_out_where_some_are_named(folder: Path) -> None:
    probe = make(folder, languages=["en-GB"])
    probe.open()
    probe.prepare(FakeMedia(sample()))  # type: ignore[arg-type]
    with pytest.raises(NotApplicable, match="language"):
        probe.prepare(FakeMedia(sample(language="de")))  # type: ignore[arg-type]


def test_a_long_recording_is_heard_in_windows(opened: TranscriptSecondProbe) -> None:
    payload = opened.prepare(FakeMedia(sample(), seconds=65))  # type: ignore[arg-type]
    assert len(payload.clip.parts) >= 3
    (found,) = opened.measure([Prepared(sample=sample(), payload=payload)])
    assert np.isfinite(list(found.values.values())).all()


def test_a_text_that_is_too_long_to_be_aligned_is_left_out(opened: TranscriptSecondProbe) -> None:
    with pytest.raises(NotApplicable, match="too long"):
        opened.prepare(FakeMedia(sample("word " * 5000), seconds=65))  # type: ignore[arg-type]


def test_the_fingerprint_follows_weights_options_seed_and_texts(folder: Path, tmp_path: Path) -> None:
    other = write_ctc(tmp_path, family="hubert")
    prints = [
        make(folder).fingerprint(),
        make(folder, seed=1).fingerprint(),
        make(folder, num_texts=2).fingerprint(),
        make(folder, TEXTS[:4]).fingerprint(),
        make(other).fingerprint(),
    ]
    assert len(set(prints)) == len(prints)
    assert make(folder).fingerprint() == make(folder, TEXTS[::-1]).fingerprint()
    assert make(folder).fingerprint() == make(folder, batch_size=3).fingerprint()


def test_it_travels_to_another_process(folder: Path, opened: TranscriptSecondProbe) -> None:
    probe = make(folder)
    copy = pickle.loads(pickle.dumps(probe))
    assert copy.fingerprint() == probe.fingerprint()
    copy.open()
    assert measure(copy, FakeMedia(sample()))[0].values == measure(opened, FakeMedia(sample()))[0].values
    # So do what it prepares and what it measures.
    payload = pickle.loads(pickle.dumps(copy.prepare(FakeMedia(sample()))))  # type: ignore[arg-type]
    (found,) = copy.measure([Prepared(sample=sample(), payload=payload)])
    assert pickle.loads(pickle.dumps(found)) == found


def test_it_describes_its_model(opened: TranscriptSecondProbe, folder: Path) -> None:
    told = opened.describe()
    assert (told["model"], told["kind"], told["architecture"]) == (str(folder), "ctc", "Wav2Vec2ForCTC")
    assert told["sampled_share"] == 1
    assert isinstance(opened, PrimedProbe)


def test_it_runs_only_where_a_model_is_named() -> None:
    assert "transcript_second" not in load_config("default").probes.enabled()
    named = load_config("default", overrides=["probes.transcript_second.model=tiny-whisper"])
    assert "transcript_second" in named.probes.enabled()
    off = ["probes.transcript_second.model=tiny-whisper", "probes.transcript_second.enabled=false"]
    assert "transcript_second" not in load_config("default", overrides=off).probes.enabled()
    with pytest.raises(ConfigError, match="but it needs probes"):
        resolve_config("default", probes="media,transcript_second")
    with pytest.raises(ConfigError, match="names no model"):
        TranscriptSecondProbe(TranscriptSecondConfig()).fingerprint()


def test_a_whisper_is_told_from_a_ctc_model(folder: Path) -> None:
    assert isinstance(find_verifier(TranscriptSecondConfig(model=str(folder)), "cpu"), CtcSecond)
    assert isinstance(find_verifier(TranscriptSecondConfig(model="tiny-whisper"), "cpu"), WhisperSecond)
    assert isinstance(find_verifier(TranscriptSecondConfig(model="base"), "cpu"), WhisperSecond)


@pytest.mark.parametrize(
    ("name", "hint"), [("no-such-model", "models list"), ("tiny-ctx", "tiny-ctc"), ("bsae", "base")]
)
def test_an_unknown_name_is_told_as_neither_kind(name: str, hint: str) -> None:
    with pytest.raises(WeightsError, match=f"unknown CTC or Whisper model '{name}'") as caught:
        find_verifier(TranscriptSecondConfig(model=name), "cpu")
    assert hint in (caught.value.hint or "")


@pytest.mark.parametrize("name", ["", " "])
def test_an_empty_name_is_a_fault_of_the_config(name: str) -> None:
    with pytest.raises(ConfigError, match=r"probes\.transcript_second\.model: is empty; null means no second model"):
        load_config("default", overrides=[f"probes.transcript_second.model='{name}'"])


def test_the_first_verifiers_weights_are_no_second_opinion(folder: Path, tmp_path: Path) -> None:
    first = {"transcript": TranscriptProbe(TranscriptConfig(model="tiny-whisper"), "cpu")}
    # By what the files hold, wherever they lie, and in one of the two formats alone.
    copied = tmp_path / "copied"
    shutil.copytree(bundled_dir("models") / "tiny-whisper" / "transformers", copied)
    for name in ("tiny-whisper", str(copied)):
        with pytest.raises(ConfigError, match=r"same weights as probes\.transcript\.model") as caught:
            make(Path(name)).check_independence(first)
        assert "another model" in (caught.value.hint or "")
    make(folder).check_independence(first)
    # Alone it is the only opinion.
    make(Path("tiny-whisper")).check_independence({})


def test_a_scan_with_one_model_twice_is_refused_before_it_measures(tmp_path: Path) -> None:
    manifest = bundled_dir("demo_data") / "audio-transcript" / "manifest.jsonl"
    overrides = ["probes.transcript_second.model=tiny-whisper"]
    probes = "media,transcript,transcript_second"
    with pytest.raises(ConfigError, match="no second opinion"):
        mmcheck.scan(manifest, tmp_path / "run", "demo", overrides=overrides, probes=probes, limit=3)
    assert not (tmp_path / "run" / "measurements").exists()


def test_a_second_whisper_verifies_texts_too() -> None:
    probe = make(Path("tiny-whisper"), num_clips=6)
    probe.open()
    (found,) = measure(probe, FakeMedia(sample()))
    assert {"mean_log_prob", "worst_word_log_prob", "null_mean_log_prob", "planted_word_log_prob"} <= set(found.values)
    assert "missed_speech" not in found.values
    assert "hypothesis" not in found.evidence
    assert found.values["worst_word_log_prob"] <= 0
    assert probe.describe()["kind"] == "whisper"
    with pytest.raises(NotApplicable, match="up to 30 s"):
        probe.prepare(FakeMedia(sample(), seconds=40))  # type: ignore[arg-type]
