"""Which text belongs to which medium, where it does not stand with it: proposals, never changes.

People's most reported fault is not noise but displacement: texts moved by a row, sorted otherwise than their media,
swapped. What explains many suspects at once is looked for first, in the order of the manifest; what is left is matched
suspect by suspect. Every proposal carries a probability; the share of wrong ones among those above a limit is, in the
mean, at most one minus that limit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mmcheck.core.arrays import Floats32
from mmcheck.core.constants import PROBABLE
from mmcheck.core.pair_kinds import PairKind
from mmcheck.core.sentences import count_noun
from mmcheck.repair.constants import MANY_SUSPECTS, REACH, STANDS_OUT
from mmcheck.repair.evidence import (
    Evidence,
    Null,
    fit_evidence,
    fit_transcript_evidence,
    own_scores,
    sample_null,
)
from mmcheck.repair.files import FileArrangements
from mmcheck.repair.files import FileRows as FileRows
from mmcheck.repair.partners import find_partners
from mmcheck.repair.plan import Explanation, PlanBuilder
from mmcheck.repair.plan import Proposal as Proposal
from mmcheck.repair.scores import PairScores


@dataclass(frozen=True, slots=True, kw_only=True)
class RepairPlan:
    """All that is proposed for pairs of one kind."""

    kind: PairKind
    """The kind."""
    proposals: tuple[Proposal, ...] = ()
    """In the order of the rows; each row at most once, each source at most once."""
    explanations: tuple[Explanation, ...] = ()
    """In the order of the files."""
    notes: tuple[str, ...] = ()
    """What could not be done, in plain sentences."""
    num_pairs: int = 0
    """Pairs with a score."""
    num_suspects: int = 0
    """Pairs that are more probably wrong than right."""
    random_share: float | None = None
    """Estimated share of random pairings; None if nothing could be estimated."""
    partner_share: float | None = None
    """Estimated share of the suspects left to matching whose text is among the candidates."""


def propose_repairs(
    scores: PairScores,
    files: Sequence[FileRows],
    *,
    kind: PairKind,
    posterior: Floats32 | None = None,
    reach: int = REACH,
) -> RepairPlan:
    """Return what is proposed for one kind of pair of a run, deterministic and indifferent to how rows are stored.

    Args:
        scores: Scores of any medium with any text (``EmbeddingScores``, ``TranscriptScores``).
        files: The manifest files, each with its rows in order.
        kind: The kind of pair; decides the words only.
        posterior: Probability that a pair is a random pairing, shape (n,), NaN where unknown; None: by the scores
            alone. Suspects are those above one half.
        reach: Largest shift looked for, in rows.
    """
    pair = f"{kind.medium_noun}-{kind.text_noun} pair"
    pairs = np.flatnonzero(scores.has_medium & scores.has_text)
    if len(pairs) < scores.least_pairs:
        note = (
            f"{count_noun(len(pairs), f'{pair} is', f'{pair}s are')} too few to learn what correct ones look like; "
            f"scan at least {scores.least_pairs} together, then run repair."
        )
        return RepairPlan(kind=kind, notes=(note,) if len(pairs) else (), num_pairs=len(pairs))
    null = sample_null(scores)
    arrangements = FileArrangements(scores, null, files, reach)
    evidence = _find_evidence(scores, null, arrangements)
    if evidence is None:
        note = (
            f"the {pair}s score no better than random pairs, in the order of the manifest or in any other "
            "order found in it, so nothing can be proposed; if they do belong together, scan with another model."
        )
        return RepairPlan(kind=kind, notes=(note,), num_pairs=len(pairs))
    wrong = np.full(scores.num_rows, np.nan)
    if posterior is not None:
        wrong[pairs] = posterior[pairs]
    unknown = pairs[np.isnan(wrong[pairs])]
    wrong[unknown] = evidence.wrong(unknown)
    plan = PlanBuilder(evidence, wrong, kind, files)
    for number, file in enumerate(files):
        for block in arrangements.displacements(number, evidence, plan.is_suspect):
            plan.take_block(file, block)
    plan.settle()
    partner_share = plan.match()
    return RepairPlan(
        kind=kind,
        proposals=plan.proposals(),
        explanations=tuple(plan.explanations),
        num_pairs=len(pairs),
        num_suspects=int(plan.is_suspect.sum()),
        random_share=evidence.random_share,
        partner_share=partner_share,
    )


def _find_evidence(scores: PairScores, null: Null, arrangements: FileArrangements) -> Evidence | None:
    if scores.are_absolute:
        return fit_transcript_evidence(scores, null)
    if null.is_constant:
        return None
    evidence = fit_evidence(scores, null)
    if evidence is not None and evidence.random_share < PROBABLE:
        # Where all is displaced, the mixture may take the random pairings themselves for the right ones.
        if float(null.standardise(own_scores(scores)).mean()) >= STANDS_OUT:
            return _sharpen(evidence)
    # Hardly a pair is right as it stands: whatever arrangement of a file fits shows what right pairs score.
    right = [part for number in range(len(arrangements.files)) for part in arrangements.right_scores(number)]
    if right and (found := fit_evidence(scores, null, np.concatenate(right))) is not None:
        return _sharpen(found, np.concatenate(right))
    partners = find_partners(scores)
    if partners is None:
        return evidence
    # Among the random pairings of a shuffled set are its right ones: one in each medium's row.
    apart = sample_null(scores, partners.media, partners.texts)
    return fit_evidence(scores, apart, partners.scores) or evidence


def _sharpen(evidence: Evidence, right: Floats32 | None = None) -> Evidence:
    """Return the evidence without the partners of suspects among the random pairings, where these are clear.

    In a set of which much is shuffled, one in a few hundred random pairings is a right one, and no score would say
    more than that it is not rarer.
    """
    scores = evidence.scores
    pairs = np.flatnonzero(scores.has_medium & scores.has_text)
    suspects = pairs[evidence.wrong(pairs) > PROBABLE]
    if len(suspects) < max(scores.least_pairs, MANY_SUSPECTS * len(pairs)):
        return evidence
    partners = find_partners(scores, suspects)
    if partners is None:
        return evidence
    return fit_evidence(scores, sample_null(scores, partners.media, partners.texts), right) or evidence
