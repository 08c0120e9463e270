"""NeMo's manifests, loaded by NeMo's own iterators."""

from __future__ import annotations

import ast
import json
import sys
import types
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import braceexpand
import numpy as np
import pytest

from mmcheck.config import Config
from mmcheck.core.errors import UserError
from mmcheck.core.pair_kinds import AUDIO_TRANSCRIPT
from mmcheck.core.types import Action, MediaRef, Sample
from mmcheck.export.folder import look_into
from mmcheck.export.records import ExportRow, TargetOptions
from mmcheck.export.run import export_run
from mmcheck.export.targets.nemo import NemoColumns
from mmcheck.formats.base import OutputRow
from mmcheck.formats.detect import detect_format

_PACKAGES = (
    *("common", "common.parts", "common.parts.preprocessing", "common.data", "common.data.lhotse"),
    *("asr", "asr.data"),
)
_EXPANDS = "expand_sharded_filepaths"


@pytest.fixture(scope="module")
def nemo() -> Iterator[Any]:
    """NeMo's adapters for manifests, without the packages around them, which import Lightning and Hydra."""
    root = Path(pytest.importorskip("nemo").__file__).parent / "collections"
    stand_ins = {name: types.ModuleType(name) for name in (f"nemo.collections.{part}" for part in _PACKAGES)}
    for name, package in stand_ins.items():
        package.__path__ = [str(root.parent.parent / name.replace(".", "/"))]
    shards = types.ModuleType("nemo.collections.asr.data.audio_to_text")
    file = root / "asr" / "data" / "audio_to_text.py"
    wanted = [node for node in ast.parse(file.read_text()).body if getattr(node, "name", "") == _EXPANDS]
    vars(shards).update(braceexpand=braceexpand)
    exec(compile(ast.Module(wanted, []), str(file), "exec"), vars(shards))
    sys.modules.update({**stand_ins, shards.__name__: shards})
    yield import_module("nemo.collections.common.data.lhotse.nemo_adapters")
    for name in (*stand_ins, shards.__name__):
        sys.modules.pop(name, None)


