"""The Whisper network for training: forward passes over windows shorter than 30 s, and the losses.

The modules are those of transformers' `WhisperForConditionalGeneration`, so what is trained is what is
exported. The forward pass is written out here for two reasons. First, the library's encoder takes 3000 frames
only, and most of a short clip's cost would be padding. Second, the padding of a full window can be sampled:
a few padded positions stand for all of them, each with the logarithm of the number it stands for added to its
attention score. That estimates attention over the full window at a fraction of its cost, so the weights learn
to work on fitted and on full windows alike.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import WhisperConfig, WhisperForConditionalGeneration
from transformers.models.whisper.modeling_whisper import sinusoids

from .features import FULL_FRAMES, NUM_MELS
from .vocabulary import NUM_TEXT_TOKENS, SPECIAL_TOKENS, TIMESTAMPS

if TYPE_CHECKING:
    from collections.abc import Sequence

END_OF_TEXT: Final = NUM_TEXT_TOKENS
START: Final = NUM_TEXT_TOKENS + SPECIAL_TOKENS.index("<|startoftranscript|>")
NO_SPEECH: Final = NUM_TEXT_TOKENS + SPECIAL_TOKENS.index("<|nospeech|>")
NO_TIMESTAMPS: Final = NUM_TEXT_TOKENS + SPECIAL_TOKENS.index("<|notimestamps|>")
FIRST_TIMESTAMP: Final = NUM_TEXT_TOKENS + len(SPECIAL_TOKENS)
IGNORED: Final = -100
GUIDED_HEADS: Final[tuple[tuple[int, int], ...]] = ((0, 0), (1, 0), (1, 1))
"""(decoder layer, head) pairs whose cross-attention is taught to look at the word being predicted."""
_SAMPLED_PADS: Final = 16
_EDGE_FRAMES: Final = 8


@dataclass(frozen=True, kw_only=True)
class Encoded:
    """What the encoder says about a batch."""

    states: Tensor
    """Shape (batch, positions, width); sampled padding comes last."""
    bias: Tensor | None
    """Added to every attention score over `states`, shape (positions,); None without sampled padding."""
    real: int
    """Number of positions that are not sampled padding."""


def make_model(seed: int, *, width: int = 192, layers: tuple[int, int] = (4, 2)) -> WhisperForConditionalGeneration:
    """Returns an untrained Whisper with fan-in initialisation.

    Whisper's default standard deviation of 0.02 lets the position embeddings swamp the convolutions of so
    narrow a model; with fan-in scaling all branches start at a like size.

    Args:
        seed: Seed of the weights.
        width: Width of all states, a multiple of 64.
        layers: Number of encoder and decoder layers.
    """
    torch.manual_seed(seed)
    config = WhisperConfig(
        vocab_size=FIRST_TIMESTAMP + len(TIMESTAMPS),
        num_mel_bins=NUM_MELS,
        d_model=width,
        encoder_layers=layers[0],
        decoder_layers=layers[1],
        encoder_attention_heads=width // 64,
        decoder_attention_heads=width // 64,
        encoder_ffn_dim=width * 8 // 3,
        decoder_ffn_dim=width * 8 // 3,
        max_source_positions=FULL_FRAMES // 2,
        max_target_positions=448,
        pad_token_id=END_OF_TEXT,
        bos_token_id=END_OF_TEXT,
        eos_token_id=END_OF_TEXT,
        decoder_start_token_id=START,
        suppress_tokens=None,
        begin_suppress_tokens=None,
        dropout=0.0,
    )
    model = WhisperForConditionalGeneration(config)
    branches = 2 * layers[0], 3 * layers[1]
    with torch.no_grad():
        for name, module in model.named_modules():
            if isinstance(module, nn.Linear | nn.Conv1d) and not name.endswith("proj_out"):
                fan_in = module.weight[0].numel()
                gain = 1.0
                if isinstance(module, nn.Conv1d):
                    gain = 1.8
                elif name.endswith(("out_proj", "fc2")):
                    gain = (branches[0] if "encoder.layers" in name else branches[1]) ** -0.5
                module.weight.normal_(0.0, gain * fan_in**-0.5)
                if module.bias is not None:
                    module.bias.zero_()
        model.model.encoder.embed_positions.weight.mul_(0.5)
        model.model.decoder.embed_tokens.weight.normal_(0.0, 0.05)
        model.model.decoder.embed_positions.weight.copy_(sinusoids(448, width) * 0.05)
    return model


def _attend(module: Any, queries: Tensor, keys: Tensor, bias: Tensor | None) -> tuple[Tensor, Tensor]:
    """Returns the attention output and the log-probabilities of attention, one matrix a head."""
    batch, length, width = queries.shape
    heads = module.num_heads

    def split(states: Tensor) -> Tensor:
        return states.view(batch, -1, heads, width // heads).transpose(1, 2)

    query = split(module.q_proj(queries) * module.scaling)
    scores = query @ split(module.k_proj(keys)).transpose(2, 3)
    if bias is not None:
        scores = scores + bias
    log_attention = scores.log_softmax(-1)
    mixed = log_attention.exp() @ split(module.v_proj(keys))
    return module.out_proj(mixed.transpose(1, 2).reshape(batch, length, width)), log_attention


def _feed_forward(layer: Any, states: Tensor) -> Tensor:
    hidden = functional.gelu(layer.fc1(layer.final_layer_norm(states)))
    return states + layer.fc2(hidden)


def encode(model: WhisperForConditionalGeneration, mel: Tensor, pad: Tensor | None = None) -> Encoded:
    """Returns the encoder's states for windows of any one length up to 30 s.

    Args:
        model: The network.
        mel: Log-mel windows, shape (batch, 80, frames), frames even and at most 3000.
        pad: Log-mel value of the padding of each clip, shape (batch,), to stand for a full window of 3000
            frames by sampled padding; None for the window as it is.
    """
    encoder = model.model.encoder
    frames = mel.shape[2]
    sampled = pad is not None and frames + _EDGE_FRAMES + 2 * _SAMPLED_PADS < FULL_FRAMES
    if pad is not None and sampled:
        mel = torch.cat([mel, pad[:, None, None].expand(-1, mel.shape[1], _EDGE_FRAMES)], 2)
    states = functional.gelu(encoder.conv1(mel))
    states = functional.gelu(encoder.conv2(states)).transpose(1, 2)
    positions = encoder.embed_positions.weight
    real = frames // 2
    bias = None
    if sampled:
        left = FULL_FRAMES // 2 - real
        chosen = torch.sort(torch.randperm(left)[:_SAMPLED_PADS]).values + real
        inside = states[:, real + 1 : real + 2].expand(-1, _SAMPLED_PADS, -1)
        states = torch.cat([states[:, :real], inside], 1)
        places = torch.cat([torch.arange(real), chosen]).to(states.device)
        states = states + positions[places]
        bias = torch.zeros(real + _SAMPLED_PADS, device=states.device)
        bias[real:] = math.log(left / _SAMPLED_PADS)
    else:
        states = states + positions[:real]
    for layer in encoder.layers:
        normed = layer.self_attn_layer_norm(states)
        states = states + _attend(layer.self_attn, normed, normed, bias)[0]
        states = _feed_forward(layer, states)
    return Encoded(states=encoder.layer_norm(states), bias=bias, real=real)


def decode(model: WhisperForConditionalGeneration, tokens: Tensor, encoded: Encoded) -> tuple[Tensor, list[Tensor]]:
    """Returns the logits after each token and the cross-attention of each layer as log-probabilities.

    Args:
        model: The network.
        tokens: Decoder input, shape (batch, length).
        encoded: What `encode` returned for the same batch.

    Returns:
        Logits of shape (batch, length, vocabulary); for each layer a tensor of shape
        (batch, heads, length, positions).
    """
    decoder = model.model.decoder
    length = tokens.shape[1]
    states = decoder.embed_tokens(tokens) + decoder.embed_positions.weight[:length]
    causal = torch.full((length, length), -torch.inf, device=states.device).triu(1)
    looks: list[Tensor] = []
    for layer in decoder.layers:
        normed = layer.self_attn_layer_norm(states)
        states = states + _attend(layer.self_attn, normed, normed, causal)[0]
        normed = layer.encoder_attn_layer_norm(states)
        mixed, look = _attend(layer.encoder_attn, normed, encoded.states, encoded.bias)
        states = states + mixed
        looks.append(look)
        states = _feed_forward(layer, states)
    return model.proj_out(decoder.layer_norm(states)), looks


def text_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Returns the mean cross-entropy of the targets that are not ignored."""
    wanted = targets != IGNORED
    return functional.cross_entropy(logits[wanted].float(), targets[wanted])


def guided_attention_loss(looks: Sequence[Tensor], spans: Tensor) -> Tensor:
    """Returns the mean negative log-share of attention inside the span of the word being predicted.

    Args:
        looks: Cross-attention of each layer as log-probabilities, (batch, heads, length, positions).
        spans: First and past-the-last position for each token, shape (batch, length, 2); tokens with an
            empty span do not count.
    """
    places = torch.arange(looks[0].shape[3], device=spans.device)
    inside = (places >= spans[..., :1]) & (places < spans[..., 1:])
    counted = inside.any(-1)
    total = spans.new_zeros((), dtype=torch.float32)
    for layer, head in GUIDED_HEADS:
        look = looks[layer][:, head]
        share = look[counted].masked_fill(~inside[counted], -30.0).logsumexp(-1)
        total = total - share.mean()
    return total / len(GUIDED_HEADS)
