from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from scripts.benchmarks.audio_parts.clip_sets import LONGEST, SHORTEST, about, make_set, read_faults
from scripts.benchmarks.audio_parts.contestants import BATCHED, FASTER_WHISPER, FLOOR, OURS, limit_below_share
from scripts.benchmarks.audio_parts.ours import doubts
from scripts.benchmarks.audio_parts.verdicts import (
    detection,
    detection_table,
    detection_targets,
    speed_table,
    speed_targets,
)
from scripts.benchmarks.audio_parts.weights import special_tokens
from scripts.benchmarks.audio_parts.work import error_rate, read_work
from scripts.benchmarks.contest import Entry, Standing, Turn
from scripts.synthetic.speech import find_espeak


def stand(name: str, kind: str, rate: float, scores: Path = Path("none"), **told: Any) -> Standing:
    entry = Entry(name=name, kind=kind, command=("x", "--scores", str(scores)))
    if rate == 0:
        return Standing(entry, failure="exit code 1")
    turn = Turn(items=20, seconds=20 / rate, wall=9.0, cpu=9.0, peak_mib=5.0, told={"items": 20, **told})
    return Standing(entry, [turn])


@pytest.mark.skipif(find_espeak() is None, reason="espeak-ng is not installed")
def test_makes_clips_of_the_length_with_faults_at_even_distances(tmp_path: Path) -> None:
    import soundfile

    manifest = make_set(tmp_path, 8, every=4, seed=1, most_sentences=2)
    faults = read_faults(manifest)
    assert [place for place, fault in enumerate(faults) if fault] == [2, 6]
    assert len(set(faults)) == 3
    rows = [json.loads(line) for line in manifest.read_text().splitlines()]
    assert "fault" not in manifest.read_text()
    for row, fault in zip(rows, faults, strict=True):
        info = soundfile.info(manifest.parent / row["audio"])
        assert info.samplerate == 16_000
        assert fault is not None or SHORTEST <= info.duration <= LONGEST
    assert {row["audio"][-4:] for row in rows} == {".wav", "flac"}
    assert about(manifest)["clips"] == 8
    assert make_set(tmp_path, 8, every=4, seed=1, most_sentences=2) == manifest


def test_special_tokens_stand_where_openai_has_them() -> None:
    tokens = special_tokens()
    places = {token: 50_257 + place for place, token in enumerate(tokens)}
    assert len(tokens) == 51_865 - 50_257
    assert [places[f"<|{name}|>"] for name in ("endoftext", "startoftranscript", "en", "transcribe")] == [
        *(50_257, 50_258, 50_259, 50_359)
    ]
    assert [places[f"<|{name}|>"] for name in ("nospeech", "notimestamps", "0.00", "30.00")] == [
        *(50_362, 50_363, 50_364, 51_864)
    ]


def test_worker_reads_clips_and_tells_the_result(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"audio": f"{number}.wav", "text": "a"} for number in range(3)]
    manifest = tmp_path / "m.jsonl"
    manifest.write_text("".join(json.dumps(row) + "\n" for row in rows))
    given = ["--manifest", str(manifest), "--model", "m", "--scores", str(tmp_path / "s"), "--items", "2"]
    work = read_work("window", arguments=[*given, "--window", "full"])
    assert [clip.audio.name for clip in work.clips()] == ["0.wav", "1.wav"]
    work.tell(4.0, [0.5, 0.0], retried=1)
    assert json.loads(capsys.readouterr().out) == {"items": 2, "seconds": 4.0, "retried": 1}
    assert json.loads((tmp_path / "s").read_text()) == [0.5, 0.0]


def test_error_rate_ignores_case_and_punctuation_and_takes_empty_texts() -> None:
    assert error_rate("A dog, barks.", "a dog barks") == 0.0
    assert error_rate("a dog barks", "a cat barks") == pytest.approx(1 / 3)
    assert [error_rate("", "a"), error_rate("", "")] == [1.0, 0.0]


def test_limit_leaves_the_share_below_it() -> None:
    values = [-30.0, -31.0, -29.0, -28.0]
    for share, below in ((0.0, 0), (0.25, 1), (0.5, 2), (1.0, 4)):
        assert sum(value < limit_below_share(values, share) for value in values) == below


def test_doubt_is_the_worst_metric_against_its_limit() -> None:
    limits = {"mean_log_prob": -1.0, "worst_word_log_prob": -5.0, "end_log_prob": -3.0, "tail_log_prob": -4.0}
    measured: dict[str, list[Any]] = {name: [limit / 2, None] for name, limit in limits.items()}
    measured["end_log_prob"][0] = -6.0
    assert doubts({**measured, "evidence": ["{}", None]}, limits) == [2.0, 1000.0]


def test_table_and_targets_tell_both_windows_apart() -> None:
    standings = [
        stand(f"{OURS}, full windows", "ours", 4.0, transcribed=3),
        stand(f"{OURS}, fitted windows", "ours", 7.0, transcribed=3),
        stand(f"{FLOOR}, full windows", "floor", 5.0),
        stand(f"{FLOOR}, fitted windows", "floor", 10.0),
        stand(FASTER_WHISPER, "peer", 1.0, tokens_per_clip=36.0),
        stand(BATCHED, "peer", 0.0),
    ]
    table = speed_table("t", standings)
    assert f"| **{OURS}, fitted windows** | 7.00 | 7.00 - 7.00 |  |  | 0.70 | 3 of 20 |  | 5 |" in table
    assert f"| {FASTER_WHISPER} | 1.00 | 1.00 - 1.00 | 4.00x | 7.00x |  | 20 of 20 | 36 | 5 |" in table
    assert f"| {BATCHED} | failed: exit code 1 |" in table
    assert "faster-whisper + jiwer by 5.00x with full windows and by 10.00x with fitted windows." in table
    assert [(target.reached, target.met) for target in speed_targets("b", standings)] == [
        ("4.00x", True),
        ("7.00x", False),
    ]


def test_detection_compares_each_fault_with_the_sound_clips(tmp_path: Path) -> None:
    faults = [None, None, "cut", "shuffled"]
    (tmp_path / "ours").write_text(json.dumps({"anomaly": [0.1, 0.2, 0.9, 0.8], "doubt": []}))
    (tmp_path / "peer").write_text(json.dumps([0.1, 0.3, 0.2, 0.9]))
    areas = detection(
        [
            stand(f"{OURS}, full windows", "ours", 1.0, tmp_path / "ours"),
            stand(FASTER_WHISPER, "peer", 1.0, tmp_path / "peer"),
            stand(BATCHED, "peer", 0.0, tmp_path / "none"),
        ],
        faults,
    )
    assert areas[f"{FASTER_WHISPER}: word error rate"] == {"all": 0.75, "cut": 0.5, "shuffled": 1.0}
    assert len(areas) == 2
    assert "cut: 0.500" in detection_table("t", areas)
    assert [(target.wanted, target.reached, target.met) for target in detection_targets(areas)] == [
        (">= 0.750", "1.000", True)
    ]