def lines_of(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


TEXTS = ["gr\u00fcne \u6811", "costs $5 | or\nmore", "hello there", '"good" morning', "first part", "to the end"]


def test_nemo_loads_the_manifest_with_its_segments(
    nemo: Any, speech_run: Path, sound: Callable[..., Any], tmp_path: Path
) -> None:
    summary = export_run(speech_run, format="nemo", out=tmp_path / "out", media="copy")
    assert summary.load == f"model.train_ds.manifest_filepath={tmp_path / 'out' / 'manifest.json'}"
    cuts = list(nemo.LazyNeMoIterator(tmp_path / "out" / "manifest.json"))
    assert [cut.supervisions[0].text for cut in cuts] == TEXTS
    assert [cut.supervisions[0].language for cut in cuts] == ["de", None, None, None, None, None]
    assert [cut.duration for cut in cuts] == [0.5, 0.75, 0.5, 0.75, 1.0, 0.75]
    wanted = [
        sound("audio/one.wav"),
        sound("audio/two.flac"),
        sound("call.wav", 0.25, 0.5, 0),
        sound("call.wav", 1.0, 0.75, 1),
        sound("talk.wav", 0.5, 1.0),
        sound("talk.wav", 2.25),
    ]
    for cut, samples in zip(cuts, wanted, strict=True):
        assert np.array_equal(cut.load_audio()[0], samples)
    assert cuts[1].custom["source"] == "radio"
    assert cuts[0].custom["mmcheck_action"] == "keep"


def test_a_recording_is_copied_once_and_only_sides_of_calls_are_cut(speech_run: Path, tmp_path: Path) -> None:
    summary = export_run(speech_run, format="nemo", out=tmp_path / "out", media="copy", columns=False)
    lines = lines_of(tmp_path / "out" / "manifest.json")
    assert [line["audio_filepath"] for line in lines] == [
        "recordings/audio/one.wav",
        "recordings/audio/two.flac",
        "recordings/00000/000000002.wav",
        "recordings/00000/000000003.wav",
        "recordings/talk.wav",
        "recordings/talk.wav",
    ]
    assert [(line.get("offset"), line["duration"]) for line in lines[3:]] == [(None, 0.75), (0.5, 1.0), (2.25, 0.75)]
    assert not {"channel", "mmcheck_id"} & {name for line in lines for name in line}
    assert summary.done == {"cut": 2}
    assert detect_format(str(tmp_path / "out" / "manifest.json"), Config().input) == "nemo"


def test_paths_alone_are_refused_where_a_side_of_a_call_is_meant(speech_run: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"row 'c 0' is a part of .*call\.wav, which this format cannot say"):
        export_run(speech_run, format="nemo", out=tmp_path / "out")


@pytest.mark.parametrize("paths", ["absolute", "relative"])
def test_nemo_finds_the_recordings_where_they_are(
    nemo: Any, paths: str, speech_data: Path, scanned: Callable[..., Path], tmp_path: Path
) -> None:
    kept = [line for line in (speech_data / "speech.jsonl").read_text("utf-8").splitlines() if "channel" not in line]
    (speech_data / "mono.jsonl").write_text("\n".join(kept), "utf-8")
    export_run(scanned(speech_data / "mono.jsonl", probes="media"), format="nemo", out=tmp_path / "out", paths=paths)
    cuts = list(nemo.LazyNeMoIterator(tmp_path / "out" / "manifest.json"))
    assert [cut.load_audio().shape[1] for cut in cuts] == [8_000, 18_000, 16_000, 12_000]


def test_lengths_that_nothing_measured_come_from_the_files(
    speech_data: Path, scanned: Callable[..., Path], tmp_path: Path
) -> None:
    run = scanned(
        speech_data / "speech.jsonl",
        probes="none",
        config=Config(rules={"text": {"metric": "column.text", "required": True}}),
    )
    summary = export_run(run, format="nemo", out=tmp_path / "out", media="copy")
    lines = lines_of(tmp_path / "out" / "manifest.json")
    assert [line["duration"] for line in lines] == [0.5, 0.75, 0.5, 0.75, 1.0, 0.75]
    assert summary.left_out["has a recording that cannot be used (missing)"].ids == ("gone",)


@pytest.mark.parametrize("size", [4, 10_000])
def test_nemo_loads_the_tarred_set(
    nemo: Any, size: int, speech_run: Path, sound: Callable[..., Any], tmp_path: Path
) -> None:
    summary = export_run(speech_run, format="nemo-tarred", out=tmp_path / "out", shard_size=size)
    names = sorted(path.name for path in (tmp_path / "out").glob("*.tar"))
    assert names == (["audio_0.tar", "audio_1.tar"] if size == 4 else ["audio_0.tar"])
    words = dict(word.split("=") for word in summary.load.split())
    tars, manifests = (
        list(braceexpand.braceexpand(words[f"model.train_ds.{name}"].replace("_OP_", "{").replace("_CL_", "}")))
        for name in ("tarred_audio_filepaths", "manifest_filepath")
    )
    for manifest in (manifests, str(tmp_path / "out" / "tarred_audio_manifest.json")):
        cuts = list(nemo.LazyNeMoTarredIterator(manifest, tars))
        assert [cut.supervisions[0].text for cut in cuts] == TEXTS
        assert np.array_equal(cuts[1].load_audio()[0], sound("audio/two.flac"))
        assert np.array_equal(cuts[3].load_audio()[0], sound("call.wav", 1.0, 0.75, 1))
        assert np.array_equal(cuts[5].load_audio()[0], sound("talk.wav", 2.25))
        assert [cut.custom["shard_id"] for cut in cuts] == ([0] * 4 + [1] * 2 if size == 4 else [0] * 6)


def test_a_tarred_set_is_the_same_each_time_and_is_read_again(speech_run: Path, tmp_path: Path) -> None:
    digests = []
    for name in ("one", "two"):
        export_run(speech_run, format="nemo-tarred", out=tmp_path / name, shard_size=2)
        digests.append(look_into(tmp_path / name).digest)
        assert (tmp_path / "one" / "audio_1.tar").read_bytes() == (tmp_path / name / "audio_1.tar").read_bytes()
    assert digests[0] == digests[1]
    assert detect_format(str(tmp_path / "one"), Config().input) == "nemo_tarred"


def test_scores_have_the_names_that_nemos_tools_look_for(tmp_path: Path) -> None:
    options = TargetOptions(
        config=Config(),
        columns=True,
        paths="relative",
        media="copy",
        shard_size=1,
        final=tmp_path,
        sources=(("m.jsonl", "jsonl"),),
    )
    sample = Sample(
        id="x",
        manifest="m.jsonl",
        row_number=1,
        audio=MediaRef(uri="/x.wav"),
        transcript="hello",
        row={"audio": "/x.wav", "text": "hello", "cer": 7, "sampling_rate": 8000, "audio_filename": "other.wav"},
    )
    scores = {"mmcheck_wer": 0.12345, "mmcheck_cer": 0.5, "mmcheck_pred_text": "hallo", "mmcheck_similarity": None}
    row = ExportRow(index=0, action=Action.KEEP, out=OutputRow(sample=sample, extra=scores), kinds=(AUDIO_TRANSCRIPT,))
    line = NemoColumns(options).line(row, "manifest.json", "x.wav", {"duration": 1.5})
    assert line.sample.row == {"audio_filepath": "x.wav", "duration": 1.5, "text": "hello", "cer": 7}
    assert line.extra == {
        "pred_text": "hallo",
        "wer": 12.35,
        "mmcheck_wer": 0.12345,
        "mmcheck_cer": 0.5,
        "mmcheck_pred_text": "hallo",
    }
