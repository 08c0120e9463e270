"""The mismatched share of a run or a slice, with the interval that a limit is held against."""

from __future__ import annotations

from mmcheck.core.pair_kinds import PairKind
from mmcheck.core.sentences import percent
from mmcheck.corpus.constants import SHARE_BIAS
from mmcheck.decide.mismatched_share import MismatchedShare, find_mismatched_share
from mmcheck.gate.slices import SliceCounts
from mmcheck.gate.states import why_not_judged
from mmcheck.gate.summary import GateCase, GateVerdict
from mmcheck.metrics.rate_interval import wilson_interval
from mmcheck.store.run_folder import RunFolder


def find_share(run: RunFolder, kind: PairKind, part: SliceCounts, label: str) -> MismatchedShare | None:
    """Return the share of a run or a slice; None if it is not known.

    What the analysis estimated comes first; of a slice that it did not tell apart it is the mean of the rows'
    probabilities, with Wilson's interval (1927) for as many pairs and the analysis' own allowance for what moves sets
    of any size.

    Args:
        run: The run.
        kind: Whose pairs.
        part: What was counted of the slice.
        label: ``language=de``; "" for the whole run.
    """
    if (found := find_mismatched_share(run, kind, label)) is not None:
        return found
    pairs = part.judged.get(kind.name, 0)
    if not pairs:
        return None
    share = part.expected[kind.name] / pairs
    low, high = (float(end) for end in wilson_interval(share * pairs, pairs))
    bias = SHARE_BIAS * share * (1 - share)
    return MismatchedShare(share=share, low=max(0.0, low - bias), high=min(1.0, high + bias), pairs=pairs)


def judge_mismatched(
    run: RunFolder, kind: PairKind, part: SliceCounts, label: str, limit: float, *, strict: bool
) -> GateCase:
    """Return the case of one kind of pair: surely above the limit fails, perhaps above warns.

    Args:
        run: The run.
        kind: Whose pairs.
        part: What was counted of the slice.
        label: ``language=de``; "" for the whole run.
        limit: Largest share, in [0, 1].
        strict: Whether perhaps above fails as well.
    """
    found = find_share(run, kind, part, label)
    asked = f"at most {100 * limit:g} %"
    if found is None:
        why = why_not_judged(run, kind)
        verdict: GateVerdict = "fail"
        message, measured = f"How many {kind.pairs} are mismatched is not known: {why}.", "not known"
    else:
        low, high = percent(found.low), percent(found.high)
        measured = f"{percent(found.share)} % ({low} to {high} %)"
        told = f"{measured} of {found.pairs:,} {kind.pairs} are mismatched; {asked} may be"
        if found.low > limit:
            verdict, message = "fail", f"{told}: surely more."
        elif found.high > limit:
            verdict, message = ("fail" if strict else "warn"), f"{told}: perhaps more{', and --strict' * strict}."
        else:
            verdict, message = "pass", f"{told}."
    return GateCase(
        check=f"mismatched.{kind.name}",
        slice=label,
        limit=asked,
        measured=measured,
        share=None if found is None else round(found.share, 6),
        share_low=None if found is None else round(found.low, 6),
        share_high=None if found is None else round(found.high, 6),
        count=None,
        rows=part.rows,
        verdict=verdict,
        message=message,
    )
