from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile
from PIL import Image

from mmcheck.cli import app as cli
from mmcheck.cli.tables import clean
from mmcheck.config import load_config

Run = Callable[..., tuple[int, str, str]]
MODEL_FREE = ("--probes", "media,caption_text", "--no-report")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["mmcheck", *words])
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        printed = capsys.readouterr()
        assert "Traceback" not in printed.err
        return int(stopped.value.code or 0), printed.out, printed.err

    return call


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    rng = np.random.default_rng(1)
    for number in range(3):
        Image.fromarray(rng.integers(0, 255, (240, 320, 3), dtype=np.uint8)).save(tmp_path / f"{number}.png")
    rows = [{"image": f"{n}.png", "caption": f"a blue kettle number {n} on a stove"} for n in range(3)]
    rows.append({"image": "absent.png", "caption": "\x1b[31ma red kettle [bold]that is gone[/bold]"})
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def test_nobody_is_told_to_train_on_nothing(run: Run, manifest: Path, tmp_path: Path) -> None:
    code, out, _ = run("scan", str(manifest), "--out", str(tmp_path / "r"), *MODEL_FREE, "--limit", "0")
    assert code == 0
    assert "empty: no row is kept" in out
    assert "train on this" not in out


def test_scan_prints_a_summary_and_where_the_files_lie(run: Run, manifest: Path, tmp_path: Path) -> None:
    code, out, err = run("scan", str(manifest), "--out", str(tmp_path / "r"), *MODEL_FREE)
    # A log is told of stages that take seconds, which none does but on a busy machine.
    assert (code, re.sub(r"[a-z ]+:( [\d,]+)? done in [^\n]*\n", "", err)) == (0, "")
    assert "4 rows read" in out
    assert "missing" in out
    assert str(tmp_path / "r") + "/quarantine" in out


def test_scan_as_json_is_the_summary_and_nothing_else(run: Run, manifest: Path, tmp_path: Path) -> None:
    code, out, _ = run("scan", str(manifest), "-o", str(tmp_path / "r"), "--json", *MODEL_FREE)
    summary = json.loads(out)
    assert code == 0
    assert (summary["rows_read"], summary["keep"], summary["quarantine"]) == (4, 3, 1)


def test_scan_writes_a_report(run: Run, manifest: Path, tmp_path: Path) -> None:
    run("scan", str(manifest), "-o", str(tmp_path / "r"), *MODEL_FREE[:2])
    first = (tmp_path / "r" / "report.html").read_text("utf-8")
    assert "absent.png" in first
    code, out, _ = run("report", str(tmp_path / "r"))
    assert (code, out.strip()) == (0, str(tmp_path / "r" / "report.html"))


def test_judge_decides_anew(run: Run, manifest: Path, tmp_path: Path) -> None:
    run("scan", str(manifest), "-o", str(tmp_path / "r"), *MODEL_FREE)
    code, out, _ = run(
        "judge", str(tmp_path / "r"), "--set", "rules.w={metric: media.width, min: 999}", "--json", "--no-report"
    )
    summary = json.loads(out)
    assert code == 0
    assert summary["quarantine"] == 4
    assert summary["findings"]["w.below_min"] == 3


@pytest.mark.parametrize(
    "key", ["probes.transcript.model=base", "input.language=en", "analyses.alignment.domains=false"]
)
def test_judge_refuses_what_only_a_new_scan_can_follow(run: Run, manifest: Path, tmp_path: Path, key: str) -> None:
    run("scan", str(manifest), "-o", str(tmp_path / "r"), *MODEL_FREE)
    before = (tmp_path / "r" / "summary.json").read_bytes()
    code, _, err = run("judge", str(tmp_path / "r"), "--set", key)
    assert code == 2
    assert "judging does neither" in err
    assert "scan again" in err
    assert (tmp_path / "r" / "summary.json").read_bytes() == before


