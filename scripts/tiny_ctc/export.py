"""Writes the trained network as a Hugging Face folder, in half precision."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import torch
from transformers import Wav2Vec2FeatureExtractor

from .network import VOCABULARY

if TYPE_CHECKING:
    from pathlib import Path

    from transformers import Wav2Vec2ForCTC

WEIGHT_FILE: Final = "model.safetensors"


def export(model: Wav2Vec2ForCTC, folder: Path) -> None:
    """Writes config, weights, feature extractor and vocabulary as transformers' own classes read them.

    Args:
        model: The trained network.
        folder: The model folder; the files in it that are written here are replaced.
    """
    folder.mkdir(parents=True, exist_ok=True)
    half = {name: value.to(torch.float16) for name, value in model.state_dict().items()}
    model.config.dtype = torch.float16
    model.save_pretrained(folder, state_dict=half)
    Wav2Vec2FeatureExtractor(return_attention_mask=False).save_pretrained(folder)
    numbers = {token: number for number, token in enumerate(VOCABULARY)}
    (folder / "vocab.json").write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")
    settings = {
        "tokenizer_class": "Wav2Vec2CTCTokenizer",
        "bos_token": "<s>",
        "eos_token": "</s>",
        "unk_token": "<unk>",
        "pad_token": "<pad>",
        "word_delimiter_token": "|",
        "processor_class": "Wav2Vec2Processor",
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
