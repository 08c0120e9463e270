"""What every layout of speech corpora must do; docs/formats.md has a line for each under "Audio layouts"."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmcheck.config import InputConfig, OutputConfig
from mmcheck.core.errors import ManifestError
from mmcheck.core.parts import FORMATS
from mmcheck.core.types import Sample
from mmcheck.formats.base import Recognised
from mmcheck.formats.detect import detect_format
from mmcheck.media.audio import decode_audio
from mmcheck.media.source import MediaSource
from tests.fixtures.audio_layouts import MAKERS, RATE, TEXTS
from tests.fixtures.layouts import make, part, rows, stem
from tests.fixtures.small_files import snapshot

LAYOUTS = list(MAKERS)
FORMAT_NAMES = {name for name, _ in MAKERS.values()}
ALL_NAMES = [entry.name for entry in FORMATS]


def sound(sample: Sample) -> np.ndarray[Any, Any]:
    assert sample.audio is not None
    data = MediaSource(allow_remote=False).read(sample.audio)
    ref = sample.audio
    return decode_audio(data, start=ref.start, duration=ref.duration, channel=ref.channel, max_seconds=60).samples


def written_place(layout: str, out: Path, manifest: str, files: list[Path]) -> str:
    """Return what a user would scan of what was written: the folder where a folder was read, else the file."""
    if Path(manifest).is_dir() and (out / stem(manifest)).is_dir():
        return str(out / stem(manifest))
    return str(files[0])


def text_of(path: Path) -> str:
    data = path.read_bytes()
    return (gzip.decompress(data) if path.suffix == ".gz" else data).decode()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_is_recognised_from_its_content(layout: str, tmp_path: Path) -> None:
    manifest = make(layout, tmp_path)
    name = MAKERS[layout][0]
    assert detect_format(manifest, InputConfig()) == name
    sure = {other: FORMATS.get(other)(InputConfig()).recognise(manifest) for other in ALL_NAMES}
    assert sure.pop(name) is Recognised.SIGNATURE
    assert max(sure.values()) < Recognised.SIGNATURE


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
    wanted = ["A RED CUBE.", "SAYS, HI?", "TWICE"] if layout == "GigaSpeech" else list(TEXTS)
    assert [sample.transcript for sample in samples] == wanted
    assert len({sample.id for sample in samples}) == 3
    for sample in samples:
        assert len(sound(sample)) > 0.4 * RATE
        assert json.loads(json.dumps(sample.row)) == sample.row


@pytest.mark.parametrize("write_media", [False, True])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_is_written_is_read_again(layout: str, write_media: bool, tmp_path: Path) -> None:
    manifest = make(layout, tmp_path)
    before = list(part(layout).read(manifest))
    kept = [before[0], before[2]]
    out = tmp_path / "run" / "clean"
    output = OutputConfig(write_media=write_media)
    files = part(layout).write(rows(kept), out, stem(manifest), output, manifest=manifest)
    again = written_place(layout, out, manifest, files)
    assert detect_format(again, InputConfig()) == MAKERS[layout][0]
    after = list(part(layout).read(again))
    assert [(one.transcript, one.language, one.problem) for one in after] == [
        (one.transcript, one.language, one.problem) for one in kept
    ]
    for old, new in zip(kept, after, strict=True):
        assert np.array_equal(sound(new), sound(old))
    told = "".join(text_of(path) for path in files if path.suffix not in (".tar", ".opus"))
    assert told.count("0.1875") == 2


@pytest.mark.parametrize("layout", LAYOUTS)
def test_writing_twice_gives_equal_bytes_and_changes_no_source(layout: str, tmp_path: Path) -> None:
    manifest = make(layout, tmp_path)
    source = snapshot(tmp_path / "source")
    samples = list(part(layout).read(manifest))
    once = part(layout).write(rows(samples), tmp_path / "out", stem(manifest), OutputConfig(), manifest=manifest)
    first = snapshot(tmp_path / "out")
    again = part(layout).write(rows(samples), tmp_path / "out", stem(manifest), OutputConfig(), manifest=manifest)
    assert again == once
    assert snapshot(tmp_path / "out") == first
    assert snapshot(tmp_path / "source") == source


@pytest.mark.parametrize("layout", LAYOUTS)
def test_no_rows_give_what_is_read_as_no_rows(layout: str, tmp_path: Path) -> None:
    manifest = make(layout, tmp_path)
    files = part(layout).write([], tmp_path / "out", stem(manifest), OutputConfig(), manifest=manifest)
    place = written_place(layout, tmp_path / "out", manifest, files)
    assert list(part(layout).read(place)) == []
    assert part(layout).write([], tmp_path / "bare", "x", OutputConfig())


@pytest.mark.parametrize("layout", LAYOUTS)
def test_paths_that_are_kept_make_no_links(layout: str, tmp_path: Path) -> None:
    manifest = make(layout, tmp_path)
    samples = list(part(layout).read(manifest))
    part(layout).write(rows(samples), tmp_path / "out", stem(manifest), OutputConfig(paths="keep"), manifest=manifest)
    assert not [path for path in (tmp_path / "out").rglob("*") if path.is_symlink()]
