"""Random weights of a real CLIP architecture, once for open_clip and once, the same numbers, for Hugging Face's CLIP.

The tokenizer is CLIP's own, out of the open_clip package. Random weights compute as fast as trained ones; the residual
branches stay as open_clip draws them, so that embeddings differ from image to image and results can be compared.
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)
"""Of CLIP's training images, per channel, for pixels in 0..1 (Radford et al. 2021)."""
_LOG_SCALE = 4.605170185988092
"""Logarithm of 100, the scale of all trained CLIPs; Data-Juicer divides by it."""
_WORDS_USED = 49152 - 256 - 2
"""Merges that CLIP's vocabulary takes from the list, as in open_clip/tokenizer.py."""


def make_models(folder: Path, architecture: str) -> Path:
    """Return a folder with ``open_clip/`` and ``hf/`` of one architecture, made on first use.

    Args:
        folder: Gets a folder named after the architecture.
        architecture: Of open_clip, a ViT with its own text tower, e.g. ``ViT-B-32``.
    """
    target = folder / architecture
    done = target / "complete"
    if done.exists():
        return target
    import open_clip
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(0)
    model: Any = open_clip.create_model(architecture)
    config = open_clip.get_model_config(architecture)
    if config is None:
        raise ValueError(f"{architecture} is no architecture of open_clip")
    state = {name: tensor.detach().float().contiguous() for name, tensor in model.state_dict().items()}
    state["logit_scale"] = torch.tensor(_LOG_SCALE)
    ours, theirs = target / "open_clip", target / "hf"
    for made in (ours, theirs):
        made.mkdir(parents=True, exist_ok=True)
    preprocess = {"mean": MEAN, "std": STD, "interpolation": "bicubic", "resize_mode": "shortest"}
    _write(ours / "open_clip_config.json", {"model_cfg": config, "preprocess_cfg": preprocess})
    save_file(state, ours / "open_clip_model.safetensors")
    _write(theirs / "config.json", hf_config(config))
    save_file(hf_state(state), theirs / "model.safetensors", metadata={"format": "pt"})
    _write_processor(theirs, int(config["vision_cfg"]["image_size"]), int(config["text_cfg"]["context_length"]))
    done.touch()
    return target


def hf_config(config: dict[str, Any]) -> dict[str, Any]:
    """Return the Hugging Face description of an open_clip architecture."""
    vision, text = config["vision_cfg"], config["text_cfg"]
    activation = "quick_gelu" if config.get("quick_gelu") else "gelu"
    shared = {"hidden_act": activation, "projection_dim": config["embed_dim"], "layer_norm_eps": 1e-5}
    return {
        "architectures": ["CLIPModel"],
        "model_type": "clip",
        "projection_dim": config["embed_dim"],
        "logit_scale_init_value": _LOG_SCALE,
        "torch_dtype": "float32",
        "vision_config": {
            **shared,
            "model_type": "clip_vision_model",
            "hidden_size": vision["width"],
            "intermediate_size": 4 * vision["width"],
            "num_hidden_layers": vision["layers"],
            "num_attention_heads": vision["width"] // vision.get("head_width", 64),
            "image_size": vision["image_size"],
            "patch_size": vision["patch_size"],
        },
        "text_config": {
            **shared,
            "model_type": "clip_text_model",
            "hidden_size": text["width"],
            "intermediate_size": 4 * text["width"],
            "num_hidden_layers": text["layers"],
            "num_attention_heads": text["heads"],
            "max_position_embeddings": text["context_length"],
            "vocab_size": text["vocab_size"],
            "bos_token_id": 49406,
            "eos_token_id": 49407,
            "pad_token_id": 49407,
        },
    }


