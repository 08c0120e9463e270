"""transformers' Whisper in torch: its weights, and a pass of the encoder and of the decoder over a batch.

The forward passes are written out over the model's own submodules. transformers' encoder insists on 3000 frames, and
neither half takes a mask for padding; here a fitted window costs what the clip is long, and clips of different length
share a batch without touching each other's values: padding is masked in every attention, and beyond a clip's edge
stand the zeros that the convolutions assume anyway.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmcheck.backends.libraries import require
from mmcheck.backends.quiet_transformers import quiet_transformers
from mmcheck.backends.weights import no_network
from mmcheck.backends.whisper_features import Features
from mmcheck.core.errors import WeightsError

if TYPE_CHECKING:
    import numpy as np
    import torch


class WhisperNetwork:
    """A Hugging Face Whisper.

    Args:
        folder: The folder with its weights.
        device: ``cpu`` or ``cuda``.
        dtype: Number format of the weights.

    Raises:
        WeightsError: If the weights cannot be loaded.
    """

    def __init__(self, folder: Path, *, device: str, dtype: torch.dtype) -> None:
        import torch

        self._torch = torch
        self._device = device
        self._dtype = dtype
        model = load_model(folder, dtype).to(device, dtype)
        self._encoder, self._decoder = model.get_encoder(), model.get_decoder()
        self._project = model.proj_out
        self.num_positions = int(model.config.max_target_positions)
        """Positions of the decoder."""
        self.num_frames = 2 * int(model.config.max_source_positions)
        """Frames of a full window."""
        self.num_tokens = int(model.config.vocab_size)
        """Tokens of the vocabulary."""

    def encode(self, features: Features, lengths: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Return the encoder's output and the mask of its positions.

        Args:
            features: Array of shape (clips, bands, frames), frames even and at most 3000.
            lengths: Frames of each clip that count; the rest is masked out.

        Returns:
            Tensors of shape (clips, frames / 2, width) and (clips, frames / 2); None for the mask if all count.
        """
        torch, encoder = self._torch, self._encoder
        hidden = torch.from_numpy(features).to(self._device, self._dtype)
        hidden = torch.nn.functional.gelu(encoder.conv1(hidden))
        hidden = torch.nn.functional.gelu(encoder.conv2(hidden)).transpose(1, 2)
        positions = hidden.shape[1]
        hidden = hidden + encoder.embed_positions.weight[:positions]
        counts = torch.tensor([(length + 1) // 2 for length in lengths], device=self._device)
        mask = None
        if int(counts.min()) < positions:
            mask = torch.arange(positions, device=self._device)[None] < counts[:, None]
        for layer in encoder.layers:
            hidden = hidden + self._attend(layer.self_attn, layer.self_attn_layer_norm(hidden), None, mask)
            hidden = hidden + layer.fc2(layer.activation_fn(layer.fc1(layer.final_layer_norm(hidden))))
        return encoder.layer_norm(hidden), mask

    def decode(
        self, ids: torch.Tensor, encoded: torch.Tensor, mask: torch.Tensor | None, rows: Sequence[int]
    ) -> torch.Tensor:
        """Return the decoder's last hidden states, shape (texts, positions, width).

        Args:
            ids: Token ids, shape (texts, positions).
            encoded: From ``encode``, shape (clips, encoder positions, width).
            mask: From ``encode``.
            rows: Clip of each text: keys and values of a recording are made once for all of its texts.
        """
        decoder = self._decoder
        hidden = decoder.embed_tokens(ids) + decoder.embed_positions.weight[: ids.shape[1]]
        for layer in decoder.layers:
            normed = layer.self_attn_layer_norm(hidden)
            hidden = hidden + self._attend(layer.self_attn, normed, None, None, is_causal=True)
            normed = layer.encoder_attn_layer_norm(hidden)
            hidden = hidden + self._attend(layer.encoder_attn, normed, encoded, mask, rows=rows)
            hidden = hidden + layer.fc2(layer.activation_fn(layer.fc1(layer.final_layer_norm(hidden))))
        states: torch.Tensor = decoder.layer_norm(hidden)
        return states

    def log_probs(self, hidden: torch.Tensor) -> torch.Tensor:
        """Return log-softmax over the whole vocabulary, shape (positions, tokens).

        Args:
            hidden: From ``decode``, shape (positions, width).
        """
        logits: torch.Tensor = self._project(hidden)
        return logits.float().log_softmax(-1)

    def columns(self, log_probs: torch.Tensor, ids: Sequence[int]) -> np.ndarray:
        """Return some tokens' log-probabilities as an array, shape (positions, ids).

        Args:
            log_probs: From ``log_probs``.
            ids: The tokens.
        """
        columns = self._torch.tensor(ids, dtype=self._torch.long, device=self._device)
        chosen: np.ndarray = log_probs[:, columns].cpu().numpy()
        return chosen

    def _attend(
        self,
        attention: Any,
        hidden: torch.Tensor,
        source: torch.Tensor | None,
        mask: torch.Tensor | None,
        *,
        is_causal: bool = False,
        rows: Sequence[int] | None = None,
    ) -> torch.Tensor:
        """Return what attention adds to the states.

        Args:
            attention: The layer's weights.
            hidden: What asks, shape (texts, positions, width).
            source: What is asked; None: the same.
            mask: Positions of the source that count, shape (sources, positions); None: all.
            is_causal: Whether later positions are hidden.
            rows: Source of each text; None: each has its own, in order.
        """
        keys = hidden if source is None else source
        heads = attention.num_heads
        if rows is not None and list(rows) == list(range(keys.shape[0])):
            rows = None

        def split(states: torch.Tensor) -> torch.Tensor:
            return states.view(*states.shape[:2], heads, -1).transpose(1, 2)

        def spread(states: torch.Tensor) -> torch.Tensor:
            if rows is None:
                return states
            return states.expand(len(rows), *states.shape[1:]) if states.shape[0] == 1 else states[list(rows)]

        output = self._torch.nn.functional.scaled_dot_product_attention(
            split(attention.q_proj(hidden)),
            spread(split(attention.k_proj(keys))),
            spread(split(attention.v_proj(keys))),
            attn_mask=None if mask is None else spread(mask)[:, None, None, :],
            is_causal=is_causal,
        )
        projected: torch.Tensor = attention.out_proj(output.transpose(1, 2).reshape(hidden.shape))
        return projected


def load_model(folder: Path, dtype: torch.dtype | None) -> Any:
    """Return transformers' Whisper in evaluation mode; weights that the file lacks are an error, never random numbers.

    Raises:
        MissingDependency: If torch or transformers cannot be loaded.
        WeightsError: If the weights cannot be read, are incomplete, or have other shapes than the config says.
    """
    require("torch", "transformers")
    from transformers import WhisperForConditionalGeneration

    quiet_transformers()
    loader: Any = WhisperForConditionalGeneration
    try:
        with no_network():
            model, report = loader.from_pretrained(
                str(folder), dtype=dtype, use_safetensors=True, output_loading_info=True, local_files_only=True
            )
    except Exception as error:
        reason = " ".join(str(error).split())[:300]
        raise WeightsError(f"cannot load the Whisper weights in {folder}: {reason}.") from error
    # The output layer is tied to the embedding and may be left out.
    missing = sorted(set(report["missing_keys"]) - {"proj_out.weight"})
    if missing or report["mismatched_keys"]:
        raise WeightsError(
            f"the Whisper weights in {folder} are incomplete or of other shapes than config.json says: "
            f"{len(missing)} missing, e.g. {(missing or list(report['mismatched_keys']))[0]!r}."
        )
    model.eval()
    return model
