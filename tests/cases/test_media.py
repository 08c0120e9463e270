"""The shared cases of media whose headers lie, or that another decoder sees otherwise."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mmcheck.api import scan

CASES = Path(__file__).parents[2].parent / "shared" / "cases"
pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason="no shared cases beside the repository")

QUIET = ("near_duplicate", "duplicate_")
"""Findings on the set, which these files of the same sound and text rightly have."""


def scan_case(tmp_path: Path, manifest: Path) -> dict[str, dict[str, str]]:
    """Return code -> message of the findings of each row."""
    run = scan([str(manifest)], tmp_path / "out", probes="media,caption_text")
    found = {}
    for row in run.samples().to_arrow().to_pylist():
        listed = row["findings"]
        found[row["id"]] = {x["code"]: x["message"] for x in listed if not x["code"].startswith(QUIET)}
    return found


def list_files(tmp_path: Path, folder: str, names: list[str], key: str = "audio_filepath") -> Path:
    manifest = tmp_path / "rows.jsonl"
    rows = [{key: str(CASES / folder / name), "id": name, "text": "one text for all of them"} for name in names]
    manifest.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return manifest


def test_placeholders_in_wav_headers(tmp_path: Path) -> None:
    found = scan_case(tmp_path, CASES / "wav-stream-sizes" / "manifest.jsonl")
    assert {name for name, codes in found.items() if codes} == {"really_cut.wav"}
    assert "unreadable_media.truncated" in found["really_cut.wav"]


def test_joined_mp3_files_and_odd_recordings(tmp_path: Path) -> None:
    names = ["mp3-joined/join2.mp3", "mp3-joined/cut_from_long.mp3"]
    names += [f"odd-audio/{name}" for name in ("flac_unknown_len.flac", "m4a_named.wav", "timit.sph")]
    found = scan_case(tmp_path, list_files(tmp_path, "", names))
    codes = {name.split("/")[1]: {code for code in found[name] if "speech" not in code} for name in names}
    assert codes == {
        "join2.mp3": {"libsndfile_reads_less.above_max"},
        "cut_from_long.mp3": {"unreadable_media.truncated"},
        "flac_unknown_len.flac": {"libsndfile_reads_less.above_max"},
        "m4a_named.wav": {"wrong_suffix.above_max"},
        "timit.sph": set(),
    }


def test_missing_files_tell_the_nearest_name(tmp_path: Path) -> None:
    found = scan_case(tmp_path, CASES / "odd-paths" / "rows.jsonl")
    told = {name: codes["unreadable_media.missing"] for name, codes in found.items() if codes}
    assert len(told) == 8
    assert all("Did you mean " in message for message in told.values())
    assert "Did you mean UP.JPG?" in told["up.jpg"]


def test_jpegs_that_are_damaged_inside(tmp_path: Path) -> None:
    found = scan_case(tmp_path, CASES / "jpeg-damaged-inside" / "rows.jsonl")
    assert {name: set(codes) for name, codes in found.items()} == {
        "sound.jpg": set(),
        "base_cut_eoi.jpg": {"damaged_image.above_max", "grey_bottom.above_max"},
        "zero_hole.jpg": {"damaged_image.above_max"},
        "regreyed.jpg": {"grey_bottom.above_max"},
    }


def test_transparent_turned_and_deep_pictures(tmp_path: Path) -> None:
    found = scan_case(tmp_path, CASES / "alpha-and-orientation" / "train.csv")
    flagged = {name: next(iter(codes)) for name, codes in found.items() if len(codes) == 1}
    assert flagged == {
        **dict.fromkeys(("logo0.png", "logo1.png", "logo2.png", "pal.png"), "plain_rgb_differs.above_max"),
        **dict.fromkeys(("turned.jpg", "upside.jpg"), "turned_by_exif.above_max"),
    }
    names = ["g16.png", "tenbit0.png", "tenbit10.png"]
    (tmp_path / "deep").mkdir()
    found = scan_case(tmp_path / "deep", list_files(tmp_path, "sixteen-bit", names, "file_name"))
    assert all("plain_rgb_differs.above_max" in codes for codes in found.values())


def test_bombs_are_too_large_and_deep_ones_are_read(tmp_path: Path) -> None:
    names = ["webpa_bomb.webp", "big_u16.tif"]
    found = scan_case(tmp_path, list_files(tmp_path, "faults", names, "file_name"))
    assert "unreadable_media.too_large" in found["webpa_bomb.webp"]
    assert not any(code.startswith(("unmeasured", "unreadable")) for code in found["big_u16.tif"])


def test_each_side_of_a_call_is_a_recording_of_its_own(tmp_path: Path) -> None:
    found = scan_case(tmp_path, CASES / "two-channel-call" / "manifest.jsonl")
    assert all(not codes for codes in found.values()), found
