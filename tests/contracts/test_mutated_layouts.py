"""Damaged sets of every layout: what cannot be read is a broken row or an error of ours, never a traceback."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from mmcheck.config import InputConfig, OutputConfig
from mmcheck.core.errors import MmcheckError
from mmcheck.core.json_row import json_text
from mmcheck.core.types import Sample
from mmcheck.formats.detect import detect_format
from tests.fixtures.layouts import MAKERS, make, part, rows, stem
from tests.fixtures.mutations import mutated
from tests.fixtures.small_files import put, snapshot

SEEDS = 20
MEDIA = (".wav", ".jpg")


@pytest.mark.parametrize("layout", MAKERS)
def test_damage_gives_broken_rows_or_an_error_of_ours(layout: str, tmp_path: Path) -> None:
    manifest = make(layout, tmp_path)
    source = tmp_path / "source"
    whole = {path.relative_to(source).as_posix(): data for path, data in sorted(snapshot(source).items())}
    for seed in range(SEEDS):
        random = Random(f"{layout} {seed}")
        names = [name for name in whole if not name.endswith(MEDIA)]
        names = random.sample(names, min(len(names), random.choice((1, 1, 2))))
        damaged = {name: mutated(name, whole[name], random) for name in names}
        put(source, damaged)
        try:
            look(layout, manifest, tmp_path / "run" / f"{seed}", random)
        except Exception as error:
            error.add_note(f"seed {seed}: {damaged}"[:3000])
            raise
        put(source, {name: whole[name] for name in names})
        assert {path.name for path in tmp_path.iterdir()} <= {"source", "run"}
        assert {path.name for path in (tmp_path / "run").glob("*")} <= {str(n) for n in range(seed + 1)}


def look(layout: str, manifest: str, out: Path, random: Random) -> None:
    """Recognise, read, and write what was read, as a scan does."""
    part(layout).recognise(manifest)
    if random.random() < 0.25:
        unless_told(lambda: detect_format(manifest, InputConfig()))
    samples: list[Sample] = []
    unless_told(lambda: samples.extend(part(layout).read(manifest)))
    for sample in samples:
        texts = (sample.id, sample.caption, sample.transcript, sample.language, json_text(dict(sample.row)))
        assert all(text.encode() is not None for text in texts if text is not None)
        assert sample.problem is None or sample.problem.message.encode()
    write_media, paths = random.random() < 0.5, random.choice(("absolute", "relative", "keep"))
    output = OutputConfig(write_media=write_media, paths=paths)
    form = part(layout)
    unless_told(lambda: form.write(rows(samples), out / "clean", stem(manifest), output, manifest=manifest))


def unless_told(work: Callable[[], Any]) -> None:
    """Do it; an error of mmcheck's own is how damage is told."""
    try:
        work()
    except MmcheckError as error:
        error.message.encode()
