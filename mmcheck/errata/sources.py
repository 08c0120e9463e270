"""Where corrections come from: the verdicts of a run, what ``mmcheck repair`` proposes, and what people wrote.

Each source yields decisions on rows of the run. The verdicts (of rules, or of people where these were applied) say that
a pair is wrong; repair and people say what would be right. On a row that people decided about, repair has no say.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mmcheck.codes.explain import tell_cause, tell_title
from mmcheck.config import Config
from mmcheck.config.review import REVIEW_RULE
from mmcheck.core.errors import RunError, UserError
from mmcheck.core.pair_kinds import KIND_OF, PAIR_KINDS, PairKind
from mmcheck.people.ballot import count_ballots
from mmcheck.people.decision import Choice
from mmcheck.people.decision_log import log_path, read_decisions
from mmcheck.people.standing import standing_decisions
from mmcheck.people.verdicts import CAUSES
from mmcheck.store.run_folder import RunFolder, read_part

MIN_CONFIDENCE = 0.95
"""Probability from which a proposal of repair becomes an erratum. Our own choice: surer than ``mmcheck repair``
itself asks for, because errata are applied where nobody has looked at the proposals."""

_EDITED = f"{REVIEW_RULE}.{CAUSES[Choice.EDIT]}"
_PROPOSALS = ("repair", "proposals.parquet")
_SCORES = ("confidence", "own_score", "proposed_score")
_OF_MEDIUM = re.compile(
    r"media\.(?!\w*_per_second)|duplicates\.(?:image|audio)_order|repetition\.(?:media_order|captions_of_image)|column\."
)
"""Metrics that speak of the medium or the row: another text does not mend what they found."""
_RULES_OF_MEDIUM = ("unreadable_media", "broken_row", "metadata")


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What a source says of one row."""

    index: int
    """0-based number of the row in the run."""
    kind: PairKind | None = None
    """Which of its pairs; None: whichever it has."""
    new_text: str | None = None
    """The right text; None: the pair is to be removed."""
    is_of_medium: bool = False
    """Whether the medium is at fault, so that no other text mends the pair."""
    codes: tuple[str, ...] = ()
    reason: str = ""
    plain_reason: str = ""
    """The reason without anything that might quote a text."""
    scores: Mapping[str, float] | None = None
    decided_by: str = ""
    is_last_word: bool = False
    """Whether it holds even where the medium is at fault: a person looked."""


def from_verdicts(run: RunFolder, actions: Collection[str], rules: Collection[str] = ()) -> Iterator[Decision]:
    """Yield the rows with certain verdicts.

    Args:
        run: A judged run.
        actions: The verdicts.
        rules: Only rows that one of these rules put there; none: all.

    Raises:
        RunError: If a part is missing or damaged.
    """
    config = run.config()
    wanted = pa.array(sorted(actions), pa.string())
    for shard in run.shards():
        table = read_part(run.verdicts_part(shard), ["action", "findings", "decided_by"])
        rows = pc.indices_nonzero(pc.is_in(table["action"], value_set=wanted))
        for place, verdict in zip(rows.to_pylist(), table.take(rows).to_pylist(), strict=True):
            decision = _of_verdict(shard.start + place, verdict, config, rules)
            if decision is not None:
                yield decision


def from_repairs(run: RunFolder, min_confidence: float, decided: Collection[int] = ()) -> Iterator[Decision]:
    """Yield what ``mmcheck repair`` proposed for a run, as far as it is sure enough.

    Args:
        run: A run with ``repair/``.
        min_confidence: Least probability that a proposed text is the right one, in [0, 1].
        decided: Rows on which it has no say.

    Raises:
        UserError: If nothing was proposed yet.
        RunError: If the proposals are damaged.
    """
    file = run.path.joinpath(*_PROPOSALS)
    if not file.is_file():
        raise UserError(
            f"{run.path} holds no proposals of `mmcheck repair`.",
            hint=f"run `mmcheck repair {run.path}` first, and look at its page.",
        )
    try:
        records: list[dict[str, Any]] = pq.read_table(file).to_pylist()
    except (OSError, pa.ArrowException) as error:
        hint = f"run `mmcheck repair {run.path}` again."
        raise RunError(f"{file} is damaged: {str(error).splitlines()[0]}.", hint=hint) from error
    for record in records:
        is_sure = record["confidence"] >= min_confidence and record["proposed_text"] is not None
        if is_sure and record["index"] not in decided:
            told = f"The text belongs to another row ({record['kind']}), as `mmcheck repair` found."
            yield Decision(
                index=record["index"],
                kind=KIND_OF[record["modality"]],
                new_text=record["proposed_text"],
                codes=(f"repair.{record['kind']}",),
                # Its own sentence names rows by number, and in another copy these are other rows.
                reason=told,
                plain_reason=told,
                scores={f"repair.{name}": record[name] for name in _SCORES if record[name] is not None},
                decided_by="repair",
            )


