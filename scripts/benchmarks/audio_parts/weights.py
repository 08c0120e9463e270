"""Whisper models for the contest: the bundled one, and random weights of the real sizes that end as speech does.

Random weights of a Whisper never end a text; a transcription would then take as long as the longest one, in some
programs six times over because each decoding looks bad. So the decoder's position embeddings are made to outweigh all
else: after the start they call for one word each, and after as many as the clips have on average for the end. Every
program then transcribes as many tokens as a real model would, with a confidence that lets none of them retry, and every
matrix has its real shape. Encoder and attention are as transformers draws them.

The tokenizer has the size and the special tokens of OpenAI's multilingual one; its merges are those of the bundled
model, which spell the clips' words in 1.1 tokens each, and the rest of its words never occur.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
BUNDLED = ROOT / "models" / "tiny-whisper"
NUM_TEXT_TOKENS = 50_257
"""Of OpenAI's multilingual vocabulary; its end of text is the next."""
NUM_LANGUAGES = 99
NUM_TIMESTAMPS = 1_501
_VERSION = 3
_DOMINANCE = 100.0
"""Length of a position's embedding; all layers' random outputs together reach about 15."""
_CONFIDENCE = 3.0
"""Factor on the last layer norm: the called word gets nearly all of the probability."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Sizes of a Whisper (Radford et al. 2022, table 1)."""

    name: str
    width: int
    layers: int
    heads: int
    decoder_layers: int | None = None
    """None: as many as the encoder has."""
    mels: int = 80


SHAPES = (
    Shape(name="whisper-tiny", width=384, layers=4, heads=6),
    Shape(name="whisper-base", width=512, layers=6, heads=8),
)

GPU_SHAPES = (
    SHAPES[1],
    Shape(name="whisper-large-v3-turbo", width=1280, layers=32, heads=20, decoder_layers=4, mels=128),
)


def bundled_model(folder: Path) -> Path:
    """Return the bundled model in the layout of the other ones: Hugging Face's files, ctranslate2's below."""
    target = folder / "tiny-whisper"
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(BUNDLED / "transformers", target)
    (target / "ctranslate2").mkdir()
    for file in BUNDLED.iterdir():
        if file.is_file() and file.suffix in (".bin", ".json"):
            shutil.copy(file, target / "ctranslate2" / file.name)
    return target


def random_model(folder: Path, shape: Shape, num_tokens: int) -> Path:
    """Return the folder of a random model, made on first use.

    Args:
        folder: Gets a folder named after the model.
        shape: Its sizes.
        num_tokens: Tokens after which a transcription ends.
    """
    target = folder / f"{shape.name}-{num_tokens}-v{_VERSION}"
    done = target / "complete"
    if done.exists():
        return target
    import torch
    from ctranslate2.converters import TransformersConverter
    from transformers import WhisperForConditionalGeneration

    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    special = special_tokens()
    ids = {token: NUM_TEXT_TOKENS + place for place, token in enumerate(special)}
    _write_tokenizer(target, special, ids)
    _write_preprocessor(target, shape.mels)
    torch.manual_seed(0)
    maker: Any = WhisperForConditionalGeneration
    model = maker(_config(shape, ids)).eval()
    _make_end(model, ids, num_tokens)
    model.generation_config = _generation_config(ids)
    model.save_pretrained(target)
    converted = target / "ctranslate2"
    TransformersConverter(str(target)).convert(str(converted), quantization="float16")
    for name in ("tokenizer.json", "preprocessor_config.json"):
        shutil.copy(target / name, converted / name)
    done.touch()
    return target


def special_tokens() -> list[str]:
    """Return OpenAI's special tokens of a multilingual model in their order."""
    from transformers.models.whisper.tokenization_whisper import LANGUAGES

    languages = [f"<|{code}|>" for code in list(LANGUAGES)[:NUM_LANGUAGES]]
    tasks = ["translate", "transcribe", "startoflm", "startofprev", "nospeech", "notimestamps"]
    times = [f"<|{place * 0.02:.2f}|>" for place in range(NUM_TIMESTAMPS)]
    return ["<|endoftext|>", "<|startoftranscript|>", *languages, *(f"<|{task}|>" for task in tasks), *times]


