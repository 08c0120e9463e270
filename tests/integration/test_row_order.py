"""A small set through the command, its rows in other orders, batches, threads and shards: the same is said of each."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

import mmcheck
from mmcheck.cli.app import app
from mmcheck.config import bundled_dir

NUM_ROWS = 56
"""Pairs of different images; fewer than 50 are not judged."""
WAYS = [
    pytest.param(1, 1, 2, 512, id="another order, batches of one, two threads"),
    pytest.param(2, 7, 1, 23, id="another order, batches of seven, shards of 23"),
]


def demo_rows() -> list[dict[str, Any]]:
    folder = bundled_dir("demo_data") / "image-caption"
    rows = [json.loads(line) for line in (folder / "metadata.jsonl").read_text("utf-8").splitlines()]
    rows = [{"image": str(folder / row["file_name"]), "caption": row["text"]} for row in rows]
    kept = [row for row in rows if Path(row["image"]).is_file()][:NUM_ROWS]
    # Captions of other pictures, the very same pair again, and one picture under two names.
    kept[3]["caption"], kept[9]["caption"] = kept[9]["caption"], kept[3]["caption"]
    return [*kept, {**kept[5], "note": "again"}, {**kept[5], "note": "once more"}, {**kept[6], "caption": "a picture"}]


def scan(folder: Path, rows: list[dict[str, Any]], *options: str) -> dict[str, tuple[Any, ...]]:
    """Return verdict, findings and values of each row by its own content."""
    folder.mkdir()
    manifest = folder / "rows.jsonl"
    manifest.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    arguments = ["scan", str(manifest), "--out", str(folder / "run"), "--config", "demo", "--quiet"]
    arguments += [part for option in options for part in ("--set", option)]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    table = mmcheck.open_run(folder / "run").samples().to_arrow()
    names = ["action", "codes", "alignment.image_posterior", "repetition.pair_order", "duplicates.image_order"]
    columns = {name: table[name].to_pylist() for name in names}
    found = {}
    for place, row in enumerate(table["row"].to_pylist()):
        action, codes, posterior, *orders = (columns[name][place] for name in names)
        assert row not in found
        found[row] = (action, sorted(codes or ()), None if posterior is None else round(posterior, 4), *orders)
    return found


@pytest.fixture(scope="module")
def as_given(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Any, ...]]:
    found = scan(tmp_path_factory.mktemp("order") / "given", demo_rows())
    assert {action for action, *_ in found.values()} >= {"keep", "flag", "quarantine"}
    assert any(code.startswith("duplicate_pair") for _, codes, *_ in found.values() for code in codes)
    return found


@pytest.mark.parametrize(("seed", "batch", "threads", "shard"), WAYS)
def test_order_batches_threads_and_shards_change_no_verdict(
    as_given: dict[str, tuple[Any, ...]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    seed: int,
    batch: int,
    threads: int,
    shard: int,
) -> None:
    rows = demo_rows()
    random.Random(seed).shuffle(rows)
    monkeypatch.setenv("OMP_NUM_THREADS", str(threads))
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        options = (f"probes.image_text.batch_size={batch}", f"run.workers={3 - threads}", f"run.shard_size={shard}")
        found = scan(tmp_path / "other", rows, *options)
    finally:
        torch.set_num_threads(before)
    assert found == as_given
