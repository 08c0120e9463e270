"""The network: transformers' own wav2vec2 with a CTC head, small enough for a git repository.

Its first convolution starts as a bank of band-pass filters on the mel scale, four phases each, so that what the next
layer sees is from the first step close to a mel spectrum. From random filters on raw samples the same network would
need many times the training.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import torch
from transformers import Wav2Vec2Config, Wav2Vec2ForCTC

from scripts.synthetic.speech import SAMPLING_RATE

LETTERS: Final = "abcdefghijklmnopqrstuvwxyz'"
VOCABULARY: Final[tuple[str, ...]] = ("<pad>", "<s>", "</s>", "<unk>", "|", *LETTERS)
"""The tokens of facebook/wav2vec2-base-960h, in lower case: `<pad>` is CTC's blank, `|` stands between words."""
BLANK: Final = 0
FRAME: Final = 480
"""Samples a frame of the network, 30 ms: the fastest voice speaks 22 letters a second."""
_HOP: Final = 160
_WINDOW: Final = 400
_BANDS: Final = 64
_PHASES: Final = 4


def make_config(*, width: int) -> Wav2Vec2Config:
    """Returns the configuration of a network.

    Args:
        width: Width of the transformer, a multiple of 16.
    """
    return Wav2Vec2Config(
        vocab_size=len(VOCABULARY),
        hidden_size=width,
        num_hidden_layers=4,
        num_attention_heads=4,
        intermediate_size=3 * width,
        conv_dim=(_BANDS * _PHASES, 160),
        conv_kernel=(_WINDOW, 5),
        conv_stride=(_HOP, FRAME // _HOP),
        conv_bias=False,
        feat_extract_norm="group",
        do_stable_layer_norm=True,
        num_conv_pos_embeddings=32,
        num_conv_pos_embedding_groups=8,
        hidden_dropout=0.0,
        attention_dropout=0.0,
        activation_dropout=0.0,
        feat_proj_dropout=0.0,
        final_dropout=0.0,
        layerdrop=0.0,
        apply_spec_augment=False,
        ctc_loss_reduction="mean",
        ctc_zero_infinity=True,
        pad_token_id=BLANK,
        bos_token_id=1,
        eos_token_id=2,
    )


def make_model(seed: int, *, width: int) -> Wav2Vec2ForCTC:
    """Returns a network that has learned nothing yet.

    Args:
        seed: Seed of its weights.
        width: Width of the transformer, a multiple of 16.
    """
    torch.manual_seed(seed)
    model = Wav2Vec2ForCTC(make_config(width=width))
    first = model.wav2vec2.feature_extractor.conv_layers[0].conv
    with torch.no_grad():
        first.weight.copy_(torch.from_numpy(_filters())[:, None])
    return model


def _filters() -> np.ndarray:
    """Returns Hann-windowed cosines on the mel scale (O'Shaughnessy's formula), shape (bands x phases, window)."""
    top = 2595.0 * math.log10(1.0 + 7600.0 / 700.0)
    bottom = 2595.0 * math.log10(1.0 + 60.0 / 700.0)
    edges = 700.0 * (10.0 ** (np.linspace(bottom, top, _BANDS + 2) / 2595.0) - 1.0)
    times = (np.arange(_WINDOW) - _WINDOW / 2) / SAMPLING_RATE
    filters = []
    for low, centre, high in zip(edges, edges[1:], edges[2:], strict=False):
        # A Hann window of n seconds passes a band of about 2 / n: the wider the band, the shorter the window.
        seconds = min(_WINDOW / SAMPLING_RATE, 4.0 / (high - low))
        window = np.where(np.abs(times) < seconds / 2, 0.5 + 0.5 * np.cos(2 * np.pi * times / seconds), 0.0)
        for phase in range(_PHASES):
            wave = window * np.cos(2 * np.pi * centre * times + 2 * np.pi * phase / _PHASES)
            filters.append(wave / np.sqrt(np.sum(wave**2)) / 4.0)
    return np.asarray(filters, np.float32)
