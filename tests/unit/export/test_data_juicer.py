"""Data-Juicer's JSON Lines, loaded as it loads them: by ``datasets``, with its tokens, lists and members of scores."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import datasets
import pytest
import soundfile

from mmcheck.config import Config
from mmcheck.core.pair_kinds import IMAGE_CAPTION
from mmcheck.core.types import Action, MediaRef, Sample
from mmcheck.export.records import ExportRow, Placed, TargetOptions
from mmcheck.export.run import export_run
from mmcheck.export.targets.data_juicer import DataJuicerTarget
from mmcheck.formats.base import OutputRow
from mmcheck.formats.detect import detect_format
from mmcheck.formats.images.data_juicer import DataJuicerFormat

from .conftest import CAPTIONS, KEEP, make_images


def lines_of(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


def load(file: Path, cache: Path) -> Any:
    return datasets.load_dataset("json", data_files=str(file), split="train", cache_dir=str(cache))


def test_images_stand_in_the_text_as_tokens(image_run: Path, data: Path, tmp_path: Path) -> None:
    export_run(image_run, format="data-juicer", out=tmp_path / "out")
    file = tmp_path / "out" / "data.jsonl"
    loaded = load(file, tmp_path / "cache")
    assert loaded["text"] == [f"<__dj__image> {caption} <|__dj__eoc|>" for caption in CAPTIONS[:5]]
    assert loaded["images"] == [[str(data / f"images/{n}.{'png' if n % 2 else 'jpg'}")] for n in range(5)]
    assert loaded[0]["__dj__stats__"]["image_width"] == [80]
    assert loaded[0]["__dj__meta__"]["mmcheck_action"] == "keep"
    assert loaded["source"] == [f"album {n}" for n in range(5)]
    # Each row has as many tokens as images, and mmcheck reads it as what it is.
    assert detect_format(str(file), Config().input) == "datajuicer"
    samples = list(DataJuicerFormat(Config().input).read(str(file)))
    assert [sample.caption for sample in samples] == [caption.strip() for caption in CAPTIONS[:5]]
    assert [sample.image.uri for sample in samples if sample.image] == [row["images"][0] for row in lines_of(file)]


def test_recordings_are_cut_and_their_lengths_are_there(speech_run: Path, tmp_path: Path) -> None:
    export_run(speech_run, format="data-juicer", out=tmp_path / "out", media="copy")
    rows = lines_of(tmp_path / "out" / "data.jsonl")
    assert rows[0]["text"] == "<__dj__audio> gr\u00fcne \u6811 <|__dj__eoc|>"
    assert [row["__dj__stats__"]["audio_duration"] for row in rows] == [[0.5], [0.75], [0.5], [0.75], [1.0], [0.75]]
    for row in rows:
        (path,) = row["audios"]
        info = soundfile.info(tmp_path / "out" / path)
        assert (info.duration, info.channels) == (row["__dj__stats__"]["audio_duration"][0], 1)
    assert "offset" not in rows[4]
    assert load(tmp_path / "out" / "data.jsonl", tmp_path / "cache")["speaker"] == ["a", "b", None, None, "a", "a"]


def test_without_columns_nothing_of_mmcheck_is_written(image_run: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        export_run(image_run, format="data-juicer", out=tmp_path / name, columns=False, media="link")
    rows = lines_of(tmp_path / "one" / "data.jsonl")
    assert all(set(row) == {"text", "images", "id", "source"} for row in rows)
    assert (tmp_path / "one" / "data.jsonl").read_bytes() == (tmp_path / "two" / "data.jsonl").read_bytes()
    assert (tmp_path / "one" / rows[0]["images"][0]).is_file()


def test_what_data_juicer_wrote_keeps_its_chunks_and_stats(scanned: Callable[..., Path], tmp_path: Path) -> None:
    make_images(tmp_path, ["a.png", "b.png"])
    text = "<__dj__image> a red cup <|__dj__eoc|> <__dj__image> a tree <|__dj__eoc|>"
    row = {"text": text, "images": ["a.png", "b.png"], "__dj__stats__": {"aspect_ratios": [1.3, 1.3]}}
    (tmp_path / "in.jsonl").write_text(json.dumps(row) + "\n")
    run = scanned(tmp_path / "in.jsonl", config=KEEP, probes="media")
    export_run(run, format="data-juicer", out=tmp_path / "out")
    (written,) = lines_of(tmp_path / "out" / "data.jsonl")
    assert written["text"] == text
    assert written["images"] == [str(tmp_path / "a.png"), str(tmp_path / "b.png")]
    assert written["__dj__stats__"]["aspect_ratios"] == [1.3, 1.3]
    assert written["__dj__stats__"]["image_width"] == [80]
    assert written["__dj__meta__"]["mmcheck_action"] == "keep"


class _Rows(list[ExportRow]):
    added: ClassVar[dict[str, type]] = {"mmcheck_similarity": float, "mmcheck_action": str}

    def leave_out(self, row: ExportRow, reason: str) -> None:
        raise AssertionError(reason)

    def note(self, sentence: str) -> None:
        raise AssertionError(sentence)


class _Shelf:
    def file(self, row: ExportRow, kind: object = None) -> Placed:
        return Placed(path=row.medium().uri, file="", here="")


@pytest.mark.parametrize("scores", [(0.25, None)])
def test_its_filters_find_the_similarity_under_their_own_name(scores: tuple[float | None, ...], tmp_path: Path) -> None:
    options = TargetOptions(
        config=Config(),
        columns=True,
        paths="absolute",
        media="reference",
        shard_size=1,
        final=tmp_path,
        sources=(("m.jsonl", "jsonl"),),
    )
    rows = _Rows(
        ExportRow(
            index=number,
            action=Action.KEEP,
            out=OutputRow(
                sample=Sample(
                    id=str(number),
                    manifest="m.jsonl",
                    row_number=number + 1,
                    image=MediaRef(uri="/x.png"),
                    caption="a cup",
                    row={"image": "/x.png", "caption": "a cup"},
                ),
                extra={"mmcheck_similarity": score, "mmcheck_action": "keep"},
            ),
            kinds=(IMAGE_CAPTION,),
        )
        for number, score in enumerate(scores)
    )
    DataJuicerTarget(options).write(rows, _Shelf(), tmp_path)  # type: ignore[arg-type]
    first, second = lines_of(tmp_path / "data.jsonl")
    assert first["__dj__stats__"] == {"image_text_similarity": [0.25], "mmcheck_similarity": 0.25}
    # Data-Juicer keeps what has no score; a null would stop it.
    assert second["__dj__stats__"] == {"image_text_similarity": []}
