"""A row's story as lines for the terminal."""

from __future__ import annotations

import json
from collections.abc import Iterator

from mmcheck.judge.message import show_number
from mmcheck.rows.story import RowStory, ScoreStory

_BAR = 24
"""Characters of a bar. Our own choice: with name, value and limit it fits a line."""
_LONGEST = 400  # characters of a value of the row that are shown; our own choice: the JSON has all


def story_lines(story: RowStory) -> Iterator[str]:
    """Yield the lines; what manifests say is not made safe for a terminal here."""
    yield f"{story.id}: {story.action}" + ("" if story.decided_by == "policy" else f", decided by {story.decided_by}")
    yield f"  row {story.row_number} of {story.manifest}"
    if story.problem:
        yield f"  {story.problem}"
    yield ""
    yield from _read(story)
    yield from _found(story)
    yield from _measured(story)
    yield from _made_by(story)


def _read(story: RowStory) -> Iterator[str]:
    yield "as read"
    for column, text in story.texts.items():
        yield f"  {column}: {_cut(text)}"
    for medium in story.media:
        parts = []
        if medium.start is not None or medium.duration is not None:
            parts.append(
                f"from {medium.start or 0:g} s" + ("" if medium.duration is None else f", {medium.duration:g} s")
            )
        if medium.channel is not None:
            parts.append(f"channel {medium.channel}")
        yield f"  {medium.kind}: {medium.path}" + (f"  ({', '.join(parts)})" if parts else "")
        if medium.sha256:
            yield f"    sha256 {medium.sha256}"
    if story.language:
        yield f"  language: {story.language}"
    for name, value in story.row.items():
        yield f"  {name} = {_cut(json.dumps(value, ensure_ascii=False, default=str))}"
    yield ""


def _found(story: RowStory) -> Iterator[str]:
    yield "found" if story.findings else "found: nothing"
    for finding in story.findings:
        limit = ""
        if finding.observed is not None and finding.limit is not None:
            sign = "<" if finding.observed < finding.limit else ">"
            seen = show_number(finding.observed, beside=finding.limit)
            limit = f"  {finding.metric} {seen} {sign} {show_number(finding.limit)}"
        yield f"  {finding.action}: {finding.message}"
        yield f"    {finding.code}{limit}  (mmcheck explain {finding.code})"
    yield ""


def _measured(story: RowStory) -> Iterator[str]:
    for probe in story.probes:
        scores = [score for score in story.scores if score.metric.partition(".")[0] == probe.name]
        said = [*([probe.reason] if probe.reason else []), *probe.notes]
        if not scores and not said:
            continue
        yield f"{probe.name}" + ("" if probe.status == "measured" else f" ({probe.status.replace('_', ' ')})")
        for sentence in said:
            yield f"  {_cut(sentence)}"
        for score in scores:
            yield f"  {_score(score)}"
        yield ""
    yield f"bars: {_bar(0.7, [0.3])}  # is this row among all rows of the run, lowest left; | is a limit"
    yield ""


def _score(score: ScoreStory) -> str:
    name = score.metric.partition(".")[2]
    value = f"{show_number(round(score.value, 5))} {score.unit}".strip()
    shares = [limit.share_below for limit in score.limits if limit.share_below is not None]
    bar = _bar(score.share_below, shares) if score.share_below is not None else " " * (_BAR + 2)
    limits = "; ".join(
        f"{limit.rule}: at {'least' if limit.side == 'min' else 'most'} {show_number(limit.value)}"
        + (" (beyond)" if limit.is_broken else "")
        for limit in score.limits
    )
    return f"{name:<28} {value:>16}  {bar}  {limits}".rstrip()


def _bar(share: float | None, limits: list[float]) -> str:
    cells = ["."] * _BAR
    for limit in limits:
        cells[_cell(limit)] = "|"
    if share is not None:
        cells[_cell(share)] = "#"
    return f"[{''.join(cells)}]"


def _cell(share: float) -> int:
    return min(_BAR - 1, max(0, round(share * (_BAR - 1))))


def _made_by(story: RowStory) -> Iterator[str]:
    yield "made by"
    config = (story.config_digest or "")[:12]
    yield f"  mmcheck {story.mmcheck_version}, rules {story.policy_digest[:12]}, config {config}"
    for probe in story.probes:
        if probe.model:
            weights = f", weights sha256 {probe.weights_sha256[:12]}" if probe.weights_sha256 else ""
            yield f"  {probe.name}: {probe.model}{weights}"
    yield f"  {', '.join(f'{name} {version}' for name, version in story.versions.items())}"


def _cut(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}... ({len(text):,} characters)"
