"""Data-Juicer's op image_text_similarity_filter over a dataset, with one or more processes.

Run in an environment of its own; see work.py for what it is given. Each process loads its model with its first pair,
so only the stretch in which all processes are at work counts: from the moment when the last of them has its first pair
done to the moment when the first of them has none left. That rate is the op's own at its best, start-up left out.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from time import time
from typing import Any

from scripts.benchmarks.image_parts.work import read_work


def steady_rate(ended: Sequence[Sequence[float]]) -> float:
    """Return items per second while all processes were at work.

    Args:
        ended: For each process, when each of its items was done, s, in order; two items or more.

    Raises:
        ValueError: If there was no such time.
    """
    begin = max(times[0] for times in ended)
    end = min(times[-1] for times in ended)
    # A process's items within the stretch, the first and the last one by the share that is inside.
    done = 0.0
    for times in ended:
        for before, after in pairwise(times):
            inside = min(after, end) - max(before, begin)
            done += max(0.0, inside) / (after - before)
    if end <= begin:
        raise ValueError("the processes were never at work at the same time; give them more items")
    return done / (end - begin)


def main() -> None:
    """Score the pairs and tell how long they take."""
    work = read_work("processes")
    processes = int(work.options.processes)
    with tempfile.TemporaryDirectory(prefix="bench-data-juicer-") as folder:
        os.environ |= {"HF_DATASETS_CACHE": folder, "HF_HUB_OFFLINE": "1", "DATA_JUICER_CACHE_HOME": folder}
        _run(work, processes, Path(folder))


def _run(work: Any, processes: int, folder: Path) -> None:
    import data_juicer
    import datasets
    import torch
    from data_juicer.core.data import NestedDataset
    from data_juicer.ops.filter.image_text_similarity_filter import ImageTextSimilarityFilter
    from data_juicer.utils.constant import Fields, StatsKeys
    from data_juicer.utils.mm_utils import SpecialTokens

    class Timed(ImageTextSimilarityFilter):  # type: ignore[misc]
        def compute_stats_single(self, sample: Any, rank: Any = None, context: bool = False) -> Any:
            done = super().compute_stats_single(sample, rank, context)
            with (folder / f"{os.getpid()}.ended").open("a") as file:
                file.write(f"{time()!r}\n")
            return done

    rows = [
        {"text": f"{SpecialTokens.image} {pair.caption} {SpecialTokens.eoc}", "images": [str(pair.image)]}
        for pair in work.pairs()
    ]
    dataset = NestedDataset(datasets.Dataset.from_list(rows))
    op = Timed(hf_clip=str(work.model / "hf"), min_score=-1.0, max_score=1.0, num_proc=processes)
    done = op.run(dataset)
    ended = [[float(line) for line in path.read_text().split()] for path in sorted(folder.glob("*.ended"))]
    rate = steady_rate([times for times in ended if len(times) > 1])
    scores = [row[Fields.stats][StatsKeys.image_text_similarity][0] for row in done]
    more: dict[str, Any] = {
        "version": data_juicer.__version__,
        "torch": torch.__version__,
        "processes_seen": len(ended),
    }
    more["threads"] = torch.get_num_threads()
    work.tell(work.items / rate, scores, **more)


if __name__ == "__main__":
    main()
