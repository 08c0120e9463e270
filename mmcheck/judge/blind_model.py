"""Where a model cannot judge the data at all, what it says of single rows is noise.

The alignment analysis finds that out from the set as a whole (``model_cannot_tell``), for each kind of pair and each
slice. Rules on what that model measured are silent there: the pair is ``unjudged``, and that is all that is known.
"""

from __future__ import annotations

import pyarrow.compute as pc

from mmcheck.config import RuleConfig
from mmcheck.core.arrays import Mask
from mmcheck.core.pair_kinds import PAIR_KINDS, PairKind
from mmcheck.judge.rule import RuleFindings
from mmcheck.judge.table import JudgeTable

_CAUSE = "model_cannot_tell"


def without_blind(findings: RuleFindings, options: RuleConfig, table: JudgeTable) -> RuleFindings:
    """Return the findings without those that rest on a model that cannot judge the row's pair.

    Args:
        findings: Of one rule.
        options: Of the rule; ``even_if_model_cannot_tell`` keeps all.
        table: What was judged.
    """
    if options.metric is None or options.even_if_model_cannot_tell or not len(findings):
        return findings
    for kind in PAIR_KINDS:
        if kind.is_by_model(options.metric):
            findings = findings.only(~_is_blind(table, kind))
    return findings


def _is_blind(table: JudgeTable, kind: PairKind) -> Mask:
    equal = pc.fill_null(pc.equal(table.words(kind.judged_by, kind.cause_column), _CAUSE), False)
    found: Mask = equal.to_numpy(zero_copy_only=False)
    return found
