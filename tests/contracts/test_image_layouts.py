"""What every layout of image-caption sets must do; docs/formats.md has a line for each under "Image layouts"."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mmcheck.config import InputConfig, OutputConfig
from mmcheck.core.errors import ManifestError
from mmcheck.core.parts import FORMATS
from mmcheck.core.types import Sample
from mmcheck.formats.base import Recognised
from mmcheck.formats.detect import detect_format
from mmcheck.media.source import MediaSource
from tests.fixtures.image_layouts import MAKERS, TEXTS, picture
from tests.fixtures.layouts import make, part, rows, stem
from tests.fixtures.small_files import snapshot

LAYOUTS = list(MAKERS)
FORMAT_NAMES = {name for name, _ in MAKERS.values()}
ALL_NAMES = [entry.name for entry in FORMATS]
REMOTE = {"Conceptual Captions"}
"""Layouts whose images are addresses that nobody fetches here."""
INSIDE = {"Hugging Face repository", "save_to_disk", "save_to_disk of splits", "img2dataset files"}
"""Layouts whose images lie in the tables themselves, or are linked to where the layout wants them."""


def media(samples: list[Sample]) -> list[bytes]:
    source = MediaSource(allow_remote=False)
    return [source.read(sample.image) for sample in samples if sample.image is not None]


def written_place(out: Path, manifest: str, files: list[Path]) -> str:
    """Return what a user would scan of what was written: the folder where a folder was read, else the file."""
    return str(out / stem(manifest)) if Path(manifest).is_dir() else str(files[0])


@pytest.mark.parametrize("layout", LAYOUTS)
def test_is_recognised_from_its_content(layout: str, tmp_path: Path) -> None:
    manifest = make(layout, tmp_path)
    name = MAKERS[layout][0]
    assert detect_format(manifest, InputConfig()) == name
    sure = {other: FORMATS.get(other)(InputConfig()).recognise(manifest) for other in ALL_NAMES}
    own = sure.pop(name)
    assert own > max(sure.values())


@pytest.mark.parametrize("name", sorted(FORMAT_NAMES))
def test_recognising_never_raises(name: str, tmp_path: Path) -> None:
    (tmp_path / "zero").write_bytes(b"")
    (tmp_path / "noise").write_bytes(bytes(range(256)) * 40)
    (tmp_path / "empty").mkdir()
    form = FORMATS.get(name)(InputConfig())
    for path in ("zero", "noise", "empty", "absent"):
        assert form.recognise(str(tmp_path / path)) is Recognised.NO
    assert form.recognise("memory://nothing/here") is Recognised.NO
    for path in ("noise", "absent"):
        with pytest.raises(ManifestError):
            list(form.read(str(tmp_path / path)))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_reads_the_pairs_in_order(layout: str, tmp_path: Path) -> None:
    samples = list(part(layout).read(make(layout, tmp_path)))
    assert [sample.problem for sample in samples] == [None] * 3
    assert [sample.caption for sample in samples] == list(TEXTS)
    assert len({sample.id for sample in samples}) == 3
    assert [json.loads(json.dumps(sample.row)) for sample in samples] == [sample.row for sample in samples]
    if layout in REMOTE:
        assert [sample.image and sample.image.uri[:17] for sample in samples] == ["http://127.0.0.1:"] * 3
    else:
        assert media(samples) == [picture(n * 40) for n in range(3)]


@pytest.mark.parametrize("write_media", [False, True])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_is_written_is_read_again(layout: str, write_media: bool, tmp_path: Path) -> None:
    manifest = make(layout, tmp_path)
    before = list(part(layout).read(manifest))
    kept = [before[0], before[2]]
    out = tmp_path / "run" / "clean"
    output = OutputConfig(write_media=write_media)
    files = part(layout).write(rows(kept), out, stem(manifest), output, manifest=manifest)
    again = written_place(out, manifest, files)
    assert detect_format(again, InputConfig()) == MAKERS[layout][0]
    after = list(part(layout).read(again))
    assert [(one.caption, one.problem) for one in after] == [(one.caption, one.problem) for one in kept]
    if layout not in REMOTE:
        assert media(after) == media(kept)
    if layout not in REMOTE | INSIDE:
        inside = [str(out) in one.image.uri for one in after if one.image is not None]
        assert all(inside) if write_media else not any(inside)
    told = [path.read_text("utf-8") for path in files if path.suffix in (".jsonl", ".tsv", ".csv", ".json", ".txt")]
    scores = [one.row.get("mmcheck_score", one.row.get("image", {})) for one in after]
    assert scores == [0.1875] * 2 or "".join(told).count("0.1875") == 2


@pytest.mark.parametrize("layout", LAYOUTS)
def test_writing_twice_gives_equal_bytes_and_changes_no_source(layout: str, tmp_path: Path) -> None:
    manifest = make(layout, tmp_path)
    source = snapshot(tmp_path / "source")
    samples = list(part(layout).read(manifest))
    once = part(layout).write(rows(samples), tmp_path / "out", stem(manifest), OutputConfig(), manifest=manifest)
    first = snapshot(tmp_path / "out")
    again = part(layout).write(rows(samples), tmp_path / "out", stem(manifest), OutputConfig(), manifest=manifest)
    assert again == once
    assert {path.name for path in snapshot(tmp_path / "out")} == {path.name for path in first}
    assert snapshot(tmp_path / "out") == first
    assert snapshot(tmp_path / "source") == source


@pytest.mark.parametrize("layout", LAYOUTS)
def test_no_rows_give_what_is_read_as_no_rows(layout: str, tmp_path: Path) -> None:
    manifest = make(layout, tmp_path)
    files = part(layout).write([], tmp_path / "out", stem(manifest), OutputConfig(), manifest=manifest)
    assert list(part(layout).read(written_place(tmp_path / "out", manifest, files))) == []
    assert part(layout).write([], tmp_path / "bare", "x", OutputConfig())


@pytest.mark.parametrize("layout", LAYOUTS)
def test_with_kept_paths_and_no_columns_the_rows_come_back_as_they_were(layout: str, tmp_path: Path) -> None:
    manifest = make(layout, tmp_path)
    samples = list(part(layout).read(manifest))
    files = part(layout).write(
        rows(samples, {}), tmp_path / "out", stem(manifest), OutputConfig(paths="keep"), manifest=manifest
    )
    again = list(part(layout).read(written_place(tmp_path / "out", manifest, files)))
    assert [sample.row for sample in again] == [sample.row for sample in samples]
