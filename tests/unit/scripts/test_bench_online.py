"""The online part of the bench, against stand-in data on this machine: downloads, planted noise, tables."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from scripts.benchmarks.real_parts import online, online_noise, online_speech, online_tables
from scripts.benchmarks.real_parts.online_files import Remote, fetch
from scripts.benchmarks.real_parts.online_images import COCO, METHODS, load_rows, measure
from scripts.benchmarks.real_parts.online_noise import CaptionedImage, nouns, plant
from scripts.benchmarks.real_parts.recordings import NoRealDataError

DEMO = Path(__file__).resolve().parents[3] / "mmcheck" / "demo_data"


class _Server(ThreadingHTTPServer):
    """Serves files by name, with ranges unless told otherwise; drops the connection after so many bytes, once each."""

    def __init__(self, files: dict[str, bytes], *, ranges: bool = True, drop_after: int | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files, self.ranges, self.drop_after = files, ranges, drop_after
        self.asked: list[tuple[str, str | None]] = []

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        name = self.path.lstrip("/")
        asked = self.headers.get("Range")
        self.server.asked.append((name, asked))
        body = self.server.files.get(name)
        if body is None:
            self.send_error(404)
            return
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and self.server.ranges else 0
        if start and start >= len(body):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        drop, self.server.drop_after = self.server.drop_after, None
        self.wfile.write(body[start : None if drop is None else start + drop])

    def log_message(self, *arguments: object) -> None:
        pass


@contextmanager
def serve(files: dict[str, bytes], *, ranges: bool = True, drop_after: int | None = None) -> Iterator[_Server]:
    with _Server(files, ranges=ranges, drop_after=drop_after) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def quiet(line: str) -> None:
    pass


BODY = bytes(range(256)) * 40


@pytest.mark.parametrize("ranges", [True, False])
def test_a_broken_download_goes_on(tmp_path: Path, ranges: bool) -> None:
    remote = Remote(name="a.bin", url="http://127.0.0.1:1/none", sha256=hashlib.sha256(BODY).hexdigest())
    with serve({"a.bin": BODY}, ranges=ranges, drop_after=1000) as server:
        found = fetch(remote, tmp_path, quiet, base=server.base, wait=0.01)
        assert found.read_bytes() == BODY
        assert server.asked == [("a.bin", None), ("a.bin", "bytes=1000-")]
        assert fetch(remote, tmp_path, quiet, base=server.base) == found
        assert len(server.asked) == 2
    assert [file.name for file in tmp_path.iterdir()] == ["a.bin"]


def test_what_was_left_by_a_stopped_program_is_continued(tmp_path: Path) -> None:
    (tmp_path / "a.bin.part").write_bytes(BODY[:3000])
    with serve({"a.bin": BODY}) as server:
        remote = Remote(name="a.bin", url=f"{server.base}/a.bin")
        assert fetch(remote, tmp_path, quiet).read_bytes() == BODY
        assert server.asked == [("a.bin", "bytes=3000-")]
        (tmp_path / "a.bin").rename(tmp_path / "a.bin.part")
        assert fetch(remote, tmp_path, quiet, wait=0.01).read_bytes() == BODY  # whole, but not yet named so


def test_what_is_not_as_published_is_refused(tmp_path: Path) -> None:
    with serve({"a.bin": BODY}) as server:
        with pytest.raises(NoRealDataError, match="not what was published"):
            fetch(Remote(name="a.bin", url=f"{server.base}/a.bin", sha256="0" * 64), tmp_path, quiet)
        with pytest.raises(NoRealDataError, match="404"):
            fetch(Remote(name="b.bin", url=f"{server.base}/b.bin"), tmp_path, quiet)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(NoRealDataError, match="continues it"):
        fetch(Remote(name="c.bin", url="http://127.0.0.1:1/c.bin"), tmp_path, quiet, wait=0.0)


def test_nouns_are_the_heads_of_phrases() -> None:
    assert nouns("A brown dog sitting on the wooden bench near two red cars.") == ("dog", "bench", "cars")
    assert nouns("People walking outside") == ()


def test_noise_is_planted_as_told() -> None:
    things = ["dog", "cat", "bus", "tree"]
    rows = [
        CaptionedImage(
            file=f"{number}.jpg",
            image_id=number,
            caption_id=1000 + number,
            caption=f"a {things[number % 4]} beside the house {number}",
            classes=(number % 3,),
        )
        for number in range(200)
    ]
    for kind in online_noise.KINDS:
        noise = plant(rows, kind, 1)
        moved = noise.source != np.arange(200)
        assert moved.sum() == 80
        assert (noise.faulty == moved).all()
        assert (plant(rows, kind, 1).source == noise.source).all()
        assert (plant(rows, kind, 2).source != noise.source).any()
    assert all(rows[n].classes == rows[m].classes for n, m in enumerate(plant(rows, "category", 1).source.tolist()))
    right = {n: [1000 + int(m)] for n, m in enumerate(plant(rows, "random", 1).source)}
    assert not plant(rows, "random", 1, positives=right).faulty.any()


def test_crowd_ids_are_those_of_librispeech() -> None:
    assert online_speech.speech_id("8131_117016_54") == "8131-117016-0054"


def _zip(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def _stand_in() -> dict[str, bytes]:
    """Return the files of COCO and Flickr30k in small, made of the demo's pictures."""
    truth = [json.loads(line) for line in (DEMO / "truth.jsonl").read_text().splitlines()]
    sound = {row["id"] for row in truth if row["fault"] is None}
    rows = [json.loads(line) for line in (DEMO / "image-caption" / "metadata.jsonl").read_text().splitlines()]
    rows = [row for row in rows if row["id"] in sound and row["text"]][:70]
    pictures = {f"val2014/{row['id']}.jpg": (DEMO / "image-caption" / row["file_name"]).read_bytes() for row in rows}
    images = [
        {
            "filename": f"{row['id']}.jpg",
            "cocoid": number,
            "split": "test" if number < 65 else "train",
            "sentences": [{"raw": row["text"], "sentid": 1000 + number}],
        }
        for number, row in enumerate(rows)
    ]
    splits = json.dumps({"images": images}).encode()
    marks = [{"image_id": number, "category_id": number % 4} for number in range(len(rows))]
    return {
        "caption_datasets.zip": _zip({"dataset_coco.json": splits, "dataset_flickr30k.json": splits}),
        "val2014.zip": _zip(pictures),
        "annotations_trainval2014.zip": _zip(
            {"annotations/instances_val2014.json": json.dumps({"annotations": marks}).encode()}
        ),
        "eccv_image_to_caption.json": json.dumps({"0": [1001, 1002]}).encode(),
    }


