from __future__ import annotations

import sys
from pathlib import Path

import pyarrow as pa
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

import mmcheck
from mmcheck.core.parts import PROBES
from mmcheck.core.types import Measurement, Status
from mmcheck.store.run_folder import RunFolder, read_part
from mmcheck.store.schema import byte_columns, measurements_to_table, metric_columns, samples_to_table, table_to_samples
from scripts.benchmarks.all import run_bench, table_of, targets_of
from scripts.benchmarks.results import Target
from scripts.benchmarks.scale_parts.judging import Judging, _counts
from scripts.benchmarks.scale_parts.memory import Scan, make_manifest, memory_table, memory_targets
from scripts.benchmarks.scale_parts.process import Took, measure
from scripts.benchmarks.scale_parts.startup import heavy_imports
from scripts.benchmarks.scale_parts.stored_run import make_run


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    out = tmp_path_factory.mktemp("scale") / "run"
    make_run(out, 1500, shard_size=700)
    return RunFolder(out)


def took(wall: float, peak_mib: float = 100.0) -> Took:
    return Took(wall=wall, cpu=wall, peak_mib=peak_mib, out="", err="")


def test_the_columns_are_those_that_the_scanner_writes(made: RunFolder) -> None:
    for shard in made.shards():
        samples = read_part(made.samples_part(shard))
        again = samples_to_table(table_to_samples(samples), shard.start)
        assert again.equals(samples)
        for name in made.probes():
            table = read_part(made.measurements_part(name, shard))
            records = [
                Measurement(
                    sample_id=row["sample_id"],
                    probe=name,
                    status=Status(row["status"]),
                    reason=row["reason"],
                    cause=row["cause"],
                    values={short: row[short] for short in metric_columns(table) if row[short] is not None},
                    content={column: row[column] for column in byte_columns(table) if row[column] is not None},
                )
                for row in table.to_pylist()
            ]
            metrics = [metric for metric in made.metrics().values() if metric.name.startswith(f"{name}.")]
            content = PROBES.get(name).traits.columns if name in PROBES.names() else ()
            expected = measurements_to_table(records, metrics, content)
            drop = ["evidence"]
            assert table.drop_columns(drop).equals(expected.drop_columns(drop)), name


def test_the_values_lie_in_the_range_of_their_metrics(made: RunFolder) -> None:
    for name in made.probes():
        table = made.measurements_table(name)
        for short in metric_columns(table):
            metric = made.metrics()[f"{name}.{short}"]
            values = table[short].drop_null().to_numpy()
            assert not len(values) or metric.low is None or values.min() >= metric.low, metric.name
            assert not len(values) or metric.high is None or values.max() <= metric.high, metric.name


def test_every_action_occurs_and_the_manifests_hold_the_rows(made: RunFolder) -> None:
    run = mmcheck.open_run(made.path).judge()
    counts = _counts(run.path, run.summary)
    assert sum(counts.values()) == 1500
    assert all(counts.values())
    assert counts["keep"] > 1200
    (run.path / "clean" / "rows.jsonl").write_text("{}\n")
    with pytest.raises(RuntimeError, match="clean holds 1 rows"):
        _counts(run.path, run.summary)


def test_only_a_million_rows_are_held_against_the_target() -> None:
    assert Judging(1000, {}, [took(1.0)], took(2.0), 10).targets() == []
    found = Judging(1_000_000, {}, [took(14.0), took(16.0), took(10.0)], took(20.0), 10).targets()
    assert [(target.reached, target.met) for target in found] == [("14.0 s", True), ("100 MiB", True)]
    slow = Judging(1_000_000, {}, [took(15.5, 4000.0)], took(20.0), 10).targets()
    assert not any(target.met for target in slow)


def test_pictures_and_captions_are_distinct_and_made_once(tmp_path: Path) -> None:
    manifest = make_manifest(tmp_path, 20)
    files = sorted(tmp_path.rglob("*.jpg"))
    assert len({file.read_bytes() for file in files}) == 20
    assert len(set(manifest.read_text().splitlines())) == 20
    stamps = [file.stat().st_mtime_ns for file in files]
    make_manifest(tmp_path, 20)
    assert [file.stat().st_mtime_ns for file in files] == stamps


def test_growth_is_judged_from_ten_to_a_hundred_thousand_rows() -> None:
    scans = [Scan(rows=10_000, took=took(1.0, 1000.0)), Scan(rows=100_000, took=took(1.0, 1060.0))]
    assert [(target.reached, target.met) for target in memory_targets(scans)] == [("+6.0%", False)]
    assert memory_targets(scans[:1]) == []
    assert "+6.0%" in memory_table(scans)


def test_heavy_packages_are_found_in_the_trace_of_imports() -> None:
    trace = "\n".join(
        [
            "import time: self [us] | cumulative | imported package",
            "import time:       500 |     120000 |   numpy",
            "import time:       500 |       2000 |     numpy.linalg",
            "import time:        10 |    2500000 | torch",
            "import time:        10 |         10 | json",
            "import time:    300000 |     400000 | scipy.stats",
            "import time:    100000 |     100000 | scipy.linalg",
        ]
    )
    assert heavy_imports(trace) == {"torch": 2.5, "scipy": 0.4, "numpy": 0.12}


def test_a_failing_command_is_told_with_its_complaint() -> None:
    done = measure([sys.executable, "-c", "print('out')"])
    assert (done.out, done.peak_mib > 1) == ("out\n", True)
    with pytest.raises(RuntimeError, match="exit code 3: told why"):
        measure([sys.executable, "-c", "import sys; sys.exit((sys.stderr.write('told why'), 3)[1])"])


def test_targets_of_all_results_come_together(tmp_path: Path) -> None:
    (tmp_path / "image.json").write_text(
        '{"targets": [{"work": "w", "wanted": ">= 6x", "reached": "7x", "met": true}], "machine": "m"}'
    )
    found = targets_of(tmp_path, ["image", "audio"])
    assert [(name, target.work, target.met) for name, target in found] == [("image", "w", True)]


def test_arrays_of_one_run_are_equal_for_equal_seeds(tmp_path: Path, made: RunFolder) -> None:
    make_run(tmp_path / "run", 1500, shard_size=700)
    again = RunFolder(tmp_path / "run").measurements_table("alignment")
    assert isinstance(again, pa.Table)
    assert again.equals(made.measurements_table("alignment"))


def test_a_bench_that_is_not_there_or_crashes_is_told() -> None:
    assert run_bench("nowhere", []) == "there is no scripts/benchmarks/nowhere.py"
    assert run_bench("scale", ["--no-such-option"]) == "exit code 2"
    assert "0 of 1 targets" in table_of([("scale", Target(work="w", wanted="< 1 s", reached="2 s", met=False))])
