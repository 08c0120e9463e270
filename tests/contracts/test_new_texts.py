"""Every format and layout: a row is given another text, one is left out, and what is written is read so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mmcheck.config import InputConfig, OutputConfig
from mmcheck.core.pair_kinds import PAIR_KINDS
from mmcheck.core.parts import FORMATS
from mmcheck.core.types import Sample
from mmcheck.formats.base import OutputRow
from mmcheck.formats.detect import detect_format, expand_manifests
from mmcheck.formats.joined_rows import join_rows
from mmcheck.formats.new_text import TextReplacer, changed_columns
from tests.contracts import test_audio_layouts as audio
from tests.contracts import test_formats as plain
from tests.contracts import test_image_layouts as images

MAKERS: dict[str, tuple[str, Callable[[Path], Path]]] = {
    **{name: (name, make) for name, make in plain.MAKERS.items()},
    **images.MAKERS,
    **audio.MAKERS,
}
CANNOT = {"VCTK"}
"""Layouts that hold one text for several recordings."""
NEW = 'Gr\u00fc\u00dfe "an" alle, 2 times; <really> & more'
"""Another alphabet, quotes, a separator, a number, marks."""


def text_of(sample: Sample) -> str | None:
    return sample.caption if sample.image is not None else sample.transcript


def new_text(layout: str) -> str:
    """Return a text that the layout's own spelling can hold."""
    return {"GigaSpeech": "HALLO, WORLD.", "Data-Juicer": "another text"}.get(layout, NEW)


def read(name: str, manifest: str) -> list[Sample]:
    return list(FORMATS.get(name)(InputConfig()).read(manifest))


def mend(layout: str, manifest: str, out: Path, *, write_media: bool, text: str) -> str:
    """Write a manifest whose first row has another text and whose second is left out; return what a user would read."""
    form = FORMATS.get(MAKERS[layout][0])(InputConfig())
    samples = list(form.read(manifest))
    kind = next(kind for kind in PAIR_KINDS if kind.medium_of(samples[0]) is not None)
    mended = TextReplacer(form, InputConfig().columns).replace(samples[0], kind, text)
    assert mended is not None
    assert kind.text_of(mended) == text
    rows = [
        OutputRow(sample=mended, extra={}, changed=changed_columns(samples[0].row, mended.row)),
        *(OutputRow(sample=sample, extra={}) for sample in samples[2:]),
    ]
    stem = Path(manifest).name.partition(".")[0]
    output = OutputConfig(write_media=write_media)
    files = form.write(join_rows(rows), out, stem, output, manifest=manifest, added={})
    return str(out / stem) if Path(manifest).is_dir() and (out / stem).is_dir() else str(files[0])


@pytest.mark.parametrize("write_media", [False, True])
@pytest.mark.parametrize("layout", [name for name in MAKERS if name not in CANNOT])
def test_a_row_is_given_another_text(layout: str, write_media: bool, tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    (manifest,) = expand_manifests([str(MAKERS[layout][1](tmp_path / "source"))])
    before = read(MAKERS[layout][0], manifest)
    text = new_text(layout)
    written = mend(layout, manifest, tmp_path / "out", write_media=write_media, text=text)
    name = detect_format(written, InputConfig())
    after = read(name, written)
    assert [text_of(sample) for sample in after] == [text, text_of(before[2])]
    assert [sample.problem for sample in after] == [None, None]
    if name == "webdataset":
        # The shards themselves, too, where they were written.
        shards = [str(path) for path in (tmp_path / "out").rglob("*.tar")]
        assert bool(shards) is write_media
        assert [text_of(s) for shard in shards for s in read(name, shard)] == [text, text_of(before[2])] * len(shards)


@pytest.mark.parametrize("layout", sorted(CANNOT))
def test_what_holds_one_text_for_several_recordings_says_so(layout: str, tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    (manifest,) = expand_manifests([str(MAKERS[layout][1](tmp_path / "source"))])
    form = FORMATS.get(MAKERS[layout][0])(InputConfig())
    sample = next(iter(form.read(manifest)))
    assert TextReplacer(form, InputConfig().columns).replace(sample, PAIR_KINDS[1], "x") is None


def test_every_format_is_covered() -> None:
    assert {name for name, _ in MAKERS.values()} == {entry.name for entry in FORMATS if not entry.package}


@pytest.mark.parametrize("layout", sorted(MAKERS))
def test_a_text_that_is_not_there_is_not_replaced(layout: str, tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    (manifest,) = expand_manifests([str(MAKERS[layout][1](tmp_path / "source"))])
    form = FORMATS.get(MAKERS[layout][0])(InputConfig())
    sample = next(iter(form.read(manifest)))
    kind = next(kind for kind in PAIR_KINDS if kind.medium_of(sample) is not None)
    changed: dict[str, Any] = {kind.text: "a text that stands nowhere in the row"}
    strange = replace(sample, **changed)
    assert TextReplacer(form, InputConfig().columns).replace(strange, kind, "x") is None