def test_coco_in_small(tmp_path: Path) -> None:
    with serve(_stand_in()) as server:
        rows, positives = load_rows(COCO, tmp_path, quiet, base=server.base)
        assert len(rows) == 65
        assert rows[5].classes == (1,)
        assert positives == {0: [1001, 1002]}
        one_kind = replace(COCO, kinds=("category",))
        found = list(measure(one_kind, tmp_path, [1], quiet, base=server.base, preset="demo"))
    assert [one.method for one in found] == ["mmcheck", *METHODS]
    assert found[0].noise == "none"
    assert found[0].taken <= 0.1
    for one in found[1:]:
        assert 0.3 < one.planted <= 0.4
        assert one.auroc > 0.6, one.method
    told = online_tables.write_images(found)
    for words in ("| COCO, category noise | LEMoN, tuned (oracle) | 65 | 1 |", "interval holds", "clean set"):
        assert words in told


def test_librispeech_in_small(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [json.loads(line) for line in (DEMO / "audio-transcript" / "manifest.jsonl").read_text().splitlines()]
    rows = sorted(rows, key=lambda row: row.get("duration", 99))[:6]
    table, buffer = io.StringIO(), io.BytesIO()
    writer = csv.writer(table)
    writer.writerow(["utt_id", "trans_ground_truth", "trans_human_random_before"])
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for number, row in enumerate(rows):
            text = row["text"].lower().replace(".", "")
            writer.writerow([f"1_2_{number}", text, text if number % 2 else f"{text} and more besides"])
            member = tarfile.TarInfo(f"LibriSpeech/test-other/1/2/1-2-{number:04d}.flac")
            data = (DEMO / "audio-transcript" / row["audio_filepath"]).read_bytes()
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    files = {"test-other_processed.csv": table.getvalue().encode(), "test-other.tar.gz": buffer.getvalue()}
    with serve(files) as server:
        arguments = ["--downloads", str(tmp_path), "--base-url", server.base, "--preset", "demo"]
        assert online.main([*arguments, "--models", "tiny-whisper", "--only", "libricrowd", "self"]) == 0
    told = capsys.readouterr().out
    assert "| LibriCrowd test-other | tiny-whisper | mmcheck | 6 | 3 |" in told
    assert "transcribe and compare" in told


def test_common_voice_is_read_from_a_release(tmp_path: Path) -> None:
    for name in ("validated", "invalidated"):
        lines = ["client_id\tpath\tsentence\tlocale", f'x\t{name}.mp3\tone "two\tde', "x\tb.mp3\t\tde"]
        (tmp_path / f"{name}.tsv").write_text("\n".join(lines) + "\n")
    found = online_speech.voice_texts(tmp_path, limit=5)
    assert [(text.path.name, text.text, text.faulty, text.language) for text in found] == [
        ("validated.mp3", 'one "two', False, "de"),
        ("invalidated.mp3", 'one "two', True, "de"),
    ]
    with pytest.raises(NoRealDataError, match=r"no validated\.tsv"):
        online_speech.voice_texts(tmp_path / "none", limit=5)


def test_what_cannot_be_had_is_left_out_and_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serve({}) as server:
        assert online.main(["--downloads", str(tmp_path), "--base-url", server.base]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    for part in online.PARTS:
        assert f"{part}: left out" in told.err
