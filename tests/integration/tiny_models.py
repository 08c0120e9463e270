"""Random models in the real file formats, small enough to be made in a moment.

Their judgement is worthless; their files, tokenizers and shapes are those of real models.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

WORDS = "a an the red green blue dog cat car house on in under of photo two three small big runs sits".split()
IMAGE_SIZE = 32
CONTEXT = 12


def open_clip_config(vocab_size: int, *, context: int = CONTEXT, hf_tokenizer: str = "") -> dict[str, Any]:
    text: dict[str, Any] = {
        "context_length": context,
        "vocab_size": vocab_size,
        "width": 32,
        "heads": 2,
        "layers": 2,
    }
    if hf_tokenizer:
        text["hf_tokenizer_name"] = hf_tokenizer
    vision = {"image_size": IMAGE_SIZE, "layers": 2, "width": 32, "head_width": 16, "patch_size": 8}
    return {
        "model_cfg": {"embed_dim": 16, "vision_cfg": vision, "text_cfg": text},
        "preprocess_cfg": {
            "mean": [0.5, 0.4, 0.3],
            "std": [0.2, 0.25, 0.3],
            "interpolation": "bicubic",
            "resize_mode": "shortest",
        },
    }


def make_open_clip(folder: Path, *, words: bool = True, context: int = CONTEXT, seed: int = 0) -> Path:
    """Write an open_clip folder: with a word tokenizer of its own, or with CLIP's byte-pair tokenizer."""
    import open_clip
    import torch
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    if words:
        config = open_clip_config(make_word_tokenizer(folder), context=context, hf_tokenizer="own")
    else:
        config = open_clip_config(49408, context=context)
        config["model_cfg"]["text_cfg"]["width"] = 16
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    torch.manual_seed(seed)
    model = open_clip.CLIP(**config["model_cfg"])
    save_file(
        {name: value.contiguous() for name, value in model.state_dict().items()}, folder / "open_clip_model.safetensors"
    )
    return folder


def make_word_tokenizer(folder: Path) -> int:
    """Write a word-level tokenizer with <unk> and return the number of its words."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    vocab = {token: index for index, token in enumerate(["<pad>", "<unk>", "<start>", *WORDS, "<end>"])}
    tokenizer = Tokenizer(models.WordLevel(vocab, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<start> $A <end>", special_tokens=[("<start>", vocab["<start>"]), ("<end>", vocab["<end>"])]
    )
    _write_tokenizer(tokenizer, folder, bos_token="<start>", eos_token="<end>", unk_token="<unk>", pad_token="<pad>")
    return len(vocab)


def make_hf_clip(folder: Path, *, seed: int = 0) -> Path:
    """Write a Hugging Face CLIP folder."""
    import torch
    from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel

    folder.mkdir(parents=True, exist_ok=True)
    size = make_word_tokenizer(folder)
    torch.manual_seed(seed)
    text = {
        "vocab_size": size,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "max_position_embeddings": CONTEXT,
        "eos_token_id": size - 1,
        "bos_token_id": 2,
        "pad_token_id": 0,
        "projection_dim": 16,
    }
    vision = {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "image_size": IMAGE_SIZE,
        "patch_size": 8,
        "projection_dim": 16,
    }
    CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=16)).save_pretrained(folder)
    CLIPImageProcessor(size={"shortest_edge": IMAGE_SIZE}, crop_size=IMAGE_SIZE).save_pretrained(folder)
    return folder


def make_hf_siglip(folder: Path, *, seed: int = 0) -> Path:
    """Write a Hugging Face SigLIP folder."""
    import torch
    from transformers import SiglipConfig, SiglipImageProcessor, SiglipModel

    folder.mkdir(parents=True, exist_ok=True)
    size = make_pieces_tokenizer(folder)
    torch.manual_seed(seed)
    text = {
        "vocab_size": size,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "max_position_embeddings": 16,
    }
    vision = {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "image_size": IMAGE_SIZE,
        "patch_size": 8,
    }
    SiglipModel(SiglipConfig(text_config=text, vision_config=vision)).save_pretrained(folder)
    SiglipImageProcessor(size={"height": IMAGE_SIZE, "width": IMAGE_SIZE}).save_pretrained(folder)
    return folder


def make_hf_siglip2(folder: Path, *, seed: int = 0) -> Path:
    """Write a Hugging Face SigLIP 2 folder of the flexible-resolution kind."""
    import torch
    from transformers import Siglip2Config, Siglip2ImageProcessor, Siglip2Model

    folder.mkdir(parents=True, exist_ok=True)
    size = make_pieces_tokenizer(folder)
    torch.manual_seed(seed)
    text = {
        "vocab_size": size,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "max_position_embeddings": 16,
    }
    vision = {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_patches": 16,
        "patch_size": 8,
    }
    Siglip2Model(Siglip2Config(text_config=text, vision_config=vision)).save_pretrained(folder)
    Siglip2ImageProcessor(patch_size=8, max_num_patches=16).save_pretrained(folder)
    return folder


def make_pieces_tokenizer(folder: Path) -> int:
    """Write a unigram tokenizer in SentencePiece's manner, with byte fallback, and return its size."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    pieces += [(f"<0x{byte:02X}>", -20.0) for byte in range(256)]
    pieces += (
        [("\u2581", -5.0)]
        + [("\u2581" + word, -3.0) for word in WORDS]
        + [(c, -8.0) for c in "abcdefghijklmnopqrstuvwxyz"]
    )
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=2, byte_fallback=True))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    _write_tokenizer(tokenizer, folder, eos_token="</s>", unk_token="<unk>", pad_token="<pad>")
    return len(pieces)


