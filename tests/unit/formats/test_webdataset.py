from __future__ import annotations

import gzip
import io
import json
import random
import tarfile
from pathlib import Path
from typing import Any

import fsspec
import pytest
import webdataset
import zstandard

from mmcheck.config import InputConfig, OutputConfig
from mmcheck.core.errors import ManifestError
from mmcheck.core.types import Sample
from mmcheck.formats.base import OutputRow
from mmcheck.formats.detect import detect_format
from mmcheck.formats.joined_rows import join_rows
from mmcheck.formats.tar_groups import split_name
from mmcheck.formats.webdataset import WebdatasetFormat
from mmcheck.media.source import MediaSource

Member = tuple[str, bytes]


def tar(*members: Member | tarfile.TarInfo) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                archive.addfile(member)
                continue
            info = tarfile.TarInfo(member[0])
            info.size = len(member[1])
            info.mtime = 7
            archive.addfile(info, io.BytesIO(member[1]))
    return file.getvalue()


def save(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def read(path: Path | str, **options: Any) -> list[Sample]:
    return list(WebdatasetFormat(InputConfig(**options)).read(str(path)))


def write(samples: list[Sample], folder: Path, extra: dict[str, Any] | None = None, **output: Any) -> list[Path]:
    rows = [OutputRow(sample=sample, extra=extra or {}) for sample in samples]
    return WebdatasetFormat(InputConfig()).write(rows, folder, "out", OutputConfig(**output))


def causes(samples: list[Sample]) -> list[str | None]:
    return [sample.problem.cause if sample.problem else None for sample in samples]


def media(samples: list[Sample]) -> list[bytes]:
    source = MediaSource(allow_remote=False)
    refs = [sample.image or sample.audio for sample in samples]
    return [source.read(ref) for ref in refs if ref]


PAIRS = tuple(
    (f"{index:05d}.{suffix}", data)
    for index in range(3)
    for suffix, data in (
        ("jpg", b"\xff\xd8 picture %d" % index),
        ("json", json.dumps({"caption": f"json {index}", "url": "u", "n": index, "f": 0.1}).encode()),
        ("txt", f"text {index}".encode()),
    )
)


@pytest.mark.parametrize(
    "name", ["a.jpg", "x/y/a.b.c.jpg", "x.y/a.jpg", ".hidden", "noext", "a.", "__meta__/x.json", "A.JPG", "./a.jpg"]
)
def test_keys_are_webdataset_s(name: str) -> None:
    data = tar((name, b"1"))
    found = list(webdataset.tariterators.group_by_keys(_expand(data)))
    wanted = [(sample["__key__"].removeprefix("./"), ext) for sample in found for ext in sample if ext[:2] != "__"]
    ours = split_name(name)
    assert ([ours] if ours else []) == wanted


def _expand(data: bytes) -> Any:
    for sample in webdataset.tariterators.tar_file_iterator(io.BytesIO(data)):
        yield {**sample, "__url__": "x"}


@pytest.mark.parametrize("packing", ["tar", "tar.gz", "tar.zst"])
def test_pairs_of_a_shard_and_new_shards_that_webdataset_reads(tmp_path: Path, packing: str) -> None:
    plain = tar(*PAIRS)
    packed = {"tar": plain, "tar.gz": gzip.compress(plain), "tar.zst": zstandard.compress(plain)}[packing]
    path = save(tmp_path / f"00000.{packing}", packed)
    assert detect_format(str(path), InputConfig()) == "webdataset"
    samples = read(path)
    assert [(s.id, s.own_id, s.caption, s.row_number) for s in samples] == [
        (f"{i:05d}", False, f"text {i}", i + 1) for i in range(3)
    ]
    assert [bool(s.image and s.image.offset) for s in samples] == [packing == "tar"] * 3
    assert media(samples) == [b"\xff\xd8 picture %d" % i for i in range(3)]

    extra = {"mmcheck_action": "keep", "mmcheck_codes": ["a"]}
    listing, shard = write([samples[0], samples[2]], tmp_path / "out", extra, write_media=True)
    assert shard.name == f"out.{packing}"
    raw = shard.read_bytes()
    if packing == "tar.gz":
        raw = gzip.decompress(raw)
    if packing == "tar.zst":
        raw = zstandard.ZstdDecompressor().decompressobj().decompress(raw)
    save(tmp_path / "plain.tar", raw)
    found = list(webdataset.WebDataset(str(tmp_path / "plain.tar"), shardshuffle=False, empty_check=False))
    assert [(s["__key__"], s["jpg"], s["txt"]) for s in found] == [
        (f"{i:05d}", b"\xff\xd8 picture %d" % i, b"text %d" % i) for i in (0, 2)
    ]
    assert json.loads(found[1]["json"]) == {"caption": "json 2", "url": "u", "n": 2, "f": 0.1, **extra}
    again = read(listing)
    assert [(s.id, s.caption) for s in again] == [("00000", "text 0"), ("00002", "text 2")]
    assert media(again) == [b"\xff\xd8 picture 0", b"\xff\xd8 picture 2"]
    assert again[0].image is not None
    assert again[0].image.uri == str(shard)


def test_without_new_columns_members_are_byte_identical(tmp_path: Path) -> None:
    odd = (("k.json", b'{ "caption":"x" ,"a":1e2 }'), ("k.jpg", b"1"), ("k.txt", b"x\n"), ("k.npy", b"\x93NUMPY"))
    _, shard = write(read(save(tmp_path / "a.tar", tar(*odd))), tmp_path / "out", write_media=True)
    with tarfile.open(shard) as archive:
        found = [(info.name, archive.extractfile(info).read(), info.mtime) for info in archive]  # type: ignore[union-attr]
    assert found == [(*member, 7) for member in odd]


def test_new_columns_get_a_json_of_their_own_where_there_is_none(tmp_path: Path) -> None:
    shard_in = save(tmp_path / "a.tar", tar(("p/k.wav", b"1"), ("p/k.txt", b"x"), ("l.wav", b"2"), ("l.json", b"[1]")))
    _, shard = write(read(shard_in), tmp_path / "out", {"mmcheck_action": "keep"}, write_media=True)
    with tarfile.open(shard) as archive:
        names = archive.getnames()
        added = archive.extractfile("p/k.json")
        assert added is not None
        assert json.loads(added.read()) == {"mmcheck_action": "keep"}
    assert names == ["p/k.wav", "p/k.txt", "p/k.json", "l.wav", "l.json", "l.mmcheck.json"]


def test_the_listing_names_shard_and_key_and_can_be_scanned(tmp_path: Path) -> None:
    path = save(tmp_path / "00000.tar", tar(*PAIRS))
    (listing,) = write(read(path)[1:], tmp_path / "out", {"mmcheck_action": "keep"}, paths="relative")
    rows = [json.loads(line) for line in listing.read_text().splitlines()]
    assert rows[0]["__shard__"] == "../00000.tar"
    assert (rows[0]["__key__"], rows[0]["txt"], rows[0]["json"]["n"]) == ("00001", "text 1", 1)
    assert detect_format(str(listing), InputConfig()) == "webdataset"
    again = read(listing)
    assert [(s.id, s.caption, s.manifest) for s in again] == [
        ("00001", "text 1", str(listing)),
        ("00002", "text 2", str(listing)),
    ]
    assert media(again) == [b"\xff\xd8 picture 1", b"\xff\xd8 picture 2"]
    _, shard = write([again[1]], tmp_path / "new", write_media=True)
    assert [s.caption for s in read(shard)] == ["text 2"]


def test_a_listing_with_broken_lines(tmp_path: Path) -> None:
    save(tmp_path / "a.tar", tar(*PAIRS))
    lines = ['{"__shard__": "a.tar", "__key__": "00000", "txt": "x"}', "{", '{"__shard__": "a.tar"}']
    lines.append('{"__shard__": "a.tar", "__key__": "no"}')
    samples = read(save(tmp_path / "m.jsonl", "\n".join(lines).encode()))
    assert causes(samples) == [None, "broken_json", "missing_column", "missing_media"]


def test_the_json_gives_the_caption_where_there_is_no_txt(tmp_path: Path) -> None:
    members = [
        ("a.png", b"1"),
        ("a.json", b'{"caption": "x", "lang": "de", "uid": "u"}'),
        ("b.flac", b"2"),
        ("b.json", b'{"text": "y", "offset": 3, "duration": 2}'),
        ("c.webp", b"3"),
        ("c.json", b'{"caption": null}'),
        ("d.webp", b"4"),
    ]
    samples = read(save(tmp_path / "a.tar", tar(*members)))
    assert [(s.caption, s.transcript, s.language) for s in samples] == [
        ("x", None, "de"),
        (None, "y", None),
        ("", None, None),
        (None, None, None),
    ]
    assert samples[1].audio is not None
    assert samples[1].audio.start is None  # times in the json tell where the clip was cut from
    assert [(s.id, s.own_id) for s in read(tmp_path / "a.tar", columns={"id": "uid"})][:2] == [
        ("u", True),
        ("b", False),
    ]


def test_columns_may_name_extensions_and_fields(tmp_path: Path) -> None:
    data = tar(("a.left.jpg", b"l"), ("a.right.jpg", b"r"), ("a.json", b'{"alt": "x", "caption": "no"}'))
    path = save(tmp_path / "a.tar", data)
    (sample,) = read(path, columns={"image": "right.jpg", "caption": "alt"})
    assert (media([sample]), sample.caption) == ([b"r"], "x")
    (sample,) = read(path)
    assert (media([sample]), sample.further[0].ref.name) == ([b"l"], "a.right.jpg")
    with pytest.raises(ManifestError, match="no column 'altt'"):
        read(path, columns={"caption": "altt"})


def test_a_plain_picture_goes_before_pictures_about_it(tmp_path: Path) -> None:
    (sample,) = read(save(tmp_path / "a.tar", tar(("a.jpg", b"p"), ("a.seg.png", b"s"), ("a.txt", b"x"))))
    assert media([sample]) == [b"p"]


def test_several_captions_share_the_key(tmp_path: Path) -> None:
    data = tar(("a.jpg", b"p"), ("a.json", b'{"captions": ["x", "y"], "tags": ["p", "q"]}'))
    samples = read(save(tmp_path / "a.tar", data))
    assert [(s.id, s.caption) for s in samples] == [("a", "x"), ("a", "y")]
    assert [s.row["json"] for s in samples] == [{"captions": [c], "tags": ["p", "q"]} for c in ("x", "y")]
    _, shard = write(samples, tmp_path / "out", {"mmcheck_action": "keep"}, write_media=True)
    assert [(s.id, s.caption) for s in read(shard)] == [("a", "x"), ("a#2", "y")]


def link(name: str, kind: bytes) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type = kind
    info.linkname = "/etc/passwd"
    return info


@pytest.mark.parametrize(
    ("bad", "cause"),
    [
        ([("../b.jpg", b"1"), ("../b.txt", b"x")], "unsafe_member"),
        ([("x/../../b.jpg", b"1")], "unsafe_member"),
        ([("/etc/b.jpg", b"1")], "unsafe_member"),
        ([link("b.jpg", tarfile.SYMTYPE), ("b.txt", b"x")], "unsafe_member"),
        ([link("b.jpg", tarfile.LNKTYPE)], "unsafe_member"),
        ([link("b.jpg", tarfile.CHRTYPE)], "unsafe_member"),
        ([link("b.jpg", tarfile.FIFOTYPE)], "unsafe_member"),
        ([("b.jpg", b"1"), ("b.jpg", b"2"), ("b.txt", b"x")], "duplicate_member"),
        ([("b.txt", b"x")], "missing_media"),
        ([("b.jpg", b"1"), ("b.txt", b"caf\xe9")], "encoding"),
        ([("b.jpg", b"1"), ("b.txt", b"x\0y")], "nul_bytes"),
        ([("b.jpg", b"1"), ("b.txt", b"x" * 1_000_001)], "text_too_long"),
        ([("b.jpg", b"1"), ("b.json", b'{"caption": ')], "broken_json"),
        ([("b.jpg", b"1"), ("b.json", b'{"caption": {"a": 1}}')], "not_text"),
        ([("b.jpg", b"1"), ("b.json", b'{"caption": "\\ud800"}')], "encoding"),
        ([("b\udce9.jpg", b"1"), ("b\udce9.txt", b"x")], "encoding"),
    ],
)
def test_a_bad_sample_is_one_problem_and_never_leaves_the_archive(tmp_path: Path, bad: list[Any], cause: str) -> None:
    file = tar(("a.jpg", b"1"), ("a.txt", b"x"), *bad, ("c.jpg", b"3"), ("c.txt", b"z"))
    path = save(tmp_path / "a.tar", file)
    samples = read(path)
    assert causes(samples) == [None, cause, None]
    assert [s.row_number for s in samples] == [1, 2, 3]
    problem = samples[1].problem
    assert problem is not None
    assert problem.message.startswith(f"{path}:2 ")
    json.dumps(samples[1].row, ensure_ascii=False).encode("utf-8")
    listing, shard = write(samples, tmp_path / "out", {"mmcheck_action": "quarantine"}, write_media=True)
    assert len(listing.read_text("utf-8").splitlines()) == 3
    with tarfile.open(shard) as archive:
        assert all(info.isreg() and ".." not in info.name and info.name[0] != "/" for info in archive)
    # Of two members of one name the first is written, which makes a sound pair again.
    sound = ["a", "b", "c"] if cause == "duplicate_member" else ["a", "c"]
    assert [s.id for s in read(shard) if s.problem is None] == sound


def test_texts_far_from_their_pictures_are_problems(tmp_path: Path) -> None:
    # WebDataset itself joins neighbours only.
    samples = read(save(tmp_path / "a.tar", tar(("a.jpg", b"1"), ("b.jpg", b"2"), ("a.txt", b"x"), ("b.txt", b"y"))))
    assert causes(samples) == ["split_key"] * 4
    assert samples[0].caption is None


@pytest.mark.parametrize("packing", ["tar", "tar.gz", "tar.zst"])
@pytest.mark.parametrize("keep", [0.35, 0.6, 0.95])
def test_a_cut_shard_ends_in_a_problem_that_says_so(tmp_path: Path, packing: str, keep: float) -> None:
    noise = random.Random(0)
    members = [(f"{i}.{s}", d) for i in range(60) for s, d in (("jpg", noise.randbytes(9000)), ("txt", b"x"))]
    plain = tar(*members).rstrip(b"\0") + bytes(1024)
    packed = {"tar": plain, "tar.gz": gzip.compress(plain), "tar.zst": zstandard.compress(plain)}[packing]
    samples = read(save(tmp_path / f"a.{packing}", packed[: int(len(packed) * keep)]))
    assert 2 <= len(samples) <= 60
    assert causes(samples) == [None] * (len(samples) - 1) + ["manifest_cut_short"]
    message = samples[-1].problem.message if samples[-1].problem else ""
    assert "breaks off after" in message
    assert message.startswith(f"{tmp_path / f'a.{packing}'}:{len(samples)} may be incomplete")


def test_damage_between_members_is_not_taken_for_the_end(tmp_path: Path) -> None:
    data = bytearray(tar(*PAIRS))
    data[512 * 6 : 512 * 6 + 100] = b"\xaa" * 100
    samples = read(save(tmp_path / "a.tar", bytes(data)))
    assert causes(samples)[-1] == "manifest_cut_short"
    assert "no member header" in (samples[-1].problem.message if samples[-1].problem else "")


@pytest.mark.parametrize("data", [b"", b"not a tar at all" * 100, tar(*PAIRS)[:300]])
def test_what_is_no_shard_is_an_error(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(ManifestError, match="cannot be read"):
        read(save(tmp_path / "a.tar", data))


def test_an_empty_shard_has_no_samples(tmp_path: Path) -> None:
    assert read(save(tmp_path / "a.tar", tar())) == []


def test_a_folder_of_shards(tmp_path: Path) -> None:
    for name in ("00001.tar", "00000.tar"):
        save(tmp_path / name, tar(*PAIRS))
    assert [Path(s.manifest).name for s in read(tmp_path)] == ["00000.tar"] * 3 + ["00001.tar"] * 3


def test_a_remote_shard(tmp_path: Path) -> None:
    fsspec.filesystem("memory").pipe("/shards/a.tar", tar(*PAIRS))
    samples = read("memory://shards/a.tar")
    assert [s.caption for s in samples] == ["text 0", "text 1", "text 2"]
    assert samples[0].image is not None
    assert samples[0].image.uri == "memory://shards/a.tar"


def test_a_dot_in_a_key_is_told_once_with_the_members(tmp_path: Path) -> None:
    members = [(f"clip_22.{n:02d}.{suffix}", b"x") for n in (5, 6, 7) for suffix in ("jpg", "txt")]
    (sample,) = read(save(tmp_path / "a.tar", tar(*members)))
    assert sample.problem is not None
    assert sample.problem.cause == "dotted_key"
    for part in ("'clip_22'", "first dot", "clip_22.05.jpg", "and 3 more", "'clip_22_05.jpg'"):
        assert part in sample.problem.message
    assert causes(read(save(tmp_path / "b.tar", tar(("v1.0/a.b.wav", b"x"), ("v1.0/a.b.json", b"{}"))))) == [
        "dotted_key"
    ]


def test_dots_that_belong_to_the_extension_are_no_fault(tmp_path: Path) -> None:
    path = save(
        tmp_path / "a.tar", tar(("x.jpg", b"x"), ("x.seg.png", b"x"), ("x.txt", b"a cat"), ("x.seg.json", b"{}"))
    )
    assert causes(read(path)) == [None]
    path = save(tmp_path / "b.tar", tar(("x.left.jpg", b"x"), ("x.right.jpg", b"x"), ("x.left.txt", b"a cat")))
    assert causes(read(path, columns={"image": "left.jpg", "caption": "left.txt"})) == [None]


@pytest.mark.parametrize("packing", ["tar", "tar.gz"])
def test_members_out_of_order_are_told(tmp_path: Path, packing: str) -> None:
    members = [(f"{n:05d}.{suffix}", b"x") for suffix in ("jpg", "txt") for n in range(3)]
    data = tar(*members) if packing == "tar" else gzip.compress(tar(*members))
    samples = read(save(tmp_path / f"a.{packing}", data))
    assert causes(samples) == ["split_key"] * 6
    assert samples[0].problem is not None
    assert "tar --sort=name" in samples[0].problem.message


def test_some_members_out_of_order_and_a_whole_sample_twice(tmp_path: Path) -> None:
    late = tar(("a.jpg", b"x"), ("a.txt", b"a"), ("b.jpg", b"x"), ("c.jpg", b"x"), ("c.txt", b"c"), ("b.txt", b"b"))
    assert causes(read(save(tmp_path / "a.tar", late)))[-1] == "split_key"
    twice = tar(("a.jpg", b"x"), ("a.txt", b"a"), ("b.jpg", b"x"), ("b.txt", b"b"), ("a.jpg", b"x"), ("a.txt", b"a"))
    assert causes(read(save(tmp_path / "b.tar", twice))) == [None] * 3


def test_texts_of_other_encodings_are_read_as_in_a_folder(tmp_path: Path) -> None:
    texts = ["caf\u00e9".encode(codec) for codec in ("utf-16", "utf-8-sig", "utf-8")]
    members = [m for n, data in enumerate(texts) for m in ((f"{n}.jpg", b"x"), (f"{n}.txt", data))]
    path = save(tmp_path / "a.tar", tar(*members))
    assert [sample.caption for sample in read(path)] == ["caf\u00e9"] * 3
    path = save(tmp_path / "b.tar", tar(("0.jpg", b"x"), ("0.txt", "caf\u00e9".encode("cp1252"))))
    assert causes(read(path)) == ["encoding"]
    assert [sample.caption for sample in read(path, encoding="cp1252")] == ["caf\u00e9"]


def test_numbers_of_a_json_member_come_back_to_the_digit(tmp_path: Path) -> None:
    body = b'{"caption": "a cat", "big": 123456789012345678901234567890, "f": 1.10, "e": 1e5}'
    samples = read(save(tmp_path / "a.tar", tar(("a.jpg", b"x"), ("a.json", body))))
    _, shard = write(samples, tmp_path / "out", {"mmcheck_action": "keep", "mmcheck_score": None}, write_media=True)
    with tarfile.open(shard) as archive:
        member = archive.extractfile("a.json")
        assert member is not None
        assert member.read() == body[:-1] + b',"mmcheck_action":"keep"}'


def test_the_listing_of_a_scan_names_the_shards_where_they_lie(tmp_path: Path) -> None:
    import mmcheck

    shard = save(tmp_path / "a.tar", tar(("0.png", b"no picture"), ("0.txt", b"a red cup on a table")))
    run = mmcheck.scan(
        shard, tmp_path / "run", "demo", probes="media,caption_text", overrides=["output.write_media=true"]
    )
    (sample,) = read(run.path / "quarantine" / "a.jsonl")
    assert sample.image is not None
    assert sample.image.uri == str(run.path / "quarantine" / "a.tar")
    assert MediaSource(allow_remote=False).read(sample.image) == b"no picture"


def test_a_shard_without_new_columns_leaves_out_captions_that_are_not_kept(tmp_path: Path) -> None:
    info = json.dumps({"captions": ["one", "two", "three"], "n": 1.50}).encode()
    samples = read(save(tmp_path / "a.tar", tar(("0.jpg", b"x"), ("0.json", info))), columns={"caption": "captions"})
    assert [sample.caption for sample in samples] == ["one", "two", "three"]
    joined = join_rows([OutputRow(sample=sample, extra={}) for sample in (samples[0], samples[2])])
    _, shard = WebdatasetFormat(InputConfig()).write(joined, tmp_path / "out", "out", OutputConfig(write_media=True))
    again = read(shard, columns={"caption": "captions"})
    assert [sample.caption for sample in again] == ["one", "three"]
