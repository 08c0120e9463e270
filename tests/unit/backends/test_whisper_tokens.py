from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmcheck.backends.whisper_languages import WHISPER_LANGUAGES, find_language
from mmcheck.backends.whisper_tokenizer import load_tokenizer
from mmcheck.backends.whisper_tokens import WhisperTokens, spoken_form
from mmcheck.core.errors import WeightsError

_SPEC = importlib.util.spec_from_file_location(
    "whisper_folders", Path(__file__).resolve().parents[2] / "fixtures" / "whisper_folders.py"
)
assert _SPEC is not None
assert _SPEC.loader is not None
folders = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(folders)

TOKENIZER: Any = folders.make_tokenizer(is_multilingual=True)
ENGLISH = WhisperTokens(TOKENIZER, is_multilingual=False)
MULTILINGUAL = WhisperTokens(TOKENIZER, is_multilingual=True)


def spell(tokens: tuple[int, ...]) -> str:
    return str(TOKENIZER.decode(list(tokens), skip_special_tokens=False))


def test_prompts() -> None:
    ids = {token: TOKENIZER.token_to_id(token) for token in folders.list_special(["en", "de"])}
    assert ENGLISH.prompt("de") == [ids["<|startoftranscript|>"], ids["<|notimestamps|>"]]
    wanted = ["<|startoftranscript|>", "<|de|>", "<|transcribe|>", "<|notimestamps|>"]
    assert MULTILINGUAL.prompt("de") == [ids[token] for token in wanted]
    assert not ENGLISH.is_multilingual
    assert list(MULTILINGUAL.languages) == folders.LANGUAGES
    assert MULTILINGUAL.sot == 50_258


def test_words_and_their_tokens() -> None:
    text = ENGLISH.encode("  Hello world,\n\tthis is\u00a0a test. ")
    assert text.words == ("Hello", "world,", "this", "is", "a", "test.")
    assert spell(text.tokens) == " Hello world, this is a test."
    assert sorted(set(text.word_of_token)) == [0, 1, 2, 3, 4, 5]
    assert text.has_end
    assert not ENGLISH.encode("no end").has_end
    assert ENGLISH.encode('"Is it?"').has_end


def test_scripts_without_spaces_are_cut_into_characters() -> None:
    text = ENGLISH.encode("\u4eca\u65e5\u306f\u3002", is_scriptio_continua=True)
    assert text.words == ("\u4eca", "\u65e5", "\u306f", "\u3002")
    assert spell(text.tokens) == "\u4eca\u65e5\u306f\u3002"
    assert text.has_end


@pytest.mark.parametrize("text", ["stop <|endoftext|> go", "<|0.00|> hi <|notimestamps|>", "<|en|>", "a<|<|en|>"])
def test_special_tokens_in_a_transcript_are_letters(text: str) -> None:
    encoded = ENGLISH.encode(text)
    assert max(encoded.tokens) < ENGLISH.eot
    assert spell(encoded.tokens) == " " + text
    assert encoded.words == tuple(text.split())


def test_empty_text_has_no_tokens() -> None:
    assert ENGLISH.encode(" \n ").tokens == ()
    assert ENGLISH.encode("").words == ()


def test_capitals_are_lowered_only_if_there_is_nothing_else() -> None:
    assert spoken_form("MISTER QUILTER IS") == "mister quilter is"
    assert spoken_form("NASA") == "NASA"
    assert spoken_form("NASA flew") == "NASA flew"
    assert spoken_form("e\u0301te\u0301  x") == "\u00e9t\u00e9 x"
    assert spoken_form("12 34") == "12 34"


@given(st.text(max_size=60), st.booleans())
def test_any_text_is_spelt_whole_and_in_order(text: str, is_continua: bool) -> None:
    encoded = ENGLISH.encode(text, is_scriptio_continua=is_continua)
    spoken = spoken_form(text)
    assert len(encoded.tokens) == len(encoded.word_of_token)
    assert list(encoded.word_of_token) == sorted(encoded.word_of_token)
    assert set(encoded.word_of_token) == set(range(len(encoded.words)))
    assert "".join("".join(encoded.words).split()) == "".join(spoken.split())
    assert all(token < ENGLISH.eot for token in encoded.tokens)
    assert all(word == word.strip() and word for word in encoded.words)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("en", "en"), ("en-US", "en"), ("EN_us", "en"), ("English", "en"), ("eng", "en"), ("zh-CN", "zh"),
        ("cmn", "zh"), ("zh-HK", "yue"), ("yue", "yue"), ("deu", "de"), ("haw", "haw"), ("nb-NO", "no"),
        (" fr ", "fr"), ("klingon", None), ("xx", None), ("", None), (None, None),
    ],
)  # fmt: skip
def test_languages_by_any_name(name: str | None, code: str | None) -> None:
    assert find_language(name) == code


def test_languages_are_those_of_faster_whisper() -> None:
    from faster_whisper.tokenizer import _LANGUAGE_CODES

    assert set(WHISPER_LANGUAGES) == set(_LANGUAGE_CODES)


def test_other_tokenizers_are_refused(tmp_path: Path) -> None:
    from tokenizers import Tokenizer, models

    with pytest.raises(WeightsError, match="startoftranscript"):
        WhisperTokens(Tokenizer(models.BPE()), is_multilingual=False)
    with pytest.raises(WeightsError, match="has no tokenizer"):
        load_tokenizer(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{broken")
    with pytest.raises(WeightsError, match="cannot read the tokenizer"):
        load_tokenizer(tmp_path)


def test_marks_are_told_from_words_and_from_signs_that_are_read_out() -> None:
    tokens = WhisperTokens(TOKENIZER, is_multilingual=False)
    text = tokens.encode("...to 12%, \u201cso\u201d \u2014 it & is.")
    pieces = [spell((id_,)) for id_ in text.tokens]
    assert len(text.marks) == len(text.tokens)
    for piece, is_mark in zip(pieces, text.marks, strict=True):
        if piece.isascii() and piece.strip():
            assert is_mark == (not any(char.isalnum() or char in "%&" for char in piece)), piece
    assert text.marks[-1]
