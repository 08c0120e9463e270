"""Why an export would hold no row at all, so that a pipeline stops instead of training on nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mmcheck.core.errors import UserError
from mmcheck.core.pair_kinds import PAIR_KINDS
from mmcheck.core.sentences import count_noun
from mmcheck.core.types import Action
from mmcheck.export.rows import LeftOut
from mmcheck.export.target import TARGETS, TargetTraits


def nothing_fits(
    format: str, traits: TargetTraits, left_out: Mapping[str, LeftOut], actions: Sequence[Action]
) -> UserError:
    """Return the error of an export whose rows were all left out.

    Args:
        format: The target.
        traits: What it takes.
        left_out: Reason -> the rows.
        actions: The verdicts that were wanted.
    """
    count = sum(found.rows for found in left_out.values())
    wanted = " or ".join(action.value for action in actions)
    rows = count_noun(count, "row", "rows")
    lines = [f"  {found.rows:,}: {reason}, such as {', '.join(found.ids)}" for reason, found in left_out.items()]
    message = f"no row can be written as {format}: all {rows} with the verdict {wanted} would be left out."
    return UserError("\n".join((message, *lines)), hint=_hint(traits, left_out))


def _hint(traits: TargetTraits, left_out: Mapping[str, LeftOut]) -> str:
    lacking = [kind for kind in PAIR_KINDS if kind.name in traits.kinds]
    if any(reason == f"has no {kind.medium_noun}" for reason in left_out for kind in lacking):
        others = [kind for kind in PAIR_KINDS if kind.name not in traits.kinds]
        told = [f"for {kind.media_noun} there are {', '.join(_formats(kind.name))}" for kind in others]
        return f"{'; '.join(told)} (`mmcheck list exports`)."
    if any("cannot be used" in reason for reason in left_out):
        return "are the files still where the run read them? Put them back there, or scan again."
    return "other rows are written with --only, other formats are told by `mmcheck list exports`."


def _formats(kind: str) -> list[str]:
    return [name for name in TARGETS.names() if kind in (TARGETS.get(name).traits.kinds or (kind,))]
