"""What is told of errata that were applied: the summary, and the report with a line each."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from mmcheck.core.atomic import write_text
from mmcheck.core.errors import ManifestError, OutputError
from mmcheck.core.json_types import JsonObject
from mmcheck.errata.looking import Match
from mmcheck.errata.read import Errata
from mmcheck.errata.status import CONFLICTS, Status
from mmcheck.errata.summary import ApplySummary, ConflictSummary, ManifestSummary
from mmcheck.errata.survey import Outcome, RowPlace
from mmcheck.errata.write import MendedManifest
from mmcheck.formats.jsonl import first_objects

_SHOWN = 20  # conflicts that the summary holds; our own choice: --report has them all
_TEXT = 200  # characters of a row's text in reports; our own choice: enough to know it by
_KEYS = {"line", "action", "status"}


def check_report(report: str | Path | None) -> None:
    """Refuse to write a report over anything but another one.

    Raises:
        OutputError: If the file is another.
    """
    if report is None or not os.path.lexists(report) or (os.path.isfile(report) and not os.path.getsize(report)):
        return
    first = []
    if os.path.isfile(report):
        try:
            first = first_objects(str(report), "utf-8", 1) or []
        except ManifestError:
            first = []
    if not first or not _KEYS <= first[0].keys():
        raise OutputError(f"--report {report} is another file, and no such report.", hint="choose another name.")


def summarise(
    errata: Errata,
    match: Match,
    mended: Sequence[MendedManifest],
    outcomes: Sequence[Outcome],
    hashed: int,
    folder: str,
    notes: Sequence[str],
) -> ApplySummary:
    """Return the summary of errata that were applied, or would be."""
    counts = Counter(outcome.status for outcome in outcomes)
    conflicts = [number for number, outcome in enumerate(outcomes) if outcome.status in CONFLICTS]
    return ApplySummary(
        errata=errata.path,
        about=errata.header.about,
        producer=errata.header.producer,
        folder=folder,
        match=match,
        records=len(outcomes),
        outcomes={status.value: counts[status] for status in Status},
        rows_read=sum(found.rows for found in mended),
        rows_removed=sum(found.removed for found in mended),
        rows_changed=sum(found.changed for found in mended),
        media_hashed=hashed,
        manifests=tuple(
            ManifestSummary(
                manifest=found.manifest,
                format=found.format,
                rows=found.rows,
                removed=found.removed,
                changed=found.changed,
                files=tuple(map(str, found.files)),
            )
            for found in mended
        ),
        num_conflicts=len(conflicts),
        conflicts=tuple(_conflict(errata, outcomes[number], number) for number in conflicts[:_SHOWN]),
        notes=tuple(notes),
    )


def _conflict(errata: Errata, outcome: Outcome, number: int) -> ConflictSummary:
    row = outcome.rows[0] if outcome.rows else None
    return ConflictSummary(
        line=errata.errata[number].line,
        status=outcome.status.value,
        why=outcome.why,
        manifest=row.manifest if row is not None else None,
        row_number=row.row_number if row is not None else None,
        id=row.id if row is not None else None,
        text=row.text[:_TEXT] if row is not None else None,
    )


def write_report(report: Path, errata: Errata, outcomes: Sequence[Outcome]) -> None:
    """Write what became of each erratum, one line of JSON each.

    Raises:
        OutputError: If it cannot be written.
    """
    write_text(report, "".join(_report_lines(errata, outcomes)))


def _report_lines(errata: Errata, outcomes: Sequence[Outcome]) -> Iterator[str]:
    for one, outcome in zip(errata.errata, outcomes, strict=True):
        told: JsonObject = {
            "line": one.line,
            "action": one.action,
            "status": outcome.status.value,
            "rows_changed": outcome.count,
            "rows": [_row(row) for row in outcome.rows],
        }
        if outcome.why:
            told["why"] = outcome.why
        yield json.dumps(told, ensure_ascii=False) + "\n"


def _row(row: RowPlace) -> JsonObject:
    return {"manifest": row.manifest, "row_number": row.row_number, "id": row.id, "text": row.text[:_TEXT]}
