"""The loop of open_clip's README over a DataLoader: its transform, padded tokens, float32, batches of 64.

Run in an environment of its own; see work.py for what it is given.
"""

from __future__ import annotations

from time import perf_counter
from typing import Any

import open_clip
import torch
from PIL import Image

from scripts.benchmarks.image_parts.work import Pair, read_work

BATCH = 64
WORKERS = 2


class Pairs(torch.utils.data.Dataset[Any]):
    """Pixels and tokens by number."""

    def __init__(self, pairs: list[Pair], preprocess: Any, tokenizer: Any) -> None:
        self.pairs = pairs
        self.preprocess = preprocess
        self.tokenizer = tokenizer

    def __len__(self) -> int:
        """Return the number of pairs."""
        return len(self.pairs)

    def __getitem__(self, number: int) -> tuple[Any, Any]:
        """Return pixels [3, side, side] and tokens [77]."""
        pair = self.pairs[number]
        return self.preprocess(Image.open(pair.image)), self.tokenizer([pair.caption])[0]


def main() -> None:
    """Score the pairs and tell how long it took."""
    work = read_work()
    name = f"local-dir:{work.model / 'open_clip'}"
    model, _, preprocess = open_clip.create_model_and_transforms(name)
    model.eval()
    tokenizer = open_clip.get_tokenizer(name)
    loader = torch.utils.data.DataLoader(
        Pairs(work.pairs(), preprocess, tokenizer), batch_size=BATCH, num_workers=WORKERS
    )
    scores: list[float] = []
    began = perf_counter()
    with torch.no_grad():
        for images, texts in loader:
            image_features = model.encode_image(images)
            text_features = model.encode_text(texts)
            image_features /= image_features.norm(dim=-1, keepdim=True)
            text_features /= text_features.norm(dim=-1, keepdim=True)
            scores += (image_features * text_features).sum(dim=-1).tolist()
    work.tell(perf_counter() - began, scores, version=open_clip.__version__, torch=torch.__version__)


if __name__ == "__main__":
    main()
