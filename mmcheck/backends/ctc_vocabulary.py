"""The letters of a Hugging Face CTC model, and how a text is written in them.

The file ``vocab.json`` is read here and not by a tokenizer, because a tokenizer turns what it does not know into one
``<unk>`` without a word, and the text would then seem mismatched. Which case a model knows follows from its letters.
"""

from __future__ import annotations

import json
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from mmcheck.backends.image_text_weights import read_json
from mmcheck.core.errors import WeightsError
from mmcheck.core.json_types import LoadedJson

_APOSTROPHES = "\u2019\u2018\u02bc\u00b4`\u2032"
"""Marks written for an apostrophe. Given by Unicode."""
_LEAST_LETTERS = 10
"""Single letters that a vocabulary of letters has. Our own choice: no alphabet in use has fewer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpelledWord:
    """A word in the symbols of a model."""

    word: str
    """The word as it was given."""
    symbols: tuple[int | None, ...]
    """Its symbols; None for a run of letters or digits that the model does not know."""
    num_letters: int
    """Its letters and digits."""
    num_unknown: int
    """Those of them that the model does not know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CtcVocabulary:
    """Symbols of a model."""

    numbers: dict[str, int]
    """Single letter -> number of the symbol."""
    blank: int
    """Number of the blank."""
    separator: int | None
    """Number of what stands between words; None if the model has no such symbol."""

    def spell(self, text: str, *, is_scriptio_continua: bool) -> list[SpelledWord]:
        """Return the words of a text in the model's symbols; words of nothing but marks are left out.

        Args:
            text: Any text.
            is_scriptio_continua: Whether each character is a word.
        """
        units = list("".join(text.split())) if is_scriptio_continua else text.split()
        spelled = (self._spell_word(unit) for unit in units)
        return [word for word in spelled if word.num_letters]

    def read(self, symbols: list[int]) -> str:
        """Return symbols as text."""
        letters = {number: letter for letter, number in self.numbers.items()}
        parts = [" " if symbol == self.separator else letters.get(symbol, "") for symbol in symbols]
        return " ".join("".join(parts).split())

    def _spell_word(self, word: str) -> SpelledWord:
        symbols: list[int | None] = []
        letters = unknown = 0
        for char in unicodedata.normalize("NFC", word):
            plain = "'" if char in _APOSTROPHES else char
            counts = plain.isalnum() or unicodedata.category(plain).startswith("M")
            found = self._find(plain)
            letters += counts
            if found:
                # A mark that the model knows (an apostrophe, a hyphen) is spoken only where letters are around it.
                if counts or symbols:
                    symbols += found
            elif counts:
                unknown += 1
                if not symbols or symbols[-1] is not None:
                    symbols.append(None)
        while symbols and (last := symbols[-1]) is not None and not self._is_letter(last):
            symbols.pop()
        return SpelledWord(word=word, symbols=tuple(symbols), num_letters=letters, num_unknown=unknown)

    def _is_letter(self, symbol: int) -> bool:
        return any(
            number == symbol and (letter.isalnum() or not letter.isascii()) for letter, number in self.numbers.items()
        )

    def _find(self, char: str) -> list[int]:
        """Return the symbols of a character; none if there are no such symbols."""
        for form in (char, char.lower(), char.upper()):
            if all(letter in self.numbers for letter in form):
                return [self.numbers[letter] for letter in form]
        # A letter with an accent is written without it by models that know none.
        bare = "".join(
            letter for letter in unicodedata.normalize("NFD", char) if not unicodedata.category(letter).startswith("M")
        )
        return self._find(bare) if bare and bare != char else []


def load_vocabulary(folder: Path, adapter: str | None) -> CtcVocabulary:
    """Return the vocabulary of a model folder.

    Args:
        folder: The folder with ``vocab.json`` and ``tokenizer_config.json``.
        adapter: The language whose letters are taken where a model has several alphabets (MMS).

    Raises:
        WeightsError: If it cannot be read, or its symbols are no single letters.
    """
    tree = read_json(folder / "vocab.json")
    settings = read_json(folder / "tokenizer_config.json") if (folder / "tokenizer_config.json").is_file() else {}
    if str(settings.get("tokenizer_class", "")).startswith("Wav2Vec2Phoneme"):
        raise WeightsError(
            f"the CTC model in {folder} hears phonemes, not letters, so a text cannot be compared with it.",
            hint="take a model that was trained on letters, such as facebook/wav2vec2-base-960h.",
        )
    tree = _choose_alphabet(tree, settings, adapter, folder)
    numbers = {str(token): int(number) for token, number in tree.items()}
    config = read_json(folder / "config.json")
    blank_token = _content(settings.get("pad_token")) or "<pad>"
    blank = numbers.get(blank_token, int(config.get("pad_token_id") or 0))
    separator_token = _content(settings.get("word_delimiter_token")) or "|"
    separator = numbers.get(separator_token, numbers.get(" "))
    letters = {token: number for token, number in numbers.items() if len(token) == 1 and number != separator}
    if len(letters) < _LEAST_LETTERS:
        raise WeightsError(
            f"the CTC model in {folder} has symbols of several letters, which are not supported.",
            hint="take a model that was trained on letters: facebook/wav2vec2-base-960h, facebook/mms-1b-all.",
        )
    return CtcVocabulary(numbers=letters, blank=blank, separator=separator)


def _choose_alphabet(tree: LoadedJson, settings: LoadedJson, adapter: str | None, folder: Path) -> LoadedJson:
    """Return the symbols of one language where the file holds several alphabets, as those of MMS do."""
    nested = {name: part for name, part in tree.items() if isinstance(part, dict)}
    if not nested:
        if adapter is not None:
            raise WeightsError(
                f"the CTC model in {folder} has one alphabet, so there is no adapter {adapter!r} to choose.",
                hint="leave probes.transcript_second.adapter at null.",
            )
        return tree
    wanted = adapter or str(settings.get("target_lang") or "eng")
    if wanted not in nested:
        raise WeightsError(
            f"the CTC model in {folder} has no alphabet for {wanted!r}, only for "
            f"{json.dumps(sorted(nested)[:20], ensure_ascii=False)[1:-1]} and so on.",
            hint="name one of them in probes.transcript_second.adapter.",
        )
    return nested[wanted]


def _content(token: object) -> str | None:
    """Return a token of ``tokenizer_config.json``, which is a text or an object that holds one."""
    if isinstance(token, dict):
        token = token.get("content")
    return token if isinstance(token, str) else None
