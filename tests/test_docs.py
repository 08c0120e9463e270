"""The README and the docs are held to the code: what they name exists, and all that exists is named."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer
from typer.main import get_command

from mmcheck.cli.app import app
from mmcheck.config import PRESETS, load_config
from mmcheck.core.catalogue import known_metrics
from mmcheck.core.parts import ANALYSES, ENGINES, FORMATS, PROBES, RULES, TARGETS

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
DOCS = README + "".join(path.read_text("utf-8") for path in sorted((ROOT / "docs").glob("*.md")))


def _commands() -> dict[str, object]:
    found: dict[str, object] = {}

    def walk(name: str, command: object) -> None:
        children = getattr(command, "commands", None)
        if children:
            for child, value in children.items():
                walk(f"{name} {child}".strip(), value)
        else:
            found[name] = command

    walk("", get_command(app))
    return found


COMMANDS = _commands()


def _shell_lines() -> list[str]:
    blocks = re.findall(r"```(?:console|bash|sh)\n(.*?)```", DOCS, flags=re.DOTALL)
    joined = "\n".join(blocks).replace("\\\n", " ")
    lines = [re.sub(r"^\$ ", "", line).strip() for line in joined.splitlines()]
    return [line.split(" | ")[0].split(" > ")[0] for line in lines if line.startswith("mmcheck ")]


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_has_help_with_an_example_and_stands_in_the_readme(name: str) -> None:
    text = getattr(COMMANDS[name], "help", "") or ""
    assert len(text) > 40
    assert f"mmcheck {name}" in text, "no example"
    assert f"mmcheck {name}" in README


@pytest.mark.parametrize("line", _shell_lines())
def test_every_documented_command_line_parses(line: str) -> None:
    words = shlex.split(line, comments=True)[1:]
    if words and words[0].startswith("-"):
        return
    name = next((c for c in (" ".join(words[:2]), words[0]) if c in COMMANDS), None)
    assert name is not None, f"unknown command in: {line}"
    command = COMMANDS[name]
    known = {option for param in command.params for option in (*param.opts, *param.secondary_opts)}  # type: ignore[attr-defined]
    used = {word.split("=")[0] for word in words if word.startswith("--")}
    assert used <= known | {"--help"}, f"unknown option in: {line}"


@pytest.mark.parametrize("table", [PROBES, ANALYSES, RULES, FORMATS, TARGETS, ENGINES], ids=lambda table: table.kind)
def test_every_part_is_documented(table: object) -> None:
    missing = [entry.name for entry in table if f"`{entry.name}`" not in DOCS]  # type: ignore[attr-defined]
    assert missing == []


def test_every_metric_is_documented_as_it_describes_itself() -> None:
    page = (ROOT / "docs" / "metrics.md").read_text("utf-8")
    missing = [
        metric.name
        for metric in known_metrics().values()
        if not re.search(
            rf"^\| `{re.escape(metric.name)}` .*\| {re.escape(metric.description)} \|$", page, re.MULTILINE
        )
    ]
    assert missing == []


def test_every_preset_loads_and_is_documented() -> None:
    for preset in PRESETS:
        load_config(preset)
        assert f"`{preset}`" in README


def test_every_rule_of_the_presets_is_documented() -> None:
    names = {name for preset in PRESETS for name in load_config(preset).rules}
    assert sorted(name for name in names if f"`{name}" not in DOCS) == []


def test_links_inside_the_repository_lead_somewhere() -> None:
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "models" / "README.md"]:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text("utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_typer_still_names_its_base_error_where_we_look() -> None:
    from mmcheck.cli import app as module

    assert issubclass(typer.BadParameter, module._UsageError)
    assert hasattr(module._UsageError, "show")
