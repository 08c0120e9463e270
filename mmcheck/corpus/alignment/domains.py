"""Slices cut further where their images fall into domains that lie far apart.

A random pair of a product picture with a caption of a holiday photo tells nothing about two holiday photos: a null of
such pairs makes every pair of holiday photos look matched, whichever caption it has. Pairs of a domain are compared
with random pairs of that domain.

Domains are looked for among the images alone, since a wrong caption must not carry its image elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mmcheck.core.json_types import JsonObject
from mmcheck.core.pair_kinds import IMAGE_CAPTION
from mmcheck.corpus.alignment.fit import SliceVerdict
from mmcheck.corpus.alignment.slices import Pool, SlicedRows
from mmcheck.corpus.base import ShardTables
from mmcheck.corpus.embeddings import EmbeddingBank, read_embeddings
from mmcheck.corpus.sample_ids import read_ids
from mmcheck.corpus.slice_labels import MAX_SLICES
from mmcheck.metrics.domains import Domains, find_domains
from mmcheck.metrics.hubness import near_limit

_EXAMPLES = 3
"""Rows that the summary names of each domain. Our own choice: enough to see what it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitSlices:
    """The rows of a run in slices and their domains."""

    rows: SlicedRows
    """Slices first, as they were, then the domains; no row is of a slice that has domains."""
    domains: dict[int, list[int]] = field(default_factory=dict)
    """Slice -> its domains, the largest first."""
    examples: dict[int, NDArray[np.int64]] = field(default_factory=dict)
    """Domain -> rows that are most like the rest of it."""

    def is_domain(self, group: int) -> bool:
        """Return whether a group is a domain."""
        return group in self.examples


def split_slices(shards: Sequence[ShardTables], rows: SlicedRows, *, size: int, min_domain: int) -> SplitSlices:
    """Return slices cut into domains; another pass over the embeddings only where there are any.

    Args:
        shards: The run's shards.
        rows: The slices.
        size: Largest number of rows of a bank.
        min_domain: Fewer distinct pairs are no domain.
    """
    found: dict[int, Domains] = {}
    names = list(rows.names)
    domains: dict[int, list[int]] = {}
    examples: dict[int, NDArray[np.int64]] = {}
    for group, bank in enumerate(rows.banks):
        least = min_domain * len(bank) / max(1, len(rows.distinct(group)))
        cut = find_domains(bank.vectors["image"], near_limit(bank.vectors["image"]), least) if len(bank) else None
        # As for slices: memory stays flat whatever the set holds.
        if cut is None or len(examples) + len(cut) > MAX_SLICES:
            continue
        found[group] = cut
        domains[group] = list(range(len(names), len(names) + len(cut)))
        for number, place in enumerate(domains[group]):
            names.append(f"{'' if len(rows.names) == 1 else rows.names[group] + ', '}domain {number + 1}")
            examples[place] = bank.rows[cut.middle(number)[:_EXAMPLES]]
    if not found:
        return SplitSlices(rows=rows)
    codes, banks = _gather(shards, rows, found, domains, size)
    split = SlicedRows(names=names, codes=codes, keys=rows.keys, banks=[*rows.banks, *banks])
    return SplitSlices(rows=split, domains=domains, examples=examples)


def _gather(
    shards: Sequence[ShardTables],
    rows: SlicedRows,
    found: dict[int, Domains],
    domains: dict[int, list[int]],
    size: int,
) -> tuple[NDArray[np.int16], list[EmbeddingBank]]:
    """Return the groups of all rows, and the banks of the domains."""
    codes = rows.codes.copy()
    pools = {place: Pool(size) for places in domains.values() for place in places}
    start = 0
    for shard in shards:
        present, vectors = read_embeddings(shard, IMAGE_CAPTION.probe, ("image", "text"))
        here = np.flatnonzero(present) + start
        for group, cut in found.items():
            own = rows.codes[here] == group
            if not own.any():
                continue
            block = {name: part[own] for name, part in vectors.items()}
            labels = cut.find(block["image"])
            codes[here[own]] = np.array(domains[group], dtype=np.int16)[labels]
            for label, place in enumerate(domains[group]):
                chosen = labels == label
                members = here[own][chosen]
                pools[place].add(rows.keys[members], members, {name: part[chosen] for name, part in block.items()})
        start += len(present)
    banks = [
        EmbeddingBank(keys=pool.keys, rows=pool.rows, vectors=pool.vectors, num_rows=int((codes == place).sum()))
        for place, pool in pools.items()
    ]
    return codes, banks


def describe_domains(
    shards: Sequence[ShardTables], split: SplitSlices, verdicts: dict[str, SliceVerdict]
) -> tuple[JsonObject, str]:
    """Return the domains that pairs were compared in, by name, with size, share and examples, and a sentence.

    Args:
        shards: The run's shards.
        split: Slices and domains.
        verdicts: By name; domains that are not among them were not used.
    """
    used = {place: split.rows.names[place] for place in split.examples if split.rows.names[place] in verdicts}
    if not used:
        return {}, ""
    ids = read_ids(shards, *(split.examples[place] for place in used))
    told: JsonObject = {}
    parts = []
    for place, name in used.items():
        verdict = verdicts[name]
        examples = [ids[row] for row in split.examples[place].tolist()]
        share = None if verdict.numbers is None or verdict.numbers.share is None else verdict.numbers.share.share
        told[name] = {
            "num_rows": verdict.num_rows,
            "num_pairs": verdict.num_pairs,
            "share": share,
            "examples": list(examples),
        }
        parts.append(f"{name} ({verdict.num_pairs} pairs, such as {examples[0]})")
    sentence = (
        f"The images fall into {len(used)} domains that lie far apart: {', '.join(parts)}. Pairs are compared with "
        "random pairs of their own domain."
    )
    return told, sentence
