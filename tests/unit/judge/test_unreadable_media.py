from __future__ import annotations

import re
from pathlib import Path

import mmcheck
from mmcheck.config import RuleConfig
from mmcheck.judge.unreadable_media import ENVIRONMENT_CAUSES, UnreadableMediaRule


def rule(**options):
    return UnreadableMediaRule("unreadable_media", RuleConfig(rule="unreadable_media", **options))


def test_cause_and_message_are_those_of_the_media_error(make_table):
    table = make_table(3, {"media": [{"width": 3.0}, ("missing", "there is no file x.jpg"), ("truncated", "Cut off!")]})
    found = rule().apply(table).to_findings()
    assert [(row, f.code, f.message) for row, f in found] == [
        (1, "unreadable_media.missing", "There is no file x.jpg."),
        (2, "unreadable_media.truncated", "Cut off!"),
    ]


def test_a_file_name_at_the_beginning_stays_as_it_is(make_table):
    table = make_table(1, {"media": [("empty", "a-1.opus is empty (0 bytes)")]})
    assert rule().apply(table).messages == ["a-1.opus is empty (0 bytes)."]


def test_several_failed_probes_make_one_finding(make_table):
    failed = [("missing", "gone")]
    table = make_table(1, {"media": failed, "image_text": failed})
    assert len(rule().apply(table)) == 1


def test_other_failures_are_not_blamed_on_the_medium(make_table):
    table = make_table(2, {"image_text": [("internal_error", "RuntimeError: boom"), ("unreachable", "no network")]})
    assert len(rule().apply(table)) == 0


def test_found_by_any_probe_in_row_order(make_table):
    table = make_table(2, {"media": [None, ("missing", "a")], "transcript": [("undecodable", "b"), None]})
    assert rule().apply(table).rows.tolist() == [0, 1]
    assert rule().apply(table).causes == ["undecodable", "missing"]


def test_own_message(make_table):
    table = make_table(1, {"media": [("missing", "gone")]})
    assert rule(message="No {{file}}.").apply(table).messages == ["No {file}."]


def test_every_cause_that_the_media_layer_can_give_is_known():
    package = Path(mmcheck.__file__).parent
    files = [*(package / "media").glob("*.py"), package / "probe" / "media.py"]
    source = "\n".join(file.read_text("utf-8") for file in files if file.exists())
    given = set(re.findall(r'cause="([a-z_]+)"', source)) - set(ENVIRONMENT_CAUSES)
    assert given
    assert given <= set(UnreadableMediaRule.causes)
