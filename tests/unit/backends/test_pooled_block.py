"""The last block for the pooled token only: equal embeddings, or no change at all."""

from __future__ import annotations

from typing import Any

import open_clip
import pytest
import torch
from open_clip.transformer import ResidualAttentionBlock

from mmcheck.backends.pooled_block import pool_last_block

VISION: dict[str, Any] = {"image_size": 32, "layers": 2, "width": 32, "head_width": 16, "patch_size": 8}
TEXT: dict[str, Any] = {"context_length": 8, "vocab_size": 20, "width": 16, "heads": 2, "layers": 1}


def make_model(**vision: Any) -> Any:
    torch.manual_seed(1)
    return open_clip.CLIP(embed_dim=16, vision_cfg={**VISION, **vision}, text_cfg=TEXT).eval()


def encode(model: Any) -> torch.Tensor:
    torch.manual_seed(2)
    with torch.inference_mode():
        found: torch.Tensor = model.encode_image(torch.randn(3, 3, 32, 32), normalize=True)
    return found


@pytest.mark.parametrize(
    "vision",
    [{}, {"layers": 1}, {"ls_init_value": 0.5}, {"no_ln_pre": True, "final_ln_after_pool": True}],
    ids=["usual", "one layer", "layer scale", "other norms"],
)
def test_embeddings_stay_the_same(vision: dict[str, Any]) -> None:
    model = make_model(**vision)
    wanted = encode(model)
    seen: list[tuple[int, ...]] = []
    assert pool_last_block(model)
    model.visual.transformer.resblocks[-1].register_forward_hook(
        lambda block, given, made: seen.append(tuple(made.shape))
    )
    torch.testing.assert_close(encode(model), wanted, atol=1e-6, rtol=0)
    assert seen == [(3, 1, 32)]


@pytest.mark.parametrize(
    "vision",
    [
        {"pool_type": "avg"},
        {"attentional_pool": True, "attn_pooler_heads": 2},
        {"output_tokens": True},
        {"block_type": "custom"},
        {"layers": [1, 1, 1, 1], "width": 16, "patch_size": None},
    ],
    ids=["mean", "attention", "tokens wanted", "other block", "ResNet"],
)
def test_another_tower_stays_as_it_is(vision: dict[str, Any]) -> None:
    model = make_model(**vision)
    before = str(model.visual)
    assert not pool_last_block(model)
    assert str(model.visual) == before


def test_a_block_that_computes_something_else_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = ResidualAttentionBlock.forward
    monkeypatch.setattr(ResidualAttentionBlock, "forward", lambda *args, **named: 1.01 * usual(*args, **named))
    assert not pool_last_block(make_model())
