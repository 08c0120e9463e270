from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest
from typer.testing import CliRunner

from mmcheck.cli.app import app
from mmcheck.config import Config, load_config
from mmcheck.core.errors import RunError
from mmcheck.core.types import Measurement, MediaRef, Metric, Sample, Status
from mmcheck.decide.compared_pairs import ComparedPairs, advise, tell_limits
from mmcheck.decide.decide import make_policy
from mmcheck.decide.tally import Tally
from mmcheck.judge.table import JudgeTable
from mmcheck.report.overview import count_slice, list_notes, tell_outcome
from mmcheck.store.run_record import MeasuredRecord, ProbeRecord, RunRecord
from mmcheck.store.schema import measurements_to_table, samples_to_table

REASON = "there are only 3 distinct pairs"
RAW = {"image": "similarity", "audio": "mean_log_prob"}
PROBES = {"image": "image_text", "audio": "transcript"}


def make_table(count: int, **causes: str | None) -> JudgeTable:
    """Return rows that hold pairs of the given kinds; a kind with a cause was compared but not judged."""
    samples, tables = [], {}
    for row in range(count):
        halves = {}
        if "image" in causes:
            halves |= {"image": MediaRef(uri=f"/{row}.jpg"), "caption": "a dog"}
        if "audio" in causes:
            halves |= {"audio": MediaRef(uri=f"/{row}.wav"), "transcript": "hello"}
        samples.append(Sample(id=f"s{row}", manifest="m", row_number=row + 1, **halves))
    columns = {"sample_id": [sample.id for sample in samples], "status": ["measured"] * count}
    for kind, cause in causes.items():
        name = f"{PROBES[kind]}.{RAW[kind]}"
        if cause != "absent":
            measured = [
                Measurement(sample_id=s.id, probe=PROBES[kind], status=Status.MEASURED, values={RAW[kind]: 0.1})
                for s in samples
            ]
            tables[PROBES[kind]] = measurements_to_table(measured, [Metric(name=name, description="")])
            columns[f"{kind}_posterior"] = pa.array([None if cause else 0.1] * count, pa.float64())
            columns[f"{kind}_cause"] = pa.array([cause] * count, pa.string())
    return JudgeTable(samples_to_table(samples, 0), {**tables, "alignment": pa.table(columns)})


def describe(table: JudgeTable, config: Config | None = None, *, analyses: tuple[str, ...] = ("alignment",)) -> dict:
    pairs = ComparedPairs()
    pairs.add(table)
    ran = {probe: ProbeRecord(about={"model": "ViT-B-32-quickgelu"}) for probe in table.probes}
    did = {name: MeasuredRecord() for name in analyses}
    run = SimpleNamespace(record=RunRecord(identity="", shard_size=1, rows=1, probes=ran, analyses=did))
    return {"pairs": pairs.describe(run, config or load_config("default"))}


def test_pairs_that_were_judged_need_no_words() -> None:
    summary = describe(make_table(5, image=None))
    assert summary["pairs"] == {"image": {"pairs": 5, "compared": 5, "judged": 5, "by_raw_limit": 0}}
    assert tell_limits(summary) == ""
    assert advise(summary, "run") is None


@pytest.mark.parametrize(
    ("causes", "said"),
    [
        ({"image": "absent"}, "files and texts checked; pairs NOT compared"),
        ({"image": "absent", "audio": "absent"}, "files and texts checked; pairs NOT compared"),
        ({"image": "absent", "audio": None}, "files and texts checked; image-caption pairs NOT compared"),
        ({"image": None, "audio": "absent"}, "files and texts checked; recordings with transcripts NOT compared"),
    ],
)
def test_pairs_that_no_model_compared_are_told_with_their_number(causes: dict, said: str) -> None:
    summary = describe(make_table(5, **causes))
    assert tell_limits(summary) == said
    for kind, cause in causes.items():
        warning = summary["pairs"][kind].get("warning", "")
        assert ("NOT compared" in warning and warning.startswith("5 ")) == (cause == "absent")
    summary["notes"] = [part["warning"] for part in summary["pairs"].values() if "warning" in part]
    assert all(note.is_warning for note in list_notes(summary))
    outcome = tell_outcome(count_slice("run", {"keep": 5}), summary)
    assert outcome.startswith("Files and texts checked; ")
    assert outcome.endswith(" NOT compared. Of 5 rows, 5 are kept.")


def test_pairs_that_were_compared_by_no_rule_are_told_too() -> None:
    table = make_table(5, image="x")
    summary = describe(table, analyses=())
    assert "5 image-caption pairs were compared but NOT judged" in summary["pairs"]["image"]["warning"]
    assert tell_limits(summary) == "files and texts checked; pairs NOT judged"
    config = load_config("default", ["rules.min_similarity.enabled=true"])
    assert "warning" not in describe(table, config, analyses=())["pairs"]["image"]


