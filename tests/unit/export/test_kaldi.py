"""Kaldi's data folder: loaded by Lhotse's importer and kaldiio, in the order that Kaldi's own check wants."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import kaldiio
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lhotse.kaldi import load_kaldi_data_dir

from mmcheck.config import Config
from mmcheck.core.errors import UserError
from mmcheck.export.run import export_run
from mmcheck.formats.detect import detect_format
from mmcheck.formats.sorted_lines import SortedLines

from .conftest import KEEP

SORT = {**os.environ, "LC_ALL": "C"}


def check(folder: Path) -> dict[str, list[list[str]]]:
    """Return the tables, held to the rules of Kaldi's ``utils/validate_data_dir.sh``."""
    for name in ("utt2spk", "spk2utt", "text", "utt2dur", "wav.scp", "reco2dur", "segments", "utt2lang"):
        if (folder / name).exists():
            keys = "".join(line.split()[0] + "\n" for line in (folder / name).read_text("utf-8").splitlines())
            subprocess.run(["sort", "-c", "-u"], input=keys.encode(), env=SORT, check=True)
    done = subprocess.run(["sort", "-k2", folder / "utt2spk"], env=SORT, check=True, capture_output=True)
    assert done.stdout == (folder / "utt2spk").read_bytes(), "speakers are not in order"
    tables = {
        path.name: [line.split() for line in path.read_text("utf-8").splitlines()]
        for path in folder.iterdir()
        if path.suffix != ".json" and path.is_file() and ".jsonl" not in path.name
    }
    utterances = [line[0] for line in tables["utt2spk"]]
    assert all(len(line) == 2 for name in ("utt2spk", "utt2dur", "reco2dur") for line in tables[name])
    assert [[utt, spk] for spk, *utts in tables["spk2utt"] for utt in utts] == tables["utt2spk"]
    for name in ("text", "utt2dur", "utt2lang", "segments"):
        if name in tables:
            assert [line[0] for line in tables[name]] == utterances, name
    recordings = [line[0] for line in tables["wav.scp"]]
    assert [line[0] for line in tables["reco2dur"]] == recordings
    assert all(float(line[1]) > 0 for name in ("utt2dur", "reco2dur") for line in tables[name])
    if "segments" in tables:
        assert all(float(end) > float(start) for _, _, start, end in tables["segments"])
        assert sorted({line[1] for line in tables["segments"]}, key=str.encode) == recordings
    else:
        assert recordings == utterances
    return tables


def test_lhotse_and_kaldiio_load_it_with_its_segments(
    speech_run: Path, sound: Callable[..., Any], tmp_path: Path
) -> None:
    summary = export_run(speech_run, format="kaldi", out=tmp_path / "out", media="copy")
    tables = check(tmp_path / "out")
    assert "utt2lang" not in tables
    recordings, supervisions, _ = load_kaldi_data_dir(tmp_path / "out", 16_000)
    assert supervisions is not None
    texts = {one.text: one for one in supervisions}
    assert list(texts) == [
        "gr\u00fcne \u6811",
        "first part",
        "to the end",
        "costs $5 | or more",
        "hello there",
        '"good" morning',
    ]
    part = texts["to the end"]
    assert (part.start, part.duration, part.speaker) == (2.25, 0.75, "a")
    assert np.array_equal(recordings[part.recording_id].load_audio(offset=2.25)[0], sound("talk.wav", 2.25))
    loaded = kaldiio.load_scp(str(tmp_path / "out" / "wav.scp"), segments=str(tmp_path / "out" / "segments"))
    rate, samples = loaded[texts["first part"].id]
    assert rate == 16_000
    assert np.allclose(samples / 32768, sound("talk.wav", 0.5, 1.0), atol=1e-4)
    side = loaded[texts['"good" morning'].id][1]
    assert np.allclose(side / 32768, sound("call.wav", 1.0, 0.75, 1), atol=1e-4)
    assert summary.done == {"cut": 2, "converted": 1}
    assert {Path(path).suffix for _, path in tables["wav.scp"]} == {".wav"}
    reasons = [json.loads(line) for line in (tmp_path / "out" / "mmcheck.reasons.jsonl").read_text().splitlines()]
    assert [(row["row"], row["mmcheck_id"]) for row in reasons[:2]] == [(1, "a-one"), (2, "d-1")]


