from __future__ import annotations

from contextlib import closing
from pathlib import Path
from types import ModuleType

from mmcheck.core.types import Action, Finding, Measurement, Metric, Sample, Status, Verdict
from mmcheck.media.source import MediaSource
from mmcheck.report.build import build_report
from mmcheck.report.media_embed import MediaBudget
from mmcheck.report.related import load_related, name_related
from mmcheck.store.run_folder import RunFolder

METRIC = Metric(name="repetition.caption_count", description="Images with this caption.", low=1)
HOSTILE = "<script>alert(1)</script>"


def run_with_copies(report_run: ModuleType, folder: Path) -> RunFolder:
    samples = [
        Sample(
            id=f"s{number}",
            manifest="/data/a.jsonl",
            row_number=number + 1,
            image=report_run.draw_image(folder / f"{number}.png", number),
            caption=HOSTILE,
        )
        for number in range(6)
    ]
    finding = Finding(
        rule="repeated",
        code="repeated.above_max",
        action=Action.FLAG,
        message="Again.",
        metric="repetition.caption_count",
        observed=6.0,
        limit=1.0,
    )
    policy = {"policy_digest": "p", "decided_by": "policy"}
    verdicts = [Verdict(sample_id="s0", action=Action.FLAG, findings=(finding,), **policy)]
    verdicts += [Verdict(sample_id=s.id, action=Action.KEEP, findings=(), **policy) for s in samples[1:]]
    measured = [
        Measurement(
            sample_id=s.id,
            probe="repetition",
            status=Status.MEASURED,
            values={"caption_count": 6.0},
            evidence={"caption": ["s3", "s5", "gone", "s4"]},
        )
        for s in samples
    ]
    return report_run.write_run(
        folder / "run",
        samples,
        verdicts,
        {"repetition": measured},
        metrics={"repetition": [METRIC]},
        config={"rules": {"repeated": {"metric": "repetition.caption_count", "max": 1, "action": "flag"}}},
    )


def test_the_others_are_shown_beside_the_finding(report_run: ModuleType, tmp_path: Path) -> None:
    page = build_report(run_with_copies(report_run, tmp_path))
    related = page.partition('<div class="related">')[2].partition("</div>")[0]
    assert "Other rows with the same caption" in related
    assert related.count("<img") == 2  # the unknown id is left out, the fourth is beyond the three
    assert "a.jsonl:4" in related
    assert "a.jsonl:6" in related
    assert HOSTILE not in page
    assert page.count('<div class="related">') == 1


def test_only_what_a_finding_speaks_of() -> None:
    evidence = {"repetition": {"caption": ["a"], "media": [1, 2], "pair": "b"}, "other": {"caption": ["c"]}}
    assert name_related(evidence, ["image_text.similarity", None]) == []
    assert name_related(evidence, ["repetition.caption_count"]) == [("Other rows with the same caption", ["a"])]
    evidence = {"consistency": {"unlike_images": ["a"], "breadth": ["b"]}}
    assert name_related(evidence, ["consistency.breadth"]) == [("The most similar images", ["b"])]


def test_a_spent_budget_and_remote_media_leave_a_word(report_run: ModuleType, tmp_path: Path) -> None:
    run = run_with_copies(report_run, tmp_path)
    budget = MediaBudget(10)
    with closing(MediaSource(allow_remote=False)) as source:
        ((group,),) = load_related(run, run.config(), [[("Copies", ["s1", "s2"])]], source, budget)
    assert [pair.image.is_shown for pair in group.pairs if pair.image] == [False, False]
    assert budget.refused == 2
