"""How well tiny-clip tells true captions from false ones, on scenes of a seed that training never saw.

Every figure is a ROC-AUC of raw cosines pooled over pictures, which is what a threshold on a whole dataset
meets; the picture passes through a 192-pixel JPEG file and open_clip's own transform, as a user's would.
"""

from __future__ import annotations

import io
import random
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import open_clip
import torch
from PIL import Image

from scripts.synthetic.captions import (
    STYLES,
    Claim,
    alter_claim,
    false_claims,
    full_claim,
    holds,
    random_claim,
    word,
)
from scripts.synthetic.scenes import ATTRIBUTES, make_scene, render

Encoder = Callable[[list[Image.Image], list[str]], tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]]
MEAN_OF = ("colour", "object", "count", "background")


def load_encoder(folder: Path, *, device: str = "cpu") -> Encoder:
    """Return a function from pictures and captions to unit embeddings, through open_clip alone."""
    model, transform = open_clip.create_model_from_pretrained(f"local-dir:{folder}", device=device)
    tokenize = open_clip.get_tokenizer(f"local-dir:{folder}")
    model.eval()

    def encode(
        pictures: list[Image.Image], texts: list[str]
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        seen, said = [], []
        with torch.inference_mode():
            for start in range(0, len(pictures), 64):
                batch = torch.stack([transform(picture) for picture in pictures[start : start + 64]])
                seen.append(model.encode_image(batch.to(device), normalize=True).cpu().numpy())
            for start in range(0, len(texts), 256):
                tokens = tokenize(texts[start : start + 256])
                said.append(model.encode_text(tokens.to(device), normalize=True).cpu().numpy())
        return np.concatenate(seen), np.concatenate(said)

    return encode


def roc_auc(aligned: npt.NDArray[np.float32], other: npt.NDArray[np.float32]) -> float:
    """Return the share of (aligned, other) pairs in which the aligned score is higher, ties counting half."""
    ordered = np.sort(other)
    below = np.searchsorted(ordered, aligned, side="left")
    upto = np.searchsorted(ordered, aligned, side="right")
    return float((below + upto).mean() / 2 / len(other))


def evaluate(encode: Encoder, *, seed: int, num_scenes: int) -> dict[str, float]:
    """Return the figures of the model card.

    Args:
        encode: From `load_encoder`.
        seed: Of the scenes; use one that training did not.
        num_scenes: How many, 32 or more.

    Returns:
        `shuffled` and `shuffled_mixed` (specific captions and captions of every kind against those of
        another scene), `attribute.<name>` for each attribute, `attribute.mean` over colour, object, count
        and background, `recall_at_1` of a specific caption among (up to) 256 pictures, `vague_below` (share
        of vague captions under the median aligned one).
    """
    rng = random.Random(f"evaluate-{seed}")
    scenes = [make_scene(rng) for _ in range(num_scenes)]
    pictures = [_through_file(render(scene), rng) for scene in scenes]
    texts: list[str] = []
    said: dict[str, list[tuple[int, int, Claim]]] = defaultdict(list)

    def say(kind: str, picture: int, claim: Claim) -> None:
        said[kind].append((picture, len(texts), claim))
        texts.append(word(claim, rng, style=rng.choice(STYLES)))

    for index, scene in enumerate(scenes):
        claim = full_claim(scene, rng)
        say("aligned", index, claim)
        say("mixed", index, random_claim(scene, rng))
        say("vague", index, Claim())
        for attribute in false_claims(claim, scene):
            say(attribute, index, alter_claim(claim, scene, attribute, rng))
    image, text = encode(pictures, texts)

    def cosines(kind: str) -> npt.NDArray[np.float32]:
        scores: npt.NDArray[np.float32] = (
            image[[picture for picture, _, _ in said[kind]]] * text[[row for _, row, _ in said[kind]]]
        ).sum(axis=1)
        return scores

    def shuffled(kind: str) -> npt.NDArray[np.float32]:
        others = said[kind][1:] + said[kind][:1]
        # A vague caption of another scene is true of this one as well: no fault to find.
        wrong = [(place, row) for place, (_, row, claim) in enumerate(others) if not holds(claim, scenes[place])]
        scores: npt.NDArray[np.float32] = (image[[place for place, _ in wrong]] * text[[row for _, row in wrong]]).sum(
            axis=1
        )
        return scores

    aligned = cosines("aligned")
    figures = {
        "shuffled": roc_auc(aligned, shuffled("aligned")),
        "shuffled_mixed": roc_auc(cosines("mixed"), shuffled("mixed")),
    }
    for attribute in ATTRIBUTES:
        same = aligned[[picture for picture, _, _ in said[attribute]]]
        figures[f"attribute.{attribute}"] = roc_auc(same, cosines(attribute))
    figures["attribute.mean"] = float(np.mean([figures[f"attribute.{name}"] for name in MEAN_OF]))
    among = min(256, num_scenes)
    table = text[[row for _, row, _ in said["aligned"][:among]]] @ image[:among].T
    figures["recall_at_1"] = float((table.argmax(axis=1) == np.arange(among)).mean())
    figures["vague_below"] = float((cosines("vague") < np.median(aligned)).mean())
    return figures


def _through_file(image: Image.Image, rng: random.Random) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=rng.randint(70, 92))
    return Image.open(buffer).convert("RGB")
