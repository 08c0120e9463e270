"""Scans that judge by the manifest's own columns, without a model and without a file."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import mmcheck
from mmcheck.config import load_config
from mmcheck.core.errors import ConfigError, ManifestError
from mmcheck.report.build import build_report

ROOT = Path(__file__).parents[3]
WriteJsonl = Callable[..., Path]
ROWS: list[dict[str, Any]] = [
    {"url": "https://x.org/0.jpg", "caption": "a dog", "license": "CC0", "similarity": 0.31},
    {"url": "https://x.org/1.jpg", "caption": "a cat", "license": "cc-by", "similarity": 0.12},
    {"url": "https://x.org/2.jpg", "caption": "a cow", "license": None, "similarity": 0.33},
    {"url": "https://x.org/0.jpg", "caption": "a hen", "license": "cc0", "similarity": 0.35},
]
RULES: dict[str, Any] = {
    "licence": {"metric": "column.license", "allowed": ["cc0"], "required": True},
    "alike": {"metric": "column.similarity", "min": 0.28, "action": "flag"},
    "once": {"metric": "column.url", "unique": True},
}
CODES = [[], ["licence.not_allowed", "alike.below_min"], ["licence.missing"], ["once.not_unique"]]


def scan(manifest: Path, out: Path, rules: dict[str, Any] = RULES, **options: Any) -> mmcheck.Run:
    return mmcheck.scan(manifest, out=out, config={"rules": rules}, **{"probes": "none", **options})


def codes(run: mmcheck.Run) -> list[list[str]]:
    found: list[list[str]] = run.folder.verdicts_table()["codes"].to_pylist()
    return found


def _tsv(path: Path) -> Path:
    lines = ["\t".join(ROWS[0]), *("\t".join("" if v is None else str(v) for v in row.values()) for row in ROWS)]
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def test_every_format_gives_the_same_verdicts(tmp_path: Path, write_jsonl: WriteJsonl) -> None:
    pq.write_table(pa.Table.from_pylist(ROWS), tmp_path / "m.parquet")
    for manifest in (write_jsonl(ROWS), _tsv(tmp_path / "m.tsv"), tmp_path / "m.parquet"):
        run = scan(manifest, tmp_path / f"run-{manifest.suffix}")
        assert codes(run) == CODES, manifest.name
        summary = run.summary
        assert summary["keep"] == 1
        assert summary["probes"] == {}
        assert summary["inactive_rules"] == []
        (note,) = summary["notes"]
        assert "based on the manifest's own columns that rules look at (license, similarity, url) alone" in note


def test_nothing_but_the_rows_is_needed_to_judge_again(tmp_path: Path, write_jsonl: WriteJsonl) -> None:
    manifest = write_jsonl(ROWS)
    run = scan(manifest, tmp_path / "run", {"alike": RULES["alike"]})
    assert codes(run) == [[], ["alike.below_min"], [], []]
    run.judge(load_config({"rules": RULES}))
    assert codes(mmcheck.open_run(tmp_path / "run")) == CODES


def test_a_column_that_no_row_has_is_told_with_those_that_there_are(tmp_path: Path, write_jsonl: WriteJsonl) -> None:
    manifest = write_jsonl(ROWS)
    wrong = {"a": {"metric": "column.licence", "required": True}, "b": {"metric": "column.Similarity", "min": 1}}
    with pytest.raises(ConfigError, match=r"column 'licence'; did you mean column\.license") as told:
        scan(manifest, tmp_path / "run", wrong)
    assert "did you mean column.similarity" in told.value.message
    assert told.value.hint == "the columns of the manifest are: url, caption, license, similarity."
    run = scan(manifest, tmp_path / "run")  # the folder is that of the same work
    with pytest.raises(ConfigError, match="no row has the column 'licence'"):
        run.judge(load_config({"rules": wrong}))


def test_a_column_of_one_row_alone_is_a_column(tmp_path: Path, write_jsonl: WriteJsonl) -> None:
    rows = [*ROWS[:3], {**ROWS[3], "edits": "none"}]
    run = scan(write_jsonl(rows), tmp_path / "run", {"edits": {"metric": "column.edits", "required": True}})
    assert codes(run) == [["edits.missing"]] * 3 + [[]]


def test_a_broken_row_is_no_row_without_a_value(tmp_path: Path) -> None:
    manifest = tmp_path / "m.jsonl"
    manifest.write_text(json.dumps(ROWS[0]) + "\n{broken\n", "utf-8")
    run = scan(manifest, tmp_path / "run")
    assert codes(run) == [[], ["broken_row.broken_json"]]


def test_no_probe_and_no_rule_on_a_column_is_refused(tmp_path: Path, write_jsonl: WriteJsonl) -> None:
    with pytest.raises(ConfigError, match="no row could be judged"):
        mmcheck.scan(write_jsonl(ROWS), out=tmp_path / "run", probes="none")
    with pytest.raises(ConfigError, match="no other can be named beside it"):
        scan(write_jsonl(ROWS), tmp_path / "run", probes="none,media")


def test_remote_files_are_told_how_to_do_without(tmp_path: Path, write_jsonl: WriteJsonl) -> None:
    with pytest.raises(ManifestError, match="remote") as told:
        scan(write_jsonl(ROWS), tmp_path / "run", probes="media")
    assert "--probes none" in (told.value.hint or "")


def test_the_report_shows_the_findings(tmp_path: Path, write_jsonl: WriteJsonl) -> None:
    page = build_report(scan(write_jsonl(ROWS), tmp_path / "run").folder)
    assert "licence.not_allowed" in page
    assert "the value is not one of those that are allowed" in page
    assert "cc-by" in page


def test_the_example_is_a_config(tmp_path: Path, write_jsonl: WriteJsonl) -> None:
    config = load_config(ROOT / "configs" / "examples" / "columns.yaml")
    names = dict.fromkeys(config.judged_columns, "none")
    scored = {"pwatermark": 0.1, "punsafe": "0.1", "aesthetic": 5}
    row = {**names, "collection": "Crawl", "license": "CC-BY 4.0", "url": "https://x.org/1.jpg", **scored}
    manifest = write_jsonl([{**row, "caption": "a dog"}])
    run = mmcheck.scan(manifest, out=tmp_path / "run", config=config, probes="none")
    assert codes(run) == [[]]
