"""Equal bytes at different places are one image: decoded and encoded once, with each row's own name and failures."""

from __future__ import annotations

import io
import json
import random
import tarfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import mmcheck
from mmcheck.backends.open_clip_backend import OpenClipBackend
from mmcheck.core.errors import MediaError
from mmcheck.core.types import Measurement
from mmcheck.media import sample_media
from mmcheck.media.sample_media import SampleMedia
from mmcheck.probe.base import Prepared
from mmcheck.probe.image_text import ImageTextProbe
from mmcheck.probe.media import MediaProbe
from mmcheck.scanning.measure import ShardMeasuring
from mmcheck.scanning.same_bytes import SameBytes
from tests.conftest import encode_picture, make_picture

SETTINGS = ("run.shard_size=4", "probes.image_text.batch_size=3", "probes.image_text.precision=float32")
WORDS = ("red", "blue", "two", "old", "no")
BROKEN = b"\x89PNG\r\n\x1a\n and no more"

Rows = Sequence[tuple[bytes, str]]


def write_cells(folder: Path, rows: Rows) -> Path:
    cells = [{"bytes": data, "path": f"{at}.png"} for at, (data, _) in enumerate(rows)]
    table = pa.table({"image": cells, "caption": [caption for _, caption in rows]})
    pq.write_table(table, folder / "m.parquet", row_group_size=5)
    return folder / "m.parquet"


def write_members(folder: Path, rows: Rows) -> Path:
    with tarfile.open(folder / "m.tar", "w") as tar:
        for at, (data, caption) in enumerate(rows):
            for ending, content in (("png", data), ("txt", caption.encode())):
                member = tarfile.TarInfo(f"{at:03d}.{ending}")
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
    return folder / "m.tar"


def write_copies(folder: Path, rows: Rows, ending: Callable[[int], str] = lambda at: "png") -> Path:
    lines = []
    for at, (data, caption) in enumerate(rows):
        (folder / f"{at}.{ending(at)}").write_bytes(data)
        lines.append(json.dumps({"id": f"s{at}", "image": f"{at}.{ending(at)}", "caption": caption}) + "\n")
    (folder / "m.jsonl").write_text("".join(lines))
    return folder / "m.jsonl"


WRITERS: Mapping[str, Callable[[Path, Rows], Path]] = {
    "cells": write_cells,
    "members": write_members,
    "copies": write_copies,
}


def make_rows(captions: int = 5) -> list[tuple[bytes, str]]:
    """Return rows of three images, and of broken bytes, in no order."""
    images = [*(encode_picture(make_picture(seed=seed), "PNG") for seed in range(3)), BROKEN]
    rows = [(image, f"{word} things on a table") for image in images for word in WORDS[:captions]]
    random.Random(4).shuffle(rows)
    return rows


def scan(
    manifest: Path, out: Path, *settings: str, probes: Sequence[str] = ("media", "image_text"), **options: Any
) -> mmcheck.Run:
    overrides = [*SETTINGS, *settings]
    return mmcheck.scan(manifest, out, config="demo", probes=list(probes), overrides=overrides, **options)


