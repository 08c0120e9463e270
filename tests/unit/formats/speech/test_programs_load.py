"""What is written of each layout, loaded by a program that reads the layout: Lhotse's recipes, kaldiio."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import kaldiio
import numpy as np
import pytest
import soundfile
from lhotse.kaldi import load_kaldi_data_dir
from lhotse.recipes import prepare_librispeech, prepare_ljspeech, prepare_mls
from lhotse.recipes.commonvoice import _parse_utterance

from mmcheck.config import InputConfig, OutputConfig
from mmcheck.core.parts import FORMATS
from mmcheck.formats.base import OutputRow

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
