"""From the decisions about a drawn sample to the certificate."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from mmcheck.audit.certificate import (
    Certificate,
    DataFile,
    Digests,
    Measured,
    MeasuredStratum,
    Outcome,
    show_share,
)
from mmcheck.audit.measures import MEASURES, Measure, Seen, make_cells, measure, promise
from mmcheck.audit.rows import JudgedRows
from mmcheck.config import Config
from mmcheck.core.digests import digest_file
from mmcheck.core.sentences import count_noun
from mmcheck.core.version import VERSION
from mmcheck.decide.decide import make_policy
from mmcheck.people.decision_log import FOLDER, log_path
from mmcheck.people.draw import DRAW_FILE, Draw, Strata
from mmcheck.people.stratified import Share
from mmcheck.people.truth import RowTruth, Truths
from mmcheck.store.run_folder import RunFolder

_FEW = 100
"""Reviewed rows below which the certificate says that they are few. Our own choice: of a hundred rows without a fault,
up to 3.6 % may still be faulty."""
_OWN = frozenset({"audit", None})
"""How a decision of the audit came about: in the audit's own order, or in another tool that does not say."""


def reviewed_rows(draw: Draw, truths: Truths) -> dict[int, RowTruth]:
    """Return what people said of the drawn rows, as far as it counts.

    While rows are missing, those that people looked at for another reason (the most uncertain first, say) are no random
    part of the sample and are left out; once all are looked at, why no longer matters.
    """
    drawn = {row.index for row in draw.samples}
    found = {index: row for index, row in truths.rows.items() if index in drawn}
    if len(found) == len(drawn):
        return found
    return {index: row for index, row in found.items() if row.samples & _OWN}


def make_certificate(
    run: RunFolder, config: Config, rows: JudgedRows, draw: Draw, strata: Strata, truths: Truths
) -> Certificate:
    """Return the certificate of what people said of a sample so far.

    Args:
        run: The run.
        config: The config that it was last judged with.
        rows: Its rows as they are judged now.
        draw: The sample.
        strata: The strata that it was drawn from.
        truths: What people said.
    """
    found = reviewed_rows(draw, truths)
    seen = [Seen(index=index, is_mismatched=row.is_mismatched) for index, row in found.items()]
    audited = strata.of_row >= 0
    record = run.record
    times = [one.time for row in found.values() for one in row.decisions]
    return Certificate(
        mmcheck_version=VERSION,
        run=run.path.resolve().name,
        identity=record.identity,
        data=tuple(
            DataFile(
                manifest=one.manifest, format=one.format, rows=one.rows, digest=one.digest, digest_of=one.digest_of
            )
            for one in record.inputs
        ),
        digests=Digests(
            config=digest_file(run.path / "config.yaml"),
            rules=make_policy(run, config).digest,
            draw=digest_file(run.path / FOLDER / DRAW_FILE),
            decisions=digest_file(log_path(run.path)),
        ),
        rows=record.rows,
        rows_audited=int(audited.sum()),
        rows_promised=int((audited & ~np.isnan(rows.posterior)).sum()),
        seed=draw.seed,
        drawn=len(draw.samples),
        reviewed=len(found),
        unsure=sum(row.is_mismatched is None for row in found.values()),
        stale=len(_stale(draw, truths)),
        reviewers=tuple(sorted({one.reviewer for row in found.values() for one in row.decisions})),
        blind=sum(all(one.blind for one in row.decisions) for row in found.values()),
        first_decision=min(times).isoformat() if times else None,
        last_decision=max(times).isoformat() if times else None,
        strata=_strata(draw, found),
        measures=tuple(_measured(rows, strata, seen, one) for one in _to_tell(rows, strata)),
        notes=tuple(_notes(run, config, rows, draw, strata, truths, found)),
    )


def _stale(draw: Draw, truths: Truths) -> frozenset[int]:
    return truths.stale & {row.index for row in draw.samples}


def _to_tell(rows: JudgedRows, strata: Strata) -> list[Measure]:
    """Return the measures that the run has rows for."""
    there = set(rows.judged[strata.of_row >= 0].tolist())
    return [one for one in MEASURES if there & {int(judged) for judged in one.part}]


