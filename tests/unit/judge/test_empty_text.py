from __future__ import annotations

import pytest

from mmcheck.config import RuleConfig
from mmcheck.judge.empty_text import EmptyTextRule


def rule(**options):
    return EmptyTextRule("empty_text", RuleConfig(rule="empty_text", **options))


@pytest.mark.parametrize("text", ["", "   ", "\t\n", "...", "-- ?!", "\u200b", "\u3002\u3001", "===", "\u00a0"])
def test_texts_that_say_nothing(make_table, image_sample, audio_sample, text):
    table = make_table([image_sample(0, text), audio_sample(1, text)])
    found = rule().apply(table).to_findings()
    assert [(row, f.code) for row, f in found] == [(0, "empty_text.caption"), (1, "empty_text.transcript")]
    assert found[0][1].message == "The caption is empty."


@pytest.mark.parametrize("text", ["a", "7", "\u732b", "\u0628", "\u0915\u093f", "x." * 100_000])
def test_texts_in_any_script_say_something(make_table, image_sample, audio_sample, text):
    assert len(rule().apply(make_table([image_sample(0, text), audio_sample(1, text)]))) == 0


def test_pictographs_are_a_caption_but_nothing_to_speak(make_table, image_sample, audio_sample):
    table = make_table([image_sample(0, "\u2603"), audio_sample(1, "\u266a \u266a")])
    assert rule().apply(table).rows.tolist() == [1]


def test_a_text_that_the_manifest_does_not_have_is_not_empty(make_table, image_sample, broken_sample):
    assert len(rule().apply(make_table([image_sample(0, None), broken_sample]))) == 0


def test_both_texts_of_one_sample(make_table, image_sample):
    found = rule(action="flag").apply(make_table([image_sample(0, "", transcript="..")]))
    assert found.rows.tolist() == [0, 0]
    assert found.causes == ["caption", "transcript"]
