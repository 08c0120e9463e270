"""Real recordings under real weights: what is wrong with a transcript is found in a set too small to judge itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from mmcheck.api import scan

pytestmark = [pytest.mark.real_weights, pytest.mark.timeout(600)]
CLIPS = ("conf-full", "speed-dial-empty", "demo-echodone", "number-not-answering", "vm-tempremoved", "conf-now-muted")
FAULTS: dict[str, tuple[Callable[[list[str]], list[str]], str]] = {
    "conf-full": (lambda words: words * 2, "inserted_words"),
    "speed-dial-empty": (lambda words: [*words[:3], *words[4:]], "missing_words"),
    "demo-echodone": (lambda words: [*words[:1], "window", *words[2:]], "wrong_word"),
    "number-not-answering": (lambda words: [*words, "green", "paper", "boats"], "inserted_words"),
    "vm-tempremoved": (lambda words: words[:-2], "cut_transcript"),
}


def test_a_small_set_of_real_speech_is_judged_and_its_faults_are_named(
    real_weights: Path, shared_data: Path, tmp_path: Path
) -> None:
    folder = shared_data / "real-speech-2"
    if not folder.is_dir():
        pytest.skip(f"no recordings at {folder}")
    listed = [json.loads(line) for line in (folder / "manifest.jsonl").read_text("utf-8").splitlines()]
    by_name = {Path(row["audio_filepath"]).stem.removeprefix("ast_en_"): row for row in listed}
    rows = []
    for name in CLIPS:
        row = by_name[name]
        sound = {"audio_filepath": str(folder / row["audio_filepath"]), "lang": "en"}
        if name in FAULTS:
            words = FAULTS[name][0](row["text"].split())
            rows.append({"id": f"bad {name}", **sound, "text": " ".join(words)})
        else:
            rows.append({"id": name, **sound, "text": row["text"]})
    manifest = tmp_path / "manifest.jsonl"
    manifest.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    run = scan(
        [str(manifest)],
        tmp_path / "out",
        probes="media,transcript_text,transcript",
        overrides=[f"probes.transcript.model={real_weights / 'whisper-tiny.en'}"],
    )
    found = {row["id"]: row for row in run.samples().to_arrow().to_pylist()}
    assert found["conf-now-muted"]["action"] == "keep"
    for name, (_, code) in FAULTS.items():
        row = found[f"bad {name}"]
        assert row["action"] != "keep", name
        assert any(found_code.startswith((code, "mismatched")) for found_code in row["codes"]), (name, row["codes"])
        assert "real recordings (Whisper tiny.en)" in str(row["findings"]), name