def hf_state(state: dict[str, Any]) -> dict[str, Any]:
    """Return open_clip's tensors under the names and in the shapes of transformers' CLIPModel."""
    found: dict[str, Any] = {
        "logit_scale": state["logit_scale"],
        "visual_projection.weight": state["visual.proj"].T,
        "text_projection.weight": state["text_projection"].T,
        "vision_model.embeddings.class_embedding": state["visual.class_embedding"],
        "vision_model.embeddings.patch_embedding.weight": state["visual.conv1.weight"],
        "vision_model.embeddings.position_embedding.weight": state["visual.positional_embedding"],
        "text_model.embeddings.token_embedding.weight": state["token_embedding.weight"],
        "text_model.embeddings.position_embedding.weight": state["positional_embedding"],
    }
    norms = {
        "visual.ln_pre": "vision_model.pre_layrnorm",
        "visual.ln_post": "vision_model.post_layernorm",
        "ln_final": "text_model.final_layer_norm",
    }
    for old, new in norms.items():
        found |= {f"{new}.{kind}": state[f"{old}.{kind}"] for kind in ("weight", "bias")}
    towers = {"visual.transformer.resblocks.": "vision_model.", "transformer.resblocks.": "text_model."}
    for prefix, tower in towers.items():
        for name, tensor in state.items():
            if name.startswith(prefix):
                number, _, part = name.removeprefix(prefix).partition(".")
                found |= _block(f"{tower}encoder.layers.{number}.", part, tensor)
    return {name: tensor.contiguous().clone() for name, tensor in found.items()}


def _block(prefix: str, part: str, tensor: Any) -> dict[str, Any]:
    if part.startswith("attn.in_proj_"):
        kind = part.removeprefix("attn.in_proj_")
        thirds = zip("qkv", tensor.chunk(3), strict=True)
        return {f"{prefix}self_attn.{letter}_proj.{kind}": third for letter, third in thirds}
    names = {
        "ln_1.": "layer_norm1.",
        "ln_2.": "layer_norm2.",
        "attn.out_proj.": "self_attn.out_proj.",
        "mlp.c_fc.": "mlp.fc1.",
        "mlp.c_proj.": "mlp.fc2.",
    }
    for old, new in names.items():
        if part.startswith(old):
            return {prefix + new + part.removeprefix(old): tensor}
    raise ValueError(f"no name in CLIPModel for {part}")


def bpe_files() -> tuple[dict[str, int], list[str]]:
    """Return CLIP's vocabulary and merges, built from the list in the open_clip package as its tokenizer does."""
    import open_clip
    from open_clip.tokenizer import bytes_to_unicode

    path = Path(open_clip.__file__).parent / "bpe_simple_vocab_16e6.txt.gz"
    merges = gzip.decompress(path.read_bytes()).decode("utf-8").split("\n")[1 : _WORDS_USED + 1]
    letters = list(bytes_to_unicode().values())
    tokens = letters + [f"{letter}</w>" for letter in letters]
    tokens += ["".join(merge.split()) for merge in merges] + ["<|startoftext|>", "<|endoftext|>"]
    return {token: number for number, token in enumerate(tokens)}, merges


def _write_processor(folder: Path, side: int, context: int) -> None:
    from transformers import CLIPTokenizerFast

    vocabulary, merges = bpe_files()
    _write(folder / "vocab.json", vocabulary)
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n", "utf-8")
    fast: Any = CLIPTokenizerFast
    pairs = [tuple(merge.split()) for merge in merges]
    fast(vocab=vocabulary, merges=pairs, model_max_length=context).backend_tokenizer.save(
        str(folder / "tokenizer.json")
    )
    _write(
        folder / "tokenizer_config.json",
        {
            "tokenizer_class": "CLIPTokenizer",
            "bos_token": "<|startoftext|>",
            "eos_token": "<|endoftext|>",
            "unk_token": "<|endoftext|>",
            "pad_token": "<|endoftext|>",
            "do_lower_case": True,
            "model_max_length": context,
        },
    )
    _write(
        folder / "preprocessor_config.json",
        {
            "image_processor_type": "CLIPImageProcessor",
            "do_convert_rgb": True,
            "do_resize": True,
            "size": {"shortest_edge": side},
            "resample": 3,
            "do_center_crop": True,
            "crop_size": {"height": side, "width": side},
            "do_rescale": True,
            "rescale_factor": 1 / 255,
            "do_normalize": True,
            "image_mean": MEAN,
            "image_std": STD,
        },
    )


def _write(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=None) + "\n", "utf-8")