def test_ids_get_their_speaker_where_the_order_wants_it(speech_run: Path, tmp_path: Path) -> None:
    summary = export_run(speech_run, format="kaldi", out=tmp_path / "out", media="copy", columns=False)
    utterances = [line[0] for line in check(tmp_path / "out")["utt2spk"]]
    assert utterances == ["a-a-one", "a-d-1", "a-d-2", "b-b-two", "c_0-c_0", "c_1-c_1"]
    assert "Ids have their speaker in front" in " ".join(summary.notes)
    assert not (tmp_path / "out" / "mmcheck.reasons.jsonl").exists()


def test_ids_stay_where_they_are_in_order_and_whole_recordings_need_no_segments(
    speech_data: Path, scanned: Callable[..., Path], tmp_path: Path
) -> None:
    rows = [
        {
            "id": f"{speaker}-{number}",
            "audio": str(speech_data / name),
            "text": "hello",
            "speaker": speaker,
            "lang": "en",
        }
        for speaker, number, name in (("s2", 1, "audio/one.wav"), ("s1", 7, "talk.wav"), ("s1", 10, "audio/two.flac"))
    ]
    (tmp_path / "m.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    run = scanned(tmp_path / "m.jsonl", config=KEEP, probes="media")
    summary = export_run(run, format="kaldi", out=tmp_path / "out")
    tables = check(tmp_path / "out")
    assert tables["utt2spk"] == [["s1-10", "s1"], ["s1-7", "s1"], ["s2-1", "s2"]]
    assert tables["wav.scp"][1] == ["s1-7", str(speech_data / "talk.wav")]
    assert tables["utt2dur"] == tables["reco2dur"] == [["s1-10", "0.75"], ["s1-7", "3"], ["s2-1", "0.5"]]
    assert tables["utt2lang"] == [["s1-10", "en"], ["s1-7", "en"], ["s2-1", "en"]]
    assert "segments" not in tables
    assert "1 row names a recording that is no WAV" in " ".join(summary.notes)
    assert detect_format(str(tmp_path / "out"), Config().input) == "kaldi"
    _, supervisions, _ = load_kaldi_data_dir(tmp_path / "out", 16_000)
    assert supervisions is not None
    assert [(one.id, one.language) for one in supervisions] == [("s1-10", "en"), ("s1-7", "en"), ("s2-1", "en")]


def test_what_kaldi_cannot_hold_is_told(speech_data: Path, scanned: Callable[..., Path], tmp_path: Path) -> None:
    texts = ["a <s> b", "see #0", "x\u00a0y\u3000z", "<sil> fine", "#05 too"]
    rows = [{"audio": str(speech_data / "talk.wav"), "text": text} for text in texts]
    rows.append({"audio": "https://example.org/x.wav", "text": "far away"})
    (tmp_path / "m.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows[:5]))
    run = scanned(tmp_path / "m.jsonl", config=KEEP, probes="media")
    summary = export_run(run, format="kaldi", out=tmp_path / "out")
    assert [line[1:] for line in check(tmp_path / "out")["text"]] == [
        ["x", "y", "z"],
        ["<sil>", "fine"],
        ["#05", "too"],
    ]
    (reason,) = summary.left_out
    assert reason == "has <s>, </s> or #0 in its text, which Kaldi keeps for itself"
    (tmp_path / "url.jsonl").write_text(json.dumps(rows[5]) + "\n")
    config = Config(rules={"text": {"metric": "column.text", "required": True}})
    run = scanned(tmp_path / "url.jsonl", name="remote", config=config, probes="none")
    with pytest.raises(UserError, match="is at an address"):
        export_run(run, format="kaldi", out=tmp_path / "remote-out")


def test_a_data_folder_is_the_same_each_time(speech_run: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        export_run(speech_run, format="kaldi", out=tmp_path / name, media="copy", paths="relative")
    names = sorted(path.name for path in (tmp_path / "one").iterdir() if path.is_file())
    assert [name for name in names if not name.startswith(".")] == [
        *("mmcheck.reasons.jsonl", "reco2dur", "segments", "spk2utt", "text", "utt2dur", "utt2spk", "wav.scp"),
    ]
    for name in names[1:]:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


@settings(deadline=None, max_examples=60)
@given(st.lists(st.binary(max_size=12).map(lambda line: line.replace(b"\n", b" ")), max_size=60))
def test_lines_are_sorted_by_their_bytes_also_through_files(lines: list[bytes]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        sorter = SortedLines(Path(folder) / "x", chunk_bytes=40)
        for line in lines:
            sorter.add(line)
        assert list(sorter) == sorted(lines)
        assert list(zip(sorter, sorter, strict=True)) == [(line, line) for line in sorted(lines)]
    with pytest.raises(ValueError, match="no line end"):
        sorter.add(b"a\nb")
