from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmcheck.backends.ctc_model import CtcModel
from mmcheck.backends.ctc_vocabulary import CtcVocabulary, load_vocabulary
from mmcheck.backends.ctc_weights import digest_ctc, find_second, is_ctc_folder
from mmcheck.core.errors import WeightsError
from tests.fixtures.small_ctc import LETTERS, TOKENS, write_ctc

LOWER = CtcVocabulary(numbers={letter: number for number, letter in enumerate(LETTERS, 5)}, blank=0, separator=4)
UPPER = CtcVocabulary(numbers={letter.upper(): n for n, letter in enumerate(LETTERS, 5)}, blank=0, separator=4)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_ctc(tmp_path_factory.mktemp("ctc"))


def spelled(text: str, vocabulary: CtcVocabulary = LOWER) -> list[str]:
    """Return the words as the model's letters; * for a run that it does not know."""
    letters = {number: letter for letter, number in vocabulary.numbers.items()}
    words = vocabulary.spell(text, is_scriptio_continua=False)
    return ["".join("*" if symbol is None else letters[symbol] for symbol in word.symbols) for word in words]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("The dog, the cat.", ["the", "dog", "the", "cat"]),
        ("Don\u2019t 'quote' me - ever!", ["don't", "quote", "me", "ever"]),
        ("A café in 1984 at 5pm", ["a", "cafe", "in", "*", "at", "*pm"]),
        ("Straße", ["stra*e"]),
        ("...", []),
        ("", []),
    ],
)
def test_words_are_written_in_the_letters_that_the_model_knows(text: str, wanted: list[str]) -> None:
    assert spelled(text) == wanted


def test_the_case_is_that_of_the_vocabulary() -> None:
    assert spelled("The Straße", UPPER) == ["THE", "STRASSE"]


def test_unknown_letters_are_counted() -> None:
    words = LOWER.spell("In 1984 Жук", is_scriptio_continua=False)
    assert [(word.num_letters, word.num_unknown) for word in words] == [(2, 0), (4, 4), (3, 3)]


@settings(deadline=None)
@given(st.text(max_size=60), st.booleans())
def test_any_text_can_be_spelled(text: str, is_scriptio_continua: bool) -> None:
    for word in LOWER.spell(text, is_scriptio_continua=is_scriptio_continua):
        assert 0 <= word.num_unknown <= word.num_letters
        assert word.num_letters
        assert not any(one is None and two is None for one, two in zip(word.symbols, word.symbols[1:], strict=False))
        assert (word.num_unknown > 0) == (None in word.symbols)


def test_symbols_are_read_back_as_text() -> None:
    (word, other) = LOWER.spell("red fox", is_scriptio_continua=False)
    assert LOWER.read([*filter(None, word.symbols), 4, *filter(None, other.symbols), 1]) == "red fox"


@pytest.mark.parametrize("family", ["wav2vec2", "hubert"])
def test_a_model_gives_each_frame_a_distribution(family: str, tmp_path: Path) -> None:
    model = CtcModel(write_ctc(tmp_path, family=family), device="cpu")
    sound = np.random.default_rng(0).normal(0, 0.1, 16_000).astype(np.float32)
    heard = model.hear([sound])
    assert heard.shape[1] == len(TOKENS)
    np.testing.assert_allclose(np.exp(heard).sum(axis=1), 1.0, rtol=1e-6)
    # A window is heard as if it were alone.
    np.testing.assert_array_equal(model.hear([sound, sound]), np.concatenate([heard, heard]))
    assert len(model.hear([sound[:3]])) >= 1
    assert family in str(model.describe()["architecture"]).lower()


def test_the_vocabulary_is_that_of_the_folder(folder: Path) -> None:
    vocabulary = load_vocabulary(folder, None)
    assert (vocabulary.blank, vocabulary.separator) == (0, 4)
    assert set(vocabulary.numbers) == set(LETTERS)


def test_one_of_several_alphabets_is_chosen(tmp_path: Path) -> None:
    english = {token: number for number, token in enumerate(TOKENS)}
    cyrillic = "абвгдежзийклмн"
    russian = {"<pad>": 0, "|": 1, **{letter: number for number, letter in enumerate(cyrillic, 2)}}
    write_ctc(tmp_path, vocabulary={"eng": english, "rus": russian})
    assert "a" in load_vocabulary(tmp_path, None).numbers
    assert cyrillic[3] in load_vocabulary(tmp_path, "rus").numbers
    with pytest.raises(WeightsError, match="no alphabet for 'fra'"):
        load_vocabulary(tmp_path, "fra")


@pytest.mark.parametrize(
    ("settings", "vocabulary", "told"),
    [
        ({"tokenizer_class": "Wav2Vec2PhonemeCTCTokenizer"}, None, "hears phonemes"),
        ({}, {"<pad>": 0, "the": 1, "ing": 2, "tion": 3}, "symbols of several letters"),
    ],
)
def test_models_without_letters_are_refused(
    settings: dict[str, str], vocabulary: dict[str, int] | None, told: str, tmp_path: Path
) -> None:
    write_ctc(tmp_path, vocabulary=vocabulary, **settings)
    with pytest.raises(WeightsError, match=told):
        CtcModel(tmp_path, device="cpu")


def test_an_adapter_needs_several_alphabets(folder: Path) -> None:
    with pytest.raises(WeightsError, match="one alphabet"):
        load_vocabulary(folder, "eng")


def test_a_model_without_its_head_is_refused(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    write_ctc(tmp_path)
    path = tmp_path / "model.safetensors"
    save_file(
        {name: tensor for name, tensor in load_file(path).items() if "lm_head" not in name},
        path,
        metadata={"format": "pt"},
    )
    with pytest.raises(WeightsError, match="incomplete"):
        CtcModel(tmp_path, device="cpu")


def test_another_sampling_rate_is_refused(tmp_path: Path) -> None:
    write_ctc(tmp_path)
    path = tmp_path / "preprocessor_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), "sampling_rate": 8000}), "utf-8")
    with pytest.raises(WeightsError, match="8000 Hz"):
        CtcModel(tmp_path, device="cpu")


def test_cut_weights_are_told(tmp_path: Path) -> None:
    write_ctc(tmp_path)
    path = tmp_path / "model.safetensors"
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(WeightsError, match="damaged or cut short"):
        CtcModel(tmp_path, device="cpu")


def test_the_digest_follows_the_weights_and_not_the_card(tmp_path: Path) -> None:
    write_ctc(tmp_path)
    before = digest_ctc(tmp_path, None)
    (tmp_path / "README.md").write_text("a card", "utf-8")
    assert digest_ctc(tmp_path, None) == before
    (tmp_path / "vocab.json").write_text(json.dumps({"a": 0}), "utf-8")
    assert digest_ctc(tmp_path, None) != before


def test_pickled_weights_are_refused(tmp_path: Path) -> None:
    write_ctc(tmp_path)
    (tmp_path / "model.safetensors").rename(tmp_path / "pytorch_model.bin")
    with pytest.raises(WeightsError, match="pickled"):
        digest_ctc(tmp_path, None)


def test_a_ctc_model_is_told_from_a_whisper(folder: Path) -> None:
    assert is_ctc_folder(folder)
    assert find_second(str(folder)) == (folder.resolve(), True)
    found, is_ctc = find_second("tiny-whisper")
    assert found is not None
    assert not is_ctc
    assert find_second("base") == (None, False)
