"""Texts that went wrong: vague for standing twice, short for being Chinese, null for a transcript."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from mmcheck.api import scan

CASES = Path(__file__).parents[2].parent / "shared" / "cases"
needs_cases = pytest.mark.skipif(not CASES.is_dir(), reason="no shared cases beside the repository")
PROBES = "media,caption_text,transcript_text"
TEXTUAL = (
    "vague",
    "short",
    "symbols",
    "hashtags",
    "boilerplate",
    "caption_residue",
    "transcript_residue",
    "stuttering",
)


def scan_texts(tmp_path: Path, manifest: Path) -> dict[str, list[str]]:
    """Return text -> codes of the findings on it, those of the media left out."""
    run = scan([str(manifest)], tmp_path / "out", probes=PROBES)
    found: dict[str, list[str]] = {}
    for row in run.samples().to_arrow().to_pylist():
        text = row["caption"] if row["caption"] is not None else row["transcript"]
        found[text] = [finding["code"] for finding in row["findings"] if finding["code"].startswith(TEXTUAL)]
    return found


def image_set(folder: Path, captions: list[str]) -> Path:
    folder.mkdir()
    rows = []
    for number, caption in enumerate(captions):
        pixels = np.random.default_rng(number).integers(0, 255, (48, 48, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
        rows.append({"file_name": f"{number}.png", "text": caption})
    (folder / "metadata.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


@needs_cases
def test_a_specific_caption_that_stands_twice_is_not_vague(tmp_path: Path) -> None:
    assert not any(scan_texts(tmp_path, CASES / "vague-without-model").values())


def test_words_alone_tell_the_vague_captions(tmp_path: Path) -> None:
    specific = ["A queen of Sweden in a blue velvet robe", "Two brown dogs on a beach", "Ein Hund im Garten"]
    vague = ["a nice photo", "a person standing outside", "beautiful view", "something in the background"]
    found = scan_texts(tmp_path, image_set(tmp_path / "set", [*specific * 3, *vague]))
    assert {text for text, codes in found.items() if codes} == set(vague)
    assert all(found[text] == ["vague_caption.above_max"] for text in vague)


@needs_cases
def test_short_captions_of_the_case(tmp_path: Path) -> None:
    found = scan_texts(tmp_path, CASES / "short-captions-cjk")
    assert {text: codes for text, codes in found.items() if codes} == {
        "\u732b": ["short_caption.below_min"],  # "cat" is too short in any script
        "\U0001f642\U0001f642\U0001f642": ["symbols_only_caption.below_min"],
        "\U0001f436\U0001f333": ["symbols_only_caption.below_min"],
    }


def test_short_captions_boilerplate_and_words_for_nothing(tmp_path: Path) -> None:
    sound = [
        "\u767d\u732b",
        "\u8d64\u3044\u8eca",
        "\uace0\uc591\uc774",
        "\u0e41\u0e21\u0e27\u0e2a\u0e35\u0e14\u0e33",
        "red car",
    ]
    wrong = {
        "cat": "short_caption.below_min",
        "\U0001f600\u2764\ufe0f": "symbols_only_caption.below_min",
        "#sunset #beach #love": "hashtags_only_caption.above_max",
        "Image may contain: text": "boilerplate_caption.above_max",
        "No description available": "boilerplate_caption.above_max",
        "Click here to enlarge": "boilerplate_caption.above_max",
        "(c) 2019 Anna Miller": "boilerplate_caption.above_max",
        "a brown\u200b dog in the snow": "caption_residue.invisible_characters",
        "undefined": "caption_residue.missing_value",
    }
    found = scan_texts(tmp_path, image_set(tmp_path / "set", [*sound, *wrong]))
    assert found == {text: [] for text in sound} | {text: [code] for text, code in wrong.items()}


@needs_cases
def test_words_for_nothing_as_transcripts(tmp_path: Path) -> None:
    found = scan_texts(tmp_path, CASES / "null-transcripts")
    assert found == {text: ["transcript_residue.missing_value"] for text in ("null", "NA", "none", "nan")} | {
        text: ["transcript_residue.bare_value"] for text in ("true", "12")
    }


@needs_cases
def test_residue_of_the_case_has_one_finding_that_names_it(tmp_path: Path) -> None:
    named = {
        "soft_hyphen": "invisible_characters",
        "zero_width": "invisible_characters",
        "entities": "entities",
        "underscore": "underscores",
        "nospace": "missing_spaces",
        "speaker_label": "speaker_marks",
        "double_text": "repeated_text",
        "whisper_ts": "control_tokens",
        "whisper_special": "control_tokens",
        "srt_block": "timestamps",
        "noise_tags": "event_marks",
        "phonemes": "phonetic_script",
    }
    rows = [json.loads(line) for line in (CASES / "speech-mixed" / "manifest.jsonl").read_text("utf-8").splitlines()]
    found = scan_texts(tmp_path, CASES / "speech-mixed" / "manifest.jsonl")
    for row in rows:
        if row["kind"] in named:
            wanted = [f"transcript_residue.{named[row['kind']]}"]
        else:
            wanted = ["stuttering_transcript.above_max"] if row["kind"] == "loop" else []
        assert found[row["text"]] == wanted, row["kind"]


def test_transcripts_with_residue_and_without(tmp_path: Path) -> None:
    wrong = {
        "HOST: good morning to all of you": "speaker_marks",
        "good&#32;morning to all&nbsp;of you": "entities",
        "good morning\u2060 to all of you": "invisible_characters",
        "goodmorningtoallofyouandyourfriends": "missing_spaces",
        "N/A": "missing_value",
    }
    sound = ["good morning to all of you", "none of them came", "WARNING: do not enter"]
    rows = []
    time = np.arange(16_000 * 2) / 16_000
    for number, text in enumerate([*sound, *wrong]):
        soundfile.write(tmp_path / f"{number}.wav", 0.3 * np.sin(2 * np.pi * (200 + 40 * number) * time), 16_000)
        rows.append({"audio_filepath": f"{number}.wav", "text": text})
    (tmp_path / "manifest.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = scan_texts(tmp_path, tmp_path / "manifest.jsonl")
    assert found == {text: [] for text in sound} | {
        text: [f"transcript_residue.{kind}"] for text, kind in wrong.items()
    }


@pytest.mark.parametrize("name", ["real-speech", "real-speech-2", "real-images"])
def test_texts_of_people_have_no_residue(name: str) -> None:
    from mmcheck.metrics.caption_boilerplate import boilerplate_ratio
    from mmcheck.metrics.hidden_characters import find_invisible
    from mmcheck.metrics.transcript_cleaning import read_transcript

    folder = CASES.parent / "data" / name
    if not folder.is_dir():
        pytest.skip("no shared data beside the repository")
    (manifest,) = folder.glob("*.jsonl")
    for row in map(json.loads, manifest.read_text("utf-8").splitlines()):
        if name == "real-images":
            for text in (row["text"], row.get("figure_caption") or ""):
                assert boilerplate_ratio(text) < 0.9
                assert not find_invisible(text)
        else:
            found = read_transcript(row["text"], row["lang"])
            assert (found.text, found.residue) == (row["text"], {})