def test_too_few_pairs_of_either_kind_get_one_command_with_the_origin_of_its_limits() -> None:
    advice = advise(describe(make_table(3, image="too_few_pairs", audio="too_few_pairs")), "my runs/first")
    assert advice is not None
    assert "3 image-caption pairs and 3 recordings with transcripts" in advice.sentence
    words = shlex.split(advice.command)
    assert words[:3] == ["mmcheck", "judge", "my runs/first"]
    assert words[3::2] == ["--set"] * 3
    assert words[4::2] == [
        f"rules.{name}.enabled=true" for name in ("min_similarity", "min_mean_log_prob", "max_error_rate")
    ]
    assert "at least 0.203, published by Data-Juicer" in advice.limits[0]
    assert "this run's model is ViT-B-32-quickgelu" in advice.limits[0]
    assert "at least -2.5, our own choice" in advice.limits[1]
    assert "published in NeMo's segmentation recipe" in advice.limits[1]


@pytest.mark.parametrize("cause", ["model_cannot_tell", "misaligned_throughout", "unverifiable_caption"])
def test_raw_limits_are_no_way_out_where_the_model_is_at_fault(cause: str) -> None:
    assert advise(describe(make_table(3, image=cause)), "run") is None


def test_what_raw_limits_alone_decided_is_said() -> None:
    config = load_config("default", ["rules.min_similarity.enabled=true"])
    summary = describe(make_table(3, image="too_few_pairs"), config)
    found = summary["pairs"]["image"]
    assert (found["judged"], found["by_raw_limit"]) == (0, 3)
    assert found["note"].startswith("3 image-caption pairs were judged by raw limits alone: min_similarity")
    assert "pairs that pass are not known to be right" in found["note"]
    assert advise(summary, "run") is None


def test_a_code_that_both_pairs_of_a_row_have_counts_one_row() -> None:
    tally = Tally()
    codes = pa.chunked_array([pa.array([["u.few", "u.few"], ["u.few"], [], ["x", "u.few"]])])
    verdicts = pa.table({"action": ["unchecked"] * 4, "codes": codes})
    tally.add(pa.table({"manifest": ["m"] * 4, "language": pa.nulls(4, pa.string())}), {}, verdicts)
    assert tally.codes == {"u.few": 3, "x": 1}


def test_a_scan_without_models_does_not_call_its_rows_ready_to_train_on(
    make_dataset: Callable[..., Path], tmp_path: Path
) -> None:
    manifest = make_dataset(4)
    arguments = ["scan", str(manifest), "--out", str(tmp_path / "run"), "--probes", "media,caption_text", "--quiet"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert "4 image-caption pairs were NOT compared: the probe image_text did not run" in result.output
    assert "(files and texts checked; pairs NOT compared)" in result.output
    assert "train on this" not in result.output
    page = (tmp_path / "run" / "report.html").read_text("utf-8")
    assert "Files and texts checked; pairs NOT compared." in page


def test_a_run_of_an_earlier_version_is_not_judged_by_values_that_it_lacks() -> None:
    earlier = {"alignment.posterior": Metric(name="alignment.posterior", description="of both pairs")}
    run: Any = SimpleNamespace(path="run", probes=lambda: ["image_text", "alignment"], metrics=lambda: earlier)
    with pytest.raises(RunError, match=r"earlier version of mmcheck: it holds alignment\.posterior"):
        make_policy(run, load_config("default"))


def make_second(count: int, judged: int) -> JudgeTable:
    """Return recordings that the second verifier alone compared; it has a verdict on the first ``judged``."""
    samples = samples_to_table(
        [
            Sample(
                id=f"s{row}", manifest="m", row_number=row + 1, audio=MediaRef(uri=f"/{row}.wav"), transcript="hello"
            )
            for row in range(count)
        ],
        0,
    )
    probe = measurements_to_table(
        [
            Measurement(
                sample_id=f"s{row}", probe="transcript_second", status=Status.MEASURED, values={"mean_log_prob": -0.1}
            )
            for row in range(count)
        ],
        [Metric(name="transcript_second.mean_log_prob", description="")],
    )
    analysis = pa.table(
        {
            "sample_id": samples["id"],
            "status": ["measured" if row < judged else "not_applicable" for row in range(count)],
            "second_posterior": pa.array([0.1 if row < judged else None for row in range(count)], pa.float64()),
            "cause": pa.array([None if row < judged else "too_few_pairs" for row in range(count)], pa.string()),
        }
    )
    return JudgeTable(samples, {"transcript_second": probe, "agreement": analysis})


def test_pairs_that_the_second_verifier_alone_compared_are_compared() -> None:
    summary = describe(make_second(5, 4), analyses=("agreement",))
    found = summary["pairs"]["audio"]
    assert (found["pairs"], found["compared"], found["judged"], found["by_raw_limit"]) == (5, 5, 4, 0)
    assert "warning" not in found
    assert found["note"].startswith("5 recordings with transcripts were compared by the second verifier alone")
    assert "the probe transcript did not run" in found["note"]
    assert tell_limits(summary) == ""
    # The raw limits are on the first verifier's values, of which there are none.
    assert advise(summary, "run") is None


def test_what_the_second_verifier_compared_without_its_analysis_is_not_judged() -> None:
    summary = describe(make_second(5, 0), analyses=())
    assert "NOT judged: the analysis agreement did not run" in summary["pairs"]["audio"]["warning"]
    assert tell_limits(summary) == "files and texts checked; pairs NOT judged"
