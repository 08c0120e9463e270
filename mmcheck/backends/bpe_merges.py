"""Merges of a byte-pair vocabulary: which are missing, and which pair each of them joined.

A byte-pair encoder joins, again and again, the neighbouring pair of the lowest rank. Training adds one token for each
merge, so the vocabulary's order is the merges' order, and a vocabulary says all that the merges say. Files lose merges
all the same: the tokenizer.json that is published with the multilingual Whisper models lacks the first one (``Ġ t``:
somebody's reader took the first line of merges.txt for its header). Such a tokenizer decodes as ever, but spells
" the" as ``Ġ``, ``the``, which no Whisper was trained on.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

Merge = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class MendedMerges:
    """Merges that make every token that can be made."""

    merges: tuple[Merge, ...]
    """All merges, lowest rank first."""
    put_back: tuple[Merge, ...]
    """Those of them that had been missing."""
    left_out: tuple[Merge, ...]
    """Pairs at hand that make no token, e.g. a header that was read as one."""
    unreachable: tuple[str, ...]
    """Tokens that no text is encoded to even so, in the vocabulary's order."""


def mend_merges(vocabulary: Mapping[str, int], merges: Sequence[Merge]) -> MendedMerges:
    """Return the merges with the missing ones at their ranks.

    Where the vocabulary's order is not the merges' order, a rank cannot be told, and nothing is put back.

    Args:
        vocabulary: Ids of the ordinary tokens; special tokens are no result of merges and must not be among them.
        merges: The merges at hand, lowest rank first.
    """
    usable = [merge for merge in merges if all(part in vocabulary for part in (*merge, "".join(merge)))]
    made: set[str] = set()
    marks: list[int] = []
    for left, right in usable:
        token = left + right
        # A pair that makes a token once more tells nothing about the order.
        marks.append(marks[-1] if token in made else vocabulary[token])
        made.add(token)
    missing = sorted((id_, token) for token, id_ in vocabulary.items() if len(token) > 1 and token not in made)
    is_ordered = all(before <= after for before, after in itertools.pairwise(marks))
    found, put_back = _insert(missing, usable, marks) if missing and is_ordered else (usable, [])
    known = set(usable)
    return MendedMerges(
        merges=tuple(found),
        put_back=tuple(put_back),
        left_out=tuple(merge for merge in merges if merge not in known),
        unreachable=tuple(_unreachable(vocabulary, found)),
    )


def apply_merges(text: str, ranks: Mapping[Merge, int]) -> list[str]:
    """Return the pieces that are left of a text when no two neighbours can be joined any more.

    Args:
        text: The characters to join.
        ranks: Rank of each merge; among the neighbours the lowest one goes first, of equal ones the leftmost.
    """
    pieces = list(text)
    while len(pieces) > 1:
        pairs = itertools.pairwise(pieces)
        rank, place = min((ranks.get(pair, len(ranks)), place) for place, pair in enumerate(pairs))
        if rank == len(ranks):
            break
        pieces[place : place + 2] = [pieces[place] + pieces[place + 1]]
    return pieces


def _insert(
    missing: Sequence[tuple[int, str]], merges: Sequence[Merge], marks: Sequence[int]
) -> tuple[list[Merge], list[Merge]]:
    found: list[Merge] = []
    ranks: dict[Merge, int] = {}
    put_back: list[Merge] = []

    def add(merge: Merge) -> None:
        ranks.setdefault(merge, len(ranks))
        found.append(merge)

    place = 0
    for id_, token in missing:
        while place < len(merges) and marks[place] < id_:
            add(merges[place])
            place += 1
        pieces = apply_merges(token, ranks)
        if len(pieces) == 2:
            add((pieces[0], pieces[1]))
            put_back.append((pieces[0], pieces[1]))
    for merge in merges[place:]:
        add(merge)
    return found, put_back


def _unreachable(vocabulary: Mapping[str, int], merges: Sequence[Merge]) -> Iterator[str]:
    from tokenizers import models

    model = models.BPE(vocab=dict(vocabulary), merges=list(merges))
    for token in sorted(vocabulary, key=lambda token: vocabulary[token]):
        if token and [piece.value for piece in model.tokenize(token)] != [token]:
            yield token
