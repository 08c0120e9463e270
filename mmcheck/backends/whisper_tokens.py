"""A Whisper model's tokens: the special ones, the prompt, and the given text cut into words of tokens.

Both backends encode here, so that they score the very same tokens. Text is data: a transcript that
contains ``<|endoftext|>`` is encoded letter by letter, never as the token of that name.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmcheck.backends.whisper_languages import WHISPER_LANGUAGES
from mmcheck.backends.whisper_tokenizer import load_tokenizer
from mmcheck.core.errors import WeightsError

MULTILINGUAL_VOCABULARY = 51865
"""Smallest vocabulary of a multilingual Whisper. Taken from OpenAI's code, which distinguishes the kinds by it."""
SENTENCE_ENDS = ".?!\u3002\uff1f\uff01\u0964\u061f\u06d4\u2026"
"""Characters that end a sentence, in the scripts that have other ones too."""
_READ_OUT = "%&@#*/\\\u2030"
"""Punctuation, as Unicode counts it, that is spoken. Our own choice: percent, and, at, number, star, slash."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedText:
    """A text as tokens, word by word."""

    words: tuple[str, ...]
    """The words; in scripts without spaces the smallest pieces of text that tokens spell (often one character)."""
    tokens: tuple[int, ...]
    """Token ids of the whole text."""
    word_of_token: tuple[int, ...]
    """For each token the index of its word, never decreasing."""
    has_end: bool
    """Whether the text ends in a sentence's end."""
    marks: tuple[bool, ...] = ()
    """For each token whether it is nothing but punctuation; empty if unknown."""


class WhisperTokens:
    """The tokens of one model.

    Args:
        tokenizer: ``tokenizers.Tokenizer`` of the model.
        is_multilingual: Whether the model knows languages besides English. English-only models have the languages'
            tokens too, but were never taught them.

    Raises:
        WeightsError: If the tokenizer lacks Whisper's special tokens.
    """

    def __init__(self, tokenizer: Any, *, is_multilingual: bool) -> None:
        self._tokenizer = tokenizer
        vocabulary = tokenizer.get_vocab()
        self.sot = self._special(vocabulary, "<|startoftranscript|>")
        self.eot = self._special(vocabulary, "<|endoftext|>")
        self.no_timestamps = self._special(vocabulary, "<|notimestamps|>")
        self.no_speech: int | None = vocabulary.get("<|nospeech|>", vocabulary.get("<|nocaptions|>"))
        self.languages: dict[str, int] = {}
        if is_multilingual:
            self.transcribe = self._special(vocabulary, "<|transcribe|>")
            codes = {f"<|{code}|>": code for code in WHISPER_LANGUAGES}
            found = {codes[token]: id_ for token, id_ in vocabulary.items() if token in codes and id_ > self.eot}
            self.languages = dict(sorted(found.items(), key=lambda item: item[1]))
        self.is_multilingual = bool(self.languages)
        self.period = self._single(".")
        self.sentence_ends = [id_ for mark in SENTENCE_ENDS if (id_ := self._single(mark)) is not None]

    @classmethod
    def load(cls, folder: Path, *, is_multilingual: bool) -> WhisperTokens:
        """Return the tokens of the model in ``folder``.

        Raises:
            WeightsError: If its tokenizer cannot be read.
        """
        return cls(load_tokenizer(folder).tokenizer, is_multilingual=is_multilingual)

    def prompt(self, language: str | None) -> list[int]:
        """Return the tokens before the text: no timestamps, and language and task for a multilingual model."""
        if not self.is_multilingual:
            return [self.sot, self.no_timestamps]
        code = language if language in self.languages else next(iter(self.languages))
        return [self.sot, self.languages[code], self.transcribe, self.no_timestamps]

    def encode(self, text: str, *, is_scriptio_continua: bool = False) -> EncodedText:
        """Return the tokens of a text, as Whisper would write it: after a space, in scripts that have spaces."""
        spoken = spoken_form(text)
        if not spoken:
            return EncodedText(words=(), tokens=(), word_of_token=(), has_end=False)
        padded = spoken if is_scriptio_continua else " " + spoken
        ids, offsets = self._encode_plain(padded)
        starts = _unit_starts(padded, offsets) if is_scriptio_continua else _word_starts(padded)
        stops = [*starts[1:], len(padded)]
        numbers = [bisect_right(starts, max(start, stop - 1)) - 1 for start, stop in offsets]
        numbers = [max(0, number) for number in numbers]
        for index in range(1, len(numbers)):
            numbers[index] = max(numbers[index], numbers[index - 1])
        used = sorted(set(numbers))
        rank = {number: index for index, number in enumerate(used)}
        return EncodedText(
            words=tuple(padded[starts[number] : stops[number]].strip() for number in used),
            tokens=tuple(ids),
            word_of_token=tuple(rank[number] for number in numbers),
            has_end=spoken.rstrip("\"')]}\u201d\u2019\u300d")[-1:] in SENTENCE_ENDS,
            marks=tuple(_is_mark(padded[start:stop]) for start, stop in offsets),
        )

    def _encode_plain(self, text: str) -> tuple[list[int], list[tuple[int, int]]]:
        encoding = self._tokenizer.encode(text, add_special_tokens=False)
        if all(id_ < self.eot for id_ in encoding.ids):
            return list(encoding.ids), list(encoding.offsets)
        ids: list[int] = []
        offsets: list[tuple[int, int]] = []
        shift = 0
        for piece in re.split(r"(?<=<)(?=\|)", text):
            part = self._tokenizer.encode(piece, add_special_tokens=False)
            ids += part.ids
            offsets += [(start + shift, stop + shift) for start, stop in part.offsets]
            shift += len(piece)
        return ids, offsets

    def _single(self, mark: str) -> int | None:
        ids = self._tokenizer.encode(mark, add_special_tokens=False).ids
        return int(ids[0]) if len(ids) == 1 and ids[0] < self.eot else None

    @staticmethod
    def _special(vocabulary: dict[str, int], token: str) -> int:
        if token not in vocabulary:
            raise WeightsError(
                f"the tokenizer has no token {token}: this is not a Whisper model.", hint="see `mmcheck models list`."
            )
        return vocabulary[token]


def spoken_form(text: str) -> str:
    """Return the text as it is given to the model: one line, composed characters, no all-capitals.

    Corpora written in capitals only are read in lower case; Whisper has hardly seen the former, and would call every
    word unlikely.
    """
    line = " ".join(unicodedata.normalize("NFC", text).split())
    cased = [char for char in line if char.isupper() or char.islower()]
    is_shouted = " " in line and len(cased) > 1 and all(char.isupper() for char in cased)
    return line.lower() if is_shouted else line


def _is_mark(piece: str) -> bool:
    """Return whether a piece of text is punctuation alone; signs that are read out (%, &) are not."""
    shown = piece.strip()
    return bool(shown) and all(unicodedata.category(char)[0] == "P" and char not in _READ_OUT for char in shown)


def _word_starts(text: str) -> list[int]:
    return [match.start() for match in re.finditer(r"\s*\S+", text)]


def _unit_starts(text: str, offsets: Sequence[tuple[int, int]]) -> list[int]:
    """Return where the smallest whole pieces of text begin; the tokens of one character stay together."""
    starts: list[int] = []
    covered = 0
    for start, stop in offsets:
        if (start >= covered or not starts) and text[start:stop].strip():
            starts.append(covered if starts else 0)
        covered = max(covered, stop)
    return starts or [0]
