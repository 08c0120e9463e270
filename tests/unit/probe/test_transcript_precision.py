"""In which precision the transcript probe verifies: what is asked for, what auto comes to, what is never mixed."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import mmcheck
from mmcheck.backends.whisper_verifier import Verification, VerificationTask
from mmcheck.cli import app as cli
from mmcheck.config import TranscriptConfig, bundled_dir, load_config
from mmcheck.core.errors import ConfigError, MediaError
from mmcheck.probe.transcript import TranscriptProbe
from mmcheck.probe.transcript_clip import Clip
from mmcheck.probe.transcript_encoder import find_int8_encoder, refuse_int8
from mmcheck.probe.window_check import check_windows

NUM_ROWS = 4


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    data = bundled_dir("demo_data") / "audio-transcript"
    faults = map(json.loads, (data.parent / "truth.jsonl").read_text("utf-8").splitlines())
    sound = {entry["id"] for entry in faults if entry["fault"] is None}
    listed = map(json.loads, (data / "manifest.jsonl").read_text("utf-8").splitlines())
    rows = [row for row in listed if row["id"] in sound][:NUM_ROWS]
    path = tmp_path / "rows.jsonl"
    path.write_text(
        "".join(
            json.dumps({"id": row["id"], "audio": str(data / row["audio_filepath"]), "text": row["text"]}) + "\n"
            for row in rows
        ),
        "utf-8",
    )
    return path


@pytest.fixture
def int8_flags(monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
    monkeypatch.setattr("mmcheck.backends.precision.has_bfloat16_flags", lambda: False)
    return lambda are_there: monkeypatch.setattr("mmcheck.probe.transcript_encoder.has_int8_flags", lambda: are_there)


def scan(manifest: Path, out: Path, *settings: str, **more: Any) -> mmcheck.Run:
    options = ("model=tiny-whisper", "window=fitted", "transcribe=never", *settings)
    return mmcheck.scan(
        manifest,
        out,
        probes=["media", "transcript", "transcript_null"],
        device="cpu",
        overrides=[f"probes.transcript.{option}" for option in options],
        **more,
    )


def precision_of(run: mmcheck.Run) -> str:
    return run.folder.record.probes["transcript"].settled["precision"]


def values_of(run: mmcheck.Run) -> np.ndarray[Any, Any]:
    column = run.folder.measurements_table("transcript")["mean_log_prob"]
    return np.array([value for value in column.to_pylist() if value is not None])


def reused(run: mmcheck.Run) -> dict[str, int]:
    return dict(run.folder.record.reused.measurements) if run.folder.record.reused else {}


def test_int8_by_name_is_what_run_json_says(
    manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["scan", str(manifest), "-o", str(tmp_path / "run"), "--probes", "transcript", "--no-report", "-q"]
    for option in ("model=tiny-whisper", "window=full", "transcribe=never", "precision=int8"):
        words += ["--set", f"probes.transcript.{option}"]
    monkeypatch.setattr(sys, "argv", ["mmcheck", *words, "--device", "cpu"])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    assert not stopped.value.code, capsys.readouterr().err
    about = json.loads((tmp_path / "run" / "run.json").read_text("utf-8"))["probes"]["transcript"]["about"]
    assert about["verification"]["precision"] == "int8"
    assert {"torch", "ctranslate2"} <= set(about["verification"]["versions"])
    assert "transcription" not in about


def test_float32_is_never_taken_over_for_int8(manifest: Path, tmp_path: Path) -> None:
    first = scan(manifest, tmp_path / "first", "precision=float32")
    second = scan(manifest, tmp_path / "second", "precision=int8", reuse=tmp_path / "first")
    assert (precision_of(first), precision_of(second)) == ("float32", "int8")
    assert reused(second) == {"media": NUM_ROWS}
    assert len(values_of(first)) == len(values_of(second)) > 0
    assert (values_of(first) != values_of(second)).any()


def test_what_auto_came_to_is_compared_before_values_are_taken_over(
    manifest: Path, tmp_path: Path, int8_flags: Callable[[bool], None]
) -> None:
    int8_flags(True)
    first = scan(manifest, tmp_path / "first")
    same = scan(manifest, tmp_path / "same", reuse=tmp_path / "first")
    int8_flags(False)
    other = scan(manifest, tmp_path / "other")
    assert [precision_of(run) for run in (first, same, other)] == ["int8", "int8", "float32"]
    assert reused(same)["transcript"] == NUM_ROWS
    # What an earlier run came to decides for one that takes its values over, and for one that was stopped.
    for precision, flags, run in (("int8", False, "first"), ("float32", True, "other")):
        int8_flags(flags)
        back = scan(manifest, tmp_path / f"after-{run}", reuse=tmp_path / run)
        assert (precision_of(back), reused(back)["transcript"]) == (precision, NUM_ROWS)


@pytest.mark.parametrize("device", ["cuda", "cpu"])
def test_int8_is_refused_on_a_gpu(device: str) -> None:
    options = TranscriptConfig(precision="int8")
    refuse_int8(options, device, "ctranslate2")
    refuse_int8(TranscriptConfig(), device, "transformers")
    if device == "cpu":
        refuse_int8(options, device, "transformers")
        return
    with pytest.raises(ConfigError, match="int8, which is for a CPU") as caught:
        refuse_int8(options, device, "transformers")
    assert "float16" in str(caught.value.hint)


def test_the_probe_refuses_before_it_loads_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mmcheck.backends.devices.resolve_device", lambda _asked: "cuda")
    probe = TranscriptProbe(TranscriptConfig(model="tiny-whisper", precision="int8"), "auto", 0)
    with pytest.raises(ConfigError, match=r"probes\.transcript\.precision"):
        probe.open()
    assert not probe.is_open


def test_the_model_that_transcribes_encodes_too(int8_flags: Callable[[bool], None]) -> None:
    def find(compute_type: str, precision: str = "auto", device: str = "cpu", folder: Any = None) -> Any:
        transcribing = SimpleNamespace(model=SimpleNamespace(compute_type=compute_type)) if compute_type else None
        found = find_int8_encoder(TranscriptConfig(precision=precision), device, folder, transcribing)
        return found is not None and found is getattr(transcribing, "model", None)

    int8_flags(True)
    assert find("int8_float32")
    assert find("int8_float32", "int8")
    assert not find("float32")
    assert not find("int8_float32", "float32")
    assert not find("int8_float32", device="cuda")
    # Nothing is converted for auto where ctranslate2's format is absent and nothing transcribed.
    assert not find("", folder=SimpleNamespace(ctranslate2=None))
    int8_flags(False)
    assert not find("int8_float32")


class FakeVerifier:
    """Prefers each clip's own text and its end, except in windows and precisions that are named as blind."""

    precisions = ("int8", "float32")

    def __init__(self, texts: Sequence[str], blind: set[str], broken: dict[str, set[int]] | None = None) -> None:
        self.window, self.precision = "full", "float32"
        self.tried: Counter[str] = Counter()
        self._texts = texts
        self._blind = blind
        self._broken = broken or {}

    def verify(self, tasks: Sequence[VerificationTask]) -> list[Verification]:
        kind = f"{self.window} {self.precision}"
        self.tried[kind] += len(tasks) // 3
        return [self._verify(task, int(task.features[0, 0]), kind) for task in tasks]

    def _verify(self, task: VerificationTask, number: int, kind: str) -> Verification:
        own = self._texts[number]
        is_blind = kind in self._blind
        words = tuple(task.text.split())
        is_own = own.startswith(task.text)
        score = -4.0 if number in self._broken.get(kind, ()) else -0.1
        return Verification(
            words=words,
            log_probs=tuple((score if is_own or is_blind else -5.0,) for _ in words),
            entropies=tuple((0.5,) for _ in words),
            early_ends=tuple(-9.0 for _ in words),
            end_log_prob=-0.1 if task.text == own or is_blind else -7.0,
            no_speech_prob=None,
            language=None,
            language_probability=None,
            stated_probability=None,
            num_tokens=len(words),
            num_scored=len(words),
        )


