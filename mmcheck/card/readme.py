"""The dataset card: README.md with the YAML header of Hugging Face."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import yaml

from mmcheck.card.croissant import Publication, describe
from mmcheck.card.data_files import DataFile
from mmcheck.card.facts import FilterFacts, SliceFacts
from mmcheck.core.pair_kinds import KIND_OF

_SIZES = (
    *((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M")),
    *((10_000_000, "1M<n<10M"), (100_000_000, "10M<n<100M"), (1_000_000_000, "100M<n<1B")),
)
"""Rows below which a set has a size category. Given by the Hugging Face hub."""
_LANGUAGE = re.compile(r"[a-z]{2,3}")
_SLICES, _REASONS = 30, 3
"""Slices of a table, and reasons of one slice. Our own choice: the card stays readable."""
_MARKUP = re.compile(r"([\\`*_{}\[\]<>|#])")


def make_card(facts: FilterFacts, files: Sequence[DataFile], publication: Publication, out: Path) -> str:
    """Return the text of README.md.

    Args:
        facts: How the set was filtered.
        files: Its files.
        publication: What the publisher says.
        out: The folder that it is written to.
    """
    header = yaml.safe_dump(_header(facts, files, publication, out), sort_keys=False, allow_unicode=True)
    return f"---\n{header}---\n\n" + "\n".join(_body(facts, publication))


def _header(facts: FilterFacts, files: Sequence[DataFile], publication: Publication, out: Path) -> dict[str, object]:
    found: dict[str, object] = {"pretty_name": publication.name}
    if publication.license:
        found["license"] = publication.license.lower() if "://" not in publication.license else "other"
        if "://" in publication.license:
            found["license_link"] = publication.license
    languages = sorted({code for name in facts.languages if _LANGUAGE.fullmatch(code := name.lower().split("-")[0])})
    if languages:
        found["language"] = languages
    if facts.kinds:
        found["task_categories"] = [KIND_OF[name].task for name in facts.kinds]
    found["size_categories"] = [next((name for least, name in _SIZES if facts.kept < least), "1B<n<10B")]
    found["tags"] = ["mmcheck", "croissant"]
    if configs := _configs(files, out):
        found["configs"] = configs
    return found


def _configs(files: Sequence[DataFile], out: Path) -> list[dict[str, object]]:
    """Return a configuration for each set of files that load together: of one format, with the same columns."""
    base = out.resolve()
    groups: dict[tuple[str, frozenset[str]], list[str]] = {}
    for file in files:
        path = file.path.resolve()
        if path.is_relative_to(base):
            columns = frozenset(column.name for column in file.columns if not column.name.startswith("mmcheck_"))
            groups.setdefault((path.suffix, columns), []).append(path.relative_to(base).as_posix())
    return [
        {
            "config_name": "default" if len(groups) == 1 else names[0].rpartition(".")[0].replace("/", "-"),
            "data_files": [{"split": "train", "path": names}],
        }
        for names in groups.values()
    ]


def _body(facts: FilterFacts, publication: Publication) -> Iterator[str]:
    yield f"# {_plain(publication.name)}\n"
    yield f"{_plain(publication.description) if publication.description else describe(facts)}\n"
    yield "## How it was filtered\n"
    yield "| verdict | rows | in this set |\n|---|---|---|"
    for name, count in facts.counts.items():
        yield f"| {name} | {count:,} | {'yes' if name in facts.verdicts else 'no'} |"
    yield f"\nMade by mmcheck {facts.version} from {facts.rows:,} rows of {_listed([s.name for s in facts.sources])}.\n"
    for warning in facts.warnings:
        yield f"**{_plain(warning)}**\n"
    yield from _removed(facts)
    for column, title in (("manifest", "By manifest"), ("language", "By language")):
        slices = [one for one in facts.slices if one.column == column]
        if slices:
            yield from _by_slice(title, column, slices)
    yield "## Models and limits\n"
    for model in facts.models:
        weights = f", weights SHA-256 `{model.sha256}`" if model.sha256 else ""
        yield f"- `{model.probe}`: {_plain(model.name)}{weights}"
    if not facts.models:
        yield "- No model was run: files and texts were checked."
    for cost in facts.costs:
        yield f"- {_plain(cost)}"
    yield (
        f"- Config: preset `{facts.preset}`" + (f"; {_plain('; '.join(facts.changes))}" if facts.changes else "") + "."
    )
    yield f"- Digest of the rules: `{facts.policy_digest}`\n"


def _removed(facts: FilterFacts) -> Iterator[str]:
    yield "## What was left out, and why\n"
    if not facts.reasons:
        yield "Nothing.\n"
        return
    yield "A row may have several reasons.\n"
    yield "| reason | rule | kept | rows |\n|---|---|---|---|"
    for one in facts.reasons:
        yield f"| {_plain(one.title)} | `{one.rule}` | {_plain(one.kept)} | {one.rows:,} |"
    yield ""


def _by_slice(title: str, column: str, slices: Sequence[SliceFacts]) -> Iterator[str]:
    yield f"## {title}\n"
    yield f"| {column} | rows | in this set | most frequent reasons |\n|---|---|---|---|"
    for one in sorted(slices, key=lambda one: (-one.rows, one.name))[:_SLICES]:
        reasons = ", ".join(f"`{rule}` {count:,}" for rule, count in one.reasons[:_REASONS])
        share = f" ({100 * one.kept / one.rows:.1f} %)" if one.rows else ""
        yield f"| {_plain(one.name)} | {one.rows:,} | {one.kept:,}{share} | {reasons} |"
    if len(slices) > _SLICES:
        yield f"\n{len(slices) - _SLICES:,} smaller ones are left out."
    yield ""


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(f"`{name.replace('`', '')}`" for name in names[:_SLICES])
    return shown + (f" and {len(names) - _SLICES:,} more" if len(names) > _SLICES else "")


def _plain(text: str) -> str:
    return _MARKUP.sub(r"\\\1", " ".join(text.split()))
