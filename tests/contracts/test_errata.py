"""Every format and layout: errata find their rows by content alone, mend them, and change nothing the second time."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmcheck.config import Config, InputConfig
from mmcheck.core.pair_kinds import PAIR_KINDS
from mmcheck.core.parts import FORMATS
from mmcheck.core.types import Sample
from mmcheck.errata.apply import ApplyOptions, apply_errata
from mmcheck.errata.media import MediaReader
from mmcheck.errata.record import Header, Medium, Record, text_digest, to_line
from mmcheck.formats.detect import detect_format, expand_manifests
from tests.contracts import test_image_layouts as images
from tests.contracts.test_new_texts import CANNOT, MAKERS, new_text, text_of

LAYOUTS = [name for name in MAKERS if name not in images.REMOTE]
"""Media at addresses are not fetched unasked, so nothing tells which they are."""


def record(sample: Sample, reader: MediaReader, new: str | None) -> Record:
    kind = next(kind for kind in PAIR_KINDS if kind.medium_of(sample) is not None)
    ref = kind.medium_of(sample)
    assert ref is not None
    digest, size = reader.digest(ref, sample.manifest)
    medium = Medium(
        kind=kind.name,  # type: ignore[arg-type]
        sha256=digest.hex(),
        bytes=size,
        start=ref.start,
        duration=ref.duration,
        channel=ref.channel,
    )
    old = text_digest(kind.text_of(sample)).hex()
    return Record(action="replace_text" if new else "remove", medium=medium, text_sha256=old, new_text=new)


def write_errata(path: Path, records: list[Record]) -> Path:
    lines = [Header(mmcheck_errata=1, producer="test", records=len(records)), *records]
    path.write_text("".join(to_line(line) + "\n" for line in lines), "utf-8")
    return path


def written(out: Path, files: tuple[str, ...], manifest: str) -> str:
    folder = out / Path(manifest).name.partition(".")[0]
    return str(folder) if Path(manifest).is_dir() and folder.is_dir() else files[0]


def snapshot(folder: Path) -> dict[str, bytes]:
    found = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return {name: data for name, data in found.items() if name != ".mmcheck-apply.json"}


@pytest.mark.parametrize("write_media", [False, True])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_errata_mend_every_layout_once(layout: str, write_media: bool, tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    (manifest,) = expand_manifests([str(MAKERS[layout][1](tmp_path / "source"))])
    before = list(FORMATS.get(MAKERS[layout][0])(InputConfig()).read(manifest))
    source = snapshot(tmp_path / "source")
    reader = MediaReader(Config().probes.media, allow_remote=False)
    new = None if layout in CANNOT else new_text(layout)
    records = [record(before[1], reader, None), *([record(before[0], reader, new)] if new else [])]
    errata = write_errata(tmp_path / "errata.jsonl", records)
    options = ApplyOptions(write_media=write_media)

    summary = apply_errata(errata, [manifest], tmp_path / "mended", Config(), options)
    assert summary.outcomes["applied"] == len(records)
    assert (summary.rows_removed, summary.rows_changed, summary.num_conflicts) == (1, len(records) - 1, 0)
    again = written(tmp_path / "mended", summary.manifests[0].files, manifest)
    name = detect_format(again, InputConfig())
    after = list(FORMATS.get(name)(InputConfig()).read(again))
    first = new or text_of(before[0])
    assert [text_of(sample) for sample in after] == [first, text_of(before[2])]
    assert [sample.problem for sample in after] == [None, None]
    assert snapshot(tmp_path / "source") == source

    once_more = apply_errata(errata, [again], tmp_path / "twice", Config(), options)
    assert (once_more.rows_removed, once_more.rows_changed, once_more.num_conflicts) == (0, 0, 0)
    third = written(tmp_path / "twice", once_more.manifests[0].files, again)
    last = apply_errata(errata, [third], tmp_path / "thrice", Config(), options)
    assert last.num_conflicts == 0
    texts = [text_of(sample) for sample in FORMATS.get(name)(InputConfig()).read(third)]
    assert texts == [first, text_of(before[2])]
    if name == MAKERS[layout][0]:
        # Equal bytes from the first time on, wherever the layout is written back as itself.
        assert snapshot(tmp_path / "twice") == snapshot(tmp_path / "mended")
    assert snapshot(tmp_path / "thrice") == snapshot(tmp_path / "twice")