def _write_tokenizer(tokenizer: Any, folder: Path, **tokens: str) -> None:
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {"tokenizer_class": "PreTrainedTokenizerFast", **tokens}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))


def make_faster_whisper(folder: Path, *, seed: int = 0) -> Path:
    """Write a faster-whisper folder, converted by ctranslate2 from a random Whisper of 2 + 2 tiny layers."""
    import shutil
    import tempfile

    import torch
    from ctranslate2.converters import TransformersConverter
    from transformers import WhisperConfig, WhisperFeatureExtractor, WhisperForConditionalGeneration

    source = Path(tempfile.mkdtemp(prefix="tiny-whisper-"))
    try:
        size, ids = _write_whisper_tokenizer(source)
        torch.manual_seed(seed)
        config = WhisperConfig(
            vocab_size=size,
            d_model=32,
            encoder_layers=2,
            decoder_layers=2,
            encoder_attention_heads=2,
            decoder_attention_heads=2,
            encoder_ffn_dim=64,
            decoder_ffn_dim=64,
            num_mel_bins=80,
            bos_token_id=ids["<|endoftext|>"],
            eos_token_id=ids["<|endoftext|>"],
            pad_token_id=ids["<|endoftext|>"],
            decoder_start_token_id=ids["<|startoftranscript|>"],
            suppress_tokens=[],
            begin_suppress_tokens=[],
        )
        model = WhisperForConditionalGeneration(config)
        generation = model.generation_config
        generation.lang_to_id = {"<|en|>": ids["<|en|>"]}
        generation.alignment_heads = [[0, 0], [1, 1]]
        generation.suppress_tokens, generation.begin_suppress_tokens = [], []
        generation.no_timestamps_token_id = ids["<|notimestamps|>"]
        model.save_pretrained(source)
        WhisperFeatureExtractor(feature_size=80).save_pretrained(source)
        converter = TransformersConverter(str(source), copy_files=["tokenizer.json", "preprocessor_config.json"])
        converter.convert(str(folder), quantization="float32", force=True)
    finally:
        shutil.rmtree(source, ignore_errors=True)
    return folder


def _write_whisper_tokenizer(folder: Path) -> tuple[int, dict[str, int]]:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import WhisperTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocab = {symbol: index for index, symbol in enumerate(alphabet)}
    tokenizer = Tokenizer(models.BPE(vocab, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = [
        "<|endoftext|>",
        "<|startoftranscript|>",
        "<|en|>",
        "<|translate|>",
        "<|transcribe|>",
        "<|startoflm|>",
        "<|startofprev|>",
        "<|nospeech|>",
        "<|notimestamps|>",
    ]
    special += [f"<|{index * 0.02:.2f}|>" for index in range(1501)]
    tokenizer.add_special_tokens(special)
    wrapped = WhisperTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<|endoftext|>", eos_token="<|endoftext|>", unk_token="<|endoftext|>"
    )
    wrapped.save_pretrained(folder)
    ids = wrapped.get_vocab()
    return len(ids), ids
