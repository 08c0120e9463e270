from __future__ import annotations

import fcntl
import gc
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import mmcheck
from mmcheck.api import resolve_config
from mmcheck.core.errors import ConfigError, ManifestError, OutputError, RunError
from mmcheck.core.types import Measurement
from mmcheck.probe.caption_text import CaptionTextProbe
from mmcheck.scanning import scan as scan_module
from mmcheck.scanning.measure import ShardMeasuring
from mmcheck.scanning.scan import scan_run

MODEL_FREE = ["media", "caption_text"]


def scan(manifest: Path | list[Path], out: Path, **options: Any) -> mmcheck.Run:
    options = {"probes": MODEL_FREE, **options}
    return mmcheck.scan(manifest, out, **options)


def tree(out: Path) -> dict[str, bytes]:
    """Return the bytes of every file of a run but the clock's."""
    return {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in sorted(out.rglob("*"))
        if path.is_file() and path.name not in ("timings.json", ".lock", "report.html")
    }


def actions(run: mmcheck.Run) -> dict[str, str]:
    table = run.samples().to_arrow()
    return dict(zip(table["id"].to_pylist(), table["action"].to_pylist(), strict=True))


def test_every_row_ends_in_one_action_and_broken_ones_are_never_kept(
    make_dataset: Callable[..., Path], tmp_path: Path
) -> None:
    run = scan(make_dataset(8, broken=True), tmp_path / "run")
    summary = run.summary
    assert summary["rows_read"] == 8 == sum(summary[a] for a in ("keep", "flag", "quarantine", "unchecked"))
    found = actions(run)
    assert len(found) == 8
    assert found["s0"] == "keep"
    assert {found["s1"], found["s2"], found["s4"]} == {"quarantine"}
    assert summary["quarantine"] == 4
    codes = " ".join(summary["findings"])
    assert "truncated" in codes
    assert "missing" in codes
    assert "broken_json" in codes


def test_the_clean_manifest_holds_the_kept_rows_whole(make_dataset: Callable[..., Path], tmp_path: Path) -> None:
    run = scan(make_dataset(8, broken=True), tmp_path / "run")
    rows = [json.loads(line) for line in (run.path / "clean" / "data.jsonl").read_text("utf-8").splitlines()]
    assert [row["id"] for row in rows] == ["s0", "s5", "s6", "s7"]
    assert rows[1]["extra"] == [5]
    assert Path(rows[1]["image"]).is_file()
    assert rows[1]["mmcheck_action"] == "keep"
    held = (run.path / "quarantine" / "data.jsonl").read_text("utf-8").splitlines()
    assert len(held) == 4


def test_a_folder_as_input_gets_its_rows_back(make_dataset: Callable[..., Path], tmp_path: Path) -> None:
    folder = make_dataset(8, broken=True).parent
    rows = [json.loads(line) for line in (folder / "data.jsonl").read_text("utf-8").splitlines() if "s3" not in line]
    (folder / "metadata.jsonl").write_text(
        "".join(json.dumps({"file_name": row["image"], "text": row["caption"]}) + "\n" for row in rows), "utf-8"
    )
    (folder / "data.jsonl").unlink()
    run = scan(folder, tmp_path / "run")
    written = {
        name: sum(len(path.read_text("utf-8").splitlines()) for path in (run.path / name).rglob("*.jsonl"))
        for name in ("clean", "quarantine")
    }
    assert (
        written
        == {"clean": run.summary["keep"], "quarantine": run.summary["quarantine"]}
        == {"clean": 4, "quarantine": 3}
    )


def test_scanning_twice_gives_equal_bytes_and_measures_nothing_anew(
    make_dataset: Callable[..., Path], tmp_path: Path
) -> None:
    manifest = make_dataset(8, broken=True)
    first = tree(scan(manifest, tmp_path / "a").path)
    assert tree(scan(manifest, tmp_path / "b").path) == first
    stamps = {p: p.stat().st_mtime_ns for p in (tmp_path / "a" / "measurements").rglob("*.parquet")}
    assert tree(scan(manifest, tmp_path / "a").path) == first
    assert stamps == {p: p.stat().st_mtime_ns for p in (tmp_path / "a" / "measurements").rglob("*.parquet")}


_SLOWLY = """
import time
from mmcheck.cli.app import main
from mmcheck.scanning.measure import ShardMeasuring
store = ShardMeasuring._store
ShardMeasuring._store = lambda *args: (store(*args), time.sleep(0.05))
main()
"""
"""The command line, with pauses between shards: a scan of small files would be done before a signal comes."""


