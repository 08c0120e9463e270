"""What is written of each layout, loaded by a program that reads the layout: Lhotse's recipes, kaldiio."""

from __future__ import annotations

import csv
import io
import json
import re
import tarfile
from pathlib import Path
from typing import Any

import av
import kaldiio
import numpy as np
import pytest
import soundfile
import webdataset
from lhotse import CutSet, Recording, RecordingSet, SupervisionSegment, SupervisionSet, load_manifest
from lhotse.kaldi import load_kaldi_data_dir
from lhotse.recipes import prepare_librispeech, prepare_ljspeech, prepare_mls, prepare_vctk
from lhotse.recipes.commonvoice import _parse_utterance

from mmcheck.config import InputConfig, OutputConfig
from mmcheck.core.parts import FORMATS
from mmcheck.formats.base import OutputRow
from mmcheck.formats.joined_rows import join_rows

TEXTS = ("ONE RED CUBE", "TWO BLUE CUBES", "THREE GREEN CUBES")
KEPT = [TEXTS[0], TEXTS[2]]
RATE = 16000


def audio(index: int, container: str = "FLAC", seconds: float = 0.5) -> bytes:
    file = io.BytesIO()
    time = np.arange(round(seconds * RATE)) / RATE
    soundfile.write(file, 0.3 * np.sin(2 * np.pi * (300 + 100 * index) * time), RATE, format=container)
    return file.getvalue()


