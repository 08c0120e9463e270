"""Byte-level BPE vocabulary of the tiny Whisper, with Whisper's own special tokens in Whisper's order.

Most words of the grammar are one token with their leading space, and all 256 bytes are present, so any text
in any script can be encoded and scored.
"""

from __future__ import annotations

import random
from typing import Final

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

from scripts.synthetic.sentences import NAMES, TIMES, VOCABULARY, draw_words, write_text

NUM_TEXT_TOKENS: Final = 1216
SPECIAL_TOKENS: Final[tuple[str, ...]] = (
    "<|endoftext|>",
    "<|startoftranscript|>",
    "<|en|>",
    "<|translate|>",
    "<|transcribe|>",
    "<|startoflm|>",
    "<|startofprev|>",
    "<|nospeech|>",
    "<|notimestamps|>",
)
TIMESTAMPS: Final[tuple[str, ...]] = tuple(f"<|{number * 0.02:.2f}|>" for number in range(1501))


def train_tokenizer(seed: int) -> Tokenizer:
    """Returns the tokenizer: text tokens first, then the special tokens, then the 1501 timestamps.

    Args:
        seed: Seed of the sentences that the merges are learned from.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=NUM_TEXT_TOKENS, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    rng = random.Random(seed)
    texts = [f" {word.lower()}" for word in VOCABULARY] * 60
    texts += [f" {word}" for word in NAMES + TIMES] * 60
    for _ in range(20_000):
        texts.append(" " + write_text(draw_words(rng, held_out=False, random_share=0.0), sentence_case=True))
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.add_special_tokens([AddedToken(token, normalized=False, special=True) for token in SPECIAL_TOKENS])
    tokenizer.add_tokens([AddedToken(token, normalized=False, special=False) for token in TIMESTAMPS])
    return tokenizer
