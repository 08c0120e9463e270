"""What every registered probe keeps to, on a run with sound pairs and with media that cannot be decoded."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mmcheck.config import ProbesConfig, load_config
from mmcheck.core.parts import PROBES
from mmcheck.core.types import Status
from mmcheck.judge.unreadable_media import UnreadableMediaRule
from mmcheck.probe.base import ImageProbe, PrimedProbe, Probe, SettledProbe
from mmcheck.store.run_folder import RunFolder
from mmcheck.store.schema import metric_columns

NAMES = PROBES.names()
HALVES = {"image", "caption", "audio", "transcript"}
CONFIG = load_config("demo", overrides=["probes.transcript_second.model=tiny-ctc"])


def make(name: str) -> Any:
    kind = PROBES.get(name)
    return kind(getattr(CONFIG.probes, name, None) or kind.options_model(), "cpu", CONFIG.run.seed)


def rows_of(run: RunFolder, name: str) -> list[dict[str, Any]]:
    return run.measurements_table(name, embeddings=False).to_pylist()


@pytest.mark.parametrize("name", NAMES)
def test_keeps_to_the_protocol(name: str) -> None:
    probe = make(name)
    assert isinstance(probe, Probe)
    assert PROBES.get(name).name == name
    assert probe.batch_size >= 1
    assert {metric.name.partition(".")[0] for metric in probe.metrics} == {name}
    assert list(PROBES.metrics(name)) == list(probe.metrics)
    assert len({metric.name for metric in probe.metrics}) == len(probe.metrics)
    assert set(probe.traits.halves) <= HALVES
    assert probe.traits.serves is None or NAMES.index(probe.traits.serves) < NAMES.index(name)
    assert probe.options_model().model_dump()["enabled"] is True
    if name in ProbesConfig.model_fields:
        assert ProbesConfig.model_fields[name].annotation is probe.options_model


def test_what_some_probes_have_besides_is_seen() -> None:
    have = {kind: {name for name in NAMES if isinstance(make(name), kind)} for kind in (ImageProbe, PrimedProbe)}
    assert have == {ImageProbe: {"image_text"}, PrimedProbe: {"transcript_null", "transcript_second"}}
    assert isinstance(make("transcript"), SettledProbe)


@pytest.mark.parametrize("name", [name for name in NAMES if PROBES.get(name).traits.serves is None])
def test_equal_options_give_equal_fingerprints(name: str) -> None:
    assert make(name).fingerprint() == make(name).fingerprint()


@pytest.mark.parametrize("name", NAMES)
def test_every_sample_has_its_measurement(name: str, measured_run: RunFolder) -> None:
    ids = measured_run.samples_table()["id"].to_pylist()
    rows = rows_of(measured_run, name)
    assert [row["sample_id"] for row in rows] == ids
    assert {row["status"] for row in rows} <= {status.value for status in Status}
    assert any(row["status"] == "measured" for row in rows)
    for row in rows:
        if row["status"] != "measured":
            assert row["reason"]


@pytest.mark.parametrize("name", NAMES)
def test_values_are_declared_and_within_their_range(name: str, measured_run: RunFolder) -> None:
    table = measured_run.measurements_table(name, embeddings=False)
    known = {metric.name.partition(".")[2]: metric for metric in PROBES.metrics(name)}
    assert set(metric_columns(table)) <= set(known)
    for column in metric_columns(table):
        values = table[column].drop_null().to_numpy()
        assert np.isfinite(values).all()
        low, high = known[column].low, known[column].high
        assert low is None or (values >= low - 1e-6).all(), column
        assert high is None or (values <= high + 1e-6).all(), column


@pytest.mark.parametrize("name", NAMES)
def test_what_cannot_be_decoded_is_told_by_its_cause(name: str, measured_run: RunFolder) -> None:
    looks_at_media = not set(PROBES.get(name).traits.halves) or PROBES.get(name).traits.has_model
    for row in rows_of(measured_run, name):
        if row["status"] == "failed":
            assert row["cause"] in UnreadableMediaRule.causes, row
        if row["sample_id"].startswith("broken") and looks_at_media:
            assert row["status"] != "measured", row


def test_no_row_that_cannot_be_decoded_is_kept(measured_run: RunFolder) -> None:
    verdicts = measured_run.verdicts_table(["sample_id", "action"]).to_pylist()
    broken = {row["sample_id"]: row["action"] for row in verdicts if row["sample_id"].startswith(("broken", "line"))}
    assert len(broken) >= 16
    assert set(broken.values()) == {"quarantine"}