def parts_of(run: mmcheck.Run) -> dict[str, bytes]:
    parts = sorted(run.path.glob("measurements/*/*.parquet"))
    return {str(part.relative_to(run.path)): part.read_bytes() for part in parts}


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Count the sound images that are decoded and encoded."""
    counts = {"decoded": 0, "encoded": 0}
    decode, encode = sample_media.decode_image, OpenClipBackend.encode_images

    def decoded(data: bytes, **options: Any) -> Any:
        found = decode(data, **options)
        counts["decoded"] += 1
        return found

    def encoded(self: OpenClipBackend, images: Sequence[Any]) -> Any:
        counts["encoded"] += len(images)
        return encode(self, images)

    monkeypatch.setattr(sample_media, "decode_image", decoded)
    monkeypatch.setattr(OpenClipBackend, "encode_images", encoded)
    return counts


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize("captions", [1, 5])
def test_five_captions_are_one_image_as_one_is(kind: str, captions: int, tmp_path: Path, work: dict[str, int]) -> None:
    run = scan(WRITERS[kind](tmp_path, make_rows(captions)), tmp_path / "out", "run.workers=1")
    assert work == {"decoded": 3, "encoded": 3}
    assert run.summary["rows_read"] == 4 * captions
    assert run.folder.measurements_table("image_text")["status"].to_pylist().count("measured") == 3 * captions


@pytest.mark.parametrize(
    ("probes", "count"), [(["media", "image_text"], 6), (["media", "image_text"], 15), (["image_text"], 11)]
)
def test_a_stopped_run_ends_in_the_same_bytes(
    probes: list[str], count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = write_cells(tmp_path, make_rows())
    whole = scan(manifest, tmp_path / "whole", "run.workers=1", probes=probes)
    take, taken = ShardMeasuring._take, [0]

    def stopping(*args: Any) -> None:
        if taken[0] == count:
            raise KeyboardInterrupt
        taken[0] += 1
        take(*args)

    with monkeypatch.context() as stopped:
        stopped.setattr(ShardMeasuring, "_take", stopping)
        with pytest.raises(KeyboardInterrupt):
            scan(manifest, tmp_path / "out", "run.workers=1", probes=probes)
    assert parts_of(scan(manifest, tmp_path / "out", "run.workers=1", probes=probes)) == parts_of(whole)


def test_a_lost_part_is_measured_again_to_the_same_bytes(tmp_path: Path) -> None:
    manifest = write_members(tmp_path, make_rows())
    run = scan(manifest, tmp_path / "out")
    expected = parts_of(run)
    for lost in (["media/00000"], ["image_text/00001", "media/00003"]):
        for name in lost:
            (run.path / "measurements" / f"{name}.parquet").unlink()
        assert parts_of(scan(manifest, tmp_path / "out")) == expected


def test_how_fast_threads_are_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest = write_copies(tmp_path, make_rows())
    expected = parts_of(scan(manifest, tmp_path / "one", "run.workers=1"))
    digest, chance = SampleMedia.image_digest, random.Random(1)

    def delayed(self: SampleMedia) -> str:
        time.sleep(chance.random() / 200)
        return digest(self)

    monkeypatch.setattr(SampleMedia, "image_digest", delayed)
    for number in range(2):
        assert parts_of(scan(manifest, tmp_path / str(number), "run.workers=8")) == expected


def test_copies_that_are_named_again_are_still_one_image(tmp_path: Path, work: dict[str, int]) -> None:
    image = encode_picture(make_picture(), "PNG")
    for name in ("a", "b"):
        (tmp_path / f"{name}.png").write_bytes(image)
    rows = [{"image": f"{name}.png", "caption": f"{word} things"} for name, word in zip("abbab", WORDS, strict=True)]
    (tmp_path / "m.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    run = scan(tmp_path / "m.jsonl", tmp_path / "out", "run.workers=1")
    assert work == {"decoded": 1, "encoded": 1}
    assert run.folder.measurements_table("image_text")["status"].to_pylist() == ["measured"] * 5


def test_a_copy_under_a_wrong_ending_keeps_its_finding(tmp_path: Path) -> None:
    image = encode_picture(make_picture(), "PNG")
    rows = [(image, f"{word} things on a table") for word in WORDS]
    run = scan(write_copies(tmp_path, rows, lambda at: "jpg" if at in (1, 3) else "png"), tmp_path / "out")
    assert run.folder.measurements_table("media")["wrong_suffix"].to_pylist() == [0, 1, 0, 1, 0]


def test_each_copy_of_a_broken_image_fails_for_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [(BROKEN, f"{word} things on a table") for word in WORDS]
    tried: list[str] = []
    decoded = SampleMedia.decoded_image

    def told(self: SampleMedia) -> Any:
        try:
            return decoded(self)
        except MediaError as error:
            tried.append(self.sample.id)
            raise MediaError(f"{self.sample.id}: {error.message}", cause=error.cause) from error

    monkeypatch.setattr(SampleMedia, "decoded_image", told)
    table = scan(write_copies(tmp_path, rows), tmp_path / "out", probes=["media"]).folder.measurements_table("media")
    assert [reason.partition(":")[0] for reason in table["reason"].to_pylist()] == ["s0", "s1", "s2", "s3", "s4"]
    assert sorted(set(tried)) == ["s0", "s1", "s2", "s3", "s4"]


def test_what_failed_for_one_copy_is_measured_for_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = encode_picture(make_picture(), "PNG")
    manifest = write_copies(tmp_path, [(image, f"{word} things on a table") for word in WORDS])
    look, measure = MediaProbe.prepare, ImageTextProbe.measure

    def failing_look(self: MediaProbe, media: SampleMedia) -> Any:
        found = look(self, media)
        if media.sample.id == "s0":
            raise OSError("no luck")
        return found

    def failing_measure(self: ImageTextProbe, batch: Sequence[Prepared]) -> list[Measurement]:
        if any(prepared.sample.id == "s0" for prepared in batch):
            raise OSError("no luck")
        return measure(self, batch)

    monkeypatch.setattr(MediaProbe, "prepare", failing_look)
    monkeypatch.setattr(ImageTextProbe, "measure", failing_measure)
    run = scan(manifest, tmp_path / "out")
    for probe in ("media", "image_text"):
        assert run.folder.measurements_table(probe)["status"].to_pylist() == ["failed", *["measured"] * 4]


def test_copies_of_what_an_earlier_run_knows_are_not_looked_at(tmp_path: Path, work: dict[str, int]) -> None:
    image = encode_picture(make_picture(), "PNG")
    rows = [(image, f"{word} things on a table") for word in WORDS]
    for name, some in (("old", rows[:1]), ("new", rows)):
        (tmp_path / name).mkdir()
        write_cells(tmp_path / name, some)
    old = scan(tmp_path / "old" / "m.parquet", tmp_path / "first", "run.workers=1")
    assert work == {"decoded": 1, "encoded": 1}
    run = scan(tmp_path / "new" / "m.parquet", tmp_path / "second", "run.workers=1", reuse=old.path)
    assert work == {"decoded": 1, "encoded": 1}
    assert run.folder.measurements_table("image_text")["status"].to_pylist() == ["measured"] * 5


def test_the_first_row_is_the_least_one_with_its_bytes() -> None:
    chance = random.Random(7)
    keys = [chance.randrange(1, 60) << 40 for _ in range(400)]
    found, loaded = SameBytes(400), SameBytes(400)
    for row, key in enumerate(keys):
        first = keys.index(key)
        assert found.settle(row, key, is_sound=True) == (first if first < row else None)
    # Later rows may be known before earlier ones: those of a part that is stored already.
    loaded.load(200, found.label(200, 400))
    for row, key in enumerate(keys[:200]):
        first = keys.index(key)
        assert loaded.settle(row, key, is_sound=True) == (first if first < row else None)
    assert loaded.label(0, 400) == found.label(0, 400)
    assert [loaded.is_first(row) for row in range(400)] == [keys.index(key) == row for row, key in enumerate(keys)]


def test_broken_images_are_no_rows_first() -> None:
    found = SameBytes(4)
    assert found.claim(7, 0) is None
    assert found.claim(7, 1) == 0
    found.release(7, 0)
    assert found.settle(0, 7, is_sound=False) is None
    assert found.claim(7, 2) is None
    assert found.settle(1, 7, is_sound=False) is None
    assert found.label(0, 4) == ""