def _make_end(model: Any, ids: dict[str, int], num_tokens: int) -> None:
    """Let the positions call for words, and for the end after so many."""
    import torch

    decoder = model.get_decoder()
    words = _words(num_tokens)
    called = [ids["<|en|>"], ids["<|transcribe|>"], ids["<|0.00|>"], *words]
    called += [ids["<|endoftext|>"]] * (decoder.embed_positions.weight.shape[0] - len(called))
    with torch.no_grad():
        # transformers draws nothing for the padding, which is the end of text at once.
        decoder.embed_tokens.weight[ids["<|endoftext|>"]].normal_(std=model.config.init_std)
        vectors = decoder.embed_tokens.weight[torch.tensor(called)]
        decoder.embed_positions.weight.copy_(_DOMINANCE * vectors / vectors.norm(dim=-1, keepdim=True))
        decoder.layer_norm.weight.mul_(_CONFIDENCE)


def _words(count: int) -> list[int]:
    """Return tokens of whole words, each another one, so that no program takes them for a loop."""
    vocabulary = json.loads((BUNDLED / "transformers" / "vocab.json").read_text("utf-8"))
    whole = [id_ for token, id_ in vocabulary.items() if token.startswith("\u0120") and token[1:].isalpha()]
    return sorted(whole)[-count:]


def _config(shape: Shape, ids: dict[str, int]) -> Any:
    from transformers import WhisperConfig

    end = ids["<|endoftext|>"]
    sides = ("encoder", "decoder")
    maker: Any = WhisperConfig
    return maker(
        vocab_size=NUM_TEXT_TOKENS + len(ids),
        d_model=shape.width,
        encoder_layers=shape.layers,
        decoder_layers=shape.decoder_layers or shape.layers,
        num_mel_bins=shape.mels,
        **{f"{side}_attention_heads": shape.heads for side in sides},
        **{f"{side}_ffn_dim": 4 * shape.width for side in sides},
        pad_token_id=end,
        bos_token_id=end,
        eos_token_id=end,
        decoder_start_token_id=ids["<|startoftranscript|>"],
        suppress_tokens=None,
        begin_suppress_tokens=None,
    )


def _generation_config(ids: dict[str, int]) -> Any:
    from transformers import GenerationConfig

    end = ids["<|endoftext|>"]
    maker: Any = GenerationConfig
    return maker(
        pad_token_id=end,
        bos_token_id=end,
        eos_token_id=end,
        decoder_start_token_id=ids["<|startoftranscript|>"],
        prev_sot_token_id=ids["<|startofprev|>"],
        no_timestamps_token_id=ids["<|notimestamps|>"],
        is_multilingual=True,
        lang_to_id={token: id_ for token, id_ in ids.items() if len(token) <= 7 and token[2:-2].isalpha()},
        task_to_id={task: ids[f"<|{task}|>"] for task in ("transcribe", "translate")},
        max_initial_timestamp_index=50,
        max_length=448,
        return_timestamps=False,
        suppress_tokens=[],
        begin_suppress_tokens=[220, end],
        alignment_heads=[[0, 0], [1, 0]],
    )


def _write_tokenizer(target: Path, special: list[str], ids: dict[str, int]) -> None:
    source = BUNDLED / "transformers"
    described = json.loads((source / "tokenizer.json").read_text("utf-8"))
    vocabulary = described["model"]["vocab"]
    for place in range(len(vocabulary), NUM_TEXT_TOKENS):
        vocabulary[f"\u0120unused{place}"] = place
    # The last one is empty in OpenAI's multilingual models, by which ctranslate2 knows them.
    del vocabulary[f"\u0120unused{NUM_TEXT_TOKENS - 1}"]
    vocabulary[""] = NUM_TEXT_TOKENS - 1
    template = next(token for token in described["added_tokens"] if token["content"] == "<|endoftext|>")
    described["added_tokens"] = [
        {**template, "id": ids[token], "content": token, "special": not token[2:3].isdigit()} for token in special
    ]
    (target / "tokenizer.json").write_text(json.dumps(described), "utf-8")
    (target / "vocab.json").write_text(json.dumps(vocabulary), "utf-8")
    for name in ("merges.txt", "tokenizer_config.json"):
        shutil.copy(source / name, target / name)


def _write_preprocessor(target: Path, mels: int) -> None:
    described = json.loads((BUNDLED / "transformers" / "preprocessor_config.json").read_text("utf-8"))
    (target / "preprocessor_config.json").write_text(json.dumps({**described, "feature_size": mels}), "utf-8")
