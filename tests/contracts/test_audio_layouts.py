"""What every layout of speech corpora must do; docs/formats.md has a line for each under "Audio layouts"."""

from __future__ import annotations

import io
import json
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmcheck.config import InputConfig, OutputConfig
from mmcheck.core.errors import ManifestError
from mmcheck.core.parts import FORMATS
from mmcheck.core.types import Sample
from mmcheck.formats.base import OutputRow, Recognised
from mmcheck.formats.detect import detect_format, expand_manifests
from mmcheck.media.audio import decode_audio
from mmcheck.media.source import MediaSource

TEXTS = ("A red cube.", 'says "hi", twice', "Gr\u00fc\u00dfe aus \u6771\u4eac")
RATE = 16000
EXTRA = {"mmcheck_action": "keep", "mmcheck_score": 0.25}


def wav(seconds: float, hertz: float = 440.0, channels: int = 1) -> bytes:
    """Return a recording of a tone; channel n has n+1 times the frequency."""
    time = np.arange(round(seconds * RATE)) / RATE
    tones = [np.sin(2 * np.pi * hertz * (n + 1) * time) for n in range(channels)]
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setparams((channels, 2, RATE, 0, "NONE", ""))
        sound.writeframes((np.stack(tones, axis=1) * 9000).astype("<i2").tobytes())
    return file.getvalue()


def put(folder: Path, files: dict[str, bytes | str]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def tones(names: list[str]) -> dict[str, bytes | str]:
    return {name: wav(0.5, 300.0 + 100 * index) for index, name in enumerate(names)}


def make_commonvoice(folder: Path) -> Path:
    names = [f"common_voice_de_{n}.wav" for n in range(3)]
    header = "client_id\tpath\tsentence_id\tsentence\tup_votes\tlocale\n"
    lines = [f"c{n}\t{name}\ts{n}\t{TEXTS[n]}\t2\tde\n" for n, name in enumerate(names)]
    files = tones([f"clips/{name}" for name in names])
    return put(folder, files | {"train.tsv": header + "".join(lines), "invalidated.tsv": header + lines[0]})


def make_ljspeech(folder: Path) -> Path:
    lines = [f"LJ{n}|raw {n}|{text}\n" for n, text in enumerate(TEXTS)]
    return put(folder, tones([f"wavs/LJ{n}.wav" for n in range(3)]) | {"metadata.csv": "".join(lines)})


def make_piper(folder: Path) -> Path:
    lines = [f"p{n}|anna|{text}\n" for n, text in enumerate(TEXTS)]
    return put(folder, tones([f"wav/p{n}.wav" for n in range(3)]) | {"train.txt": "".join(lines)}) / "train.txt"


def make_librispeech(folder: Path) -> Path:
    lines = [f"84-121-{n} {text}\n" for n, text in enumerate(TEXTS)]
    files = tones([f"84/121/84-121-{n}.wav" for n in range(3)])
    return put(folder, files | {"84/121/84-121.trans.txt": "".join(lines[:3])})


def make_librispeech_file(folder: Path) -> Path:
    return make_librispeech(folder) / "84" / "121" / "84-121.trans.txt"


def make_mls(folder: Path) -> Path:
    lines = [f"12_34_{n}\t{text}\n" for n, text in enumerate(TEXTS)]
    files = tones([f"train/audio/12/34/12_34_{n}.wav" for n in range(3)])
    return put(folder / "mls_german", files | {"train/transcripts.txt": "".join(lines)})


def make_kaldi(folder: Path) -> Path:
    files = tones([f"u{n}.wav" for n in range(3)])
    files |= {
        "wav.scp": "".join(f"u{n} u{n}.wav\n" for n in range(3)),
        "text": "".join(f"u{n} {text}\n" for n, text in enumerate(TEXTS)),
        "utt2spk": "u0 s0\nu1 s0\nu2 s2\n",
        "spk2utt": "s0 u0 u1\ns2 u2\n",
        "utt2lang": "u0 en\nu1 en\nu2 de\n",
    }
    return put(folder, files)


def make_kaldi_segments(folder: Path) -> Path:
    files: dict[str, bytes | str] = {"audio/r.wav": wav(3.0)}
    files |= {
        "data/train/wav.scp": "r audio/r.wav\n",
        "data/train/segments": "".join(f"u{n} r {n}.0 {n}.75\n" for n in range(3)),
        "data/train/text": "".join(f"u{n} {text}\n" for n, text in enumerate(TEXTS)),
        "data/train/utt2spk": "".join(f"u{n} s\n" for n in range(3)),
    }
    return put(folder, files) / "data" / "train"


MAKERS: dict[str, tuple[str, Callable[[Path], Path]]] = {
    "Common Voice": ("commonvoice", make_commonvoice),
    "LJSpeech": ("ljspeech", make_ljspeech),
    "Piper": ("ljspeech", make_piper),
    "LibriSpeech": ("librispeech", make_librispeech),
    "LibriSpeech file": ("librispeech", make_librispeech_file),
    "MLS": ("mls", make_mls),
    "Kaldi": ("kaldi", make_kaldi),
    "Kaldi segments": ("kaldi", make_kaldi_segments),
}
LAYOUTS = list(MAKERS)
FORMAT_NAMES = {name for name, _ in MAKERS.values()}
ALL_NAMES = [entry.name for entry in FORMATS]


def part(layout: str) -> Any:
    return FORMATS.get(MAKERS[layout][0])(InputConfig())


def make(layout: str, folder: Path) -> str:
    (folder / "source").mkdir(parents=True)
    (manifest,) = expand_manifests([str(MAKERS[layout][1](folder / "source"))])
    return manifest


def rows(samples: list[Sample], extra: dict[str, Any] | None = None) -> list[OutputRow]:
    return [OutputRow(sample=sample, extra=EXTRA if extra is None else extra) for sample in samples]


def stem(manifest: str) -> str:
    return Path(manifest).name.partition(".")[0]


def sound(sample: Sample) -> np.ndarray[Any, Any]:
    assert sample.audio is not None
    data = MediaSource(allow_remote=False).read(sample.audio)
    ref = sample.audio
    return decode_audio(data, start=ref.start, duration=ref.duration, channel=ref.channel, max_seconds=60).samples


def written_place(layout: str, out: Path, manifest: str, files: list[Path]) -> str:
    """Return what a user would scan of what was written: the folder where a folder was read, else the file."""
    if Path(manifest).is_dir():
        return str(out / stem(manifest))
    return str(files[0])


def snapshot(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


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
    assert [sample.transcript for sample in samples] == list(TEXTS)
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
    told = "".join(path.read_text("utf-8") for path in files if path.suffix in (".jsonl", ".tsv", ".csv", ".json"))
    assert told.count("0.25") == 2


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
