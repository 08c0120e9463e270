"""Written rows always have the field's own columns, whatever rules look at, and further names that the config gives."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import mmcheck
from mmcheck.config import OutputConfig, parse_config
from mmcheck.core.catalogue import known_metrics
from mmcheck.core.errors import ConfigError
from mmcheck.core.parts import ANALYSES
from mmcheck.core.types import Measurement, Metric, Status
from mmcheck.decide.shard_groups import HEARD, _with_heard
from mmcheck.decide.written_columns import choose_columns
from mmcheck.store.schema import measurements_to_table

WriteJsonl = Callable[..., Path]
ROWS: list[dict[str, Any]] = [
    {"uid": "a", "url": "0.jpg", "caption": "a dog", "cosine": 0.3123456789, "clip_b32_similarity_score": 0.5},
    {"uid": "b", "url": "1.jpg", "caption": "a cat", "cosine": None, "clip_b32_similarity_score": 0.25},
]
ALIASES = {"clip_b32_similarity_score": "similarity", "cosine_percent": {"column": "similarity", "percent": True}}


def scan(manifests: Any, out: Path, aliases: dict[str, Any] | None = None) -> mmcheck.Run:
    """Scan by given scores, without any analysis."""
    config = {"rules": {"min_similarity": {"enabled": True, "min": 0.1}}, "output": {"aliases": aliases or {}}}
    off = [f"analyses.{name}.enabled=false" for name in ANALYSES.names()]
    overrides = [*off, "input.embeddings.score=cosine"]
    return mmcheck.scan(manifests, out=out, config=config, overrides=overrides, probes="image_text,transcript_text")


def written(run: mmcheck.Run) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for folder in ("clean", "flagged", "quarantine", "unchecked"):
        for file in (run.path / folder).rglob("*"):
            if file.suffix == ".jsonl":
                rows = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
            elif file.suffix == ".parquet":
                rows = pq.read_table(file).to_pylist()
            else:
                continue
            found |= {row["mmcheck_id"]: row for row in rows}
    return found


def test_lines_have_the_similarity_and_its_aliases(tmp_path: Path, write_jsonl: WriteJsonl) -> None:
    rows = written(scan(write_jsonl(ROWS), tmp_path / "run", ALIASES))
    first, second = rows["a"], rows["b"]
    assert first["mmcheck_similarity"] == first["clip_b32_similarity_score"] == pytest.approx(0.312346)
    assert first["cosine_percent"] == pytest.approx(31.234568)
    assert first["mmcheck_image_text_similarity"] == first["mmcheck_similarity"], "as a rule looks at it"
    assert second["clip_b32_similarity_score"] == 0.25, "what the row has stays where there is no value"
    assert not {"mmcheck_similarity", "cosine_percent", "mmcheck_wer"} & set(second)
    text = next((tmp_path / "run" / "clean").glob("*.jsonl")).read_text("utf-8")
    assert text.count("clip_b32_similarity_score") == 1, "no name stands twice in a row"


def test_tables_have_no_columns_of_another_kind(tmp_path: Path) -> None:
    pq.write_table(pa.Table.from_pylist(ROWS), tmp_path / "pictures.parquet")
    speech = [{"uid": "c", "audio_filepath": "0.wav", "text": "hello"}]
    pq.write_table(pa.Table.from_pylist(speech), tmp_path / "speech.parquet")
    manifests = [tmp_path / "pictures.parquet", tmp_path / "speech.parquet"]
    rows = written(scan(manifests, tmp_path / "run"))
    assert rows["a"]["mmcheck_similarity"] == pytest.approx(0.312346)
    assert rows["b"]["mmcheck_similarity"] is None
    assert not [name for name in rows["c"] if "similarity" in name]


def test_what_was_heard_stands_in_place_of_the_evidence() -> None:
    heard: list[dict[str, Any]] = [{"hypothesis": 'sä "ja"', "words": [1]}, {}, {"words": ["hypothesis"]}]
    measured = [
        Measurement(sample_id=str(at), probe="transcript", status=Status.MEASURED, values={"wer": 0.5}, evidence=one)
        for at, one in enumerate(heard)
    ]
    table = _with_heard(measurements_to_table(measured, [Metric(name="transcript.wer", description="")]))
    assert table[HEARD].to_pylist() == ['sä "ja"', None, None]
    assert "evidence" not in table.column_names
    chosen = choose_columns([], OutputConfig(), known_metrics(), ["transcript"])
    values = {column.name: column.values({"transcript": table}) for column in chosen}
    assert values["mmcheck_pred_text"].to_pylist()[0] == 'sä "ja"'
    assert values["mmcheck_wer"].to_pylist() == [0.5] * 3
    assert values["mmcheck_cer"] is None


@pytest.mark.parametrize(
    ("aliases", "told"),
    [
        ({"x": "similarty"}, "did you mean 'similarity'"),
        ({"mmcheck_x": "wer"}, "are taken"),
        ({" ": "wer"}, "cannot be"),
        ({"x": "image_text.nothing"}, "there is no 'image_text.nothing'"),
    ],
)
def test_aliases_of_nothing_are_refused(aliases: dict[str, Any], told: str) -> None:
    output = parse_config({"output": {"aliases": aliases}}).output
    with pytest.raises(ConfigError, match=told):
        choose_columns([], output, known_metrics(), [])


def test_no_columns_means_none_at_all() -> None:
    output = OutputConfig.model_validate({"columns": False, "aliases": {"x": "wer"}})
    assert choose_columns(["media.width"], output, known_metrics(), ["media"]) == []
