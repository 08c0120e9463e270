"""What every layout of speech corpora must do; docs/formats.md has a line for each under "Audio layouts"."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
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
from mmcheck.formats.joined_rows import join_rows
from mmcheck.media.audio import decode_audio
from mmcheck.media.source import MediaSource

TEXTS = ("A red cube.", 'says "hi", twice', "Gr\u00fc\u00dfe aus \u6771\u4eac")
RATE = 16000
EXTRA = {"mmcheck_action": "keep", "mmcheck_score": 0.1875}


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


def recording(id: str, source: str, seconds: float, channels: int = 1, kind: str = "file") -> dict[str, Any]:
    sources = [{"type": kind, "channels": list(range(channels)), "source": source}]
    size = round(seconds * RATE)
    return {"id": id, "sources": sources, "sampling_rate": RATE, "num_samples": size, "duration": seconds}


def supervision(id: str, of: str, start: float, seconds: float, text: str, channel: int = 0) -> dict[str, Any]:
    times = {"start": start, "duration": seconds, "channel": channel}
    return {"id": id, "recording_id": of, **times, "text": text, "language": "German", "custom": {"x": 1.50}}


def lines(rows: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def make_lhotse_sets(folder: Path) -> Path:
    names = ["a/r0.wav", "a/r1.wav", "a/r2.wav"]
    recordings = [recording(f"r{n}", name, 0.5) for n, name in enumerate(names)]
    supervisions = [supervision(f"s{n}", f"r{n}", 0, 0.5, text) for n, text in enumerate(TEXTS)]
    files: dict[str, bytes | str] = {"x_recordings_train.jsonl.gz": gzip.compress(lines(recordings).encode(), mtime=0)}
    files["x_supervisions_train.jsonl.gz"] = gzip.compress(lines(supervisions).encode(), mtime=0)
    return put(folder, files | tones(names))


def make_lhotse_cuts(folder: Path) -> Path:
    """Two channels of a call, two supervisions in one cut, a third in another."""
    whole = recording("r", "call.wav", 3.0, 2)
    first = [supervision(f"s{n}", "r", 0.5 + n, 0.75, TEXTS[n], n) for n in range(2)]
    second = [supervision("s2", "r", 0.0, 0.5, TEXTS[2])]
    cuts = [
        {"id": "c0", "start": 0.25, "duration": 2.5, "channel": [0, 1], "supervisions": first, "type": "MultiCut"},
        {"id": "c1", "start": 2.0, "duration": 0.5, "channel": 0, "supervisions": second, "type": "MonoCut"},
    ]
    files: dict[str, bytes | str] = {"cuts.jsonl": lines([{**cut, "recording": whole} for cut in cuts])}
    return put(folder, files | {"call.wav": wav(3.0, channels=2)}) / "cuts.jsonl"


def make_shar(folder: Path) -> Path:
    """Two shards of two and one cuts; ids have dots."""
    for shard, numbers in enumerate(([0, 1], [2])):
        cuts, members = [], []
        for n in numbers:
            id = f"c{n}_sp1.1"
            record = recording(f"r{n}", "", 0.5, kind="shar")
            one = supervision(f"s{n}", f"r{n}", 0, 0.5, TEXTS[n])
            cuts.append({"id": id, "start": 0, "duration": 0.5, "channel": 0, "supervisions": [one]})
            cuts[-1] |= {"recording": record, "type": "MonoCut"}
            members += [(f"{id}.wav", wav(0.5, 300.0 + n)), (f"{id}.json", json.dumps(record).encode())]
        put(folder, {f"cuts.{shard:06d}.jsonl.gz": gzip.compress(lines(cuts).encode(), mtime=0)})
        with tarfile.open(folder / f"recording.{shard:06d}.tar", "w") as archive:
            for name, data in members:
                info = tarfile.TarInfo(name)
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
    return folder


def make_nemo_tarred(folder: Path) -> Path:
    """Two shards; the last row is a segment that NeMo's script wrote as a member of its own."""
    names = ["a-0.wav", "a-1.wav", "b-sub1.wav"]
    rows = [
        {"audio_filepath": name, "duration": 0.5, "text": TEXTS[n], "lang": "de", "shard_id": int(n > 1)}
        for n, name in enumerate(names)
    ]
    for shard, numbers in enumerate(([0, 1], [2])):
        with tarfile.open(folder / f"audio_{shard}.tar", "w") as archive:
            for n in numbers:
                data = wav(0.5, 300.0 + n)
                info = tarfile.TarInfo(names[n])
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
    return put(folder, {"tarred_audio_manifest.json": lines(rows)})