def _strata(draw: Draw, found: dict[int, RowTruth]) -> tuple[MeasuredStratum, ...]:
    counts: Counter[tuple[str, str]] = Counter()
    for row in draw.samples:
        truth = found.get(row.index)
        if truth is not None:
            counts[row.stratum, "reviewed"] += 1
            counts[row.stratum, "unsure"] += truth.is_mismatched is None
            counts[row.stratum, "mismatched"] += truth.is_mismatched is True
    return tuple(
        MeasuredStratum(
            name=one.name,
            rows=one.rows,
            drawn=one.drawn,
            probability=one.drawn / one.rows if one.rows else 0.0,
            reviewed=counts[one.name, "reviewed"],
            unsure=counts[one.name, "unsure"],
            mismatched=counts[one.name, "mismatched"],
        )
        for one in draw.strata
    )


def _measured(rows: JudgedRows, strata: Strata, seen: Sequence[Seen], one: Measure) -> Measured:
    found = measure(make_cells(rows, strata, seen), one)
    promised = promise(rows, strata.of_row >= 0, one)
    doubtful = [found]
    if any(row.is_mismatched is None for row in seen):
        for answer in (True, False):
            told = [row if row.is_mismatched is not None else replace(row, is_mismatched=answer) for row in seen]
            doubtful.append(measure(make_cells(rows, strata, told), one))
    return Measured(
        name=one.name,
        title=one.title,
        meaning=one.meaning,
        promised=promised,
        estimate=found.value,
        low=found.low,
        high=found.high,
        with_unsure=(min(share.low for share in doubtful), max(share.high for share in doubtful)),
        outcome=_outcome(promised, found),
        sentence=_sentence(one, promised, found),
    )


def _outcome(promised: float | None, found: Share) -> Outcome:
    if promised is None:
        return "nothing promised"
    if promised < found.low:
        return "more than promised"
    return "less than promised" if promised > found.high else "as promised"


def _sentence(one: Measure, promised: float | None, found: Share) -> str:
    told = f"measured {show_share(found.low)} to {show_share(found.high)} %"
    if found.value is not None:
        told += f" (most likely {show_share(found.value)} %)"
    if promised is None:
        return f"{told} {one.verb}."
    return f"promised {show_share(promised)} % {one.verb}; {told}."


def _notes(
    run: RunFolder,
    config: Config,
    rows: JudgedRows,
    draw: Draw,
    strata: Strata,
    truths: Truths,
    found: dict[int, RowTruth],
) -> list[str]:
    notes = []
    drawn, reviewed = len(draw.samples), len(found)
    if reviewed < drawn:
        few = (
            "an interval from so few is wide" if reviewed < _FEW else "the intervals will be narrower with all of them"
        )
        notes.append(f"{reviewed} of {drawn} reviewed: {few}.")
    elif reviewed < min(_FEW, int((strata.of_row >= 0).sum())):
        notes.append(f"Only {count_noun(reviewed, 'row was', 'rows were')} drawn: an interval from so few is wide.")
    left_out = sum(row.index in truths.rows for row in draw.samples) - reviewed
    if left_out:
        was = count_noun(left_out, "drawn row was", "drawn rows were")
        notes.append(f"{was} looked at for another reason than the audit; they count once all drawn rows are reviewed.")
    unsure = sum(row.is_mismatched is None for row in found.values())
    if unsure:
        notes.append(
            f"People were unsure, or do not agree, about {count_noun(unsure, 'row')}; the shares are of the others. "
            "The certificate also has the intervals that would hold if all of these were mismatched, or none."
        )
    outside = run.record.rows - int((strata.of_row >= 0).sum())
    if outside:
        notes.append(
            f"{count_noun(outside, 'row has', 'rows have')} no readable medium or no text: there is nothing to "
            "compare, and the audit does not speak of them."
        )
    unjudged = int(((strata.of_row >= 0) & np.isnan(rows.posterior)).sum())
    if unjudged:
        rest = "nothing is promised of them" if unjudged < int((strata.of_row >= 0).sum()) else "nothing is promised"
        notes.append(f"{count_noun(unjudged, 'row has', 'rows have')} no probability of a mismatch: {rest}.")
    stale = len(_stale(draw, truths))
    if stale:
        notes.append(
            f"{count_noun(stale, 'drawn row has', 'drawn rows have')} another medium or text now than when people "
            "looked: what they said does not count."
        )
    if config.review.apply:
        notes.append("The run applies what people decided; the audit is of what the rules alone say.")
    if truths.unread:
        notes.append(f"Lines that are no decisions were skipped. {truths.unread}")
    return notes
