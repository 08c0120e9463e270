"""``mmcheck patch``: what a run found wrong, as lines that anybody can hold against their own copy."""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import soundfile

import mmcheck
from mmcheck.core.errors import OutputError, RunError, UserError
from mmcheck.errata.record import text_digest
from mmcheck.errata.sources import from_repairs
from mmcheck.people.decision import Choice, Decision
from mmcheck.people.decision_log import append_decisions, log_path
from mmcheck.repair.run import repair_run
from tests.unit.errata.conftest import CAPTIONS, CONFIG, MakeRun, lines, picture, put, recording, tone, write_lines

Command = Callable[..., tuple[int, str, str]]


def load_planted() -> ModuleType:
    file = Path(__file__).resolve().parents[2] / "fixtures" / "repair_run.py"
    spec = importlib.util.spec_from_file_location("repair_run", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_patch_holds_what_anybody_can_compute(
    pictures: Path, judged: MakeRun, command: Command, tmp_path: Path
) -> None:
    run, out = judged(pictures), tmp_path / "errata.jsonl"
    code, told, _ = command("patch", str(run), "--out", str(out), "--about", "six pictures")
    assert code == 0
    assert "2 removals and 0 corrections, for 2 rows of 6" in told
    header, first, second = lines(out)
    assert header["mmcheck_errata"] == 1
    assert header["records"] == 2
    assert header["about"] == "six pictures"
    assert header["producer"] == f"mmcheck {mmcheck.__version__}"
    assert header["rules"] == {"marked": {"metric": "column.mark", "action": "quarantine"}}
    data = picture(2)
    assert first["action"] == "remove"
    assert first["medium"]["sha256"] == hashlib.sha256(data).hexdigest()
    assert (first["medium"]["bytes"], first["medium"]["name"]) == (len(data), "2.png")
    assert first["text_sha256"] == hashlib.sha256(CAPTIONS[2].encode()).hexdigest()
    assert (first["text"], first["codes"], first["decided_by"]) == (CAPTIONS[2], ["marked.not_allowed"], "policy")
    assert "not allowed" in first["reason"]
    assert second["text"] == CAPTIONS[4]
    # No path of this machine leaves it.
    assert str(tmp_path) not in out.read_text("utf-8")


def test_only_and_rules_choose_the_rows(pictures: Path, judged: MakeRun, command: Command, tmp_path: Path) -> None:
    run = str(judged(pictures))
    _, told, _ = command("patch", run, "--out", str(tmp_path / "all.jsonl"), "--only", "quarantine,flag")
    assert "3 removals" in told
    _, told, _ = command(
        "patch", run, "--out", str(tmp_path / "flagged.jsonl"), "--only", "quarantine,flag", "--rules", "doubted"
    )
    assert [one["text"] for one in lines(tmp_path / "flagged.jsonl")[1:]] == ["a tree"]
    code, _, err = command("patch", run, "--out", str(tmp_path / "x.jsonl"), "--rules", "maked")
    assert code == 2
    assert "'maked', which is no rule of this run" in err
    for only, what in (
        ("keep", "whose rows are right"),
        ("quarantine,bad", "which is no verdict"),
        ("none", "nothing"),
    ):
        code, _, err = command("patch", run, "--out", str(tmp_path / "x.jsonl"), "--only", only)
        assert code == 2
        assert what in err
    assert not (tmp_path / "x.jsonl").exists()


def test_no_text_keeps_texts_and_reasons_that_quote_them_away(
    pictures: Path, judged: MakeRun, command: Command, tmp_path: Path
) -> None:
    out = tmp_path / "errata.jsonl"
    _, told, _ = command("patch", str(judged(pictures)), "--out", str(out), "--no-text", "--json")
    assert json.loads(told)["with_text"] is False
    for caption, one in zip((CAPTIONS[2], CAPTIONS[4]), lines(out)[1:], strict=True):
        assert "text" not in one
        assert one["text_sha256"] == text_digest(caption).hex()
        assert one["reason"]
    assert not any(caption in out.read_text("utf-8") for caption in CAPTIONS)


def test_the_same_run_gives_the_same_bytes(pictures: Path, judged: MakeRun, command: Command, tmp_path: Path) -> None:
    run, out = str(judged(pictures)), tmp_path / "errata.jsonl.gz"
    command("patch", run, "--out", str(out))
    first = out.read_bytes()
    assert gzip.decompress(first).startswith(b'{"mmcheck_errata":1')
    code, _, err = command("patch", run, "--out", str(out))
    assert code == 2
    assert "holds errata already" in err
    code, _, _ = command("patch", run, "--out", str(out), "--overwrite")
    assert code == 0
    assert out.read_bytes() == first


def test_nothing_but_errata_is_written_over(pictures: Path, judged: MakeRun, tmp_path: Path) -> None:
    run = mmcheck.open_run(judged(pictures))
    before = pictures.read_bytes()
    for target in (pictures, tmp_path / "set" / "images" / "0.png"):
        with pytest.raises(OutputError, match="another file, and not of errata"):
            run.patch(target, overwrite=True)
    with pytest.raises(OutputError, match="is a folder"):
        run.patch(tmp_path / "set")
    assert pictures.read_bytes() == before


def test_a_row_that_repeats_a_kept_one_says_how_many_stay(judged: MakeRun, tmp_path: Path) -> None:
    for number in range(3):
        put(tmp_path / "set" / f"{number}.png", picture(7))
    rows = [
        {"image": f"{number}.png", "caption": "one and the same", "mark": mark}
        for number, mark in enumerate(("", "bad", "bad"))
    ]
    manifest = write_lines(tmp_path / "set" / "a.jsonl", rows)
    summary = mmcheck.open_run(judged(manifest)).patch(tmp_path / "errata.jsonl")
    assert (summary.records, summary.rows) == (1, 2)
    (one,) = lines(tmp_path / "errata.jsonl")[1:]
    assert one["keep_copies"] == 1


def test_the_other_captions_of_a_picture_are_known(judged: MakeRun, tmp_path: Path) -> None:
    put(tmp_path / "set" / "a.png", picture(1))
    rows = [{"image": "a.png", "caption": f"caption {n}", "mark": "bad" if n == 1 else ""} for n in range(3)]
    manifest = write_lines(tmp_path / "set" / "a.jsonl", rows)
    mmcheck.open_run(judged(manifest)).patch(tmp_path / "errata.jsonl")
    (one,) = lines(tmp_path / "errata.jsonl")[1:]
    assert one["num_texts"] == 3
    assert set(one["other_texts"]) == {text_digest(f"caption {n}").hex() for n in (0, 2)}


def test_the_many_captions_of_a_placeholder_do_not_fill_the_file(judged: MakeRun, tmp_path: Path) -> None:
    put(tmp_path / "set" / "a.png", picture(1))
    rows = [{"image": "a.png", "caption": f"caption {n}", "mark": "bad"} for n in range(60)]
    mmcheck.open_run(judged(write_lines(tmp_path / "set" / "a.jsonl", rows))).patch(tmp_path / "errata.jsonl")
    found = lines(tmp_path / "errata.jsonl")[1:]
    assert len(found) == 60
    assert all(one["num_texts"] == 60 and "other_texts" not in one for one in found)


def segments(folder: Path) -> Path:
    """Write three segments of one recording and a whole one; the second and the last are marked."""
    put(folder / "talk.wav", recording(np.concatenate([tone(300 + 200 * n) for n in range(3)])))
    put(folder / "alone.flac", recording(tone(900), "FLAC"))
    rows: list[dict[str, Any]] = [
        {"audio_filepath": "talk.wav", "offset": n / 2, "duration": 0.5, "text": f"part {n}", "mark": "bad" * (n == 1)}
        for n in range(3)
    ]
    rows.append({"audio_filepath": "alone.flac", "duration": 0.5, "text": "alone", "mark": "bad"})
    return write_lines(folder / "nemo.json", rows)


def test_recordings_are_known_by_their_file_and_by_their_sound(judged: MakeRun, tmp_path: Path) -> None:
    run = mmcheck.open_run(judged(segments(tmp_path / "set"), probes="media,transcript_text"))
    summary = run.patch(tmp_path / "errata.jsonl")
    assert summary.media == {"read": 2}
    part, alone = (one["medium"] for one in lines(tmp_path / "errata.jsonl")[1:])
    whole = (tmp_path / "set" / "talk.wav").read_bytes()
    assert part["sha256"] == hashlib.sha256(whole).hexdigest()
    assert (part["start"], part["duration"], part["bytes"]) == (0.5, 0.5, len(whole))
    stored, _ = soundfile.read(tmp_path / "set" / "talk.wav", dtype="int16")
    assert part["sound_sha256"] == hashlib.sha256(stored[8000:16000].tobytes()).hexdigest()
    assert "start" not in alone
    assert alone["sound_sha256"] != alone["sha256"]


def test_without_media_there_is_what_the_run_stored(judged: MakeRun, tmp_path: Path) -> None:
    run = mmcheck.open_run(judged(segments(tmp_path / "set"), probes="media,transcript_text"))
    run.patch(tmp_path / "whole.jsonl")
    run.patch(tmp_path / "stored.jsonl", media=False)
    for path in (tmp_path / "set").glob("*.*"):
        path.unlink()
    gone = run.patch(tmp_path / "gone.jsonl")
    assert gone.media == {"cannot be read": 2}
    whole, stored, lost = (lines(tmp_path / f"{name}.jsonl")[1:] for name in ("whole", "stored", "gone"))
    assert stored == lost
    assert [one["medium"].get("sha256") for one in stored] == [None, whole[1]["medium"]["sha256"]]
    assert [one["medium"].get("sound_sha256") for one in stored] == [whole[0]["medium"]["sound_sha256"], None]


def test_a_recording_that_was_changed_since_is_not_taken_for_the_scanned_one(judged: MakeRun, tmp_path: Path) -> None:
    run = mmcheck.open_run(judged(segments(tmp_path / "set"), probes="media,transcript_text"))
    put(tmp_path / "set" / "talk.wav", recording(tone(50, 3.0)))
    summary = run.patch(tmp_path / "errata.jsonl")
    assert summary.media == {"not what was scanned": 1, "read": 1}
    part = lines(tmp_path / "errata.jsonl")[1]["medium"]
    assert "sha256" not in part
    assert "sound_sha256" in part


def test_a_run_without_digests_reads_the_files(pictures: Path, tmp_path: Path) -> None:
    run = mmcheck.scan(pictures, tmp_path / "run", CONFIG, probes="caption_text")
    run.patch(tmp_path / "errata.jsonl")
    found = lines(tmp_path / "errata.jsonl")[1:]
    assert [one["medium"]["sha256"] for one in found] == [hashlib.sha256(picture(n)).hexdigest() for n in (2, 4)]
    summary = run.patch(tmp_path / "none.jsonl", media=False)
    assert summary.records == 0
    assert sum(summary.left_out.values()) == 2


def test_rows_that_nothing_tells_are_counted(judged: MakeRun, tmp_path: Path) -> None:
    put(tmp_path / "set" / "cut.png", picture(0)[:60])
    rows = [
        {"image": f"{name}.png", "caption": text, "mark": ""}
        for name, text in (("cut", "cut short"), ("gone", "not there"))
    ]
    manifest = write_lines(tmp_path / "set" / "a.jsonl", rows)
    with manifest.open("a") as file:
        file.write('{"image": "broken\n')
    config = CONFIG.model_copy(update={"input": CONFIG.input.model_copy(update={"try_first": 0})})
    summary = mmcheck.open_run(judged(manifest, config=config)).patch(tmp_path / "errata.jsonl")
    # A file that breaks off everywhere is known by its bytes all the same.
    assert [one["text"] for one in lines(tmp_path / "errata.jsonl")[1:]] == ["cut short"]
    assert summary.left_out == {
        "could not be read": 1,
        "have a medium that cannot be read, so that nothing tells it": 1,
    }


def test_a_run_that_is_not_finished_is_refused(pictures: Path, judged: MakeRun, tmp_path: Path) -> None:
    run = judged(pictures)
    tree = json.loads((run / "run.json").read_text())
    del tree["checksum"]
    (run / "run.json").write_text(json.dumps({**tree, "state": "measuring"}))
    with pytest.raises(RunError, match="not complete"):
        mmcheck.open_run(run).patch(tmp_path / "errata.jsonl")
    assert not (tmp_path / "errata.jsonl").exists()


def shifted_run(folder: Path) -> tuple[Path, Any]:
    """Return a manifest of 60 pictures whose captions 20 to 40 are shifted by a row, and a run of it."""
    planted = load_planted()
    planted.draw(folder / "images", 60)
    order = planted.shifted(60, 20, 40)
    rows = [{"image": f"images/{n}.png", "caption": f"thing {order[n]}"} for n in range(60)]
    manifest = write_lines(folder / "a.jsonl", rows)
    run = planted.make_run(folder / "run", [(manifest, "jsonl")])
    return manifest, mmcheck.open_run(run.path)


def test_proposals_of_repair_become_corrections(command: Command, tmp_path: Path) -> None:
    manifest, run = shifted_run(tmp_path)
    with pytest.raises(UserError, match="holds no proposals"):
        run.patch(tmp_path / "errata.jsonl", only=(), repairs=True)
    proposed = repair_run(run.path).proposals
    code, told, _ = command(
        "patch",
        str(run.path),
        "--out",
        str(tmp_path / "errata.jsonl"),
        "--only",
        "none",
        "--repairs",
        "--min-confidence",
        "0.8",
    )
    assert code == 0
    assert f"0 removals and {proposed} corrections" in told
    found = lines(tmp_path / "errata.jsonl")[1:]
    assert {one["action"] for one in found} == {"replace_text"}
    assert all(one["decided_by"] == "repair" and one["codes"][-1].startswith("repair.") for one in found)
    assert all(0.8 <= one["scores"]["repair.confidence"] <= 1 for one in found)
    sure = run.patch(tmp_path / "sure.jsonl", only=(), repairs=True, min_confidence=1.0)
    assert sure.corrections <= proposed

    mended = mmcheck.apply(tmp_path / "errata.jsonl", manifest, tmp_path / "mended")
    assert mended.rows_changed == proposed
    after = lines(tmp_path / "mended" / "a.jsonl")
    right = sum(row["caption"] == f"thing {n}" for n, row in enumerate(after))
    assert right == 40 + proposed


def test_corrections_without_texts_take_them_from_the_set(tmp_path: Path) -> None:
    manifest, run = shifted_run(tmp_path)
    proposed = repair_run(run.path).proposals
    run.patch(tmp_path / "errata.jsonl", only=(), repairs=True, min_confidence=0.8, text=False)
    assert "thing" not in (tmp_path / "errata.jsonl").read_text()
    mended = mmcheck.apply(tmp_path / "errata.jsonl", manifest, tmp_path / "mended")
    assert mended.rows_changed == proposed
    assert sum(row["caption"] == f"thing {n}" for n, row in enumerate(lines(tmp_path / "mended" / "a.jsonl"))) > 40
    # In a part of the set the right text of a row may stand nowhere.
    part = write_lines(tmp_path / "part.jsonl", lines(manifest)[25:26])
    alone = mmcheck.apply(tmp_path / "errata.jsonl", part)
    assert alone.outcomes["no_text"] == 1
    assert "no row here has it" in alone.conflicts[0].why


def test_what_people_decided_counts_before_rules_and_repair(judged: MakeRun, pictures: Path, tmp_path: Path) -> None:
    run = mmcheck.open_run(judged(pictures))
    ids = [f"images/{number}.png" for number in range(6)]
    said = [
        Decision(sample_id=ids[1], reviewer="ann", choice=Choice.EDIT, text="two white horses"),
        Decision(sample_id=ids[2], reviewer="ann", choice=Choice.KEEP),
        Decision(sample_id=ids[3], reviewer="ann", choice=Choice.QUARANTINE),
        Decision(sample_id=ids[4], reviewer="ann", choice=Choice.EDIT, text="taken back"),
        Decision(sample_id=ids[4], reviewer="ann", choice=Choice.EDIT, text="a right one"),
        Decision(sample_id=ids[5], reviewer="ann", choice=Choice.EDIT, text=CAPTIONS[5]),
    ]
    append_decisions(log_path(run.path), said)
    before = run.patch(tmp_path / "rules.jsonl")
    assert (before.removals, before.corrections) == (2, 0)

    run.judge(apply_review=True)
    after = run.patch(tmp_path / "people.jsonl")
    # Keeping is no erratum, and a text that stays as it is contradicts itself.
    assert (after.removals, after.corrections) == (1, 2)
    assert after.left_out == {"say different things of equal pairs": 1}
    found = {one["text"]: one for one in lines(tmp_path / "people.jsonl")[1:]}
    assert found[CAPTIONS[1]]["new_text"] == "two white horses"
    assert found[CAPTIONS[4]]["new_text"] == "a right one"
    assert found[CAPTIONS[3]]["action"] == "remove"
    assert {one["decided_by"] for one in found.values()} == {"ann"}
    assert found[CAPTIONS[4]]["codes"] == ["review.edited", "marked.not_allowed"]
    assert run.patch(tmp_path / "edits.jsonl", only=()).records == 2
    assert run.patch(tmp_path / "marked.jsonl", rules=["doubted"]).records == 0

    mmcheck.apply(tmp_path / "people.jsonl", pictures, tmp_path / "mended", paths="keep")
    texts = [row["caption"] for row in lines(tmp_path / "mended" / "train.jsonl")]
    assert texts == [CAPTIONS[0], "two white horses", CAPTIONS[2], "a right one", CAPTIONS[5]]


def test_repair_has_no_say_where_people_decided(tmp_path: Path) -> None:
    _, run = shifted_run(tmp_path)
    repair_run(run.path)
    sure = [one for one in lines(run.path / "repair" / "proposals.jsonl") if one["confidence"] >= 0.95]
    append_decisions(log_path(run.path), [Decision(sample_id=sure[0]["sample_id"], reviewer="ann", choice=Choice.KEEP)])
    decided = frozenset({sure[0]["index"]})
    assert len(list(from_repairs(run.folder, 0.95))) == len(sure)
    assert len(list(from_repairs(run.folder, 0.95, decided))) == len(sure) - 1