def from_people(run: RunFolder) -> tuple[frozenset[int], list[Decision]]:
    """Return the rows that people decided about, as far as the run was judged so, and the texts that they wrote.

    Raises:
        UserError: If their log cannot be read.
        RunError: If a part is missing or damaged.
    """
    options = run.config().review
    if not options.apply:
        return frozenset(), []
    standing = standing_decisions(read_decisions(log_path(run.path)).decisions)
    outcomes = count_ballots(standing, options)
    edits = {(one.sample_id, one.text): one.pair for one in standing if one.choice is Choice.EDIT}
    decided: list[int] = []
    found: list[Decision] = []
    for shard in run.shards():
        table = read_part(run.verdicts_part(shard), ["sample_id", "codes", "findings", "decided_by"])
        for place, codes in enumerate(table["codes"].to_pylist()):
            if not any(code.startswith(f"{REVIEW_RULE}.") for code in codes):
                continue
            decided.append(shard.start + place)
            sample_id = table["sample_id"][place].as_py()
            outcome = outcomes.get(sample_id)
            if _EDITED in codes and outcome is not None and outcome.text is not None:
                pair = edits.get((sample_id, outcome.text))
                mine = next(one for one in table["findings"][place].as_py() if one["code"] == _EDITED)
                found.append(
                    Decision(
                        index=shard.start + place,
                        kind=KIND_OF[pair] if pair is not None else None,
                        new_text=outcome.text,
                        codes=(_EDITED,),
                        reason=mine["message"] or "",
                        plain_reason="A person gave the pair another text.",
                        decided_by=table["decided_by"][place].as_py(),
                        is_last_word=True,
                    )
                )
    return frozenset(decided), found


def settle(removals: Sequence[Decision], corrections: Sequence[Decision]) -> list[Decision]:
    """Return one decision a row and pair, in the order of the rows: a correction takes the place of a removal.

    Not where the medium itself is at fault, unless a person said so. What the removal knows of the pair stays with the
    correction.
    """
    removed = {decision.index: decision for decision in removals}
    found: dict[tuple[int, str], Decision] = {}
    for new in corrections:
        old = removed.get(new.index)
        if old is not None and old.is_of_medium and not new.is_last_word:
            continue
        name = new.kind.name if new.kind is not None else ""
        scores = {**(old.scores or {}), **(new.scores or {})} if old is not None else new.scores
        codes = tuple(dict.fromkeys((*(old.codes if old is not None else ()), *new.codes)))
        found[new.index, name] = replace(new, codes=codes, scores=scores)
    for index, old in removed.items():
        kinds = KIND_OF if old.kind is None else (old.kind.name,)
        if not any((index, name) in found for name in ("", *kinds)):
            found[index, ""] = old
    return [found[key] for key in sorted(found)]


def _of_verdict(index: int, verdict: Mapping[str, Any], config: Config, rules: Collection[str]) -> Decision | None:
    every = verdict["findings"] or []
    findings = [one for one in every if one["action"] == verdict["action"]] or every
    if rules and not any(one["rule"] in rules for one in findings):
        return None
    sections = {one["rule"]: config.rules.get(one["rule"]) for one in findings}
    plain = []
    for one in findings:
        section = sections[one["rule"]]
        cause = tell_cause(one["rule"], one["code"], section) if section is not None else ""
        plain.append(f"{tell_title(one['rule'], section)}{f' ({cause})' if cause else ''}.")
    return Decision(
        index=index,
        kind=next((kind for kind in PAIR_KINDS if any(kind.is_of(one["metric"] or "") for one in findings)), None),
        is_of_medium=any(
            _OF_MEDIUM.match(one["metric"] or "")
            or getattr(sections[one["rule"]], "rule", one["rule"]) in _RULES_OF_MEDIUM
            for one in findings
        ),
        codes=tuple(dict.fromkeys(one["code"] for one in findings)),
        reason=" ".join(one["message"] or "" for one in findings),
        plain_reason=" ".join(dict.fromkeys(plain)),
        scores={one["metric"]: one["observed"] for one in findings if one["metric"] and one["observed"] is not None},
        decided_by=verdict["decided_by"] or "policy",
    )
