"""What every registered analysis keeps to: one row a sample, declared metrics, and no word about the order of rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from mmcheck.config import load_config
from mmcheck.core.parts import ANALYSES, PROBES
from mmcheck.corpus.base import Analysis
from mmcheck.store.run_folder import RunFolder
from mmcheck.store.schema import metric_columns
from tests.fixtures.permuted_shards import PermutedShard, permute, read_tables

NAMES = ANALYSES.names()
CONFIG = load_config("demo")
Analysed = dict[str, pa.Table]


def make(name: str) -> Any:
    kind = ANALYSES.get(name)
    return kind(getattr(CONFIG.analyses, name, None) or kind.options_model(), CONFIG.run.seed)


def analyse(shards: list[PermutedShard]) -> tuple[Analysed, dict[str, Any]]:
    """Run all analyses, each on what those before it found; return their tables and summaries."""
    found: Analysed = {}
    summaries = {}
    for name in NAMES:
        analysis = make(name)
        tables = list(analysis.analyse(shards))
        assert [table.num_rows for table in tables] == [shard.table.num_rows for shard in shards]
        for shard, table in zip(shards, tables, strict=True):
            shard.measured[name] = table
        found[name], summaries[name] = pa.concat_tables(tables), analysis.summary()
    return found, summaries


def by_id(table: pa.Table, column: str) -> dict[str, Any]:
    return dict(zip(table["sample_id"].to_pylist(), table[column].to_pylist(), strict=True))


@pytest.fixture(scope="module")
def orders(measured_run: RunFolder) -> list[tuple[Analysed, dict[str, Any]]]:
    """Return what the analyses say of one run with its rows as they are, and in two other orders and shards."""
    samples, measured = read_tables(measured_run)
    count = samples.num_rows
    shuffled = np.random.default_rng(7).permutation(count).tolist()
    return [
        analyse(permute(samples, measured, order, cuts))
        for order, cuts in (
            (list(range(count)), [count // 2]),
            (list(range(count))[::-1], [3, count // 3]),
            (shuffled, [count // 5, count // 2]),
        )
    ]


@pytest.mark.parametrize("name", NAMES)
def test_keeps_to_the_protocol(name: str) -> None:
    analysis = make(name)
    assert isinstance(analysis, Analysis)
    assert ANALYSES.get(name).name == name
    assert len(analysis.fingerprint()) >= 16
    assert analysis.fingerprint() == make(name).fingerprint()
    assert {metric.name.partition(".")[0] for metric in analysis.metrics} == {name}
    assert list(ANALYSES.metrics(name)) == list(analysis.metrics)
    traits = analysis.traits
    assert set(traits.needs) <= set(NAMES[: NAMES.index(name)]), "what it needs runs before it"
    assert set(traits.reads) <= set(PROBES.names())
    assert {f"{name}.{short}" for short in traits.by_order} <= {metric.name for metric in analysis.metrics}
    assert analysis.options_model().model_dump()["enabled"] is True


@pytest.mark.parametrize("name", NAMES)
def test_gives_declared_values_within_their_range(name: str, orders: list[tuple[Analysed, dict[str, Any]]]) -> None:
    table = orders[0][0][name]
    known = {metric.name.partition(".")[2]: metric for metric in ANALYSES.metrics(name)}
    assert set(metric_columns(table)) <= set(known)
    assert any(table[column].null_count < table.num_rows for column in metric_columns(table))
    for column in metric_columns(table):
        values = table[column].drop_null().to_numpy()
        assert np.isfinite(values).all()
        low, high = known[column].low, known[column].high
        assert low is None or (values >= low - 1e-6).all(), column
        assert high is None or (values <= high + 1e-6).all(), column


@pytest.mark.parametrize("other", [1, 2], ids=["reversed", "shuffled"])
@pytest.mark.parametrize("name", NAMES)
def test_the_order_of_the_rows_changes_no_value(
    name: str, other: int, orders: list[tuple[Analysed, dict[str, Any]]]
) -> None:
    one, two = orders[0][0][name], orders[other][0][name]
    assert set(metric_columns(one)) == set(metric_columns(two))
    assert by_id(one, "status") == by_id(two, "status")
    for column in metric_columns(one):
        if column in ANALYSES.get(name).traits.by_order:
            continue
        expected, got = by_id(one, column), by_id(two, column)
        assert [key for key in expected if expected[key] is None] == [key for key in expected if got[key] is None], (
            column
        )
        known = [key for key in expected if expected[key] is not None]
        np.testing.assert_allclose(
            [got[key] for key in known], [expected[key] for key in known], rtol=1e-4, atol=1e-5, err_msg=column
        )


@pytest.mark.parametrize("name", NAMES)
def test_no_rows_give_no_values(name: str, measured_run: RunFolder) -> None:
    samples, measured = read_tables(measured_run)
    (empty,) = permute(samples.slice(0, 0), {probe: table.slice(0, 0) for probe, table in measured.items()}, [], [])
    (table,) = make(name).analyse([empty])
    assert table.num_rows == 0
