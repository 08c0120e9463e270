"""What goes wrong with given vectors is told so that the next step is clear, and costs no row and no download."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import mmcheck
from mmcheck.backends import image_text_backend
from mmcheck.core.errors import UserError
from mmcheck.core.parts import ANALYSES
from mmcheck.repair.run import repair_run


def _load() -> ModuleType:
    file = Path(__file__).resolve().parents[2] / "fixtures" / "given_pairs.py"
    spec = importlib.util.spec_from_file_location("given_pairs", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["given_pairs"] = module
    spec.loader.exec_module(module)
    return module


given = _load()
GivenPairs = Any
_OFF = [f"analyses.{name}.enabled=false" for name in ANALYSES.names()]


@pytest.fixture(scope="module")
def pairs() -> GivenPairs:
    return given.make_pairs(40)


def scan(
    manifest: Path | Sequence[str], out: Path, embeddings: Sequence[Path] = (), overrides: Sequence[str] = ()
) -> mmcheck.Run:
    return mmcheck.scan(manifest, out, embeddings=embeddings, probes="image_text", overrides=[*_OFF, *overrides])


def write(rows: Sequence[object], file: Path) -> Path:
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return file


def write_vectors(pairs: GivenPairs, file: Path, **more: Any) -> Path:
    np.savez(file, **{"image": pairs.images, "text": pairs.texts, **more})
    return file


def reasons(run: mmcheck.Run) -> list[str | None]:
    found: list[str | None] = run.folder.measurements_table("image_text")["reason"].to_pylist()
    return found


def test_repair_loads_no_model_for_missing_vectors(
    tmp_path: Path, pairs: GivenPairs, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = pairs.texts.copy()
    texts[[3, 7]] = np.nan
    run = scan(
        given.write_rows(pairs, tmp_path / "rows.jsonl"),
        tmp_path / "run",
        [write_vectors(pairs, tmp_path / "v.npz", text=texts)],
    )

    def never(*_: object, **__: object) -> None:
        pytest.fail("a model was looked for")

    monkeypatch.setattr(image_text_backend, "resolve_image_text", never)
    notes = " ".join(repair_run(run.path).notes)
    assert "vectors of this run were given, and no model is loaded" in notes
    assert "2 captions" in notes


def test_scores_may_stand_in_a_later_manifest_alone(tmp_path: Path, pairs: GivenPairs) -> None:
    first = given.write_rows(pairs, tmp_path / "first.jsonl")
    second = write([{**row, "similarity": 0.25} for row in pairs.rows()], tmp_path / "second.jsonl")
    override = ["input.embeddings.score=similarity", "run.shard_size=16"]
    run = scan([str(first), str(second)], tmp_path / "run", overrides=override)
    assert reasons(run) == ["no score was given for this row"] * len(pairs) + [None] * len(pairs)
    with pytest.raises(UserError, match=r"no row of .*first\.jsonl and 1 more has the column 'similarty'"):
        scan([str(first), str(second)], tmp_path / "typo", overrides=["input.embeddings.score=similarty"])


def test_scores_that_are_no_cosines_are_refused_behind_rows_without(tmp_path: Path, pairs: GivenPairs) -> None:
    rows = pairs.rows()
    rows[20:] = [{**row, "score": 27.5} for row in rows[20:]]
    manifest = write(rows, tmp_path / "rows.jsonl")
    override = ["input.embeddings.score=score", "run.shard_size=8"]
    for _ in range(2):
        with pytest.raises(UserError, match=r"no cosines.*27\.5"):
            scan(manifest, tmp_path / "run", overrides=override)
    rows[0]["score"] = 0.3
    run = scan(write(rows, tmp_path / "some.jsonl"), tmp_path / "some", overrides=override)
    assert reasons(run)[0] is None
    assert reasons(run)[20] == "the score that was given is 27.5, which is no cosine (-1 to 1)"
