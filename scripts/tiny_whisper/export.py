"""Writes the trained network in the two formats that users load: faster-whisper and transformers."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

import torch
from ctranslate2.converters import TransformersConverter
from transformers import GenerationConfig, WhisperFeatureExtractor

from .features import NUM_MELS
from .network import END_OF_TEXT, GUIDED_HEADS, NO_TIMESTAMPS, START

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import WhisperForConditionalGeneration

WEIGHT_FILES: Final[tuple[str, ...]] = ("model.bin", "transformers/model.safetensors")
_CTRANSLATE2_FILES: Final[tuple[str, ...]] = ("model.bin", "config.json", "vocabulary.json")


def export(model: WhisperForConditionalGeneration, tokenizer: Tokenizer, folder: Path) -> None:
    """Writes `folder` for faster-whisper (int8) and `folder/transformers` (fp16).

    Args:
        model: The trained network.
        tokenizer: Its vocabulary.
        folder: The model folder; the files in it that are written here are replaced.
    """
    inner = folder / "transformers"
    inner.mkdir(parents=True, exist_ok=True)
    _write_transformers(model, tokenizer, inner)
    with tempfile.TemporaryDirectory() as temporary:
        converted = Path(temporary) / "converted"
        TransformersConverter(str(inner)).convert(str(converted), quantization="int8")
        for name in _CTRANSLATE2_FILES:
            shutil.copyfile(converted / name, folder / name)
    for name in ("tokenizer.json", "preprocessor_config.json"):
        shutil.copyfile(inner / name, folder / name)


def _write_transformers(model: WhisperForConditionalGeneration, tokenizer: Tokenizer, folder: Path) -> None:
    blank = tokenizer.token_to_id("\u0120")
    model.generation_config = GenerationConfig(
        alignment_heads=[list(pair) for pair in GUIDED_HEADS],
        begin_suppress_tokens=[blank, END_OF_TEXT],
        suppress_tokens=[],
        bos_token_id=END_OF_TEXT,
        eos_token_id=END_OF_TEXT,
        pad_token_id=END_OF_TEXT,
        decoder_start_token_id=START,
        is_multilingual=False,
        lang_to_id={"<|en|>": tokenizer.token_to_id("<|en|>")},
        task_to_id={name: tokenizer.token_to_id(f"<|{name}|>") for name in ("transcribe", "translate")},
        max_initial_timestamp_index=50,
        max_length=448,
        no_timestamps_token_id=NO_TIMESTAMPS,
        prev_sot_token_id=tokenizer.token_to_id("<|startofprev|>"),
        return_timestamps=False,
    )
    # The output projection is the token embedding; saving it again would add a megabyte.
    half = {name: value.to(torch.float16) for name, value in model.state_dict().items() if name != "proj_out.weight"}
    model.config.dtype = torch.float16
    model.save_pretrained(folder, state_dict=half)
    WhisperFeatureExtractor(feature_size=NUM_MELS).save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    tokenizer.model.save(str(folder))
    settings = {
        "tokenizer_class": "WhisperTokenizer",
        "bos_token": "<|endoftext|>",
        "eos_token": "<|endoftext|>",
        "unk_token": "<|endoftext|>",
        "pad_token": "<|endoftext|>",
        "add_prefix_space": False,
        "clean_up_tokenization_spaces": False,
        "model_max_length": 448,
        "processor_class": "WhisperProcessor",
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
