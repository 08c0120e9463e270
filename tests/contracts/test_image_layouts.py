"""What every layout of image-caption sets must do; docs/formats.md has a line for each under "Image layouts"."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from mmcheck.config import InputConfig, OutputConfig
from mmcheck.core.errors import ManifestError
from mmcheck.core.parts import FORMATS
from mmcheck.core.types import Sample
from mmcheck.formats.base import OutputRow, Recognised
from mmcheck.formats.detect import detect_format, expand_manifests
from mmcheck.formats.joined_rows import join_rows
from mmcheck.media.source import MediaSource

TEXTS = ("a red cube", 'says "hi", twice', "Gr\u00fc\u00dfe aus \u6771\u4eac")
EXTRA = {"mmcheck_action": "keep", "mmcheck_score": 0.25}


def picture(shade: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (8, 8), (shade, 0, 0)).save(file, "JPEG")
    return file.getvalue()


def put(folder: Path, files: dict[str, bytes | str]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def pictures(names: list[str]) -> dict[str, bytes | str]:
    return {name: picture(index * 40) for index, name in enumerate(names)}


def lines(rows: list[Any]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def make_coco(folder: Path) -> Path:
    names = [f"COCO_val2014_{n:012d}.jpg" for n in range(3)]
    document = {
        "info": {"year": 2014},
        "images": [{"license": 5, "file_name": name, "id": 7 + n, "height": 8} for n, name in enumerate(names)],
        "licenses": [{"id": 5}],
        "annotations": [{"image_id": 7 + n, "id": 100 + n, "caption": text} for n, text in enumerate(TEXTS)],
    }
    put(folder, pictures([f"val2014/{name}" for name in names]))
    return put(folder, {"annotations/captions_val2014.json": json.dumps(document)}) / (
        "annotations/captions_val2014.json"
    )


def make_karpathy(folder: Path) -> Path:
    images = [
        {
            "filepath": "val2014",
            "sentids": [n],
            "filename": f"{n}.jpg",
            "split": "test",
            "sentences": [{"tokens": text.split(), "raw": text, "sentid": n}],
        }
        for n, text in enumerate(TEXTS)
    ]
    put(folder, pictures([f"images/val2014/{n}.jpg" for n in range(3)]))
    return put(folder, {"dataset_coco.json": json.dumps({"images": images, "dataset": "coco"})}) / "dataset_coco.json"


def make_array(folder: Path) -> Path:
    rows = [{"image": f"{n}.jpg", "caption": text, "n": 1.5} for n, text in enumerate(TEXTS)]
    return put(folder, {**pictures([f"{n}.jpg" for n in range(3)]), "a.json": json.dumps(rows, indent=1)}) / "a.json"


def make_token(folder: Path) -> Path:
    files = pictures([f"Flicker8k_Dataset/{n}.jpg" for n in range(3)])
    files["Flickr8k.token.txt"] = "".join(f"{n}.jpg#{n}\t{text}\n" for n, text in enumerate(TEXTS))
    return put(folder, files) / "Flickr8k.token.txt"


def make_pipe(folder: Path) -> Path:
    files = pictures([f"flickr30k_images/{n}.jpg" for n in range(3)])
    rows = "".join(f"{n}.jpg| {n}| {text}\n" for n, text in enumerate(TEXTS))
    return put(folder, {**files, "results.csv": f"image_name| comment_number| comment\n{rows}"}) / "results.csv"


def make_captions(folder: Path) -> Path:
    files = pictures([f"Images/{n}.jpg" for n in range(3)])
    rows = [f'{n}.jpg,"{text.replace(chr(34), chr(34) * 2)}"\n' for n, text in enumerate(TEXTS)]
    return put(folder, {**files, "captions.txt": "image,caption\n" + "".join(rows)}) / "captions.txt"


def make_conceptual(folder: Path) -> Path:
    rows = "".join(f"{text}\thttp://127.0.0.1:1/{n}.jpg\n" for n, text in enumerate(TEXTS))
    return put(folder, {"Train_GCC-training.tsv": rows}) / "Train_GCC-training.tsv"


def llava_rows() -> list[Any]:
    return [
        {
            "id": f"{n:03d}",
            "image": f"images/{n}.jpg",
            "conversations": [{"from": "human", "value": "<image>\nSay."}, {"from": "gpt", "value": text}],
        }
        for n, text in enumerate(TEXTS)
    ]


def make_llava(folder: Path) -> Path:
    files = pictures([f"images/{n}.jpg" for n in range(3)])
    return put(folder, {**files, "llava.json": json.dumps(llava_rows(), ensure_ascii=False)}) / "llava.json"


def make_llava_lines(folder: Path) -> Path:
    return put(folder, {**pictures([f"images/{n}.jpg" for n in range(3)]), "l.jsonl": lines(llava_rows())}) / "l.jsonl"


def make_messages(folder: Path) -> Path:
    rows = [
        {
            "messages": [{"role": "user", "content": "<image>what?"}, {"role": "assistant", "content": text}],
            "images": [f"{n}.jpg"],
        }
        for n, text in enumerate(TEXTS)
    ]
    return put(folder, {**pictures([f"{n}.jpg" for n in range(3)]), "qwen.jsonl": lines(rows)}) / "qwen.jsonl"


def make_parts(folder: Path) -> Path:
    rows = [
        {
            "messages": [
                {"role": "user", "content": [{"type": "image", "image": f"{n}.jpg"}, {"type": "text", "text": "?"}]},
                {"role": "assistant", "content": [{"type": "text", "text": text}]},
            ]
        }
        for n, text in enumerate(TEXTS)
    ]
    return put(folder, {**pictures([f"{n}.jpg" for n in range(3)]), "parts.jsonl": lines(rows)}) / "parts.jsonl"


def make_data_juicer(folder: Path) -> Path:
    rows = [{"images": [f"{n}.jpg"], "text": f"<__dj__image> {text} <|__dj__eoc|>"} for n, text in enumerate(TEXTS)]
    return put(folder, {**pictures([f"{n}.jpg" for n in range(3)]), "dj.jsonl": lines(rows)}) / "dj.jsonl"


def make_hf_repository(folder: Path) -> Path:
    for number in range(3):
        table = pa.table({"image": [{"bytes": picture(number * 40), "path": f"{number}.jpg"}], "text": [TEXTS[number]]})
        (folder / "data").mkdir(exist_ok=True)
        pq.write_table(table, folder / "data" / f"train-{number:05d}-of-00003.parquet")
    return put(folder, {"README.md": "---\nlicense: mit\n---\n"})


def saved(numbers: range) -> datasets.Dataset:
    images = [{"bytes": picture(n * 40), "path": f"{n}.jpg"} for n in numbers]
    features = datasets.Features({"image": datasets.Image(), "caption": datasets.Value("string")})
    return datasets.Dataset.from_dict({"image": images, "caption": [TEXTS[n] for n in numbers]}, features=features)


def make_hf_disk(folder: Path) -> Path:
    saved(range(3)).save_to_disk(str(folder), num_shards=2)
    return folder


def make_hf_dict(folder: Path) -> Path:
    datasets.DatasetDict({"train": saved(range(2)), "test": saved(range(2, 3))}).save_to_disk(str(folder))
    return folder


def make_img2dataset(folder: Path) -> Path:
    keys = [f"{n:09d}" for n in range(3)]
    files = pictures([f"00000/{key}.jpg" for key in keys])
    for key, text in zip(keys, TEXTS, strict=True):
        files |= {f"00000/{key}.txt": text, f"00000/{key}.json": json.dumps({"caption": text, "key": key})}
    columns = {"url": [f"http://x/{key}" for key in keys], "key": keys, "status": ["success"] * 3}
    put(folder, files)
    pq.write_table(pa.table({"caption": list(TEXTS), **columns, "error_message": [None] * 3}), folder / "00000.parquet")
    return put(folder, {"00000_stats.json": "{}"})


MAKERS: dict[str, tuple[str, Callable[[Path], Path]]] = {
    "COCO captions": ("coco", make_coco),
    "Karpathy": ("karpathy", make_karpathy),
    "JSON array": ("json", make_array),
    "Flickr tokens": ("flickr", make_token),
    "Flickr30k results": ("flickr", make_pipe),
    "Flickr captions": ("flickr", make_captions),
    "Conceptual Captions": ("conceptual", make_conceptual),
    "LLaVA": ("chat", make_llava),
    "LLaVA lines": ("chat", make_llava_lines),
    "messages": ("chat", make_messages),
    "messages of parts": ("chat", make_parts),
    "Data-Juicer": ("datajuicer", make_data_juicer),
    "Hugging Face repository": ("hf_repo", make_hf_repository),
    "save_to_disk": ("hf_disk", make_hf_disk),
    "save_to_disk of splits": ("hf_disk", make_hf_dict),
    "img2dataset files": ("img2dataset", make_img2dataset),
}
LAYOUTS = list(MAKERS)
FORMAT_NAMES = {name for name, _ in MAKERS.values()}
ALL_NAMES = [entry.name for entry in FORMATS]
REMOTE = {"Conceptual Captions"}
"""Layouts whose images are addresses that nobody fetches here."""
INSIDE = {"Hugging Face repository", "save_to_disk", "save_to_disk of splits", "img2dataset files"}
"""Layouts whose images lie in the tables themselves, or are linked to where the layout wants them."""


def part(layout: str) -> Any:
    return FORMATS.get(MAKERS[layout][0])(InputConfig())


def make(layout: str, folder: Path) -> str:
    (folder / "source").mkdir(parents=True)
    (manifest,) = expand_manifests([str(MAKERS[layout][1](folder / "source"))])
    return manifest


def rows(samples: list[Sample]) -> list[OutputRow]:
    return list(join_rows([OutputRow(sample=sample, extra=EXTRA) for sample in samples]))


def stem(manifest: str) -> str:
    return Path(manifest).name.partition(".")[0]


def media(samples: list[Sample]) -> list[bytes]:
    source = MediaSource(allow_remote=False)
    return [source.read(sample.image) for sample in samples if sample.image is not None]


def written_place(out: Path, manifest: str, files: list[Path]) -> str:
    """Return what a user would scan of what was written: the folder where a folder was read, else the file."""
    return str(out / stem(manifest)) if Path(manifest).is_dir() else str(files[0])


def snapshot(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


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
    assert scores == [0.25] * 2 or "".join(told).count("0.25") == 2


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
    bare = [OutputRow(sample=sample, extra={}) for sample in samples]
    files = part(layout).write(
        join_rows(bare), tmp_path / "out", stem(manifest), OutputConfig(paths="keep"), manifest=manifest
    )
    again = list(part(layout).read(written_place(tmp_path / "out", manifest, files)))
    assert [sample.row for sample in again] == [sample.row for sample in samples]
