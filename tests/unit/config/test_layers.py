"""A config lies over a preset: what it names differs, the rest stays."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from mmcheck.api import resolve_config
from mmcheck.config import Config, config_schema, load_config, override_config, parse_config
from mmcheck.core.errors import ConfigError
from mmcheck.store.run_folder import RunFolder

DEFAULT = load_config("default")


def write(folder: Path, text: str, name: str = "own.yaml") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


def test_one_key_leaves_every_rule_on(tmp_path: Path) -> None:
    config = load_config(write(tmp_path, "input: {columns: {image: file_name, caption: text}}"))
    assert config.input.columns.image == "file_name"
    assert config.rules == DEFAULT.rules
    assert config.probes == DEFAULT.probes


def test_rules_are_merged_by_name(tmp_path: Path) -> None:
    text = """
rules:
  max_error_rate: {enabled: true, max: 0.3}
  short_caption: {enabled: false}
  wide: {metric: media.width, max: 4000, action: flag}
"""
    config = load_config(write(tmp_path, text))
    old = DEFAULT.rules["max_error_rate"]
    assert config.rules["max_error_rate"] == old.model_copy(update={"enabled": True, "max": 0.3})
    assert not config.rules["short_caption"].enabled
    assert config.rules["short_caption"].metric == DEFAULT.rules["short_caption"].metric
    assert list(config.rules) == [*DEFAULT.rules, "wide"]


@pytest.mark.parametrize(
    "section", ["metric: image_text.worst_similarity, min: 0.3", "rule: unjudged", "metric: media.width, max: 9"]
)
def test_a_rule_of_another_metric_or_kind_is_another_rule(tmp_path: Path, section: str) -> None:
    """The old limits, conditions and message belong to the old metric."""
    config = load_config(write(tmp_path, f"rules: {{weak_caption_part: {{{section}}}}}"))
    alone = load_config(write(tmp_path, f"extends: none\nrules: {{weak_caption_part: {{{section}}}}}"))
    if "worst_similarity" in section:
        assert config.rules["weak_caption_part"].when == DEFAULT.rules["weak_caption_part"].when
    else:
        assert config.rules["weak_caption_part"] == alone.rules["weak_caption_part"]


def test_lists_are_replaced_and_null_is_a_value(tmp_path: Path) -> None:
    path = write(tmp_path, "extends: demo\nrules: {slow_speech: {languages: [de, fr]}}\ninput: {language: null}")
    config = load_config(path)
    assert config.rules["slow_speech"].languages == ("de", "fr")
    assert config.rules["slow_speech"].min == load_config("demo").rules["slow_speech"].min
    assert config.input.language is None


def test_a_section_that_is_left_empty_says_nothing(tmp_path: Path) -> None:
    assert load_config(write(tmp_path, "rules:\n  # all commented out\nprobes:\n  media:\n")) == DEFAULT


def test_a_rule_that_is_left_empty_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"rules\.short_caption: is empty.*enabled: false"):
        load_config(write(tmp_path, "rules:\n  short_caption:\n"))
    with pytest.raises(ConfigError, match=r"rules\.short_caption: is a section \(got 'off'\)"):
        load_config(write(tmp_path, "rules:\n  short_caption: off\n"))


@pytest.mark.parametrize("preset", ["fast", "quality", "demo"])
def test_a_file_can_extend_any_preset(tmp_path: Path, preset: str) -> None:
    config = load_config(write(tmp_path, f"extends: {preset}\nrun: {{seed: 7}}"))
    assert config == override_config(load_config(preset), ["run.seed=7"])
    assert config.preset == preset


def test_files_extend_files_relative_to_themselves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "extends: fast\nrun: {seed: 1, workers: 3}\nrules: {short_caption: {min: 9}}", "team/base.yaml")
    top = write(tmp_path, "extends: ../team/base.yaml\nrun: {seed: 2}", "mine/own.yaml")
    monkeypatch.chdir("/")
    config = load_config(top)
    assert (config.run.seed, config.run.workers, config.preset) == (2, 3, "fast")
    assert config.rules["short_caption"].min == 9
    assert config.probes.transcript.model == "tiny"


def test_a_circle_is_told_with_its_files(tmp_path: Path) -> None:
    write(tmp_path, "extends: b.yaml", "a.yaml")
    path = write(tmp_path, "extends: a.yaml", "b.yaml")
    with pytest.raises(ConfigError, match=r"circle: .*b\.yaml -> .*a\.yaml -> .*b\.yaml"):
        load_config(path)
    with pytest.raises(ConfigError, match="circle"):
        load_config(write(tmp_path, "extends: self.yaml", "self.yaml"))


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("fsat", "did you mean 'fast'"),
        ("None", "did you mean 'none'"),
        ("gone.yaml", r"no file .*gone\.yaml"),
        ("[fast, demo]", "one preset, one file, or none"),
        ("null", "one preset, one file, or none"),
    ],
)
def test_what_cannot_be_extended_is_told(tmp_path: Path, value: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(write(tmp_path, f"extends: {value}"))
    import re

    assert re.search(said, str(caught.value))
    assert "own.yaml" in str(caught.value)


def test_a_fault_is_told_of_the_file_that_has_it(tmp_path: Path) -> None:
    write(tmp_path, "run: {sed: 1}", "base.yaml")
    with pytest.raises(ConfigError, match=r"base\.yaml has 1 fault:\n  run\.sed: unknown key"):
        load_config(write(tmp_path, "extends: base.yaml"))


@pytest.mark.parametrize("text", ["rules: {min_similarty: {enabled: true}}", "rules: {min_similarty: {max: 0.5}}"])
def test_a_mistyped_rule_comes_with_the_nearest_name(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match=r"min_similarty: a threshold rule needs.*did you mean 'min_similarity'"):
        load_config(write(tmp_path, text))
    with pytest.raises(ConfigError, match="did you mean 'min_similarity'"):
        load_config("default", ["rules.min_similarty.enabled=true"])


def test_rules_of_an_earlier_name_mean_the_two_that_they_became(tmp_path: Path) -> None:
    text = """
