"""Parts of installed packages: found by their metadata, and told by name when they are broken."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from PIL import Image

from mmcheck.core.errors import ConfigError
from mmcheck.core.registry import Registry

ROOT = Path(__file__).parents[3]
ENGINE = """
class Part:
    name = 'there'

    def run(self, task, shards):
        yield from task(shards)
"""
Install = Callable[..., None]


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "site").mkdir()
    return tmp_path / "site"


@pytest.fixture
def install(site: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Return what puts a module with its metadata where an installer does."""
    monkeypatch.syspath_prepend(str(site))

    def put(package: str, text: str, *, group: str = "mmcheck.engines", name: str = "there") -> None:
        module = package.replace("-", "_")
        monkeypatch.delitem(sys.modules, module, raising=False)
        (site / f"{module}.py").write_text(text)
        info = site / f"{module}-2.5.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 2.5\n")
        (info / "entry_points.txt").write_text(f"[{group}]\n{name} = {module}:Part\n")

    return put


def engines() -> Registry[Any]:
    table: Registry[Any] = Registry("engine", "mmcheck.engines", "mmcheck.engine.base:Engine")
    table.register("local", "mmcheck.engine.local:LocalEngine", "this machine")
    return table


def cli(site: Path, *words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": f"{site}{os.pathsep}{ROOT}"}
    command = [sys.executable, "-m", "mmcheck", *words]
    done = subprocess.run(command, cwd=site.parent, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    return done


def test_a_part_of_a_package_is_one_of_the_table(install: Install) -> None:
    install("far-away", ENGINE)
    table = engines()
    assert table.names() == ["local", "there"]
    assert table.entry("there").package == "far-away 2.5"
    assert table.get("there").__name__ == "Part"
    assert table.find_faults() == []


def test_without_packages_there_are_only_mmchecks_own() -> None:
    table = engines()
    assert table.names() == ["local"]
    with pytest.raises(ConfigError, match="unknown engine 'there'; known are: local"):
        table.get("there")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("import nowhere_at_all\n", "ModuleNotFoundError: No module named 'nowhere_at_all'"),
        ("def Part(): ...\n", "far_away:Part is not a class"),
        ("Other = 1\n", "AttributeError"),
        ("class Part:\n    name = 'there'\n", "Part has no `run`"),
        (ENGINE.replace("'there'", "'here'"), "Part calls itself 'here'"),
    ],
)
def test_a_broken_package_is_named(install: Install, text: str, told: str) -> None:
    install("far-away", text)
    table = engines()
    with pytest.raises(ConfigError) as caught:
        table.get("there")
    assert "the engine 'there' of the package far-away 2.5 cannot be used" in caught.value.message
    assert told in caught.value.message
    faults = table.find_faults()
    assert [(fault.name, fault.package) for fault in faults] == [("there", "far-away 2.5")]
    assert told in faults[0].fault


def test_a_name_that_is_taken_is_told_and_never_used(install: Install) -> None:
    install("far-away", ENGINE.replace("'there'", "'local'"), name="local")
    table = engines()
    assert table.get("local").__module__ == "mmcheck.engine.local"
    faults = table.find_faults()
    assert [(fault.name, fault.package, fault.fault) for fault in faults] == [
        ("local", "far-away 2.5", "mmcheck has one of that name itself")
    ]


def test_two_packages_with_one_name_are_both_told(install: Install) -> None:
    install("far-away", ENGINE)
    install("near-by", ENGINE)
    with pytest.raises(ConfigError, match=r"near-by 2\.5 cannot be used: far-away 2\.5 has one of that name too"):
        engines().get("there")


def test_a_broken_package_stops_neither_the_list_nor_other_scans(install: Install, site: Path) -> None:
    install("far-away", "import nowhere_at_all\n", group="mmcheck.probes", name="depth")
    # None of these is asked for: a format that cannot be imported, one that leaves, a name that is taken.
    install("far-off", "import nowhere_at_all\n", group="mmcheck.formats", name="maps")
    install("far-out", "raise SystemExit(5)\n", group="mmcheck.formats", name="charts")
    install("far-end", "class Part: ...\n", group="mmcheck.probes", name="media")
    Image.new("RGB", (32, 32)).save(site.parent / "a.png")
    manifest = site.parent / "rows.jsonl"
    manifest.write_text('{"image": "a.png", "caption": "a night"}\n')
    listed = cli(site, "list", "--json")
    broken = {(fault["kind"], fault["name"]): fault for fault in json.loads(listed.stdout)["broken"]}
    assert sorted(broken) == [("format", "charts"), ("format", "maps"), ("probe", "depth"), ("probe", "media")]
    assert broken["probe", "depth"]["package"] == "far-away 2.5"
    assert broken["probe", "depth"]["fault"] == "ModuleNotFoundError: No module named 'nowhere_at_all'"
    assert broken["format", "charts"]["fault"] == "SystemExit: 5"
    cli(site, "scan", str(manifest), "--out", "run", "--probes", "media", "--no-report", "-q")
    refused = cli(site, "scan", str(manifest), "--out", "other", "--probes", "media,depth", "-q", code=2)
    assert "far-away 2.5" in refused.stderr
    odd = site.parent / "odd.xyz"
    odd.write_bytes(b"\x00\x01")
    unknown = cli(site, "scan", str(odd), "--out", "odd", "-q", code=2)
    assert "the format 'maps' of the package far-off 2.5 cannot be used" in " ".join(unknown.stderr.split())