def _start(manifest: Path, out: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", _SLOWLY, "scan", str(manifest), "--out", str(out), "--no-report"]
    return subprocess.Popen(
        [*command, "--probes", "media,caption_text", "--set", "run.shard_size=4", "--set", "run.workers=1"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        # What runs in the background of a shell script has Ctrl-C switched off, and passes that on.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def _wait_for_part(out: Path, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end and process.poll() is None:
        if (out / "measurements" / "media" / "00002.parquet").exists():
            return
        time.sleep(0.002)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_stopped_scan_continues_to_the_same_bytes(
    make_dataset: Callable[..., Path], tmp_path: Path, how: signal.Signals
) -> None:
    manifest = make_dataset(400)
    options = {"overrides": ["run.shard_size=4", "run.workers=1"]}
    process = _start(manifest, tmp_path / "stopped")
    _wait_for_part(tmp_path / "stopped", process)
    process.send_signal(how)
    stderr = process.communicate(timeout=60)[1].decode()
    parts = len(list((tmp_path / "stopped" / "measurements" / "media").glob("*.parquet")))
    assert 2 < parts < 100, f"the scan was to be stopped in the middle: {stderr}"
    assert process.returncode == (130 if how is signal.SIGINT else -signal.SIGKILL)
    assert ("interrupted" in stderr) == (how is signal.SIGINT)
    with pytest.raises(RunError, match="interrupted"):
        mmcheck.open_run(tmp_path / "stopped").judge()
    resumed = scan(manifest, tmp_path / "stopped", **options)
    assert tree(resumed.path) == tree(scan(manifest, tmp_path / "whole", **options).path)


def test_models_are_gone_before_the_whole_set_is_looked_at(
    make_dataset: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    analyse, alive = scan_module.analyse_run, []

    def counted(*args: Any) -> Any:
        alive.append(sum(isinstance(thing, ShardMeasuring | CaptionTextProbe) for thing in gc.get_objects()))
        return analyse(*args)

    gc.collect()
    before = sum(isinstance(thing, ShardMeasuring | CaptionTextProbe) for thing in gc.get_objects())
    monkeypatch.setattr(scan_module, "analyse_run", counted)
    scan(make_dataset(4), tmp_path / "run")
    assert alive == [before]


def test_a_damaged_part_is_measured_again(make_dataset: Callable[..., Path], tmp_path: Path) -> None:
    manifest = make_dataset(8)
    before = tree(scan(manifest, tmp_path / "run").path)
    part = tmp_path / "run" / "measurements" / "media" / "00000.parquet"
    part.write_bytes(part.read_bytes()[:100])
    assert tree(scan(manifest, tmp_path / "run").path) == before


def test_another_run_is_not_overwritten(make_dataset: Callable[..., Path], tmp_path: Path) -> None:
    first, second = make_dataset(3, name="one"), make_dataset(4, name="two")
    scan(first, tmp_path / "run")
    with pytest.raises(OutputError, match="belongs to another run"):
        scan(second, tmp_path / "run")
    with pytest.raises(OutputError, match="belongs to another run"):
        scan(first, tmp_path / "run", limit=2)
    assert scan(second, tmp_path / "run", overwrite=True).summary["rows_read"] == 4


def test_a_changed_manifest_is_another_run(make_dataset: Callable[..., Path], tmp_path: Path) -> None:
    manifest = make_dataset(3)
    scan(manifest, tmp_path / "run")
    manifest.write_text(manifest.read_text("utf-8") + manifest.read_text("utf-8").splitlines()[0].replace("s0", "new"))
    with pytest.raises(OutputError, match="belongs to another run"):
        scan(manifest, tmp_path / "run")


def test_a_folder_with_other_things_is_refused_even_with_overwrite(
    make_dataset: Callable[..., Path], tmp_path: Path
) -> None:
    manifest = make_dataset(2)
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "letter.txt").write_text("dear")
    with pytest.raises(OutputError, match="not a run folder"):
        scan(manifest, tmp_path / "home", overwrite=True)
    assert (tmp_path / "home" / "letter.txt").read_text() == "dear"


def test_an_unwritable_or_occupied_output_is_a_clear_error(make_dataset: Callable[..., Path], tmp_path: Path) -> None:
    manifest = make_dataset(2)
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="cannot use"):
        scan(manifest, tmp_path / "file" / "run")
    scan(manifest, tmp_path / "run")
    with (tmp_path / "run" / ".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(OutputError, match="another mmcheck"):
            scan(manifest, tmp_path / "run")


def test_the_manifests_own_id_given_twice_names_both_rows(make_dataset: Callable[..., Path], tmp_path: Path) -> None:
    manifest = make_dataset(5)
    manifest.write_text(manifest.read_text("utf-8").replace('"s4"', '"s1"'), "utf-8")
    with pytest.raises(ManifestError, match=r"'s1' is given twice, in row 2 and in row 5"):
        scan(manifest, tmp_path / "run")


def test_a_mended_manifest_may_use_the_folder_of_the_failed_attempt(
    make_dataset: Callable[..., Path], tmp_path: Path
) -> None:
    manifest = make_dataset(5)
    good = manifest.read_text("utf-8")
    manifest.write_text(good.replace('"s4"', '"s1"'), "utf-8")
    with pytest.raises(ManifestError, match="given twice"):
        scan(manifest, tmp_path / "run")
    manifest.write_text(good, "utf-8")
    assert scan(manifest, tmp_path / "run").summary["rows_read"] == 5


def test_derived_ids_are_made_unique(make_dataset: Callable[..., Path], tmp_path: Path) -> None:
    manifest = make_dataset(2, own_ids=False)
    first = manifest.read_text("utf-8").splitlines()[0]
    manifest.write_text(manifest.read_text("utf-8") + first + "\n" + first + "\n", "utf-8")
    assert sorted(actions(scan(manifest, tmp_path / "run"))) == ["0.png", "0.png#2", "0.png#3", "1.png"]


def test_equal_ids_of_two_manifests_are_told_apart(make_dataset: Callable[..., Path], tmp_path: Path) -> None:
    run = scan([make_dataset(2, name="one"), make_dataset(2, name="two")], tmp_path / "run")
    assert len(actions(run)) == 4
    assert len(run.summary["manifests"]) == 2
    assert len(list((run.path / "clean").rglob("data.jsonl"))) == 2


def test_no_rows_is_a_finished_run(make_dataset: Callable[..., Path], tmp_path: Path) -> None:
    manifest = make_dataset(1)
    run = scan(manifest, tmp_path / "run", limit=0)
    assert run.summary["rows_read"] == 0
    assert len(run.samples()) == 0
    assert run.judge().summary["keep"] == 0


def test_one_sample_that_breaks_a_probe_does_not_take_its_batch_along(
    make_dataset: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measure = CaptionTextProbe.measure

    def brittle(self: CaptionTextProbe, batch: Any) -> list[Measurement]:
        if any(prepared.sample.id == "s2" for prepared in batch):
            raise ZeroDivisionError("no words")
        return measure(self, batch)

    monkeypatch.setattr(CaptionTextProbe, "measure", brittle)
    run = scan(make_dataset(5), tmp_path / "run")
    found = actions(run)
    assert found["s2"] == "unchecked"
    assert [found[f"s{n}"] for n in (0, 1, 3, 4)] == ["keep"] * 4
    assert run.summary["probes"]["caption_text"] == {"measured": 4, "not_applicable": 0, "failed": 1}


def test_a_probe_whose_options_changed_measures_only_itself(make_dataset: Callable[..., Path], tmp_path: Path) -> None:
    manifest = make_dataset(5)
    scan(manifest, tmp_path / "run")
    part = tmp_path / "run" / "measurements" / "media" / "00000.parquet"
    stamp = part.stat().st_mtime_ns
    config = resolve_config(probes=MODEL_FREE, overrides=["probes.caption_text.detect_language=false"])
    plan = scan_run([str(manifest)], tmp_path / "run", config, dry_run=True)
    assert plan.to_measure == {"media": 0, "caption_text": 5}
    scan_run([str(manifest)], tmp_path / "run", config)
    assert part.stat().st_mtime_ns == stamp


def test_a_dry_run_leaves_nothing_behind(make_dataset: Callable[..., Path], tmp_path: Path) -> None:
    config = resolve_config(probes=MODEL_FREE)
    plan = scan_run([str(make_dataset(5))], tmp_path / "run", config, dry_run=True)
    assert (plan.rows, plan.to_measure) == (5, {"media": 5, "caption_text": 5})
    assert not (tmp_path / "run").exists()


def test_judging_anew_changes_the_verdicts_and_nothing_measured(
    make_dataset: Callable[..., Path], tmp_path: Path
) -> None:
    run = scan(make_dataset(6), tmp_path / "run")
    before = tree(run.path)
    rule = {"rule": "threshold", "metric": "media.width", "min": 1000, "action": "quarantine"}
    config = mmcheck.api.resolve_config(run.config).model_copy(
        update={"rules": {"small": mmcheck.config.RuleConfig(**rule)}}
    )
    assert run.judge(config).summary["quarantine"] == 6
    after = tree(run.path)
    unchanged = [name for name in before if name.startswith(("measurements", "samples", "run.json"))]
    assert unchanged
    assert all(before[name] == after[name] for name in unchanged)
    assert run.judge("default").summary["keep"] == 6


def test_a_wrong_rule_is_refused_before_anything_is_measured(make_dataset: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"media\.widht"):
        scan(
            make_dataset(2),
            tmp_path / "run",
            overrides=["rules.small={rule: threshold, metric: media.widht, min: 3}"],
        )
    assert not (tmp_path / "run").exists()


def test_a_model_probe_is_left_out_where_no_sample_needs_it(make_dataset: Callable[..., Path], tmp_path: Path) -> None:
    config = resolve_config(probes=["media", "transcript"], overrides=["probes.transcript.model=/nowhere"])
    plan = scan_run([str(make_dataset(2))], tmp_path / "run", config)
    assert list(plan.probes) == ["media"]
    assert "no sample has" in plan.skipped["transcript"]


def test_samples_come_as_arrow_and_pandas(make_dataset: Callable[..., Path], tmp_path: Path) -> None:
    run = scan(make_dataset(3), tmp_path / "run")
    frame = mmcheck.open_run(run.path).samples().to_pandas()
    assert list(frame["id"]) == ["s0", "s1", "s2"]
    assert {"action", "media.width", "caption_text.num_words"} <= set(frame.columns)
    assert list(frame["media.width"]) == [320, 320, 320]


def test_opening_what_is_no_run_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"no run\.json"):
        mmcheck.open_run(tmp_path)


@pytest.fixture(autouse=True)
def _stay_writable(tmp_path: Path) -> Iterator[None]:
    yield
    for path in tmp_path.rglob("*"):
        if path.is_dir() and not os.access(path, os.W_OK):
            path.chmod(0o755)


def written_rows(run: mmcheck.Run) -> dict[str, int]:
    folders = {"keep": "clean", "flag": "flagged", "quarantine": "quarantine", "unchecked": "unchecked"}
    return {
        action: sum(len(path.read_text("utf-8").splitlines()) for path in (run.path / folder).rglob("*.jsonl"))
        for action, folder in folders.items()
    }


def counts(run: mmcheck.Run) -> dict[str, int]:
    return {action: run.summary[action] for action in ("keep", "flag", "quarantine", "unchecked")}


def test_inputs_of_one_stem_are_written_apart(make_dataset: Callable[..., Path], tmp_path: Path) -> None:
    first, second = make_dataset(3, name="one"), make_dataset(4, name="two")
    other = second.with_name("data.more.jsonl")
    second.rename(other)
    run = scan([first, other], tmp_path / "run")
    assert written_rows(run) == counts(run)
    assert run.summary["rows_read"] == 7


def test_metadata_files_of_one_folder_name_are_written_apart(make_dataset: Callable[..., Path], tmp_path: Path) -> None:
    for split in ("x", "y", "z"):
        source = make_dataset(2, name=f"source-{split}")
        (tmp_path / "tree" / split).mkdir(parents=True)
        source.parent.rename(tmp_path / "tree" / split / "train")
        folder = tmp_path / "tree" / split / "train"
        rows = [json.loads(line) for line in (folder / "data.jsonl").read_text("utf-8").splitlines()]
        lines = [json.dumps({"file_name": row["image"], "text": row["caption"]}) for row in rows]
        (folder / "metadata.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
        (folder / "data.jsonl").unlink()
    run = scan(tmp_path / "tree", tmp_path / "run")
    assert run.summary["rows_read"] == 6
    assert written_rows(run) == counts(run)
    media = scan(tmp_path / "tree", tmp_path / "media", config={"extends": "none", "output": {"write_media": True}})
    assert {path.parent.relative_to(media.path).as_posix() for path in media.path.rglob("metadata.jsonl")} == {
        f"clean/tree/{split}/train" for split in ("x", "y", "z")
    }


def test_half_a_pair_is_never_kept(make_dataset: Callable[..., Path], tmp_path: Path) -> None:
    manifest = make_dataset(2)
    manifest.write_text(manifest.read_text("utf-8") + '{"id": "bare", "image": "0.png"}\n', "utf-8")
    run = scan(manifest, tmp_path / "run")
    assert actions(run)["bare"] == "unchecked"
    assert "unmeasured.half_a_pair" in run.summary["findings"]


def test_probes_and_config_come_in_the_forms_people_write(make_dataset: Callable[..., Path], tmp_path: Path) -> None:
    tree_ = {"rules": {"small": {"metric": "media.width", "min": 1000}}}
    run = mmcheck.scan(make_dataset(2), tmp_path / "run", tree_, probes="media, caption_text")
    assert run.summary["quarantine"] == 2
    assert {"scan", "open_run"} <= set(dir(mmcheck))


def test_odd_paths_work_and_undecodable_ones_are_a_clear_error(
    make_dataset: Callable[..., Path], tmp_path: Path
) -> None:
    manifest = make_dataset(2, name="my data \U0001f642")
    assert scan(manifest, tmp_path / "run").summary["rows_read"] == 2
    broken = Path(os.fsdecode(os.fsencode(manifest.parent) + b"\xff"))
    manifest.parent.rename(broken)
    with pytest.raises(ManifestError, match="not valid UTF-8"):
        scan(broken / "data.jsonl", tmp_path / "other")


def test_three_manifests_of_one_name_and_equal_ids(make_dataset: Callable[..., Path], tmp_path: Path) -> None:
    manifests = [make_dataset(2, name=name, own_ids=False) for name in ("a", "b", "c")]
    run = scan(manifests, tmp_path / "run")
    assert len(actions(run)) == 6 == run.summary["rows_read"]
    assert written_rows(run) == counts(run)


def test_a_dry_run_never_overwrites(make_dataset: Callable[..., Path], tmp_path: Path) -> None:
    manifest = make_dataset(2)
    before = tree(scan(manifest, tmp_path / "run").path)
    config = resolve_config(probes=MODEL_FREE)
    scan_run([str(manifest)], tmp_path / "run", config, dry_run=True, overwrite=True)
    assert tree(tmp_path / "run") == before


def test_a_dry_run_downloads_nothing(make_dataset: Callable[..., Path], tmp_path: Path) -> None:
    config = resolve_config(probes=["image_text"], overrides=["probes.image_text.model=hf-hub:nobody/no-such-model"])
    plan = scan_run([str(make_dataset(2))], tmp_path / "run", config, dry_run=True)
    assert (plan.probes, plan.to_measure) == ({"image_text": ""}, {"image_text": 2})


def test_overwrite_waits_for_nobody_and_spares_its_own_input(make_dataset: Callable[..., Path], tmp_path: Path) -> None:
    run = scan(make_dataset(2), tmp_path / "run")
    before = tree(run.path)
    with (run.path / ".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(OutputError, match="another mmcheck"):
            scan(make_dataset(2, name="other"), run.path, overwrite=True)
        with pytest.raises(OutputError, match="another mmcheck"):
            run.judge()
    with pytest.raises(OutputError, match="is inside --out"):
        scan(run.path / "clean" / "data.jsonl", run.path, overwrite=True)
    assert tree(run.path) == before


def test_a_run_folder_inside_the_scanned_folder_is_refused(make_dataset: Callable[..., Path], tmp_path: Path) -> None:
    folder = make_dataset(2).parent
    (folder / "data.jsonl").unlink()
    for number in range(2):
        (folder / f"{number}.txt").write_text(f"a green lamp number {number} on a desk", "utf-8")
    with pytest.raises(OutputError, match="is inside the scanned folder"):
        scan(folder, folder / "run")


def test_a_passing_fault_is_tried_again_and_a_mended_file_on_request(
    make_dataset: Callable[..., Path], tmp_path: Path
) -> None:
    manifest = make_dataset(3)
    image = manifest.parent / "1.png"
    data = image.read_bytes()
    image.unlink()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CaptionTextProbe, "measure", lambda self, batch: 1 / 0)
        assert scan(manifest, tmp_path / "run").summary["probes"]["caption_text"]["failed"] == 3
    again = scan(manifest, tmp_path / "run").summary["probes"]
    assert (again["caption_text"]["measured"], again["media"]["failed"]) == (3, 1)
    image.write_bytes(data)
    assert scan(manifest, tmp_path / "run").summary["probes"]["media"]["failed"] == 1
    assert scan(manifest, tmp_path / "run", retry_failed=True).summary["probes"]["media"]["failed"] == 0


def test_judging_keeps_what_was_measured_and_removes_the_old_report(
    make_dataset: Callable[..., Path], tmp_path: Path
) -> None:
    run = scan(make_dataset(2), tmp_path / "run", overrides=["run.shard_size=7", "input.language=en"])
    (run.path / "report.html").write_text("old")
    run.judge("demo")
    assert (run.config.run.shard_size, run.config.input.language) == (7, "en")
    assert not run.config.probes.image_text.enabled
    assert not (run.path / "report.html").exists()
