"""``--set``: what stands behind = is text where the field is text, whatever YAML takes it for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mmcheck.config import load_config
from mmcheck.core.errors import ConfigError


def get(config: Any, path: str) -> Any:
    for part in path.split("."):
        config = config[part] if isinstance(config, dict) else getattr(config, part)
    return config


@pytest.mark.parametrize(
    ("override", "value"),
    [
        ("input.language=no", "no"),
        ("input.language=on", "on"),
        ("input.language= no ", "no"),
        ("input.language='null'", "null"),
        ("input.language=null", None),
        ("input.language=~", None),
        ("input.language=", None),
        ("input.delimiter=|", "|"),
        ("input.delimiter=,", ","),
        ("input.delimiter=:", ":"),
        ("input.delimiter=#", "#"),
        ("input.delimiter=\t", "\t"),
        ("input.delimiter=\\t", "\t"),
        ('input.delimiter="\\t"', "\t"),
        ("input.delimiter= ", " "),
        ("input.columns.caption=1", "1"),
        ("input.columns.caption=010", "010"),
        ("input.columns.caption=1e3", "1e3"),
        ("input.columns.caption=2024-01-01", "2024-01-01"),
        ("input.columns.caption=a: b # c", "a: b # c"),
        ("input.columns.caption=[x", "[x"),
        ("probes.image_text.model=C:\\temp\\new", "C:\\temp\\new"),
        ("probes.transcript.transcribe=never", "never"),
        ("rules.mismatched_caption.action=flag", "flag"),
        ("rules.short_caption.languages=[no, en]", ("no", "en")),
        ("analyses.alignment.slice_by=[on]", ("on",)),
        ("rules.short_caption.enabled=no", False),
        ("rules.short_caption.enabled=off", False),
        ("input.has_header=no", False),
        ("rules.short_caption.min=1e1", 10.0),
    ],
)
def test_values(override: str, value: object) -> None:
    assert get(load_config("default", [override]), override.partition("=")[0]) == value


@pytest.mark.parametrize(
    ("text", "path", "value"),
    [
        ("input: {language: no}", "input.language", "no"),
        ("input:\n  delimiter: \\t", "input.delimiter", "\t"),
        ("input: {columns: {caption: 010}}", "input.columns.caption", "010"),
        ("input: {columns: {caption: 1.0}}", "input.columns.caption", "1.0"),
        ("input: {columns: {caption: ~}}", "input.columns.caption", None),
        ("rules: {slow_speech: {languages: [no, en]}}", "rules.slow_speech.languages", ("no", "en")),
        ("rules: {slow_speech: {message: yes}}", "rules.slow_speech.message", "yes"),
        ("rules: {slow_speech: {enabled: off}}", "rules.slow_speech.enabled", False),
        ("rules: {no: {metric: media.width, min: 1}}", "rules.no.metric", "media.width"),
    ],
)
def test_files_read_text_as_text_too(tmp_path: Path, text: str, path: str, value: object) -> None:
    (tmp_path / "own.yaml").write_text(text, "utf-8")
    assert get(load_config(tmp_path / "own.yaml"), path) == value


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("run=", "sets nothing"),
        ("rules={}", "sets nothing.*(\n|.)*extends: none"),
        ("extends=fast", "--config"),
        ("rules.short_caption.when.0.min=3", "is a value, not a section"),
        ("input.delimiter=ab", r"input\.delimiter"),
        ("rules.shrt_caption.enabled=false", "did you mean 'short_caption'"),
    ],
)
def test_what_cannot_be_set_is_told(override: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config("default", [override])
    import re

    assert re.search(said, str(caught.value))