PROBE = """
from mmcheck.config import Section
from mmcheck.core.part_traits import ProbeTraits
from mmcheck.core.types import Measurement, Metric, Status


class Options(Section):
    enabled: bool = False


class Part:
    name = "spread"
    metrics = (Metric(name="spread.std", description="Spread.", low=0.0, high=1.0),)
    traits = ProbeTraits(halves=("image",))
    options_model = Options
    batch_size = 8

    def __init__(self, options, device, seed): ...
    def open(self): ...
    def fingerprint(self): return "1"
    def describe(self): return {}
    def prepare(self, media): return media.sample.caption

    def measure(self, batch):
        return [
            Measurement(sample_id=one.sample.id, probe="spread", status=Status.MEASURED, values=eval(one.payload))
            for one in batch
        ]
"""
FORMAT = """
class Part:
    name = "maps"
    def __init__(self, options): ...
    def recognise(self, manifest): return manifest["legend"]
    def read(self, manifest): ...
    def write(self, rows, folder, stem, output, *, manifest="", added=None): ...
"""


def test_values_that_a_probe_does_not_declare_fail_the_sample(install: Install, site: Path) -> None:
    install("far-away", PROBE, group="mmcheck.probes", name="spread")
    # It fails on every manifest that it is asked about, and the scan goes on without it.
    install("far-off", FORMAT, group="mmcheck.formats", name="maps")
    Image.new("RGB", (32, 32)).save(site.parent / "a.png")
    given = ["{'std': 0.5}", "{'sd': 0.5}", "{'std': 7.0}", "{'std': 1.0000001}", "{}"]
    lines = [json.dumps({"id": text, "image": "a.png", "caption": text}) for text in given]
    (site.parent / "rows.jsonl").write_text("\n".join(lines))
    cli(site, "scan", "rows.jsonl", "--out", "run", "--probes", "spread", "--no-report", "-q")
    (part,) = (site.parent / "run" / "measurements" / "spread").glob("*.parquet")
    found = {row["sample_id"]: row for row in pq.read_table(part).to_pylist()}
    assert [found[text]["status"] for text in given] == ["measured", "failed", "failed", "measured", "measured"]
    assert found["{'sd': 0.5}"]["cause"] == "internal_error"
    assert "spread gave `sd`, which is none of its metrics (they are: `std`)" in found["{'sd': 0.5}"]["reason"]
    assert "spread.std is 7.0, but its metric declares high=1.0" in found["{'std': 7.0}"]["reason"]
    (site.parent / "odd.xyz").write_bytes(b"\x00\x01")
    refused = " ".join(cli(site, "scan", "odd.xyz", "--out", "odd", "-q", code=2).stderr.split())
    assert "the format 'maps' of the package far-off 2.5 fails to look at" in refused


@pytest.mark.parametrize(
    ("metrics", "told"),
    [
        ("(Metric(name='std', description='Spread.'),)", "its metric 'std' lacks the prefix: call it 'spread.std'"),
        ("(Metric(name='other.std', description='Spread.'),)", "call it 'spread.std'"),
        ("('spread.std',)", "its `metrics` are not a tuple of Metric"),
    ],
)
def test_a_metric_without_its_parts_name_is_refused(install: Install, metrics: str, told: str) -> None:
    install("far-away", f"{PROBE}    metrics = {metrics}\n", group="mmcheck.probes", name="spread")
    table: Registry[Any] = Registry("probe", "mmcheck.probes", "mmcheck.probe.base:Probe")
    with pytest.raises(ConfigError, match=r"probe 'spread' of the package far-away 2\.5 cannot be used") as caught:
        table.get("spread")
    assert told in caught.value.message


def test_help_looks_at_no_package() -> None:
    script = (
        "import sys, contextlib\nfrom mmcheck.cli.app import app\n"
        "with contextlib.suppress(SystemExit):\n    app(['--help'])\n"
        "print([name for name in ('mmcheck.core.parts', 'importlib.metadata') if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "mmcheck.core.parts" not in done.stderr
