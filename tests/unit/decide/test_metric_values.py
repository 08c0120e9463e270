from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from mmcheck.core.errors import OutputError
from mmcheck.decide.metric_values import MetricValues
from mmcheck.decide.tally import Tally


def test_values_come_back_in_order_however_few_are_held(tmp_path):
    parts = {"a.x": [np.arange(5.0), np.array([9.0, -1.0])], "a.y": [np.array([0.5])]}
    for limit in (0, 30, 1000):
        store = MetricValues(tmp_path, held_bytes=limit)
        store.add("a.x", parts["a.x"][0])
        store.add("a.y", parts["a.y"][0])
        store.add("a.z", np.zeros(0))
        assert store.get("a.x").tolist() == parts["a.x"][0].tolist()
        store.add("a.x", parts["a.x"][1])
        assert store.names() == ["a.x", "a.y"]
        assert store.get("a.x").tolist() == np.concatenate(parts["a.x"]).tolist()
        assert store.get("a.y").tolist() == [0.5]
        assert store.get("a.z").tolist() == []
        store.close()
        assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    store = MetricValues(tmp_path / "gone", held_bytes=0)
    with pytest.raises(OutputError, match="cannot write"):
        store.add("a.x", np.arange(3.0))


@pytest.mark.parametrize("values", [[2.5] * 4, [0.0, -0.0, 0.0], [-0.0], [1.0, 2.0, 4.0, 8.0, 16.0], [7.0]])
def test_the_summary_of_a_metric_is_that_of_numpy(values):
    tally = Tally()
    samples = pa.table({"manifest": ["m"] * len(values), "language": ["en"] * len(values)})
    empty = pa.array([[]] * len(values), pa.list_(pa.string()))
    verdicts = pa.table({"action": ["keep"] * len(values), "codes": empty})
    measured = pa.table({"status": ["measured"] * len(values), "x": pa.array(values, pa.float64())})
    tally.add(samples, {"p": measured}, verdicts)
    found = tally.summary(len(values), [])["metrics"]["p.x"]
    array = np.array(values)
    expected = [array.mean(), array.min(), *np.quantile(array, [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99]), array.max()]
    assert [repr(value) for value in list(found.values())[1:]] == [repr(float(value)) for value in expected]
