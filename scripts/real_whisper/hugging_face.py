"""A Hugging Face folder of a Whisper that there is in ctranslate2's format, tensor by tensor; no value is changed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from scripts.real_whisper.ctranslate2_file import read_tensors

_HEAD_WIDTH = 64
"""Width of a head of attention in every Whisper."""
_MULTILINGUAL = 51865
"""Smallest vocabulary of a multilingual Whisper."""


def write_hugging_face(source: Path, target: Path) -> None:
    """Write ``target`` (an existing, empty folder) for transformers from a ctranslate2 folder."""
    tensors = read_tensors(source / "model.bin")
    weights = _rename(tensors)
    save_file(weights, target / "model.safetensors", metadata={"format": "pt"})
    shutil.copyfile(source / "tokenizer.json", target / "tokenizer.json")
    vocabulary = {
        token["content"]: token["id"]
        for token in json.loads((source / "tokenizer.json").read_text("utf-8"))["added_tokens"]
    }
    settings = json.loads((source / "config.json").read_text("utf-8"))
    end = vocabulary["<|endoftext|>"]
    _write(target / "config.json", _config(weights, vocabulary))
    _write(target / "generation_config.json", _generation_config(weights, vocabulary, settings))
    bands = weights["model.encoder.conv1.weight"].shape[1]
    _write(
        target / "preprocessor_config.json",
        {"feature_extractor_type": "WhisperFeatureExtractor", "feature_size": bands, "sampling_rate": 16000},
    )
    names = {f"{kind}_token": "<|endoftext|>" for kind in ("bos", "eos", "unk", "pad")}
    _write(
        target / "tokenizer_config.json",
        {"tokenizer_class": "WhisperTokenizer", "add_prefix_space": False, "eos_token_id": end, **names},
    )


def _rename(tensors: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for side in ("encoder", "decoder"):
        found[f"model.{side}.embed_positions.weight"] = tensors[f"{side}/position_encodings/encodings"]
        _norm(found, tensors, f"{side}/layer_norm", f"model.{side}.layer_norm")
        layers = {
            int(name.split("/")[1].removeprefix("layer_"))
            for name in tensors
            if name.startswith(f"{side}/layer_") and name.split("/")[1] != "layer_norm"
        }
        for number in layers:
            old, new = f"{side}/layer_{number}", f"model.{side}.layers.{number}"
            _attention(found, tensors, f"{old}/self_attention", f"{new}.self_attn", ("qkv", "out"))
            if side == "decoder":
                _attention(found, tensors, f"{old}/attention", f"{new}.encoder_attn", ("q", "kv", "out"))
            _norm(found, tensors, f"{old}/ffn/layer_norm", f"{new}.final_layer_norm")
            for index in (0, 1):
                for kind in ("weight", "bias"):
                    found[f"{new}.fc{index + 1}.{kind}"] = tensors[f"{old}/ffn/linear_{index}/{kind}"]
    for number in (1, 2):
        for kind in ("weight", "bias"):
            found[f"model.encoder.conv{number}.{kind}"] = tensors[f"encoder/conv{number}/{kind}"]
    found["model.decoder.embed_tokens.weight"] = tensors["decoder/embeddings/weight"]
    return {name: np.ascontiguousarray(value) for name, value in found.items()}


def _attention(found: dict[str, Any], tensors: dict[str, Any], old: str, new: str, joined: tuple[str, ...]) -> None:
    """Take the fused projections apart. Whisper's keys have no bias; in the fused vector stand zeros for it."""
    _norm(found, tensors, f"{old}/layer_norm", f"{new}_layer_norm")
    for index, letters in enumerate(joined):
        names = ["out_proj"] if letters == "out" else [f"{letter}_proj" for letter in letters]
        for kind in ("weight", "bias"):
            parts = np.split(tensors[f"{old}/linear_{index}/{kind}"], len(names))
            for name, part in zip(names, parts, strict=True):
                if not (name == "k_proj" and kind == "bias"):
                    found[f"{new}.{name}.{kind}"] = part


def _norm(found: dict[str, Any], tensors: dict[str, Any], old: str, new: str) -> None:
    found[f"{new}.weight"] = tensors[f"{old}/gamma"]
    found[f"{new}.bias"] = tensors[f"{old}/beta"]


def _config(weights: dict[str, Any], vocabulary: dict[str, int]) -> dict[str, Any]:
    size, width = weights["model.decoder.embed_tokens.weight"].shape
    layers = {
        side: len({name.split(".")[3] for name in weights if name.startswith(f"model.{side}.layers.")})
        for side in ("encoder", "decoder")
    }
    end = vocabulary["<|endoftext|>"]
    return {
        "architectures": ["WhisperForConditionalGeneration"],
        "model_type": "whisper",
        "activation_function": "gelu",
        "d_model": width,
        "vocab_size": size,
        "num_mel_bins": weights["model.encoder.conv1.weight"].shape[1],
        **{f"{side}_layers": count for side, count in layers.items()},
        **{f"{side}_attention_heads": width // _HEAD_WIDTH for side in layers},
        **{f"{side}_ffn_dim": weights[f"model.{side}.layers.0.fc1.weight"].shape[0] for side in layers},
        "max_source_positions": weights["model.encoder.embed_positions.weight"].shape[0],
        "max_target_positions": weights["model.decoder.embed_positions.weight"].shape[0],
        "scale_embedding": False,
        "bos_token_id": end,
        "eos_token_id": end,
        "pad_token_id": end,
        "decoder_start_token_id": vocabulary["<|startoftranscript|>"],
        "dtype": "float16",
    }


def _generation_config(weights: dict[str, Any], vocabulary: dict[str, int], settings: dict[str, Any]) -> dict[str, Any]:
    end = vocabulary["<|endoftext|>"]
    config = {
        "suppress_tokens": settings["suppress_ids"],
        "begin_suppress_tokens": settings["suppress_ids_begin"],
        "alignment_heads": settings["alignment_heads"],
        "bos_token_id": end,
        "eos_token_id": end,
        "pad_token_id": end,
        "decoder_start_token_id": vocabulary["<|startoftranscript|>"],
        "no_timestamps_token_id": vocabulary["<|notimestamps|>"],
        "max_length": weights["model.decoder.embed_positions.weight"].shape[0],
        "is_multilingual": weights["model.decoder.embed_tokens.weight"].shape[0] >= _MULTILINGUAL,
    }
    if config["is_multilingual"]:
        languages = set(settings["lang_ids"])
        config["lang_to_id"] = {token: id_ for token, id_ in vocabulary.items() if id_ in languages}
        config["task_to_id"] = {task: vocabulary[f"<|{task}|>"] for task in ("transcribe", "translate")}
    return config


def _write(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
