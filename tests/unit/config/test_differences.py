"""What a config changes is told: values, rules that are off, rules that were added."""

from __future__ import annotations

from pathlib import Path

from mmcheck.config import PRESETS, Config, compare_with_preset, list_differences, load_config, tell_differences


def test_a_preset_differs_from_itself_in_nothing() -> None:
    for preset in PRESETS:
        found = compare_with_preset(load_config(preset))
        assert found.preset == preset
        assert not found
        assert tell_differences(found.to_json()) == ""


def test_values_and_rules_are_told(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(
        "extends: quality\nrun: {seed: 4}\nrules:\n  min_similarity: {enabled: true}\n  empty_text: {enabled: false}\n"
        "  blank_image: {enabled: false, max: 0.5}\n  blnk_image: {metric: media.blankness, max: 0.5}\n"
    )
    found = compare_with_preset(load_config(tmp_path / "own.yaml"))
    assert found.changed == {"run.seed": (0, 4), "rules.min_similarity.enabled": (False, True)}
    assert set(found.rules_off) == {"empty_text", "blank_image"}
    assert tell_differences(found.to_json()) == (
        "config: 2 values differ from preset quality; rules off: empty_text, blank_image; rules added: blnk_image"
    )
    lines = list_differences(found)
    assert "  run.seed: 0 -> 4" in lines
    assert "  rule off: empty_text (on in preset quality)" in lines
    assert "  rule added: blnk_image; did you mean 'blank_image'?" in lines


def test_a_whole_config_is_held_against_default() -> None:
    found = compare_with_preset(Config())
    assert found.preset == "default"
    assert "empty_text" in found.rules_off
    text = tell_differences(found.to_json())
    assert "from preset default" in text or "against preset default" in text
    assert " more" in text