def test_nothing_is_counted_by_a_rule_that_is_not_on(run: Run, manifest: Path, tmp_path: Path) -> None:
    manifest.write_text("".join(json.dumps({"image": f"{n}.png", "caption": "a nice photo"}) + "\n" for n in range(3)))
    _, out, _ = run("scan", str(manifest), "-o", str(tmp_path / "all"), *MODEL_FREE, "--verbose")
    assert "3 of 3 captions are vague" in out
    # The rule on vague captions also reads the probe caption_text, which does not run here.
    _, out, _ = run("scan", str(manifest), "-o", str(tmp_path / "r"), "--probes", "media", "--no-report", "-v")
    assert "are vague" not in out


def test_a_lower_limit_finds_its_evidence_in_the_stored_run(run: Run, tmp_path: Path) -> None:
    sound = np.random.default_rng(3).normal(0, 0.1, 16_000).astype(np.float32)
    soundfile.write(tmp_path / "same.wav", sound, 16_000)
    said = "this is one of ten words that somebody says here"
    lines = [{"audio": "same.wav", "transcript": text} for text in (said, said, said.replace("ten", "six"))]
    Image.new("RGB", (64, 48), (120, 60, 20)).save(tmp_path / "a.png")
    lines.append({"image": "a.png", "caption": "a person standing outside near trees"})
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    folder = tmp_path / "r"
    probes = ("--probes", "media,caption_text,transcript_text", "--set", "probes.media.vad=false")
    run("scan", str(tmp_path / "rows.jsonl"), "-o", str(folder), *probes, "--no-report")
    before = {path: path.read_bytes() for path in (folder / "measurements").rglob("*") if path.is_file()}

    rules = ("rules.contradicting_transcripts.max=0.05", "rules.vague_caption.max=0.2")
    code, out, _ = run("judge", str(folder), "--json", *(word for rule in rules for word in ("--set", rule)))

    found = json.loads(out)["findings"]
    assert (code, found["contradicting_transcripts.above_max"], found["vague_caption.above_max"]) == (0, 3, 1)
    assert before == {path: path.read_bytes() for path in (folder / "measurements").rglob("*") if path.is_file()}
    assert "The same recording with another transcript" in (folder / "report.html").read_text("utf-8")
    told = pq.read_table(folder / "measurements" / "caption" / "00000.parquet")["evidence"].to_pylist()[-1]
    assert json.loads(told)["generic_words"] == ["person", "standing", "outside"]


def test_the_sentences_count_by_the_limits_that_the_run_is_judged_with(run: Run, tmp_path: Path) -> None:
    Image.new("RGB", (64, 48), (120, 60, 20)).save(tmp_path / "a.png")
    captions = ("a photo", "a person standing outside near trees", "!!!", "a brown horse drinks from the river Seine")
    lines: list[dict[str, str]] = [{"image": "a.png", "caption": caption} for caption in captions]
    sound = np.random.default_rng(3).normal(0, 0.1, 16_000).astype(np.float32)
    soundfile.write(tmp_path / "same.wav", sound, 16_000)
    said = "this is one of ten words that somebody says here"
    lines += [{"audio": "same.wav", "transcript": text} for text in (said, said, said.replace("ten", "six"))]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    folder = tmp_path / "r"
    probes = ("--probes", "media,caption_text,transcript_text", "--set", "probes.media.vad=false")
    run("scan", str(tmp_path / "rows.jsonl"), "-o", str(folder), *probes, "--no-report")

    def judged(*rules: str) -> tuple[list[str], dict[str, int]]:
        code, out, _ = run(
            "judge", str(folder), "--json", "--no-report", *(w for rule in rules for w in ("--set", rule))
        )
        assert code == 0
        found = json.loads(out)
        told = ("are vague", "is vague", "of the same recording")
        return [note for note in found["notes"] if any(word in note for word in told)], found["findings"]

    notes, findings = judged()
    assert notes == ["1 of 4 captions is vague (25.0%)."]
    assert findings["vague_caption.above_max"] == 1

    notes, findings = judged("rules.vague_caption.max=0.2", "rules.contradicting_transcripts.max=0.05")
    assert notes == [
        "2 of 4 captions are vague (50.0%).",
        "3 of 3 transcripts differ from other transcripts of the same recording.",
    ]
    assert findings["vague_caption.above_max"] == 2
    assert findings["contradicting_transcripts.above_max"] == 3

    notes, _ = judged("rules.vague_caption.enabled=false")
    assert notes == ["3 of 3 transcripts differ from other transcripts of the same recording."]


