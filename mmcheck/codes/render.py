"""The explanations as text: docs/codes.md, and what the terminal shows."""

from __future__ import annotations

from collections.abc import Iterator

from mmcheck.codes.explain import CodeStory, explain_rule
from mmcheck.codes.pages import read_pages

_HEAD = """# Codes

What each rule and each finding's code means, how it is found out, and what to do. `mmcheck explain CODE` prints the
same; `mmcheck explain RUN CODE` does so with the limits of a run, and tells how many of its rows have it. The limits
here are those of the preset `default`. [findings.md](findings.md) says how findings become verdicts,
[metrics.md](metrics.md) what the metrics are.

This page is made by `python scripts/list_codes.py` from `mmcheck/codes/pages/`; the report's explanations come from
there, too.
"""


def render_page() -> str:
    """Return docs/codes.md."""
    lines = [_HEAD]
    group = ""
    for name, page in read_pages().items():
        if page.group != group:
            group = page.group
            lines.append(f"## {group}\n")
        lines.append(_section(explain_rule(name)))
    return "\n".join(lines)


def _section(story: CodeStory) -> str:
    state = "" if story.is_on else ", off unless enabled"
    lines = [f"### `{story.rule}` ({story.action}{state})", "", f"**{story.title}.** {story.means}", ""]
    lines += [f"- {label}: {text}" for label, text in _facts(story)]
    if len(story.causes) > 1 or not story.metric:
        lines += ["", f"| code | {story.subject} |", "|---|---|"]
        lines += [f"| `{code}` | {text.replace('|', chr(92) + '|')} |" for code, text in story.causes.items()]
    return "\n".join(lines) + "\n"


def _facts(story: CodeStory) -> Iterator[tuple[str, str]]:
    yield "how", story.measured
    if story.metric is not None:
        yield "kept", f"`{story.kept}` ({story.metric.description.rstrip('.')})" if story.kept else ""
    yield "example", story.example
    yield "what to do", story.do
    if story.unless:
        yield "silent where one of these speaks", ", ".join(f"`{name}`" for name in story.unless)
    if len(story.causes) == 1 and story.metric:
        yield "code", f"`{next(iter(story.causes))}`"
    yield "config", ", ".join(f"`{key}`" for key in story.keys)


def render_text(story: CodeStory) -> list[str]:
    """Return the lines that the terminal shows."""
    state = "" if story.is_on else "; off in this config"
    lines = [f"{story.code or story.rule}  ({story.action}{state})", "", f"{story.title}. {story.means}".strip(), ""]
    if story.cause:
        lines += [f"{'this code':<12}{story.cause}."]
    facts = (
        ("how", story.measured),
        ("metric", "" if story.metric is None else f"{story.metric.name}: {story.metric.description.rstrip('.')}"),
        ("kept", story.kept),
        ("limit from", story.source),
        ("example", story.example),
        ("what to do", story.do),
        ("silent for", ", ".join(story.unless)),
        ("config", ", ".join(story.keys)),
    )
    lines += [f"{label:<12}{text.replace('`', '')}" for label, text in facts if text]
    others = [code for code in story.causes if code != story.code]
    if others and len(story.causes) > 1:
        lines += ["", "codes of this rule:" if story.code is None else "other codes of this rule:"]
        lines += [f"  {code}: {story.causes[code]}" for code in others]
    return lines
