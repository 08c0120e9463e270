"""docs/extending.md, tried from its text: its package is built, installed, and scanned with."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import wave
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFilter

import mmcheck

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "extending.md").read_text("utf-8")
FILES = dict(re.findall(r"^`([\w./]+)`\n\n```\w+\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
COMMANDS = re.findall(r"^    (mmcheck .*)$", PAGE, re.MULTILINE)


BAD_BYTE = b'{"id": "caf\xe9"}'


def install(folder: Path, site: Path) -> None:
    """Build a package and unpack its wheel into ``site``, as an installer does."""
    command = [
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--no-isolation",
        "--outdir",
        str(folder / "dist"),
        str(folder),
    ]
    subprocess.run(command, check=True, capture_output=True, text=True)
    (wheel,) = (folder / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")
    return folder


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the page's package as an installer leaves it."""
    folder = tmp_path_factory.mktemp("extending")
    package = {name: text for name, text in FILES.items() if name.endswith((".py", ".toml"))}
    package["photo_checks/__init__.py"] = ""
    install(write(folder / "source", package), folder / "site")
    return folder / "site"


def run(site: Path, words: str, folder: Path, *, code: int = 0) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": f"{site}{os.pathsep}{ROOT}", "HF_HUB_OFFLINE": "1", "COLUMNS": "200"}
    command = [sys.executable, "-m", "mmcheck", *words.split()[1:]]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr + done.stdout
    return done


