"""Damage in a run folder is noticed, named, and made anew; it never ends in a traceback or in other values."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import mmcheck
from mmcheck.core.errors import MmcheckError, OutputError, RunError
from mmcheck.report.build import write_report
from mmcheck.store.run_folder import RunFolder

PROBES = ["media", "caption_text"]
SHARDS = ["run.shard_size=4", "run.workers=1"]
FILES = (
    "samples/00001.parquet",
    "measurements/media/00000.parquet",
    "measurements/caption_text/00001.parquet",
    "measurements/duplicates/00000.parquet",
    "measurements/caption/summary.json",
    "verdicts/00001.parquet",
    "run.json",
    "config.yaml",
    "summary.json",
)


def _tree(out: Path) -> dict[str, bytes]:
    return {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in sorted(out.rglob("*"))
        if path.is_file() and path.name not in ("timings.json", ".lock", "report.html")
    }


def _flip(data: bytes, rng: random.Random) -> bytes:
    changed = bytearray(data)
    changed[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _cut(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randrange(len(data))]


def _report(run: Path) -> None:
    write_report(RunFolder(run))


def _judge(run: Path) -> None:
    mmcheck.open_run(run).judge()


def _error_of(use: Callable[[Path], None], run: Path) -> MmcheckError | None:
    try:
        use(run)
    except MmcheckError as error:
        return error
    return None


@pytest.mark.parametrize("damage", [_flip, _cut, lambda data, rng: b""])
def test_damage_is_named_and_a_scan_makes_anew_what_it_hit(
    make_dataset: Callable[..., Path], tmp_path: Path, damage: Callable[[bytes, random.Random], bytes]
) -> None:
    manifest = make_dataset(6)
    base = mmcheck.scan(manifest, tmp_path / "base", probes=PROBES, overrides=SHARDS).path
    want = _tree(base)
    rng = random.Random(11)
    for name in FILES:
        run, other = tmp_path / "run", tmp_path / "other"
        for folder in (run, other):
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(base, folder)
            (folder / name).write_bytes(damage((base / name).read_bytes(), rng))
        for use in (_report, _judge):
            error = _error_of(use, other)
            if error is not None:
                assert Path(name).name in error.message, error
                assert isinstance(error, RunError)
                assert error.hint
            else:
                found = _tree(other)
                assert {key: found.get(key) for key in want if key != name} == {
                    key: value for key, value in want.items() if key != name
                }
        mmcheck.scan(manifest, run, probes=PROBES, overrides=SHARDS)
        assert _tree(run) == want, name


def test_an_emptied_run_json_is_this_runs_and_measures_nothing_anew(
    make_dataset: Callable[..., Path], tmp_path: Path
) -> None:
    manifest = make_dataset(6)
    run = mmcheck.scan(manifest, tmp_path / "run", probes=PROBES).path
    want = _tree(run)
    stamps = {path: path.stat().st_mtime_ns for path in (run / "measurements").rglob("*.parquet")}
    (run / "run.json").write_bytes(b"")
    mmcheck.scan(manifest, run, probes=PROBES)
    assert _tree(run) == want
    assert stamps == {path: path.stat().st_mtime_ns for path in (run / "measurements").rglob("*.parquet")}


def test_a_damaged_run_json_does_not_give_a_folder_away_to_other_work(
    make_dataset: Callable[..., Path], tmp_path: Path
) -> None:
    run = mmcheck.scan(make_dataset(6, name="one"), tmp_path / "run", probes=PROBES).path
    (run / "run.json").write_bytes(b"")
    with pytest.raises(OutputError, match=r"damaged run\.json and belongs to another run"):
        mmcheck.scan(make_dataset(3, name="two"), run, probes=PROBES)
    assert len(list((run / "samples").iterdir())) == 1
    again = mmcheck.scan(make_dataset(3, name="three"), run, probes=PROBES, overwrite=True)
    assert again.summary["rows_read"] == 3


def test_a_config_changed_by_hand_is_not_taken_for_the_runs(make_dataset: Callable[..., Path], tmp_path: Path) -> None:
    run = mmcheck.scan(make_dataset(4), tmp_path / "run", probes=PROBES)
    file = run.path / "config.yaml"
    file.write_text(file.read_text("utf-8").replace("seed: 0", "seed: 1"), "utf-8")
    with pytest.raises(RunError, match=r"config\.yaml is damaged: .* changed by hand") as caught:
        run.judge()
    assert "--config" in str(caught.value.hint)
