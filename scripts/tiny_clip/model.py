"""tiny-clip itself: a genuine open_clip model, the training-only heads, and the files it is exported to."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import open_clip
import torch
from open_clip.modified_resnet import ModifiedResNet
from safetensors.torch import save_file
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional

from scripts.synthetic.scenes import BACKGROUNDS, COLOURS, MAX_COUNT, NOUNS, SIZES
from scripts.tiny_clip.vocabulary import CONTEXT_LENGTH, write_tokenizer

IMAGE_SIZE = 96
EMBED_DIM = 192
MEAN, STD = (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)
WEIGHTS_FILE = "open_clip_model.safetensors"


def model_config(vocab_size: int) -> dict[str, Any]:
    """Return the contents of open_clip_config.json."""
    return {
        "model_cfg": {
            "embed_dim": EMBED_DIM,
            "vision_cfg": {
                "image_size": IMAGE_SIZE,
                "layers": [1, 2, 3, 2],
                "width": 16,
                "head_width": 64,
                "patch_size": None,
            },
            "text_cfg": {
                "context_length": CONTEXT_LENGTH,
                "vocab_size": vocab_size,
                # Only has to be non-empty: under local-dir: open_clip reads the tokenizer beside this file.
                "hf_tokenizer_name": "tiny-clip",
                "width": 128,
                "heads": 4,
                "layers": 2,
            },
        },
        "preprocess_cfg": {
            "mean": list(MEAN),
            "std": list(STD),
            "interpolation": "bicubic",
            "resize_mode": "shortest",
        },
    }


def make_model(vocab_size: int) -> open_clip.CLIP:
    """Return the model with fresh weights."""
    config = model_config(vocab_size)["model_cfg"]
    return open_clip.CLIP(**config)


class AttributeHeads(nn.Module):
    """Linear read-outs of a scene's attributes from the image embedding; a training aid, not exported."""

    def __init__(self) -> None:
        """Make the heads with fresh weights."""
        super().__init__()
        self.nouns, self.colours = len(NOUNS), len(COLOURS)
        self.sizes = {
            "background": len(BACKGROUNDS),
            "noun": self.nouns,
            "colour": self.colours,
            "bound": self.nouns * self.colours,
            "count": MAX_COUNT,
            "size": len(SIZES),
            "side": self.nouns * 4,
        }
        self.read = nn.Linear(EMBED_DIM, sum(self.sizes.values()))

    def forward(self, embedding: Tensor) -> dict[str, Tensor]:
        """Return logits by attribute for embeddings [batch, EMBED_DIM] before normalisation."""
        parts = self.read(embedding).split(list(self.sizes.values()), dim=1)
        return dict(zip(self.sizes, parts, strict=True))


def encode_pictures(model: open_clip.CLIP, pictures: Tensor) -> Tensor:
    """Return embeddings [batch, EMBED_DIM], not normalised, of pictures of any multiple of 32 pixels.

    The attention pool's position table is resized on the way, so that close-ups can be smaller.
    """
    visual = model.visual
    if not isinstance(visual, ModifiedResNet):
        raise TypeError(f"the image tower is a {type(visual).__name__}, a ModifiedResNet is wanted")
    features = visual.layer4(visual.layer3(visual.layer2(visual.layer1(visual.stem(pictures)))))
    pool = visual.attnpool
    side = features.shape[-1]
    table = pool.positional_embedding
    full = IMAGE_SIZE // 32
    if side == full:
        embedding: Tensor = pool(features)
        return embedding
    grid = table[1:].T.reshape(1, -1, full, full)
    small = functional.interpolate(grid, size=(side, side), mode="bilinear", align_corners=True)
    resized = torch.cat([table[:1], small.reshape(table.shape[1], side * side).T])
    embedding = torch.func.functional_call(pool, {"positional_embedding": resized}, (features,))
    return embedding


def encode_texts(model: open_clip.CLIP, tokens: Tensor) -> Tensor:
    """Return embeddings [batch, EMBED_DIM], not normalised, of tokens cut at the longest caption.

    Equal to `model.encode_text` on the padded tokens: the text tower is causal and pools at the end mark.
    """
    length = tokens.shape[1]
    hidden = model.token_embedding(tokens) + model.positional_embedding[:length]
    hidden = model.ln_final(model.transformer(hidden, attn_mask=model.attn_mask[:length, :length]))
    pooled = hidden[torch.arange(len(tokens), device=tokens.device), tokens.argmax(dim=-1)]
    embedding: Tensor = pooled @ model.text_projection
    return embedding


def export_model(model: open_clip.CLIP, tokenizer: Tokenizer, folder: Path) -> str:
    """Write the model as a folder that open_clip loads by `local-dir:`, weights in half precision.

    Returns:
        The sha256 of the weights file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    config = model_config(tokenizer.get_vocab_size())
    (folder / "open_clip_config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    write_tokenizer(tokenizer, folder)
    weights = {
        name: value.detach().cpu().to(torch.float16 if value.is_floating_point() else value.dtype).contiguous()
        for name, value in model.state_dict().items()
    }
    save_file(weights, str(folder / WEIGHTS_FILE))
    return hashlib.sha256((folder / WEIGHTS_FILE).read_bytes()).hexdigest()