def make_photos(folder: Path) -> None:
    """Write five images, each blurred more than the one before, and another that is cut short."""
    rows = []
    captions = ["a wall", "a SALE of tiles", "a carpet", "wholesale", "a quilt"]
    for number, (blur, caption) in enumerate(zip((0, 1, 2, 4, 8), captions, strict=True)):
        tiles = np.random.default_rng(number).integers(0, 256, (8, 8, 3)).astype("uint8")
        image = Image.fromarray(tiles).resize((64, 64), Image.Resampling.NEAREST)
        image.filter(ImageFilter.GaussianBlur(blur)).save(folder / f"{number}.png")
        rows.append({"image": f"{number}.png", "caption": caption})
    whole = (folder / "4.png").read_bytes()
    (folder / "5.png").write_bytes(whole[: len(whole) // 2])
    rows.append({"image": "5.png", "caption": "a roof"})
    (folder / "photos.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "photos.yaml").write_text(FILES["photos.yaml"])


def make_cuts(folder: Path) -> None:
    time = np.arange(16000) / 16000
    sound = (8000 * np.sin(2 * np.pi * 300 * time)).astype("<i2").tobytes()
    cuts = []
    for number in range(2):
        with wave.open(str(folder / f"{number}.wav"), "wb") as file:
            file.setparams((1, 2, 16000, 0, "NONE", ""))
            file.writeframes(sound)
        recording = {"id": str(number), "sources": [{"type": "file", "source": f"{number}.wav"}]}
        said = [{"text": f"number {number}", "language": "en"}]
        cuts.append(
            {"id": f"cut-{number}", "start": 0.25, "duration": 0.5, "recording": recording, "supervisions": said}
        )
    lines = [json.dumps(cut).encode() for cut in cuts]
    (folder / "cuts.jsonl").write_bytes(b"\n".join([BAD_BYTE, *lines, b'{"id": "torn']) + b"\n")


def rows_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for path in sorted(folder.glob("*.jsonl")) for line in path.read_text().splitlines()]


@pytest.fixture(scope="module")
def scanned(site: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scanned")
    make_photos(folder)
    make_cuts(folder)
    for command in COMMANDS:
        run(site, command, folder)
    return folder


def test_the_page_has_a_part_of_each_kind_and_scans_with_them() -> None:
    groups = re.findall(r'entry-points\."(mmcheck\.\w+)"', FILES["pyproject.toml"])
    assert sorted(groups) == [
        f"mmcheck.{kind}" for kind in ("analyses", "engines", "formats", "probes", "rules", "targets")
    ]
    assert [command.split()[1] for command in COMMANDS] == ["config", "scan", "scan", "export"]


def test_the_probe_measures_and_what_cannot_be_decoded_is_never_kept(scanned: Path) -> None:
    frame = mmcheck.open_run(scanned / "run").samples().to_arrow()
    sharpness = frame["sharpness.laplacian"].to_pylist()
    assert sharpness[:5] == sorted(sharpness[:5], reverse=True)
    assert sharpness[0] > 100 * sharpness[4] > 0
    assert sharpness[5] is None
    assert frame["sharpness.status"].to_pylist() == ["measured"] * 5 + ["failed"]
    assert frame["action"].to_pylist()[5] == "quarantine"


def test_the_analysis_reaches_the_rule_and_the_manifests(scanned: Path) -> None:
    frame = mmcheck.open_run(scanned / "run").samples().to_arrow()
    assert frame["focus.sharper"].to_pylist() == [0.0, 0.2, 0.4, 0.6, 0.8, None]
    assert frame["codes"].to_pylist()[4] == ["blurred.above_max"]
    assert [row["mmcheck_focus_sharper"] for row in rows_of(scanned / "run" / "flagged")] == [0.2, 0.8]
    assert "mmcheck_sharpness_laplacian" not in rows_of(scanned / "run" / "clean")[0]
    assert (
        "5 images were compared by their sharpness." in json.loads((scanned / "run/summary.json").read_text())["notes"]
    )


def test_the_export_format_writes_the_rows_of_a_run(scanned: Path) -> None:
    lines = (scanned / "listed" / "list.txt").read_text("utf-8").splitlines()
    assert [line.partition("|")[2] for line in lines] == [
        "a wall",
        "a SALE of tiles",
        "a carpet",
        "wholesale",
        "a quilt",
    ]
    assert all(Path(line.partition("|")[0]).is_file() for line in lines)


def test_the_rule_finds_its_words_and_no_parts_of_words(scanned: Path) -> None:
    frame = mmcheck.open_run(scanned / "run").samples().to_arrow()
    assert frame["codes"].to_pylist()[1] == ["advertising.caption"]
    assert frame["findings"].to_pylist()[1][0]["message"] == "The caption has the word 'sale'."
    assert frame["codes"].to_pylist()[3] == []


def test_the_format_is_recognised_and_written_back(scanned: Path) -> None:
    described = json.loads((scanned / "run-cuts" / "run.json").read_text())
    assert [entry["format"] for entry in described["inputs"]] == ["cuts"]
    frame = mmcheck.open_run(scanned / "run-cuts").samples().to_arrow()
    assert frame["id"].to_pylist() == ["cuts.jsonl:1", "cut-0", "cut-1", "cuts.jsonl:4"]
    assert frame["media.duration"].to_pylist()[1:3] == [0.5, 0.5]
    codes = frame["codes"].to_pylist()
    assert (codes[0], codes[3]) == (["broken_row.encoding"], ["broken_row.broken_json"])
    lines = [line for path in (scanned / "run-cuts").glob("*/cuts.jsonl") for line in path.read_bytes().splitlines()]
    broken = [BAD_BYTE, b'{"id": "torn']
    assert [lines.count(line) for line in broken] == [1, 1]
    written = {row["id"]: row for row in (json.loads(line) for line in lines if line not in broken)}
    source = {row["id"]: row for row in map(json.loads, (scanned / "cuts.jsonl").read_bytes().splitlines()[1:3])}
    assert written.keys() == source.keys()
    for name, row in written.items():
        assert row["supervisions"] == source[name]["supervisions"]
        assert row["recording"]["sources"][0]["source"] == str(
            scanned / source[name]["recording"]["sources"][0]["source"]
        )
        assert row["custom"]["mmcheck_id"] == name


def test_the_engine_ran(scanned: Path) -> None:
    assert json.loads((scanned / "run" / "run.json").read_text())["engine"] == "backwards"


def test_the_list_says_where_parts_come_from(site: Path, tmp_path: Path) -> None:
    listed = json.loads(run(site, "mmcheck list --json", tmp_path).stdout)
    assert listed["broken"] == []
    for kind, name in (("probes", "sharpness"), ("analyses", "focus"), ("rules", "banned_words"), ("formats", "cuts")):
        (found,) = [entry for entry in listed[kind] if entry["name"] == name]
        assert found["package"] == "photo-checks 1.0"
        assert len(found["summary"]) > 10
        assert {entry["package"] for entry in listed[kind]} == {"mmcheck", "photo-checks 1.0"}
    assert {"sharpness.laplacian", "focus.sharper"} <= {metric["name"] for metric in listed["metrics"]}
    assert "photo-checks 1.0" in run(site, "mmcheck list", tmp_path).stdout


@pytest.mark.parametrize(
    "faults",
    [
        {
            "probes.sharpness.side=2": "probes.sharpness.side: Input should be greater than or equal to 16",
            "analyses.focus.top=3": "analyses.focus.top: unknown key",
            "rules.advertising.words=[]": "rules.advertising.words: Tuple should have at least 1 item",
        },
        {
            "probes.sharpness.sides=32": "probes.sharpness.sides: unknown key; did you mean 'side'?",
            "rules.advertising.wrods=[a]": "rules.advertising.wrods: unknown key; did you mean 'words'?",
        },
        {
            "probes.sharpnes.side=32": "probes.sharpnes: unknown key; did you mean 'sharpness'?",
            "rules.advertising.min=1": "`metric`, `min` and `max` belong to rule: threshold, not to 'banned_words'",
        },
    ],
)
def test_faults_in_sections_of_parts_are_told(site: Path, tmp_path: Path, faults: dict[str, str]) -> None:
    (tmp_path / "photos.yaml").write_text(FILES["photos.yaml"])
    changes = " ".join(f"--set {change}" for change in faults)
    done = run(site, f"mmcheck config check photos.yaml {changes}", tmp_path, code=2)
    assert [told for told in faults.values() if told not in done.stderr] == []


def test_the_schema_knows_the_sections_and_keys(site: Path, tmp_path: Path) -> None:
    defined = json.loads(run(site, "mmcheck config schema", tmp_path).stdout)["$defs"]
    assert defined["ProbesConfig"]["properties"]["sharpness"]["properties"]["side"]["minimum"] == 16
    assert "words" in defined["RuleConfig"]["properties"]
    assert defined["RuleConfig"]["additionalProperties"] is False


def test_an_installed_package_changes_no_scan_that_does_not_ask_for_it(site: Path, tmp_path: Path) -> None:
    make_photos(tmp_path)
    run(site, "mmcheck scan photos.jsonl --out run --probes media --no-report", tmp_path)
    described = json.loads((tmp_path / "run" / "run.json").read_text())
    assert list(described["probes"]) == ["media"]
    assert "focus" not in described["analyses"]


def copy_site(site: Path, folder: Path) -> Path:
    """Return a copy of the installed package, to be changed."""
    return shutil.copytree(site, folder / "site", ignore=shutil.ignore_patterns("__pycache__"))


def raise_version(site: Path) -> None:
    (metadata,) = site.glob("*.dist-info/METADATA")
    metadata.write_text(metadata.read_text("utf-8").replace("Version: 1.0", "Version: 1.1"), "utf-8")


def test_a_new_version_of_the_package_measures_again(site: Path, tmp_path: Path) -> None:
    newer = copy_site(site, tmp_path)
    make_photos(tmp_path)
    command = "mmcheck scan photos.jsonl --out run --config photos.yaml --probes sharpness --no-report"
    run(newer, command, tmp_path)
    before = json.loads((tmp_path / "run" / "run.json").read_text())
    raise_version(newer)
    run(newer, command, tmp_path)
    after = json.loads((tmp_path / "run" / "run.json").read_text())
    for table, name in (("probes", "sharpness"), ("analyses", "focus")):
        assert before[table][name]["fingerprint"] != after[table][name]["fingerprint"]
    assert "package" not in after["inputs"][0]


def test_samples_that_an_older_version_of_a_format_read_are_not_used_again(site: Path, tmp_path: Path) -> None:
    newer = copy_site(site, tmp_path)
    make_cuts(tmp_path)
    command = "mmcheck scan cuts.jsonl --format cuts --out run --probes media --no-report"
    run(newer, command, tmp_path)
    assert json.loads((tmp_path / "run" / "run.json").read_text())["inputs"][0]["package"] == "photo-checks 1.0"
    raise_version(newer)
    module = newer / "photo_checks" / "cuts.py"
    module.write_text(module.read_text("utf-8").replace("transcript=text", "transcript=text.upper()"), "utf-8")
    refused = run(newer, command, tmp_path, code=2).stderr
    assert "another version of the package" in refused
    assert "--overwrite" in refused
    run(newer, f"{command} --overwrite", tmp_path)
    assert mmcheck.open_run(tmp_path / "run").samples().to_arrow()["transcript"].to_pylist()[1:3] == [
        "NUMBER 0",
        "NUMBER 1",
    ]
    assert json.loads((tmp_path / "run" / "run.json").read_text())["inputs"][0]["package"] == "photo-checks 1.1"


@pytest.mark.parametrize("command", ["judge", "report"])
def test_a_run_whose_package_was_uninstalled_names_what_is_missing(scanned: Path, tmp_path: Path, command: str) -> None:
    copy = shutil.copytree(scanned / "run", tmp_path / "run")
    told = run(tmp_path, f"mmcheck {command} {copy}", tmp_path, code=3).stderr
    assert (
        "was made with the probe sharpness, the analysis focus, the kind of rule banned_words, which are not "
        "installed." in " ".join(told.split())
    )
    assert "damaged" not in told


def test_a_run_whose_format_was_uninstalled_keeps_what_was_judged(scanned: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(scanned / "run-cuts", tmp_path / "run")
    told = run(tmp_path, f"mmcheck judge {copy}", tmp_path, code=3).stderr
    assert "was made with the format cuts of photo-checks 1.0, which is not installed." in " ".join(told.split())
    run(tmp_path, f"mmcheck report {copy}", tmp_path)


def test_in_mmcheck_itself_one_line_does_it(site: Path, tmp_path: Path) -> None:
    """The page's line, on the page's class: no entry point, no section of the tree."""
    module = tmp_path / "sharpness_alone.py"
    module.write_text(FILES["photo_checks/sharpness.py"])
    (line,) = re.findall(r"^    (PROBES\.register\(.*\))$", PAGE, re.MULTILINE)
    line = line.replace("mmcheck.probe.sharpness:", "sharpness_alone:")
    make_photos(tmp_path)
    words = ["scan", "photos.jsonl", "--out", "run", "--probes", "sharpness", "--no-report", "-q"]
    script = f"from mmcheck.core.parts import PROBES\n{line}\nimport sys\nfrom mmcheck.cli.app import main\n"
    command = [sys.executable, "-c", f"{script}sys.argv[1:] = {words!r}\nmain()"]
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True, text=True)
    described = json.loads((tmp_path / "run" / "run.json").read_text())
    assert list(described["probes"]) == ["sharpness"]
