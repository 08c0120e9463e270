"""The last block of an image tower for the one token that is looked at behind it.

A vision transformer of open_clip that pools at its class token throws away what its last block made of all other
tokens. Keys and values are wanted of all of them, everything else of the class token only, which saves five sixths of
the last block: 7 % of a tower of twelve. What is accepted for that: it knows open_clip's classes. Towers of any other
class, pooling or shape keep their block, as does one whose block does not give the same when tried.
"""

from __future__ import annotations

from typing import Any

_TOLERANCE = 1e-4
"""Largest difference to the whole block, of values of about 1. Our own choice: above the rounding of single precision,
far below what moves a score."""


def pool_last_block(model: Any) -> bool:
    """Let the last block of a model's image tower give the class token only; return whether that could be done.

    Args:
        model: Of open_clip, in float32 on the CPU. Its embeddings of images stay the same but for rounding.
    """
    from open_clip.transformer import ResidualAttentionBlock, Transformer, VisionTransformer

    tower: Any = getattr(model, "visual", None)
    if type(tower) is not VisionTransformer or type(tower.transformer) is not Transformer:
        return False
    is_usual = tower.pool_type == "tok" and tower.attn_pool is None and not tower.output_tokens
    blocks = tower.transformer.resblocks
    if not is_usual or not tower.transformer.batch_first or type(blocks[-1]) is not ResidualAttentionBlock:
        return False
    made = _make_block(blocks[-1])
    if not _gives_the_same(made, blocks[-1], tower.transformer.width):
        return False
    blocks[-1] = made
    return True


def _make_block(block: Any) -> Any:
    import torch

    class FirstTokenBlock(torch.nn.Module):
        """[n, tokens, width] -> [n, 1, width]."""

        def __init__(self) -> None:
            super().__init__()
            self.block = block

        def forward(self, tokens: torch.Tensor, attn_mask: torch.Tensor | None = None) -> torch.Tensor:
            whole, first = self.block.ln_1(tokens), tokens[:, :1]
            first = first + self.block.ls_1(self.block.attention(whole[:, :1], whole, whole, attn_mask))
            made: torch.Tensor = first + self.block.ls_2(self.block.mlp(self.block.ln_2(first)))
            return made

    return FirstTokenBlock().eval()


def _gives_the_same(made: Any, block: Any, width: int) -> bool:
    import torch

    with torch.inference_mode():
        tokens = torch.sin(torch.arange(2 * 5 * width, dtype=torch.float32)).reshape(2, 5, width)
        difference = made(tokens) - block(tokens)[:, :1]
    return bool(difference.abs().max() < _TOLERANCE)
