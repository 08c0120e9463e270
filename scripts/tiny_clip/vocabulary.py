"""The word tokenizer of tiny-clip and its Hugging Face files.

Words, not byte pairs: the caption grammar has some two hundred of them, and a word outside it becomes
`<unk>`, whose share tells how much of a caption the model cannot read. It takes any text and needs no
network.
"""

from __future__ import annotations

import json
import random
from pathlib import Path

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors

from scripts.synthetic import captions
from scripts.synthetic.scenes import make_scene

CONTEXT_LENGTH = 40
PAD, UNK, START = "<pad>", "<unk>", "<start>"
END = "<end>"


def make_tokenizer(seed: int = 0, num_captions: int = 20_000) -> Tokenizer:
    """Return the tokenizer over every word the grammar uses (seen in `num_captions` draws)."""
    rng = random.Random(seed)
    words: set[str] = set()
    splitter = _splitter()
    normalizer = _normalizer()
    for _ in range(num_captions):
        scene = make_scene(rng)
        text = captions.word(captions.random_claim(scene, rng), rng)
        words.update(piece for piece, _ in splitter.pre_tokenize_str(normalizer.normalize_str(text)))
    # The text tower pools at the highest id, so the end mark comes last.
    vocabulary = {token: index for index, token in enumerate([PAD, UNK, START, *sorted(words), END])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=UNK))
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = splitter
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{START} $A {END}", special_tokens=[(START, vocabulary[START]), (END, vocabulary[END])]
    )
    return tokenizer


def write_tokenizer(tokenizer: Tokenizer, folder: Path) -> None:
    """Write tokenizer.json and tokenizer_config.json, which AutoTokenizer reads from any path."""
    tokenizer.no_padding()
    tokenizer.no_truncation()
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": CONTEXT_LENGTH,
        "bos_token": START,
        "eos_token": END,
        "unk_token": UNK,
        "pad_token": PAD,
        "padding_side": "right",
        "truncation_side": "right",
        "clean_up_tokenization_spaces": False,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def _normalizer() -> normalizers.Normalizer:
    return normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])


def _splitter() -> pre_tokenizers.PreTokenizer:
    return pre_tokenizers.Split(Regex(r"\w+|[^\w\s]"), behavior="removed", invert=True)