def test_the_end_of_a_scan_says_what_differs_from_the_preset(run: Run, manifest: Path, tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text("run: {seed: 3}\nrules: {empty_text: {enabled: false}}\n", "utf-8")
    where = ("-o", str(tmp_path / "r"), "--config", str(tmp_path / "own.yaml"))
    _, out, _ = run("scan", str(manifest), *where, *MODEL_FREE)
    assert "differ from preset default; rules off: empty_text" in out
    found = json.loads((tmp_path / "r" / "summary.json").read_text("utf-8"))["config"]
    assert found["changed"]["run.seed"] == [0, 3]
    assert found["rules_off"] == ["empty_text"]
    _, out, _ = run("judge", str(tmp_path / "r"), "--no-report")
    assert "rules off: empty_text" in out
    code, out, err = run("config", "check", str(tmp_path / "own.yaml"))
    assert code == 0
    assert "run.seed: 0 -> 3" in out
    assert "rule off: empty_text" in out
    assert "1 rule of preset default is off" in err


def test_dry_run_says_what_would_be_measured(run: Run, manifest: Path, tmp_path: Path) -> None:
    code, out, _ = run("scan", str(manifest), "-o", str(tmp_path / "r"), "--dry-run", *MODEL_FREE)
    assert code == 0
    assert "caption_text" in out
    assert not (tmp_path / "r").exists()
    _, out, _ = run("scan", str(manifest), "-o", str(tmp_path / "r"), "--dry-run", "--json", *MODEL_FREE)
    assert json.loads(out)["to_measure"] == {"media": 4, "caption_text": 4}


def test_scan_tells_what_it_took_over(run: Run, manifest: Path, tmp_path: Path) -> None:
    run("scan", str(manifest), "-o", str(tmp_path / "a"), *MODEL_FREE)
    again = ("scan", str(manifest), "--no-report", *MODEL_FREE)
    code, out, err = run(*again, "-o", str(tmp_path / "b"), "--reuse", str(tmp_path / "a"))
    assert code == 0
    assert "of 4 rows reused from earlier runs: media 3, caption_text 3" in err
    assert "4 rows read" in out
    other = ("--probes", "media", "--set", "probes.media.max_pixels=9000000", "--no-report")
    code, _, err = run("scan", str(manifest), *other, "-o", str(tmp_path / "c"), "--reuse", str(tmp_path / "a"))
    assert code == 0
    assert "nothing was reused from earlier runs" in err
    code, out, _ = run(*again, "-o", str(tmp_path / "d"), "--reuse", str(tmp_path / "a"), "--dry-run")
    assert code == 0
    assert "3 samples of earlier" in " ".join(out.split())


def test_print_config_is_a_config(run: Run, manifest: Path, tmp_path: Path) -> None:
    _, out, _ = run("scan", str(manifest), "-o", "x", "--print-config", "--set", "run.shard_size=7", "-c", "demo")
    (tmp_path / "c.yaml").write_text(out, "utf-8")
    assert load_config(tmp_path / "c.yaml") == load_config("demo", ["run.shard_size=7"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("scan", "/nowhere/rows.jsonl", "-o", "r"), "/nowhere/rows.jsonl"),
        (("scan", "{manifest}", "-o", "r", "--config", "dmeo"), "did you mean the preset 'demo'"),
        (("scan", "{manifest}", "-o", "r", "--set", "rules.x={metric: media.width}"), "needs `min`, `max` or both"),
        (("scan", "{manifest}", "-o", "r", "--set", "run.shard_szie=3"), "did you mean 'shard_size'"),
        (("scan", "{manifest}", "-o", "r", "--set", "nonsense"), "section.key=value"),
        (("scan", "{manifest}", "-o", "r", "--probes", "meda"), "did you mean 'media'"),
        (("scan", "{manifest}", "-o", "r", "--probes", ""), "no probe is enabled"),
        (("scan", "{manifest}", "-o", "r", "--format", "josnl"), "jsonl"),
        (("scan", "{manifest}", "-o", "r", "--device", "gpu", "--probes", "media"), "run.device"),
        (("scan", "{manifest}", "-o", "r", "--engine", "loacl", "--probes", "media"), "local"),
        (("scan", "{manifest}"), "--out"),
        (("judge", "/nowhere"), "not a run folder"),
        (("report", "/nowhere"), "not a run folder"),
        (("models", "check", "tiny-clop"), "tiny-clip"),
        (("config", "check", "/nowhere.yaml"), "cannot be read"),
        (("scna",), "scan"),
    ],
)
def test_what_the_user_got_wrong_is_said_with_exit_code_2(
    run: Run, manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = run(*(word.format(manifest=manifest) if word == "{manifest}" else word for word in words))
    assert (code, out) == (2, "")
    assert said in err


def test_every_fault_of_a_config_is_told_at_once(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("run: {sede: 1, workers: -1}\nrules: {a: {metric: media.width, min: 9, max: 3}}\n", "utf-8")
    code, _, err = run("config", "check", str(path))
    assert code == 2
    assert "3 faults" in err
    assert "did you mean 'seed'" in err
    assert "nothing could be kept" in err


def test_a_key_given_twice_and_an_unknown_encoding_are_refused(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("rules:\n  a: {metric: media.width, min: 5, min: 6}\n", "utf-8")
    code, _, err = run("config", "check", str(path))
    assert code == 2
    assert "'min' is given twice (line 2)" in err
    code, _, err = run("config", "check", "demo", "--set", "input.encoding=bogus")
    assert code == 2
    assert "unknown text encoding" in err


@pytest.mark.parametrize("more", [(), ("--dry-run",)])
def test_what_cannot_be_the_right_input_is_refused_before_measuring(
    run: Run, manifest: Path, tmp_path: Path, more: tuple[str, ...]
) -> None:
    (tmp_path / "empty.jsonl").write_text("")
    (tmp_path / "odd.jsonl").write_text('{"a": 1, "b": 2}\n')
    (tmp_path / "gone.jsonl").write_text('{"image": "img/0.png", "caption": "a dog"}\n' * 3)
    for name, said in (("empty", "no rows"), ("odd", "input.columns.image"), ("gone", "input.path={image:name}")):
        code, out, err = run("scan", str(tmp_path / f"{name}.jsonl"), "-o", str(tmp_path / "r"), *more, *MODEL_FREE)
        assert (code, out) == (2, "")
        assert name in err
        assert said in err
    # The folder is free for the mended command.
    assert run("scan", str(manifest), "-o", str(tmp_path / "r"), *more, *MODEL_FREE)[0] == 0


@pytest.mark.parametrize(
    ("limits", "code", "said"),
    [
        (("quarantine=25%",), 0, ""),
        (("quarantine=24.9%",), 1, "quarantine: 1 of 4 rows (25.0 %), but --fail-on allows 24.9 %."),
        (("quarantine=1,unchecked=0", "flag=100%"), 0, ""),
        (("flag=4", "quarantine=0"), 1, "quarantine: 1 of 4 rows"),
        (("unreadable_media=0",), 1, "unreadable_media: 1 of 4 rows"),
        (("unreadable_media.missing=0,unreadable_media.empty=0",), 1, "unreadable_media.missing: 1 of 4 rows"),
        (("empty_text=0",), 0, ""),
    ],
)
def test_a_pipeline_can_be_stopped_by_a_verdict(
    run: Run, manifest: Path, tmp_path: Path, limits: tuple[str, ...], code: int, said: str
) -> None:
    options = [word for limit in limits for word in ("--fail-on", limit)]
    found, out, err = run("scan", str(manifest), "-o", str(tmp_path / "r"), *MODEL_FREE, *options)
    assert found == code
    assert said in err
    assert "4 rows read" in out
    assert (tmp_path / "r" / "quarantine").is_dir()
    assert run("judge", str(tmp_path / "r"), "--no-report", *options)[0] == code


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        ("quarantine", "needs name=limit"),
        ("quarantine=lots", "needs name=limit"),
        ("quarantine=-1", "needs name=limit"),
        ("quarantine=0.2", "quarantine=20%"),
        ("quarantine=120%", "at most 100%"),
        ("quarantined=3", "did you mean 'quarantine'"),
        ("empty_txt=0", "did you mean 'empty_text'"),
        ("odd_breadth=0", "is off"),
    ],
)
def test_a_wrong_limit_is_told_before_anything_is_measured(
    run: Run, manifest: Path, tmp_path: Path, limit: str, said: str
) -> None:
    code, _, err = run("scan", str(manifest), "-o", str(tmp_path / "r"), *MODEL_FREE, "--fail-on", limit)
    assert code == 2
    assert said in err
    assert not (tmp_path / "r").exists()


def test_config_show_and_schema(run: Run) -> None:
    assert "probes:" in run("config", "show", "fast")[1]
    assert run("config", "show", "demo", "--source")[1].lstrip().startswith("#")
    assert "probes" in json.loads(run("config", "schema")[1])["properties"]
    assert run("config", "check", "default")[0] == 0


def test_list_names_every_part(run: Run) -> None:
    parts = json.loads(run("list", "--json")[1])
    assert {"jsonl", "nemo", "webdataset"} <= {part["name"] for part in parts["formats"]}
    assert "image_text.similarity" in {metric["name"] for metric in parts["metrics"]}
    assert "transcript" in run("list")[1]


def test_list_shows_one_kind_of_parts_if_asked(run: Run) -> None:
    parts = json.loads(run("list", "formats", "--json")[1])
    assert set(parts) == {"formats", "export formats", "broken"}
    out = run("list", "formats")[1]
    for part in (*parts["formats"], *parts["export formats"]):
        assert part["summary"]
        assert part["name"] in out
    assert "image_text.similarity" not in out
    assert "image_text.similarity" in run("list", "metrics")[1]
    exports = json.loads(run("list", "exports", "--json")[1])
    assert exports["export formats"] == parts["export formats"]
    code, _, err = run("list", "format")
    assert code == 2
    assert "hint: did you mean 'formats'?" in err


def test_models_list_names_the_bundled_ones(run: Run) -> None:
    names = {model["name"]: model for model in json.loads(run("models", "list", "--json")[1])}
    assert names["tiny-clip"]["kind"] == "bundled"
    assert names["tiny-whisper"]["kind"] == "bundled"


def test_version(run: Run) -> None:
    assert run("--version")[1].startswith("mmcheck 0.")


def test_text_from_a_manifest_cannot_drive_the_terminal() -> None:
    assert clean("\x1b[31mred\x07\u202e") == " [31mred  "


def test_output_into_a_closed_pipe_is_no_traceback() -> None:
    command = f"{sys.executable} -m mmcheck.cli.app list | head -n 1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr


def test_completion_is_offered(run: Run) -> None:
    assert "--install-completion" in run("--help")[1]


def test_doctor_tries_what_a_scan_needs(run: Run) -> None:
    code, out, _ = run("doctor", "--json")
    found = {check["name"]: check["state"] for check in json.loads(out)}
    assert code == 0
    assert found["torch"] == found["presets"] == found["bundled models"] == "fine"


def test_doctor_says_what_is_broken_and_fails(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from mmcheck.cli import health

    monkeypatch.setattr(health, "_NEEDED", (("no_such_module", "no-such-package", "nothing runs"),))
    monkeypatch.setattr(health, "_check_models", lambda: health.HealthFinding(name="models", state="fine", seen=""))
    code, out, _ = run("doctor")
    assert code == 3
    assert "pip install --force-reinstall no-such-package" in " ".join(out.split())
