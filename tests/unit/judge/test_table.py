from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from mmcheck.core.errors import RunError
from mmcheck.core.types import Sample, Status
from mmcheck.judge.table import JudgeTable
from mmcheck.store.schema import samples_to_table


def test_values_are_nan_where_absent(make_table):
    table = make_table(3, {"image_text": [{"similarity": 0.25}, None, ("missing", "gone")]})
    assert table.values("image_text.similarity")[0] == 0.25
    assert np.isnan(table.values("image_text.similarity")[1:]).all()
    assert np.isnan(table.values("image_text.nothing")).all()
    assert np.isnan(table.values("transcript.wer")).all()


def test_status_tells_apart_not_run_and_not_measured(make_table):
    table = make_table(3, {"image_text": [{"similarity": 0.25}, None, ("missing", "gone")]})
    assert table.status("image_text").tolist() == ["measured", "not_applicable", "failed"]
    assert table.status("transcript") is None
    assert table.has_status("image_text", Status.FAILED).tolist() == [False, False, True]
    assert not table.has_status("transcript", Status.FAILED).any()
    assert table.causes("image_text").to_pylist() == [None, None, "missing"]
    assert table.reasons("image_text").to_pylist() == [None, "nothing to measure", "gone"]
    assert table.causes("transcript").to_pylist() == [None] * 3


def test_measured_without_any_value_has_no_values(make_table):
    table = make_table(2, {"transcript": [{"wer": 0.5}, {}]})
    assert table.has_values("transcript").tolist() == [True, False]
    assert table.has_values("transcript", ("mean_log_prob",)).tolist() == [False, False]


def test_analyses_are_not_probes(make_table):
    table = make_table(1, {"media": [{"width": 3.0}], "repetition": [{"media_count": 1.0}]})
    assert table.probes == ["media"]


def test_languages_are_primary_codes_in_lower_case():
    samples = [
        Sample(id=str(i), manifest="m", row_number=1, language=language)
        for i, language in enumerate(["en-US", "DE", " pt_BR ", None])
    ]
    table = JudgeTable(samples_to_table(samples, 0), {})
    assert table.languages.to_pylist() == ["en", "de", "pt", None]


def test_problems_and_halves(make_table, image_sample, broken_sample):
    table = make_table([image_sample(0), image_sample(1, caption=None), broken_sample])
    assert table.has_problem.tolist() == [False, False, True]
    assert table.problem_causes.to_pylist() == [None, None, "broken_json"]
    assert table.problem_messages.to_pylist() == [None, None, "m:1 is not JSON."]
    assert table.has("image").tolist() == [True, True, False]
    assert table.has("caption").tolist() == [True, False, False]


def test_chunked_and_dictionary_columns_read_the_same(make_table):
    whole = make_table(4, {"media": [{"width": 1.0}, None, ("missing", "x"), {"width": 4.0}]})
    samples, media = whole._samples, whole._measurements["media"]
    encoded = media.set_column(1, "status", media["status"].dictionary_encode())
    split = JudgeTable(
        pa.concat_tables([samples.slice(0, 1), samples.slice(1)]),
        {"media": pa.concat_tables([encoded.slice(0, 3), encoded.slice(3)])},
    )
    assert split.ids.to_pylist() == whole.ids.to_pylist()
    assert split.status("media").tolist() == whole.status("media").tolist()
    np.testing.assert_array_equal(split.values("media.width"), whole.values("media.width"))


def test_a_run_without_rows(make_table):
    table = make_table([], {"media": []})
    assert table.num_rows == 0
    assert table.values("media.width").shape == (0,)
    assert table.status("media").tolist() == []


def test_measurements_of_other_samples_are_refused(make_table):
    table = make_table(3, {"media": [{"width": 1.0}] * 3})
    media = table._measurements["media"]
    with pytest.raises(RunError, match="2 rows, but the run has 3"):
        JudgeTable(table._samples, {"media": media.slice(0, 2)})
    with pytest.raises(RunError, match="another order"):
        JudgeTable(table._samples, {"media": media.take([1, 0, 2])})