@pytest.mark.parametrize(
    ("num_blind", "chosen"),
    [(0, "fitted int8"), (1, "fitted float32"), (2, "padded int8"), (3, "padded float32"), (4, "full float32")],
)
def test_a_trial_settles_windows_and_precision_together(num_blind: int, chosen: str) -> None:
    kinds = ["fitted int8", "fitted float32", "padded int8", "padded float32"]
    clips, texts = trial_clips(70)
    verifier: Any = FakeVerifier(texts, blind=set(kinds[:num_blind]))
    found = check_windows(verifier, clips)
    assert f"{found.window} {found.precision}" == chosen
    assert found.agreement.agree is (num_blind < 4)
    # Why the last kind is refused is what the agreement says.
    assert list(found.refused) == kinds[: min(num_blind, 3)]
    assert (verifier.window, verifier.precision) == ("full", "float32")
    # Full windows are always verified in the usual precision; the rest is not tried further than it has to be.
    assert set(verifier.tried) == {"full float32", *kinds[: num_blind + 1]}
    for kind in kinds[:num_blind]:
        assert verifier.tried[kind] == 12
    if num_blind < 4:
        assert verifier.tried["full float32"] == verifier.tried[kinds[num_blind]] == 60
    told = json.loads(json.dumps(found.describe()))
    assert told["agree"] is found.agreement.agree
    assert list(told.get("refused", {})) == list(found.refused)


