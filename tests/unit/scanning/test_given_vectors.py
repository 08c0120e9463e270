"""Scans of vectors that people already have: every layout, every fault, and no model."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Collection, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import mmcheck
from mmcheck.core.errors import ConfigError, OutputError, UserError
from mmcheck.core.parts import ANALYSES
from mmcheck.coverage.run import cover_run
from mmcheck.overlap.run import overlap_runs
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
write_rows, write_datacomp, write_clip_retrieval = given.write_rows, given.write_datacomp, given.write_clip_retrieval
PROBES = "image_text,caption_text"


@pytest.fixture(scope="module")
def pairs() -> GivenPairs:
    return given.make_pairs(moved=24)


def scan(
    manifest: Path | Sequence[str],
    out: Path,
    embeddings: Path | Sequence[Path] = (),
    *,
    overrides: Sequence[str] = (),
    probes: str = "image_text",
    judged: bool = False,
    **options: Any,
) -> mmcheck.Run:
    """Scan with given vectors; without the analyses, which take most of the time, unless ``judged``."""
    off = [] if judged else [f"analyses.{name}.enabled=false" for name in ANALYSES.names()]
    return mmcheck.scan(manifest, out, embeddings=embeddings, probes=probes, overrides=[*off, *overrides], **options)


def actions(run: mmcheck.Run) -> list[str]:
    found: list[str] = run.samples().to_arrow()["action"].to_pylist()
    return found


def reasons(run: mmcheck.Run) -> dict[int, str]:
    """Return what is said of the rows that were not compared, by their numbers."""
    told = run.folder.measurements_table("image_text")["reason"].to_pylist()
    return {number: reason for number, reason in enumerate(told) if reason is not None}


def check_values(run: mmcheck.Run, pairs: GivenPairs, left_out: Collection[int] = ()) -> None:
    """Check that each row has its own vectors and their cosine, as far as half precision tells."""
    table = run.folder.measurements_table("image_text", embeddings=True)
    rows = [row for row in range(len(pairs)) if row not in left_out]
    for name, vectors in (("image", pairs.images), ("text", pairs.texts)):
        stored = np.array([table[f"embedding.{name}"][row].as_py() for row in rows], dtype=np.float32)
        assert stored == pytest.approx(vectors[rows], abs=2e-3)
    cosines = (pairs.images * pairs.texts).sum(axis=1)
    assert [table["similarity"][row].as_py() for row in rows] == pytest.approx(cosines[rows], abs=2e-3)
    assert set(reasons(run)) == set(left_out)


def check_moved(run: mmcheck.Run, pairs: GivenPairs) -> None:
    taken = {number for number, action in enumerate(actions(run)) if action == "quarantine"}
    assert len(taken & pairs.moved) >= 0.85 * len(pairs.moved)
    assert len(taken - pairs.moved) <= 3
    assert run.summary["unchecked"] == 0


def test_a_clip_retrieval_folder(tmp_path: Path, pairs: GivenPairs) -> None:
    folder = write_clip_retrieval(pairs, tmp_path / "clip")
    manifest = write_rows(pairs, tmp_path / "rows.jsonl")
    run = scan(manifest, tmp_path / "run", folder, probes=PROBES, judged=True)
    check_values(run, pairs)
    check_moved(run, pairs)
    about = run.folder.record.probes["image_text"]
    assert about.is_given
    assert len(about.about["files"]) == 9  # type: ignore[arg-type]
    assert "uid" in str(about.about["matched"])
    assert "no model was run" in run.summary["pairs"]["image"]["note"]


def test_its_own_metadata_is_a_manifest(tmp_path: Path, pairs: GivenPairs) -> None:
    folder = write_clip_retrieval(pairs, tmp_path / "clip")
    tables = [str(folder / "metadata" / f"metadata_{part}.parquet") for part in range(3)]
    check_values(scan(tables, tmp_path / "run", folder), pairs)


def test_datacomp_takes_the_stronger_model_and_the_other_by_name(tmp_path: Path, pairs: GivenPairs) -> None:
    file = write_datacomp(pairs, tmp_path / "0000")
    run = scan(file.with_suffix(".parquet"), tmp_path / "run", file)
    check_values(run, pairs)
    assert run.folder.record.probes["image_text"].about["columns"] == ["l14_img", "l14_txt"]
    names = ["input.embeddings.image=b32_img", "input.embeddings.text=b32_txt"]
    other = scan(file.with_suffix(".parquet"), tmp_path / "other", tmp_path / "*.npz", overrides=names)
    assert other.folder.record.probes["image_text"].about["columns"] == ["b32_img", "b32_txt"]


@pytest.mark.parametrize("names", [("img.npy", "txt.npy"), ("txt.npy", "img.npy"), ("a.npy", "b.npy")])
def test_two_npy(tmp_path: Path, pairs: GivenPairs, names: tuple[str, str]) -> None:
    halves = {"img.npy": pairs.images, "txt.npy": pairs.texts, "a.npy": pairs.images, "b.npy": pairs.texts}
    files = [tmp_path / name for name in names]
    for file in files:
        np.save(file, halves[file.name])
    check_values(scan(write_rows(pairs, tmp_path / "rows.jsonl"), tmp_path / "run", files), pairs)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_an_npz_whose_rows_are_found_by_name_in_any_order(tmp_path: Path, pairs: GivenPairs, save: Any) -> None:
    order = np.random.default_rng(5).permutation(len(pairs))[: len(pairs) - 4]
    save(
        tmp_path / "v.npz",
        image_features=np.asfortranarray(pairs.images[order]),
        text_features=pairs.texts[order].astype(np.float64),
        image_path=np.array(pairs.names)[order],
        caption=np.array(pairs.captions)[order],
    )
    rows = [{**row, "image_path": row["image"]} for row in pairs.rows()]
    for row in rows:
        del row["image"], row["uid"]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    run = scan(tmp_path / "rows.jsonl", tmp_path / "run", tmp_path / "v.npz")
    lost = set(range(len(pairs))) - set(order.tolist())
    assert set(reasons(run)) == lost
    assert {actions(run)[row] for row in lost} == {"unchecked"}
    check_values(run, pairs, lost)


@pytest.mark.parametrize("fixed", [True, False])
def test_columns_of_the_manifest_itself(tmp_path: Path, pairs: GivenPairs, fixed: bool) -> None:
    kind = pa.list_(pa.float32(), pairs.images.shape[1] if fixed else -1)
    columns: dict[str, Any] = {name: [row[name] for row in pairs.rows()] for name in ("image", "caption")}
    images: list[Any] = pairs.images.tolist()
    images[7] = None
    columns |= {"img": pa.array(images, kind), "txt": pa.array(pairs.texts.tolist(), kind)}
    pq.write_table(pa.table(columns), tmp_path / "m.parquet", row_group_size=50)
    names = ["input.embeddings.image=img", "input.embeddings.text=txt"]
    run = scan(tmp_path / "m.parquet", tmp_path / "run", overrides=names)
    assert reasons(run) == {7: "the image's vector is missing"}
    check_values(run, pairs, [7])
    assert "img" not in json.loads(run.folder.samples_table(["row"])["row"][0].as_py())
    written = pq.read_table(run.path / "clean" / "m.parquet")
    place = pairs.names.index(Path(written["image"][5].as_py()).relative_to(tmp_path).as_posix())
    assert written["txt"][5].as_py() == pytest.approx(pairs.texts[place])


def test_captions_alone_are_a_manifest(tmp_path: Path, pairs: GivenPairs) -> None:
    lines = [json.dumps({"uid": row["uid"], "caption": row["caption"]}) + "\n" for row in pairs.rows()]
    (tmp_path / "captions.jsonl").write_text("".join(lines))
    np.savez(tmp_path / "v.npz", image=pairs.images, text=pairs.texts)
    check_values(scan(tmp_path / "captions.jsonl", tmp_path / "run", tmp_path / "v.npz"), pairs)
    with pytest.raises(OutputError):
        scan(tmp_path / "captions.jsonl", tmp_path / "run")


def test_scores_alone_are_judged_by_raw_limits_or_not_at_all(tmp_path: Path, pairs: GivenPairs) -> None:
    table = write_datacomp(pairs, tmp_path / "0000").with_suffix(".parquet")
    name = "input.embeddings.score=clip_l14_similarity_score"
    run = scan(table, tmp_path / "run", overrides=[name], judged=True)
    assert run.summary["unchecked"] == len(pairs)
    assert run.summary["findings"]["unjudged.no_vectors"] == len(pairs)
    scores = (pairs.images * pairs.texts).sum(axis=1)
    limit = float(np.quantile(scores, 0.1))
    run.judge(overrides=["rules.min_similarity.enabled=true", f"rules.min_similarity.min={limit}"])
    taken = [number for number, action in enumerate(actions(run)) if action == "quarantine"]
    assert taken == np.flatnonzero(scores < limit).tolist()
    assert run.summary["unchecked"] == 0
    beside = scan(table, tmp_path / "beside", table)
    assert beside.folder.record.probes["image_text"].about["rows"] == {
        "compared": 0,
        "by_score": len(pairs),
        "without": 0,
        "normalised": 0,
    }


def test_scores_that_are_no_cosines_are_refused(tmp_path: Path, pairs: GivenPairs) -> None:
    rows = [{**row, "score": 27.5} for row in pairs.rows()]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for _ in range(2):
        with pytest.raises(UserError, match=r"no cosines.*27\.5"):
            scan(tmp_path / "rows.jsonl", tmp_path / "run", overrides=["input.embeddings.score=score"])


def test_a_mistyped_column_of_scores_is_named_with_those_there_are(tmp_path: Path, pairs: GivenPairs) -> None:
    rows = [{**row, "similarity": 0.3} for row in pairs.rows()]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(UserError, match=r"has the column 'similarty'.*Did you mean 'similarity'"):
        scan(tmp_path / "rows.jsonl", tmp_path / "run", overrides=["input.embeddings.score=similarty"])


def test_broken_vectors_cost_their_rows_alone(tmp_path: Path, pairs: GivenPairs) -> None:
    images, texts = pairs.images.astype(np.float16), pairs.texts.astype(np.float32) * 7
    images[3] = 0
    texts[5, 2] = np.nan
    images[8, 0] = np.inf
    texts[9] = np.nan
    rows = pairs.rows()
    rows[11]["caption"] = " "
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    np.savez(tmp_path / "v.npz", image=images, text=texts)
    run = scan(tmp_path / "rows.jsonl", tmp_path / "run", tmp_path / "v.npz")
    assert reasons(run) == {
        3: "the image's vector is zero",
        5: "the caption's vector holds NaN or infinity",
        8: "the image's vector holds NaN or infinity",
        9: "the caption's vector is missing",
        11: "the caption is empty",
    }
    found = actions(run)
    assert {found[row] for row in (3, 5, 8, 9)} == {"unchecked"}
    similarity = run.folder.measurements_table("image_text")["similarity"].to_pylist()
    assert similarity[0] == pytest.approx(float(pairs.images[0] @ pairs.texts[0]), abs=1e-3)


def test_vectors_of_other_captions_are_noticed(tmp_path: Path, pairs: GivenPairs) -> None:
    folder = write_clip_retrieval(pairs, tmp_path / "clip")
    rows = pairs.rows()
    rows[4]["caption"] = "somebody wrote this one anew"
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    run = scan(tmp_path / "rows.jsonl", tmp_path / "run", folder)
    assert reasons(run) == {4: "its vector was made of another caption"}
    shifted = [
        {"image": row["image"], "caption": other["caption"]}
        for row, other in zip(rows, [*rows[1:], rows[0]], strict=True)
    ]
    (tmp_path / "shifted.jsonl").write_text("".join(json.dumps(row) + "\n" for row in shifted))
    with pytest.raises(UserError, match="captions beside the vectors"):
        scan(tmp_path / "shifted.jsonl", tmp_path / "other", folder)


def test_counts_that_differ_are_told_with_both_files(tmp_path: Path, pairs: GivenPairs) -> None:
    manifest = write_rows(pairs, tmp_path / "rows.jsonl")
    np.savez(tmp_path / "v.npz", image=pairs.images[:-2], text=pairs.texts[:-2])
    with pytest.raises(UserError, match=r"rows\.jsonl has 160 rows and .*v\.npz 158 vectors"):
        scan(manifest, tmp_path / "run", tmp_path / "v.npz")
    run = scan(manifest, tmp_path / "limited", tmp_path / "v.npz", limit=100)
    assert run.summary["rows_read"] == 100
    np.savez(tmp_path / "u.npz", image=pairs.images, text=pairs.texts[:-2])
    with pytest.raises(UserError, match=r"u\.npz:image has 160 rows and .*u\.npz:text has 158"):
        scan(manifest, tmp_path / "other", tmp_path / "u.npz")


def test_keys_of_another_set_are_refused(tmp_path: Path, pairs: GivenPairs) -> None:
    manifest = write_rows(pairs, tmp_path / "rows.jsonl")
    other = np.array([f"x{n}" for n in range(len(pairs))])
    np.savez(tmp_path / "v.npz", image=pairs.images, text=pairs.texts, uid=other)
    with pytest.raises(UserError, match="none of the first rows") as caught:
        scan(manifest, tmp_path / "run", tmp_path / "v.npz")
    assert "input.embeddings.key=none" in str(caught.value)
    check_values(scan(manifest, tmp_path / "run", tmp_path / "v.npz", overrides=["input.embeddings.key=none"]), pairs)


def test_a_key_that_several_vectors_have_is_refused_in_another_order(tmp_path: Path, pairs: GivenPairs) -> None:
    rows = [{**row, "uid": f"u{number // 2}"} for number, row in enumerate(pairs.rows())]
    (tmp_path / "rows.csv").write_text("image,caption,uid\n" + "".join(",".join(row.values()) + "\n" for row in rows))  # type: ignore[arg-type]
    uids = np.array([row["uid"] for row in rows])
    options = ["input.columns.id=none"]
    np.savez(tmp_path / "v.npz", image=pairs.images, text=pairs.texts, uid=uids)
    check_values(scan(tmp_path / "rows.csv", tmp_path / "run", tmp_path / "v.npz", overrides=options), pairs)
    np.savez(tmp_path / "v.npz", image=pairs.images[::-1], text=pairs.texts[::-1], uid=uids[::-1])
    with pytest.raises(UserError, match="another order"):
        scan(tmp_path / "rows.csv", tmp_path / "other", tmp_path / "v.npz", overrides=options)


def test_a_stopped_scan_goes_on_and_a_changed_file_is_noticed(tmp_path: Path, pairs: GivenPairs) -> None:
    manifest = write_rows(pairs, tmp_path / "rows.jsonl")
    np.savez(tmp_path / "v.npz", image=pairs.images, text=pairs.texts)
    sizes = ["run.shard_size=64"]
    run = scan(manifest, tmp_path / "run", tmp_path / "v.npz", overrides=sizes)
    parts = sorted((run.path / "measurements").rglob("*.parquet"))
    whole = {part: part.read_bytes() for part in parts}
    kept = run.path / "measurements" / "image_text" / "00000.parquet"
    before = kept.stat().st_mtime_ns
    (run.path / "measurements" / "image_text" / "00001.parquet").unlink()
    scan(manifest, tmp_path / "run", tmp_path / "v.npz", overrides=sizes)
    assert {part: part.read_bytes() for part in parts} == whole
    assert kept.stat().st_mtime_ns == before
    np.savez(tmp_path / "v.npz", image=pairs.images, text=np.roll(pairs.texts, 1, axis=0))
    scan(manifest, tmp_path / "run", tmp_path / "v.npz", overrides=sizes)
    assert kept.read_bytes() != whole[kept]


def test_other_commands_work_on_them(tmp_path: Path, pairs: GivenPairs) -> None:
    manifest = write_rows(pairs, tmp_path / "rows.jsonl")
    np.savez(tmp_path / "v.npz", image=pairs.images, text=pairs.texts)
    named = ["input.embeddings.model=some CLIP"]
    run = scan(manifest, tmp_path / "run", tmp_path / "v.npz", overrides=named, judged=True)
    assert repair_run(run.path).proposals >= 0.5 * len(pairs.moved)
    views = cover_run(run.folder).views
    assert views
    assert all(view.rows_without_embedding >= 0 for view in views.values())
    second = given.make_pairs(60, seed=9)
    second.images[:5] = pairs.images[20:25]
    np.savez(tmp_path / "w.npz", image=second.images, text=second.texts)
    other = write_rows(second, tmp_path / "test.jsonl")
    test = scan(other, tmp_path / "test", tmp_path / "w.npz", overrides=named)
    assert "cannot be compared" not in " ".join(overlap_runs(run.path, test.path).notes)
    unnamed = scan(other, tmp_path / "unnamed", tmp_path / "w.npz")
    assert "cannot be compared" in " ".join(overlap_runs(run.path, unnamed.path).notes)
    overlap_runs(run.path, other, out=tmp_path / "overlap", by=["text"])
    assert not (tmp_path / "overlap" / "test-run" / "measurements" / "image_text").exists()


def test_the_probe_must_be_on_and_pickles_are_not_opened(tmp_path: Path, pairs: GivenPairs) -> None:
    manifest = write_rows(pairs, tmp_path / "rows.jsonl")
    np.savez(tmp_path / "v.npz", image=pairs.images, text=pairs.texts)
    with pytest.raises(ConfigError, match="image_text"):
        scan(manifest, tmp_path / "run", tmp_path / "v.npz", probes="caption_text")
    np.save(tmp_path / "o.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(UserError, match="never opened"):
        scan(manifest, tmp_path / "run", [tmp_path / "o.npy", tmp_path / "o.npy"])
    np.savez(tmp_path / "o.npz", image=np.array([None], dtype=object))
    with pytest.raises(UserError, match="never opened"):
        scan(manifest, tmp_path / "run", tmp_path / "o.npz")
    (tmp_path / "v.pkl").write_bytes(b"")
    with pytest.raises(UserError, match="never opened"):
        scan(manifest, tmp_path / "run", tmp_path / "v.pkl")


def test_files_that_are_missing_hint_at_the_way_without(tmp_path: Path, pairs: GivenPairs) -> None:
    manifest = write_rows(pairs, tmp_path / "rows.jsonl")
    np.savez(tmp_path / "v.npz", image=pairs.images, text=pairs.texts)
    with pytest.raises(UserError) as caught:
        scan(manifest, tmp_path / "run", tmp_path / "v.npz", probes=f"media,{PROBES}")
    assert "--probes image_text,caption_text" in str(caught.value)


def test_the_command_loads_no_model(tmp_path: Path, pairs: GivenPairs) -> None:
    manifest = write_rows(pairs, tmp_path / "rows.jsonl")
    np.savez(tmp_path / "v.npz", image=pairs.images, text=pairs.texts)
    arguments = ["scan", str(manifest), "--out", str(tmp_path / "run"), "--embeddings", str(tmp_path / "v.npz")]
    arguments += ["--probes", PROBES, "--quiet"]
    program = (
        "import sys, mmcheck.cli.app as app\n"
        f"sys.argv = {['mmcheck', *arguments]!r}\n"
        "code = 0\n"
        "try:\n    app.main()\nexcept SystemExit as done:\n    code = done.code\n"
        "heavy = sorted({'torch', 'open_clip', 'transformers', 'ctranslate2'} & set(sys.modules))\n"
        "print('HEAVY', code, heavy)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert "HEAVY 0 []" in done.stdout, done.stdout + done.stderr
    assert "no model was run" in done.stdout
    page = (tmp_path / "run" / "report.html").read_text("utf-8")
    assert "no model was run" in page