rules:
  random_pairing: {metric: alignment.posterior, max: 0.9}
  doubtful_pairing: {enabled: false}
  mismatched_transcript: {max: 0.8}
"""
    config = load_config(write(tmp_path, text))
    assert list(config.rules) == list(DEFAULT.rules)
    assert config.rules["mismatched_caption"].max == 0.9
    assert config.rules["mismatched_caption"].metric == DEFAULT.rules["mismatched_caption"].metric
    assert config.rules["mismatched_transcript"].max == 0.8
    assert not config.rules["doubtful_caption"].enabled
    assert not config.rules["doubtful_transcript"].enabled
    assert load_config("default", ["rules.random_pairing.max=0.9"]).rules["mismatched_transcript"].max == 0.9


def test_python_trees_lie_over_a_preset_too() -> None:
    assert resolve_config({"run": {"seed": 3}}) == override_config(DEFAULT, ["run.seed=3"])
    assert resolve_config({"extends": "demo"}) == load_config("demo")
    tree: dict[str, Any] = {"extends": "none", "run": {"seed": 3}}
    assert resolve_config(tree) == Config.model_validate({"run": {"seed": 3}})
    assert tree["extends"] == "none"


def test_the_config_of_a_run_is_whole(tmp_path: Path) -> None:
    """Runs of earlier versions do not say `extends: none`; their config is no layer over today's presets either."""
    config = parse_config({"rules": {"low": {"metric": "media.width", "min": 3}}}).came_from("fast")
    (tmp_path / "run.json").write_text(
        json.dumps({"identity": "", "shard_size": 1, "rows": 0, "probes": {}, "analyses": {}})
    )
    path = write(tmp_path, config.to_yaml(), "config.yaml")
    assert yaml.safe_load(path.read_text("utf-8"))["extends"] == "none"
    assert RunFolder(tmp_path).config() == load_config(path) == config
    assert RunFolder(tmp_path).config().preset == "fast"
    write(tmp_path, config.to_yaml().partition("compared_with: fast\n")[2], "config.yaml")
    assert RunFolder(tmp_path).config() == load_config(path) == config


def test_the_schema_knows_extends() -> None:
    assert config_schema()["properties"]["extends"]["type"] == "string"
