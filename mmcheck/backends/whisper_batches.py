"""What is verified together: texts of one recording side by side, passes of like length in one batch."""

from __future__ import annotations

from collections.abc import Sequence

from mmcheck.backends.whisper_passes import DecoderPass
from mmcheck.backends.whisper_verifier import VerificationTask


def first_uses(tasks: Sequence[VerificationTask]) -> list[int]:
    """Return for each task the first one with the very same features array: what needs encoding only once."""
    seen: dict[int, int] = {}
    return [seen.setdefault(id(task.features), index) for index, task in enumerate(tasks)]


def order_tasks(tasks: Sequence[VerificationTask], lengths: Sequence[int], num_tokens: Sequence[int]) -> list[int]:
    """Return the tasks' order in batches: by length, then by tokens, texts of one recording side by side.

    Args:
        tasks: The tasks.
        lengths: Frames of each.
        num_tokens: Tokens of each text.
    """
    uses = first_uses(tasks)
    longest: dict[int, int] = {}
    for use, count in zip(uses, num_tokens, strict=True):
        longest[use] = max(longest.get(use, 0), count)
    return sorted(range(len(tasks)), key=lambda i: (lengths[i], longest[uses[i]], uses[i], num_tokens[i]))


def group_jobs(jobs: Sequence[tuple[int, DecoderPass]], budget: int) -> list[list[tuple[int, DecoderPass]]]:
    """Return passes (with the row of their clip) in groups of at most ``budget`` padded tokens, in order."""
    groups: list[list[tuple[int, DecoderPass]]] = []
    longest = 0
    for row, step in jobs:
        longest = max(longest, len(step.tokens) + 1)
        if not groups or (len(groups[-1]) + 1) * longest > budget:
            groups.append([])
            longest = len(step.tokens) + 1
        groups[-1].append((row, step))
    return groups