@pytest.mark.parametrize(
    ("count", "broken", "chosen"),
    [
        (70, [], "fitted float32"),
        # A breakdown that shows only late: more clips are tried, and there are enough of them, or not.
        (130, [55], "fitted float32"),
        (70, [55], "padded float32"),
        (130, [3, 55], "fitted float32"),
        # 7 in 100, which medians do not show.
        (130, [3, 20, 40, 55, 70, 90, 110], "padded float32"),
        (30, [], "full float32"),
    ],
)
def test_single_clips_that_break_down_decide(count: int, broken: list[int], chosen: str) -> None:
    clips, texts = trial_clips(count)
    verifier: Any = FakeVerifier(texts, blind=set(), broken={"fitted float32": set(broken)})
    verifier.precisions = ("float32",)
    found = check_windows(verifier, clips)
    assert f"{found.window} {found.precision}" == chosen


def test_a_trial_without_finite_scores_leaves_full_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    clips, texts = trial_clips(70)
    verifier: Any = FakeVerifier(texts, blind=set())

    def fail(*_: object) -> Verification:
        raise MediaError("no finite scores", cause="not_finite")

    monkeypatch.setattr(verifier, "_verify", fail)
    found = check_windows(verifier, clips)
    assert (found.window, found.agreement.agree) == ("full", False)
    assert "no finite scores" in found.agreement.reason
    assert (verifier.window, verifier.precision) == ("full", "float32")


def trial_clips(count: int) -> tuple[list[Clip], list[str]]:
    texts = [f"number {number} is what is said in here" for number in range(count)]
    clips = [
        Clip(
            text=text,
            language="en",
            is_scriptio_continua=False,
            windows=(),
            samples=(),
            features=(np.full((2, 4), number, np.float32),),
            has_speech=True,
            end_level=None,
        )
        for number, text in enumerate(texts)
    ]
    return clips, texts


def test_what_the_trial_came_to_is_recorded(
    monkeypatch: pytest.MonkeyPatch, int8_flags: Callable[[bool], None]
) -> None:
    from mmcheck.metrics.window_agreement import WindowAgreement
    from mmcheck.probe.window_check import WindowTrial

    int8_flags(True)
    options = TranscriptConfig(model="tiny-whisper", window="auto", transcribe="never")
    probe = TranscriptProbe(options, "cpu", 0)
    probe.open()
    before = probe.describe()["verification"]
    assert (before["window"], before["precision"]) == ("full", "float32")
    for window, precision in (("fitted", "int8"), ("padded", "int8"), ("fitted", "float32"), ("full", "float32")):
        agree = window != "full"
        agreement = WindowAgreement(agree=agree, reason="", numbers={})
        trial = WindowTrial(agreement=agreement, window=window, precision=precision)
        monkeypatch.setattr("mmcheck.probe.transcript.check_windows", lambda *_, trial=trial: trial)
        probe.settle([], 1000)
        found = probe.describe()["verification"]
        assert (found["window"], found["precision"]) == (window, precision)
        assert found["window_check"]["agree"] is agree


def test_an_unknown_precision_is_one_fault_that_names_all_words() -> None:
    with pytest.raises(ConfigError, match="has 1 fault") as caught:
        load_config("default", ["probes.transcript.precision=int4"])
    assert "'float16' or 'int8'" in str(caught.value)
