from __future__ import annotations

import mmcheck


def test_judging_removes_what_was_built_on_earlier_verdicts(tmp_path):
    (tmp_path / "m.jsonl").write_text('{"image": "a.jpg", "caption": "a dog"}\n')
    run = mmcheck.scan(tmp_path / "m.jsonl", tmp_path / "run", "default", probes=["caption_text"])
    for name in ("coverage", "repair"):
        (run.path / name).mkdir()
        (run.path / name / f"{name}.html").write_text("old")
    run.judge(overrides=["rules.short_caption.min=3"])
    assert not (run.path / "coverage").exists()
    assert not (run.path / "repair").exists()
