"""torchmetrics' CLIPScore in batches of 32, the images read as its documentation wants them: bytes [3, height, width].

Run in an environment of its own; see work.py for what it is given. The metric keeps sums only, so a batch's mean stands
for each of its pairs.
"""

from __future__ import annotations

from time import perf_counter

import torch
import torchmetrics
from torchmetrics.multimodal.clip_score import CLIPScore
from torchvision.io import ImageReadMode, decode_image
from transformers import CLIPModel, CLIPProcessor

from scripts.benchmarks.image_parts.work import read_work

BATCH = 32


def main() -> None:
    """Score the pairs and tell how long it took."""
    work = read_work()
    pairs = work.pairs()
    folder = work.model / "hf"
    metric = CLIPScore(
        # Names of a fixed list, or a callable: the documented way to bring a model of one's own.
        model_name_or_path=lambda: (CLIPModel.from_pretrained(folder), CLIPProcessor.from_pretrained(folder))
    )
    scores: list[float] = []
    before = 0.0
    began = perf_counter()
    with torch.no_grad():
        for start in range(0, len(pairs), BATCH):
            part = pairs[start : start + BATCH]
            images = [decode_image(str(pair.image), mode=ImageReadMode.RGB) for pair in part]
            metric.update(images, [pair.caption for pair in part])
            total = float(metric.score)
            scores += [(total - before) / len(part) / 100] * len(part)
            before = total
        float(metric.compute())
    work.tell(perf_counter() - began, scores, version=torchmetrics.__version__, torch=torch.__version__, grouped=BATCH)


if __name__ == "__main__":
    main()
