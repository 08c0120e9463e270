"""What is odd in documents of images: captions of another type, halves of characters, names that are none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mmcheck.config import InputConfig, OutputConfig
from mmcheck.core.errors import ManifestError
from mmcheck.core.parts import FORMATS
from mmcheck.core.types import Sample
from mmcheck.formats.json_document import read_members
from tests.fixtures.image_layouts import make_hf_disk
from tests.fixtures.layouts import rows


def read(form: str, manifest: Path) -> list[Sample]:
    return list(FORMATS.get(form)(InputConfig()).read(str(manifest)))


def save(folder: Path, document: Any) -> Path:
    (folder / "set.json").write_text(json.dumps(document))
    return folder / "set.json"


def coco(captions: list[Any], **others: Any) -> dict[str, Any]:
    images = [{"id": n, "file_name": f"{n}.jpg"} for n in range(len(captions))]
    annotations = [{"id": n, "image_id": n, "caption": caption} for n, caption in enumerate(captions)]
    return {**others, "images": images, "annotations": annotations}


def test_a_caption_that_is_a_list_breaks_its_row_alone(tmp_path: Path) -> None:
    samples = read("coco", save(tmp_path, coco(["a cat", ["a", "dog"], "a cow"])))
    assert [sample.caption for sample in samples] == ["a cat", None, "a cow"]
    assert [sample.problem and sample.problem.cause for sample in samples] == [None, "not_text", None]
    assert samples[1].problem is not None
    assert "set.json:2 has no text: 'caption' must be text, but is ['a', 'dog']" in samples[1].problem.message


@pytest.mark.parametrize("form", ["coco", "karpathy"])
def test_other_members_with_half_of_a_character_are_written_as_they_were(form: str, tmp_path: Path) -> None:
    others = {"info": {"by": "x\ud800", "note": "gr\u00fc\u00df"}, "\udc00": [1]}
    document = coco(["a cat"], **others)
    if form == "karpathy":
        document = {"images": [{"filename": "0.jpg", "sentences": [{"raw": "a cat"}]}], **others}
    manifest = save(tmp_path, document)
    samples = read(form, manifest)
    part = FORMATS.get(form)(InputConfig())
    (file,) = part.write(rows(samples), tmp_path / "out", "set", OutputConfig(), manifest=str(manifest))
    found = json.loads(file.read_bytes())
    assert {name: found[name] for name in others} == others


def test_infos_of_a_saved_dataset_with_half_of_a_character_are_written(tmp_path: Path) -> None:
    folder = make_hf_disk(tmp_path / "set")
    info = json.loads((folder / "dataset_info.json").read_text())
    (folder / "dataset_info.json").write_text(json.dumps({**info, "citation": "x\ud800"}))
    samples = read("hf_disk", folder)
    part = FORMATS.get("hf_disk")(InputConfig())
    part.write(rows(samples), tmp_path / "out", "set", OutputConfig(), manifest=str(folder))
    assert json.loads((tmp_path / "out" / "set" / "dataset_info.json").read_text())["citation"] == "x\ud800"


def test_a_name_of_a_member_that_is_no_text_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "set.json").write_text('{[1: "images": [], "annotations": []}')
    with pytest.raises(ManifestError, match="is not valid JSON"):
        read("coco", tmp_path / "set.json")


def test_members_that_are_nested_very_deep_are_no_traceback(tmp_path: Path) -> None:
    deep = "[" * 100_000 + "]" * 100_000
    (tmp_path / "set.json").write_text(f'{{"info": {{"x": {deep}}}, "images": [], "year": 3}}')
    assert read_members(str(tmp_path / "set.json"), "utf-8", ("images",)) == {"year": 3}
