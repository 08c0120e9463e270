"""The shared cases of layouts that people have: named when met, and tars whose keys do not hold together."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmcheck.api import scan
from mmcheck.config import InputConfig
from mmcheck.core.errors import ManifestError
from mmcheck.core.parts import FORMATS
from mmcheck.formats.detect import detect_format
from mmcheck.formats.folder import FolderFormat
from mmcheck.formats.known_layouts import find_layout
from mmcheck.formats.webdataset import WebdatasetFormat

CASES = Path(__file__).parents[2].parent / "shared" / "cases"
pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason="no shared cases beside the repository")


@pytest.mark.parametrize(
    ("name", "layout"),
    [
        ("llava-ids/coco.json", "COCO"),
        ("llava-ids/conv.json", "one JSON array"),
    ],
)
def test_what_is_not_read_is_named(name: str, layout: str) -> None:
    with pytest.raises(ManifestError, match=layout) as caught:
        detect_format(str(CASES / name), InputConfig())
    assert caught.value.hint


@pytest.mark.parametrize(
    ("name", "form", "texts"),
    [
        ("kaldi", "kaldi", [f"THIS IS SENTENCE {n}" for n in range(3)]),
        ("librispeech", "librispeech", [f"THIS IS SENTENCE NUMBER {n}" for n in range(3)]),
        ("ljspeech", "ljspeech", [f"this is sentence number {n} of the book" for n in ("0", "1", "2", "three")]),
        (
            "ljspeech/metadata.csv",
            "ljspeech",
            [f"this is sentence number {n} of the book" for n in ("0", "1", "2", "three")],
        ),
    ],
)
def test_layouts_of_speech_are_read(name: str, form: str, texts: list[str]) -> None:
    manifest = str(CASES / name)
    assert detect_format(manifest, InputConfig()) == form
    samples = list(FORMATS.get(form)(InputConfig()).read(manifest))
    assert [(sample.transcript, sample.problem) for sample in samples] == [(text, None) for text in texts]
    assert all(sample.audio is not None and Path(sample.audio.uri).is_file() for sample in samples)


@pytest.mark.parametrize(("name", "layout"), [("conv.jsonl", "LLaVA"), ("qwen.jsonl", "chat dataset")])
def test_conversations_are_named_and_their_pictures_can_be_checked(tmp_path: Path, name: str, layout: str) -> None:
    with pytest.raises(ManifestError, match=layout):
        scan(CASES / "llava-ids" / name, tmp_path / "a", None, probes="media,caption_text")
    assert scan(CASES / "llava-ids" / name, tmp_path / "b", None, probes="media").summary["quarantine"] == 0


def test_tokens_of_data_juicer_are_named() -> None:
    found = find_layout(str(CASES / "llava-ids" / "dj.jsonl"))
    assert found is not None
    assert found.name == "Data-Juicer"


def test_folders_called_like_splits_are_named() -> None:
    found = find_layout(str(CASES / "hf-split-like-folders-img"))
    assert found is not None
    assert "load_dataset" in found.seen


@pytest.mark.parametrize(
    ("name", "cause", "rows"),
    [("wds-dotted-keys/dots.tar", "dotted_key", 1), ("wds-unsorted/unsorted.tar", "split_key", 8)],
)
def test_tars_whose_keys_do_not_hold_together(name: str, cause: str, rows: int) -> None:
    samples = list(WebdatasetFormat(InputConfig()).read(str(CASES / name)))
    assert [sample.problem and sample.problem.cause for sample in samples] == [cause] * rows


def test_every_sidecar_is_read_or_named() -> None:
    samples = list(FolderFormat(InputConfig()).read(str(CASES / "sidecars")))
    texts = {sample.id: sample.caption for sample in samples if sample.problem is None}
    assert (texts["b.jpg"], texts["d.jpg"]) == ("a boat on a lake", "a door of a barn")
    (problem,) = [sample.problem for sample in samples if sample.problem]
    assert "f.json is there, but is not read" in problem.message