def put(folder: Path, files: dict[str, bytes | str]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def clean(name: str, source: Path, out: Path, output: OutputConfig) -> Path:
    """Read a folder, write two of its three utterances as a scan does, and return the written folder."""
    form = FORMATS.get(name)(InputConfig())
    samples = [sample for sample in form.read(str(source)) if sample.transcript in KEPT]
    rows = [OutputRow(sample=sample, extra={"mmcheck_action": "keep"}) for sample in samples]
    form.write(rows, out, source.name, output, manifest=str(source))
    return out / source.name


@pytest.fixture(params=["links", "copies"])
def output(request: pytest.FixtureRequest) -> OutputConfig:
    return OutputConfig(write_media=request.param == "copies")


def texts_of(manifests: Any) -> list[str]:
    assert len(manifests["recordings"]) == len(manifests["supervisions"])
    assert all(recording.load_audio().shape[1] == RATE // 2 for recording in manifests["recordings"])
    return [supervision.text for supervision in manifests["supervisions"]]


def test_lhotse_prepares_librispeech(tmp_path: Path, output: OutputConfig) -> None:
    files: dict[str, bytes | str] = {f"84/121/84-121-000{n}.flac": audio(n) for n in range(3)}
    files["84/121/84-121.trans.txt"] = "".join(f"84-121-000{n} {text}\n" for n, text in enumerate(TEXTS))
    written = clean("librispeech", put(tmp_path / "dev-clean", files), tmp_path / "clean", output)
    assert texts_of(prepare_librispeech(written.parent, dataset_parts="dev-clean")["dev-clean"]) == KEPT


def test_lhotse_prepares_mls(tmp_path: Path, output: OutputConfig) -> None:
    files: dict[str, bytes | str] = {"metainfo.txt": "SPEAKER|GENDER\n12|M\n"}
    for split in ("train", "dev", "test"):
        files |= {f"{split}/audio/12/34/12_34_{n}.flac": audio(n) for n in range(3)}
        files[f"{split}/transcripts.txt"] = "".join(f"12_34_{n}\t{text}\n" for n, text in enumerate(TEXTS))
    written = clean("mls", put(tmp_path / "mls_polish", files), tmp_path / "clean", output)
    found = prepare_mls(written.parent, opus=False)["polish"]
    assert sorted(texts_of(found["train"])) == sorted(KEPT)


def test_lhotse_prepares_ljspeech(tmp_path: Path, output: OutputConfig) -> None:
    files: dict[str, bytes | str] = {f"wavs/LJ{n}.wav": audio(n, "WAV") for n in range(3)}
    files["metadata.csv"] = "".join(f"LJ{n}|{text.lower()}|{text}\n" for n, text in enumerate(TEXTS))
    written = clean("ljspeech", put(tmp_path / "LJ", files), tmp_path / "clean", output)
    assert texts_of(prepare_ljspeech(written)) == [text.lower() for text in KEPT]


def test_lhotse_prepares_common_voice(tmp_path: Path, output: OutputConfig) -> None:
    files: dict[str, bytes | str] = {f"clips/c{n}.mp3": audio(n, "MP3") for n in range(3)}
    fields = ("client_id", "path", "sentence", "age", "gender", "accents", "variant")
    lines = ["\t".join(fields)] + [f"x\tc{n}.mp3\t{text}\t\t\t\t" for n, text in enumerate(TEXTS)]
    files["train.tsv"] = "\n".join(lines) + "\n"
    written = clean("commonvoice", put(tmp_path / "de", files), tmp_path / "clean", output)
    with (written / "train.tsv").open(encoding="utf-8") as table:
        rows = list(csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE))
    found = [_parse_utterance(written, "de", row) for row in rows]
    assert [one is not None and one[1].text for one in found] == KEPT
    assert all(one is not None and one[0].load_audio().size > 0.9 * RATE // 2 for one in found)


def kaldi(folder: Path, segments: bool) -> Path:
    tables: dict[str, bytes | str] = {
        "text": "".join(f"u{n} {text}\n" for n, text in enumerate(TEXTS)),
        "utt2spk": "u0 a\nu1 a\nu2 b\n",
        "spk2utt": "a u0 u1\nb u2\n",
        "spk2gender": "a f\nb m\n",
    }
    if segments:
        tables |= {"r.wav": audio(0, "WAV", 3.0), "wav.scp": f"r {folder / 'r.wav'}\n", "reco2dur": "r 3.0\n"}
        tables["segments"] = "".join(f"u{n} r {n}.0 {n}.5\n" for n in range(3))
    else:
        tables |= {f"u{n}.wav": audio(n, "WAV") for n in range(3)}
        tables["wav.scp"] = "".join(f"u{n} u{n}.wav\n" for n in range(3))
        tables["reco2dur"] = "".join(f"u{n} 0.5\n" for n in range(3))
    return put(folder, tables)


@pytest.mark.parametrize("segments", [False, True])
def test_lhotse_and_kaldiio_load_a_data_folder(tmp_path: Path, segments: bool, monkeypatch: Any) -> None:
    written = clean("kaldi", kaldi(tmp_path / "train", segments), tmp_path / "clean", OutputConfig())
    recordings, supervisions, _ = load_kaldi_data_dir(written, RATE)
    assert supervisions is not None
    assert [(one.text, one.speaker, one.gender) for one in supervisions] == [(KEPT[0], "a", "f"), (KEPT[1], "b", "m")]
    for one in supervisions:
        assert recordings[one.recording_id].load_audio(offset=one.start, duration=0.5).shape == (1, RATE // 2)
    loaded = kaldiio.load_scp(str(written / "wav.scp"), segments=str(written / "segments") if segments else None)
    assert {key: len(loaded[key][1]) for key in loaded} == {"u0": RATE // 2, "u2": RATE // 2}
    assert (written / "spk2utt").read_text() == "a u0\nb u2\n"


def test_recordings_in_kaldis_archives_are_read_after_the_lines_in_the_docs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sounds = {f"u{n}": (RATE, np.arange(-100 * n, 4000, dtype=np.int16)) for n in range(3)}
    put(tmp_path, {"text": "".join(f"u{n} {text}\n" for n, text in enumerate(TEXTS))})
    kaldiio.save_ark(str(tmp_path / "wav.ark"), sounds, scp=str(tmp_path / "wav.scp"))
    form = FORMATS.get("kaldi")(InputConfig())
    broken = [sample.problem for sample in form.read(str(tmp_path))]
    assert [one.cause for one in broken if one] == ["archive"] * 3
    assert all("kaldiio's load_scp" in one.message and "docs/formats.md" in one.message for one in broken if one)
    page = (Path(__file__).parents[4] / "docs" / "formats.md").read_text("utf-8")
    (lines,) = re.findall(r"```python\n(import kaldiio.*?)```", page, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    exec(lines, {})
    for sample, (_, samples) in zip(form.read(str(tmp_path)), sounds.values(), strict=True):
        assert sample.problem is None
        assert sample.audio is not None
        assert np.array_equal(soundfile.read(sample.audio.uri, dtype="int16")[0], samples)


@pytest.fixture
def call(tmp_path: Path) -> CutSet:
    """Two recordings of two channels, each side with a supervision of its own."""
    recordings, supervisions = [], []
    for n in range(2):
        time = np.arange(3 * RATE) / RATE
        sides = np.stack([np.sin(2 * np.pi * 300 * time), np.sin(2 * np.pi * 500 * time)], axis=1) * 0.3
        path = tmp_path / "audio" / f"r{n}.wav"
        path.parent.mkdir(exist_ok=True)
        soundfile.write(path, sides, RATE)
        recordings.append(Recording.from_file(path))
        for side in range(2):
            text = f"{'left' if side == 0 else 'right'} {n}"
            supervisions.append(
                SupervisionSegment(
                    f"r{n}-{side}", f"r{n}", start=0.5, duration=1.0 + side, channel=side, text=text, language="English"
                )
            )
    return CutSet.from_manifests(RecordingSet.from_recordings(recordings), SupervisionSet.from_segments(supervisions))


def kept_rows(name: str, manifest: Path, texts: set[str]) -> list[OutputRow]:
    samples = list(FORMATS.get(name)(InputConfig()).read(str(manifest)))
    assert all(sample.problem is None for sample in samples)
    return list(
        join_rows(OutputRow(sample=one, extra={"mmcheck_wer": 0.125}) for one in samples if one.transcript in texts)
    )


def test_lhotse_loads_cuts_with_one_side_of_a_call(tmp_path: Path, call: CutSet) -> None:
    call.to_file(tmp_path / "cuts.jsonl.gz")
    rows = kept_rows("lhotse", tmp_path / "cuts.jsonl.gz", {"right 0", "left 1", "right 1"})
    (file,) = FORMATS.get("lhotse")(InputConfig()).write(rows, tmp_path / "clean", "cuts", OutputConfig())
    first, second = CutSet.from_file(file)
    assert [one.text for one in first.supervisions] == ["right 0"]
    assert [one.text for one in second.supervisions] == ["left 1", "right 1"]
    assert first.custom == {"mmcheck_wer": 0.125}
    assert first.load_audio().shape == (2, 3 * RATE)


def test_mixed_cuts_are_read_after_the_line_that_is_told(tmp_path: Path, call: CutSet) -> None:
    mono = call.trim_to_supervisions(keep_overlapping=False).to_eager()
    CutSet.from_cuts([mono[0].mix(mono[2], snr=10).with_id("mixed")]).to_file(tmp_path / "cuts.jsonl")
    form = FORMATS.get("lhotse")(InputConfig())
    (broken,) = form.read(str(tmp_path / "cuts.jsonl"))
    assert broken.problem is not None
    (line,) = re.findall(r"(CutSet\.from_file\(IN\).*?\)), and scan OUT", broken.problem.message)
    places = {"IN": tmp_path / "cuts.jsonl", "FOLDER": tmp_path / "mixed", "OUT": tmp_path / "mixed.jsonl"}
    eval(line, {"CutSet": CutSet, **places})
    samples = list(form.read(str(tmp_path / "mixed.jsonl")))
    assert [sample.problem for sample in samples] == [None, None]
    assert sorted(sample.transcript or "" for sample in samples) == ["left 0", "left 1"]


def test_a_side_and_a_stretch_of_a_call_are_what_is_measured(tmp_path: Path, call: CutSet) -> None:
    call.trim_to_supervisions(keep_overlapping=False).to_file(tmp_path / "mono.jsonl")
    samples = list(FORMATS.get("lhotse")(InputConfig()).read(str(tmp_path / "mono.jsonl")))
    refs = [sample.audio for sample in samples if sample.audio is not None]
    assert [(ref.start, ref.duration, ref.channel) for ref in refs] == [(0.5, 1.0, 0), (0.5, 2.0, 1)] * 2
    assert {sample.language for sample in samples} == {"English"}


def test_speed_perturbed_cuts_lead_to_the_same_words(tmp_path: Path, call: CutSet) -> None:
    cuts = call.trim_to_supervisions(keep_overlapping=False).perturb_speed(0.9)
    cuts.to_file(tmp_path / "cuts.jsonl")
    first = next(iter(FORMATS.get("lhotse")(InputConfig()).read(str(tmp_path / "cuts.jsonl"))))
    assert first.audio is not None
    assert first.audio.start == pytest.approx(0.5, abs=0.001)
    assert first.audio.duration == pytest.approx(1.0, abs=0.001)


def test_lhotse_loads_recordings_and_supervisions(tmp_path: Path, call: CutSet) -> None:
    recordings, supervisions, _ = call.decompose(tmp_path / "in")
    assert recordings is not None
    assert supervisions is not None
    rows = kept_rows("lhotse", tmp_path / "in", {"right 0"})
    form = FORMATS.get("lhotse")(InputConfig())
    files = form.write(rows, tmp_path / "clean", "in", OutputConfig(), manifest=str(tmp_path / "in"))
    loaded = [load_manifest(file) for file in files]
    cuts = CutSet.from_manifests(recordings=loaded[1], supervisions=loaded[0])
    assert [(cut.supervisions[0].text, cut.supervisions[0].custom) for cut in cuts] == [
        ("right 0", {"mmcheck_wer": 0.125})
    ]
    assert cuts[0].load_audio().shape == (2, 3 * RATE)


def test_lhotse_loads_shar(tmp_path: Path, call: CutSet) -> None:
    (tmp_path / "shar").mkdir()
    cuts = call.trim_to_supervisions(keep_overlapping=False)
    cuts.to_shar(tmp_path / "shar", fields={"recording": "flac"}, shard_size=2)
    form = FORMATS.get("shar")(InputConfig())
    rows = kept_rows("shar", tmp_path / "shar", {"left 0", "right 1", "left 1"})
    form.write(rows, tmp_path / "clean", "shar", OutputConfig(write_media=True), manifest=str(tmp_path / "shar"))
    found = list(CutSet.from_shar(in_dir=tmp_path / "clean" / "shar"))
    assert [cut.supervisions[0].text for cut in found] == ["left 0", "left 1", "right 1"]
    assert [cut.load_audio().shape for cut in found] == [(1, RATE), (1, RATE), (1, 2 * RATE)]
    assert {cut.custom["mmcheck_wer"] for cut in found} == {0.125}
    # The listing, which makes no copies, is read again by mmcheck and makes the same shards.
    (listing,) = form.write(rows, tmp_path / "flat", "shar", OutputConfig(), manifest=str(tmp_path / "shar"))
    again = kept_rows("shar", listing, {"left 0", "right 1", "left 1"})
    form.write(again, tmp_path / "twice", "shar", OutputConfig(write_media=True), manifest=str(listing))
    assert [cut.supervisions[0].text for cut in CutSet.from_shar(in_dir=tmp_path / "twice" / "shar")] == [
        "left 0",
        "left 1",
        "right 1",
    ]


def test_lhotse_prepares_vctk(tmp_path: Path, output: OutputConfig) -> None:
    files: dict[str, bytes | str] = {f"wav48/p225/p225_00{n}.wav": audio(n, "WAV") for n in range(3)}
    files |= {f"txt/p225/p225_00{n}.txt": f"{text}\n" for n, text in enumerate(TEXTS)}
    files["speaker-info.txt"] = "ID  AGE  GENDER  ACCENTS  REGION\n225  23  F    English    Southern  England\n"
    written = clean("vctk", put(tmp_path / "VCTK", files), tmp_path / "clean", output)
    assert sorted(texts_of(prepare_vctk(written))) == sorted(KEPT)


@pytest.mark.parametrize("ending", ["srt", "vtt"])
def test_ffmpeg_reads_the_subtitles_that_are_left(tmp_path: Path, ending: str, output: OutputConfig) -> None:
    mark = "," if ending == "srt" else "."
    cues = [f"{n + 1}\n00:00:0{n}{mark}000 --> 00:00:0{n}{mark}500\n{text}\n" for n, text in enumerate(TEXTS)]
    head = "" if ending == "srt" else "WEBVTT\n\n"
    files: dict[str, bytes | str] = {"a/t.wav": audio(0, "WAV", 3.0), f"a/t.{ending}": head + "\n".join(cues)}
    written = clean("subtitles", put(tmp_path / "talks", files), tmp_path / "clean", output)
    assert soundfile.info(written / "a" / "t.wav").frames == 3 * RATE
    with av.open(str(written / "a" / f"t.{ending}")) as container:
        packets = [packet for packet in container.demux() if packet.size]
    assert [(packet.pts, bytes(packet).decode()) for packet in packets] == [(0, KEPT[0]), (2000, KEPT[1])]


def test_nemo_finds_what_is_left_of_a_tarred_set(tmp_path: Path, output: OutputConfig) -> None:
    """NeMo reads the tars with webdataset and passes over members that the manifest does not name."""
    (tmp_path / "set").mkdir()
    rows = []
    for n, text in enumerate(TEXTS):
        with tarfile.open(tmp_path / "set" / f"audio_{n % 2}.tar", "a") as archive:
            data = audio(n, "WAV")
            info = tarfile.TarInfo(f"u{n}.wav")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        rows.append({"audio_filepath": f"u{n}.wav", "duration": 0.5, "text": text, "shard_id": n % 2})
    rows.sort(key=lambda row: row["shard_id"])
    put(tmp_path / "set", {"tarred_audio_manifest.json": "".join(json.dumps(row) + "\n" for row in rows)})
    written = clean("nemo_tarred", tmp_path / "set", tmp_path / "clean", output)
    lines = (written / "tarred_audio_manifest.json").read_text().splitlines()
    named = {row["audio_filepath"]: row["text"] for row in map(json.loads, lines)}
    shards = [str(written / f"audio_{shard}.tar") for shard in range(2)]
    members = webdataset.WebDataset(shards, shardshuffle=False)
    found = {f"{one['__key__']}.wav": one["wav"] for one in members if f"{one['__key__']}.wav" in named}
    assert {name: named[name] for name in found} == {"u0.wav": KEPT[0], "u2.wav": KEPT[1]}