def make_gigaspeech(folder: Path) -> Path:
    texts = ["A RED CUBE <PERIOD>", "<MUSIC>", "SAYS <COMMA> HI <QUESTIONMARK>", "TWICE"]
    segments = [
        {"sid": f"S{n}", "begin_time": n * 0.7, "end_time": n * 0.7 + 0.6, "text_tn": text, "subsets": ["{XL}"]}
        for n, text in enumerate(texts)
    ]
    audios = [
        {"aid": "A0", "path": "audio/a0.wav", "channels": 1, "segments": [segments[0], segments[2]]},
        {"aid": "A1", "path": "audio/a1.wav", "channels": 1, "segments": [segments[3]]},
    ]
    document = {"dataset": "GigaSpeech", "language": "EN", "audios": audios, "version": "v1.0.0"}
    files: dict[str, bytes | str] = {f"audio/a{n}.wav": wav(3.0, 300.0 + n) for n in range(2)}
    return put(folder, files | {"GigaSpeech.json": json.dumps(document, indent=2)}) / "GigaSpeech.json"


def make_speechbrain(folder: Path) -> Path:
    table = ["ID,duration,wav,start,stop,spk_id,wrd"]
    quoted = [text.replace('"', '""') for text in TEXTS]
    table += [f'u{n},0.5,{folder}/r.wav,{n * 8000},{(n + 1) * 8000},spk,"{quoted[n]}"' for n in range(3)]
    return put(folder, {"r.wav": wav(3.0), "train.csv": "\n".join(table) + "\n"}) / "train.csv"


def make_voxpopuli(folder: Path) -> Path:
    ids = [f"20180612-0900-PLENARY-3-de_20180612-13:11:40_{n}" for n in range(3)]
    table = ["id\traw_text\tnormalized_text\tspeaker_id\tsplit\tgender"]
    table += [f"{id}\t\t{TEXTS[n]}\t7\ttrain\tfemale" for n, id in enumerate(ids)]
    files = tones([f"2018/{id}.wav" for id in ids])
    return put(folder, files | {"asr_train.tsv": "\n".join(table) + "\n"}) / "asr_train.tsv"


def make_vctk(folder: Path) -> Path:
    files = tones([f"wav48_silence_trimmed/p225/p225_00{n}_mic1.wav" for n in range(3)])
    files |= {f"txt/p225/p225_00{n}.txt": text for n, text in enumerate(TEXTS)}
    return put(folder, files | {"speaker-info.txt": "ID AGE\n"})


def make_srt(folder: Path) -> Path:
    cues = [f"{n + 1}\n00:00:0{n},100 --> 00:00:0{n},800\n<i>{text}</i>\n" for n, text in enumerate(TEXTS)]
    return put(folder, {"talks/t.wav": wav(4.0), "talks/t.de.srt": "\n".join(cues)})


def make_vtt(folder: Path) -> Path:
    cues = [f"00:0{n}.100 --> 00:0{n}.800 align:start\n<v Anna>{text}\n" for n, text in enumerate(TEXTS)]
    return put(folder, {"t.wav": wav(4.0), "t.vtt": "WEBVTT\n\nNOTE x\n\n" + "\n".join(cues)}) / "t.vtt"


MAKERS: dict[str, tuple[str, Callable[[Path], Path]]] = {
    "Common Voice": ("commonvoice", make_commonvoice),
    "LJSpeech": ("ljspeech", make_ljspeech),
    "Piper": ("ljspeech", make_piper),
    "LibriSpeech": ("librispeech", make_librispeech),
    "LibriSpeech file": ("librispeech", make_librispeech_file),
    "MLS": ("mls", make_mls),
    "Lhotse recordings and supervisions": ("lhotse", make_lhotse_sets),
    "Lhotse cuts": ("lhotse", make_lhotse_cuts),
    "Shar": ("shar", make_shar),
    "NeMo tarred": ("nemo_tarred", make_nemo_tarred),
    "GigaSpeech": ("gigaspeech", make_gigaspeech),
    "SpeechBrain": ("speechbrain", make_speechbrain),
    "VoxPopuli": ("voxpopuli", make_voxpopuli),
    "VCTK": ("vctk", make_vctk),
    "SubRip": ("subtitles", make_srt),
    "WebVTT": ("subtitles", make_vtt),
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
    if Path(manifest).is_dir() and (out / stem(manifest)).is_dir():
        return str(out / stem(manifest))
    return str(files[0])


def text_of(path: Path) -> str:
    data = path.read_bytes()
    return (gzip.decompress(data) if path.suffix == ".gz" else data).decode()


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
    files = part(layout).write(join_rows(rows(kept)), out, stem(manifest), output, manifest=manifest)
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
