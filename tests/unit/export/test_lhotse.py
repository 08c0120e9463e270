"""Lhotse's cuts, loaded by Lhotse."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from lhotse import CutSet, MonoCut, MultiCut, Recording, RecordingSet, SupervisionSegment, SupervisionSet
from lhotse.qa import validate
from lhotse.supervision import AlignmentItem

from mmcheck.config import Config
from mmcheck.export.run import export_run
from mmcheck.formats.detect import detect_format

from .conftest import KEEP


@pytest.mark.parametrize("media", ["reference", "copy"])
def test_lhotse_loads_whole_recordings_segments_and_sides_of_calls(
    media: str, speech_run: Path, speech_data: Path, sound: Callable[..., Any], tmp_path: Path
) -> None:
    summary = export_run(speech_run, format="lhotse", out=tmp_path / "out", media=media)
    cuts = CutSet.from_file(tmp_path / "out" / "cuts.jsonl.gz").to_eager()
    validate(cuts)
    assert summary.load == f"from lhotse import CutSet; CutSet.from_file('{tmp_path}/out/cuts.jsonl.gz')"
    assert [cut.id for cut in cuts] == ["a-one", "b-two", "c 0", "c 1", "d-1", "d-2"]
    assert [(cut.start, cut.duration, cut.channel) for cut in cuts] == [
        (0.0, 0.5, 0),
        (0.0, 0.75, 0),
        (0.25, 0.5, 0),
        (1.0, 0.75, 1),
        (0.5, 1.0, 0),
        (2.25, 0.75, 0),
    ]
    wanted = [
        sound("audio/one.wav"),
        sound("audio/two.flac"),
        sound("call.wav", 0.25, 0.5, 0),
        sound("call.wav", 1.0, 0.75, 1),
        sound("talk.wav", 0.5, 1.0),
        sound("talk.wav", 2.25),
    ]
    for cut, samples in zip(cuts, wanted, strict=True):
        assert np.array_equal(cut.load_audio()[0], samples)
    one = cuts[0].supervisions[0]
    assert (one.text, one.language, one.speaker) == ("gr\u00fcne \u6811", "de", "a")
    assert cuts[1].custom["source"] == "radio"
    assert cuts[1].custom["mmcheck_action"] == "keep"
    assert "offset" not in cuts[4].custom
    root = speech_data if media == "reference" else tmp_path / "out" / "recordings"
    assert {cut.recording.sources[0].source for cut in cuts} == {
        str(root / name) for name in ("audio/one.wav", "audio/two.flac", "call.wav", "talk.wav")
    }


def test_recordings_keep_one_id_and_their_whole_length(speech_run: Path, tmp_path: Path) -> None:
    export_run(speech_run, format="lhotse", out=tmp_path / "out", columns=False)
    cuts = CutSet.from_file(tmp_path / "out" / "cuts.jsonl.gz")
    recordings, supervisions, _ = cuts.decompose(verbose=False)
    assert recordings is not None
    assert supervisions is not None
    assert sorted(recording.duration for recording in recordings) == [0.5, 0.75, 2.0, 3.0]
    assert [(one.start, one.duration) for one in supervisions][4:] == [(0.5, 1.0), (2.25, 0.75)]
    assert all(not (cut.custom or {}).keys() & {"mmcheck_id", "mmcheck_action"} for cut in cuts)


def test_a_stereo_recording_without_a_side_keeps_both(
    speech_data: Path, scanned: Callable[..., Path], tmp_path: Path
) -> None:
    (tmp_path / "m.jsonl").write_text(json.dumps({"audio": str(speech_data / "call.wav"), "text": "both sides"}))
    export_run(scanned(tmp_path / "m.jsonl", config=KEEP, probes="media"), format="lhotse", out=tmp_path / "out")
    (cut,) = CutSet.from_file(tmp_path / "out" / "cuts.jsonl.gz")
    assert isinstance(cut, MultiCut)
    assert cut.load_audio().shape == (2, 16_000)
    assert cut.supervisions[0].channel == [0, 1]


def test_what_lhotse_wrote_comes_back_with_all_that_it_holds(
    speech_data: Path, scanned: Callable[..., Path], tmp_path: Path
) -> None:
    recordings = RecordingSet.from_recordings(
        Recording.from_file(speech_data / name) for name in ("talk.wav", "audio/one.wav")
    )
    words = {"word": [AlignmentItem("hello", 0.1, 0.2)]}
    supervisions = SupervisionSet.from_segments(
        SupervisionSegment(f"s{n}", id, 0.0, seconds, text="hello", alignment=words, custom={"snr": 1.5})
        for n, (id, seconds) in enumerate((("talk", 1.0), ("one", 0.5)))
    )
    (tmp_path / "in").mkdir()
    CutSet.from_manifests(recordings, supervisions).to_file(tmp_path / "in" / "train_cuts.jsonl.gz")
    run = scanned(tmp_path / "in" / "train_cuts.jsonl.gz", config=KEEP, probes="media")
    export_run(run, format="lhotse", out=tmp_path / "out")
    first, second = CutSet.from_file(tmp_path / "out" / "train_cuts.jsonl.gz")
    assert isinstance(first, MonoCut)
    assert first.supervisions[0].alignment == words
    assert first.supervisions[0].custom == {"snr": 1.5}
    assert first.recording.id == "talk"
    assert second.custom["mmcheck_action"] == "keep"
    # With copies the paths change, and so the cuts are made anew.
    export_run(run, format="lhotse", out=tmp_path / "copies", media="copy")
    first, second = CutSet.from_file(tmp_path / "copies" / "cuts.jsonl.gz")
    assert (first.duration, first.recording.duration, second.duration) == (1.0, 3.0, 0.5)
    assert Path(second.recording.sources[0].source).is_relative_to(tmp_path / "copies")


def test_cuts_are_the_same_bytes_each_time_and_are_read_again(speech_run: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        export_run(speech_run, format="lhotse", out=tmp_path / name)
    one, two = ((tmp_path / name / "cuts.jsonl.gz").read_bytes() for name in ("one", "two"))
    assert one == two
    assert len(gzip.decompress(one).splitlines()) == 6
    assert detect_format(str(tmp_path / "one" / "cuts.jsonl.gz"), Config().input) == "lhotse"


def test_lossy_recordings_load_to_their_end(scanned: Callable[..., Path], tmp_path: Path) -> None:
    samples = np.random.default_rng(3).uniform(-0.5, 0.5, 33_000).astype(np.float32)
    rows = []
    for suffix in (".mp3", ".ogg", ".opus"):
        path = tmp_path / f"x{suffix}"
        if suffix == ".opus":
            soundfile.write(path, samples, 48_000, format="OGG", subtype="OPUS")
        else:
            soundfile.write(path, samples, 22_050)
        rows += [{"audio": str(path), "text": "all"}]
        rows += [{"audio": str(path), "text": "end", "offset": 0.25, "duration": 9.0}]
    (tmp_path / "m.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    export_run(scanned(tmp_path / "m.jsonl", config=KEEP, probes="media"), format="lhotse", out=tmp_path / "out")
    for cut in CutSet.from_file(tmp_path / "out" / "cuts.jsonl.gz"):
        assert cut.load_audio().shape == (1, cut.num_samples)
        validate(cut)
