"""A scan that is stopped inside a shard goes on from where it was, in the same batches, to the same bytes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import mmcheck
from mmcheck.core.types import Measurement
from mmcheck.probe.base import Prepared
from mmcheck.probe.caption_text import CaptionTextProbe
from mmcheck.scanning import measure as measure_module

PROBES = ["media", "caption_text"]
ROWS = 40


def _tree(out: Path) -> dict[str, bytes]:
    return {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in sorted(out.rglob("*"))
        if path.is_file() and path.name not in ("timings.json", ".lock", "report.html")
    }


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Let captions be measured seven at a time, with values that tell of the batch; return the batches."""
    seen: list[list[str]] = []
    plain = CaptionTextProbe.measure

    def measured(probe: CaptionTextProbe, batch: Sequence[Prepared]) -> list[Measurement]:
        ids = [prepared.sample.id for prepared in batch]
        seen.append(ids)
        return [replace(m, evidence={**m.evidence, "batch": ids}) for m in plain(probe, batch)]

    monkeypatch.setattr(CaptionTextProbe, "batch_size", 7)
    monkeypatch.setattr(CaptionTextProbe, "measure", measured)
    return seen


def _stop_after(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    take = measure_module.ShardMeasuring._take
    taken: list[int] = []

    def counted(*args: Any) -> None:
        if len(taken) == count:
            raise KeyboardInterrupt
        taken.append(1)
        take(*args)

    monkeypatch.setattr(measure_module.ShardMeasuring, "_take", counted)


@pytest.mark.parametrize("count", [1, 7, 18, 39])
def test_an_interrupted_shard_goes_on_in_the_same_batches(
    make_dataset: Callable[..., Path], tmp_path: Path, batches: list[list[str]], count: int
) -> None:
    manifest = make_dataset(ROWS, broken=True)
    want = _tree(mmcheck.scan(manifest, tmp_path / "whole", probes=PROBES).path)
    whole = list(batches)
    batches.clear()
    with pytest.MonkeyPatch.context() as stopped:
        _stop_after(stopped, count)
        with pytest.raises(KeyboardInterrupt):
            mmcheck.scan(manifest, tmp_path / "run", probes=PROBES)
    done = len(batches)
    run = mmcheck.scan(manifest, tmp_path / "run", probes=PROBES)
    assert _tree(run.path) == want
    assert batches == whole
    assert done == sum(len(batch) > 0 and int(batch[-1][1:]) < count for batch in whole)


def test_it_may_be_stopped_again_and_again(
    make_dataset: Callable[..., Path], tmp_path: Path, batches: list[list[str]]
) -> None:
    manifest = make_dataset(ROWS)
    want = _tree(mmcheck.scan(manifest, tmp_path / "whole", probes=PROBES).path)
    whole = list(batches)
    batches.clear()
    for count in (8, 3, 10, 9):
        with pytest.MonkeyPatch.context() as stopped:
            _stop_after(stopped, count)
            with pytest.raises(KeyboardInterrupt):
                mmcheck.scan(manifest, tmp_path / "run", probes=PROBES)
        assert list((tmp_path / "run" / "measurements").rglob("*.partial.parquet"))
    assert _tree(mmcheck.scan(manifest, tmp_path / "run", probes=PROBES).path) == want
    assert batches == whole


def test_what_other_options_measured_is_not_gone_on_from(
    make_dataset: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batches: list[list[str]]
) -> None:
    manifest = make_dataset(ROWS)
    with pytest.MonkeyPatch.context() as stopped:
        _stop_after(stopped, 20)
        with pytest.raises(KeyboardInterrupt):
            mmcheck.scan(manifest, tmp_path / "run", probes=PROBES)
    batches.clear()
    monkeypatch.setattr(CaptionTextProbe, "fingerprint", lambda self: "another")
    mmcheck.scan(manifest, tmp_path / "run", probes=PROBES)
    assert sum(map(len, batches)) == ROWS


def test_a_damaged_partial_part_is_measured_again(
    make_dataset: Callable[..., Path], tmp_path: Path, batches: list[list[str]]
) -> None:
    manifest = make_dataset(ROWS)
    want = _tree(mmcheck.scan(manifest, tmp_path / "whole", probes=PROBES).path)
    with pytest.MonkeyPatch.context() as stopped:
        _stop_after(stopped, 20)
        with pytest.raises(KeyboardInterrupt):
            mmcheck.scan(manifest, tmp_path / "run", probes=PROBES)
    (part,) = (tmp_path / "run" / "measurements" / "caption_text").iterdir()
    data = bytearray(part.read_bytes())
    data[50] ^= 2
    part.write_bytes(data)
    batches.clear()
    assert _tree(mmcheck.scan(manifest, tmp_path / "run", probes=PROBES).path) == want
    assert sum(map(len, batches)) == ROWS


def test_a_failure_that_may_pass_is_tried_again_and_what_came_before_it_is_kept(
    make_dataset: Callable[..., Path], tmp_path: Path, batches: list[list[str]]
) -> None:
    manifest = make_dataset(ROWS)
    want = _tree(mmcheck.scan(manifest, tmp_path / "whole", probes=PROBES).path)
    whole = list(batches)
    prepare = CaptionTextProbe.prepare

    def failing(probe: CaptionTextProbe, media: Any) -> Any:
        if media.sample.id == "s16":
            raise OSError("the network is gone")
        return prepare(probe, media)

    with pytest.MonkeyPatch.context() as stopped:
        stopped.setattr(CaptionTextProbe, "prepare", failing)
        _stop_after(stopped, 30)
        with pytest.raises(KeyboardInterrupt):
            mmcheck.scan(manifest, tmp_path / "run", probes=PROBES)
    batches.clear()
    assert _tree(mmcheck.scan(manifest, tmp_path / "run", probes=PROBES).path) == want
    assert batches == whole[2:]


_SLOWLY = """
import time
from mmcheck.cli.app import main
from mmcheck.probe.media import MediaProbe
from mmcheck.scanning.measure import ShardMeasuring
take = ShardMeasuring._take
MediaProbe.batch_size = 4
ShardMeasuring._take = lambda *args: (take(*args), time.sleep(0.01))
main()
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_scan_keeps_what_was_stored_by_time(
    make_dataset: Callable[..., Path], tmp_path: Path, how: signal.Signals
) -> None:
    manifest = make_dataset(ROWS)
    options = ["--probes", ",".join(PROBES), "--set", "run.checkpoint_seconds=0", "--no-report"]
    process = subprocess.Popen(
        [sys.executable, "-c", _SLOWLY, "scan", str(manifest), "--out", str(tmp_path / "run"), *options],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    part = tmp_path / "run" / "measurements" / "media" / "00000.partial.parquet"
    end = time.monotonic() + 60
    while not part.exists() and process.poll() is None and time.monotonic() < end:
        time.sleep(0.002)
    process.send_signal(how)
    process.wait(timeout=60)
    assert part.exists()
    overrides = ["run.checkpoint_seconds=0"]
    run = mmcheck.scan(manifest, tmp_path / "run", probes=PROBES, overrides=overrides)
    assert _tree(run.path) == _tree(mmcheck.scan(manifest, tmp_path / "w", probes=PROBES, overrides=overrides).path)
    assert not list(run.path.rglob("*.partial.parquet"))
    assert json.loads((run.path / "summary.json").read_text("utf-8"))["rows_read"] == ROWS
