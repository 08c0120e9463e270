# ruff: noqa: RUF001 (words and signs of many scripts)
"""What is written in one way and said in another is known as the same, and nothing else is."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmcheck.metrics.plain_spelling import split_edges, tidy_words
from mmcheck.metrics.spellings import MAX_SPELLINGS, chain_runs, spell_otherwise, write_runs
from mmcheck.metrics.spoken_digits import group_digits
from mmcheck.metrics.spoken_forms import MAX_FORMS, find_forms
from mmcheck.metrics.spoken_numbers import (
    NUMBER_LANGUAGES,
    read_decimal,
    read_number,
    read_numerals,
    read_ordinal,
    say_number,
    say_ordinal,
    write_numerals,
)
from mmcheck.metrics.text_normalization import normalize

LANGUAGES = ("en", "de", "fr", "es", "it", "pt", "ru", "zh", None)
PIECES = [
    "25", "twenty", "five", "cinco", "vingt", "et", "un", "Dr.", "z.B.", "$5", "12%", "&", "10:30", "1º", "U.S.", "a-b",
    "...", '"so"', "—", "don't", "двадцать", "пять", "т.е.", "3.", "(4)", "II", "90,000", "Uhr", ".",
]  # fmt: skip


def texts() -> st.SearchStrategy[str]:
    return st.lists(st.sampled_from(PIECES) | st.text(max_size=8), max_size=12).map(" ".join)


SAME = [
    ("25", "twenty-five", "en"),
    ("at 10:30", "at ten thirty", "en"),
    ("6 × 10 = 60", "six times ten equals sixty", "en"),
    ("the U.S. & I", "the US and I", "en"),
    ("it costs $5.50", "it costs five dollars and fifty cents", "en"),
    ("a 12% chance", "a twelve percent chance", "en"),
    ("Dr. Smith, 1984", "doctor Smith, nineteen eighty-four", "en"),
    ("the colour dont", "the color do not", "en"),
    ("25 Jahre", "fünfundzwanzig Jahre", "de"),
    ("am 3. Mai um 10:30 Uhr", "am dritten Mai um zehn Uhr dreißig", "de"),
    ("z. B. 5 % & 90.000 €", "zum Beispiel fünf Prozent und neunzigtausend Euro", "de"),
    ("1984", "neunzehnhundertvierundachtzig", "de"),
    ("1984", "eintausendneunhundertvierundachtzig", "de"),
    ("28,8", "achtundzwanzig Komma acht", "de"),
    ("21 ans", "vingt et un ans", "fr"),
    ("90 000 €", "quatre-vingt-dix mille euros", "fr"),
    ("le 1er mai à 10h30", "le premier mai à dix heures trente", "fr"),
    ("Mme Dupont, n° 5", "madame Dupont, numéro cinq", "fr"),
    ("mi número es 268", "mi número es doscientos sesenta y ocho", "es"),
    ("la 3ª, Sr. López", "la tercera, señor López", "es"),
    ("12 % en EE. UU.", "doce por ciento en Estados Unidos", "es"),
    ("premere 26", "premere ventisei", "it"),
    ("16", "dezesseis", "pt"),
    ("25 лет", "двадцать пять лет", "ru"),
    ("3-й, т. е. последний", "третий, то есть последний", "ru"),
    ("1984", "тысяча девятьсот восемьдесят четыре", "ru"),
    ("25岁", "二十五岁", "zh"),
    ("1984年20%", "一九八四年百分之二十", "zh"),
    ("90,000", "九万", "zh"),
]


@pytest.mark.parametrize(("written", "spoken", "language"), SAME)
def test_written_and_spoken_forms_compare_equal(written: str, spoken: str, language: str) -> None:
    assert normalize(written, language) == normalize(spoken, language)


@pytest.mark.parametrize(
    ("one", "other", "language"),
    [
        ("25", "thirty-five", "en"),
        ("25 Jahre", "fünfunddreißig Jahre", "de"),
        ("3ª", "cuatro", "es"),
        ("vingt-deux", "22e", "fr"),
        ("20", "двадцать пять", "ru"),
        ("二十五", "52", "zh"),
        ("zwanzig, fünf", "25", "de"),
    ],
)
def test_other_numbers_stay_others(one: str, other: str, language: str) -> None:
    assert normalize(one, language) != normalize(other, language)


@given(texts(), st.sampled_from([language for language in LANGUAGES if language != "en"]))
def test_normalising_twice_changes_nothing(text: str, language: str | None) -> None:
    once = normalize(text, language)
    assert normalize(once, language) == once


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2099), st.sampled_from(sorted(NUMBER_LANGUAGES)))
def test_a_number_is_read_back_from_its_words(number: int, language: str) -> None:
    said = say_number(str(number), language)
    assert said
    assert len(set(said)) == len(said)
    assert read_number(said[0].split(), language) == str(number)


@given(st.integers(1, 99), st.sampled_from(["en", "de", "fr", "es", "it", "pt", "ru"]))
def test_an_ordinal_is_read_back_from_its_words(number: int, language: str) -> None:
    said = say_ordinal(number, language)
    assert said is not None
    assert read_ordinal(said.split(), language) == number


@given(st.integers(0, 10**8 - 1))
def test_numerals_are_read_back(number: int) -> None:
    assert read_numerals(write_numerals(str(number))) == str(number)


@pytest.mark.parametrize(
    ("written", "language", "wanted"),
    [
        ("90,000", "en", "90000"),
        ("28.8", "en", "28.8"),
        ("90.000", "de", "90000"),
        ("3,5", "de", "3.5"),
        ("1.234.567,8", "de", "1234567.8"),
        ("90\u00a0000", "fr", "90000"),
        ("1,2,3", "en", None),
        ("\u0663", "en", None),
        ("word", "en", None),
    ],
)
def test_written_numbers_are_read_as_the_language_writes_them(written: str, language: str, wanted: str | None) -> None:
    assert read_decimal(written, language) == wanted


@pytest.mark.parametrize(
    ("text", "language", "wanted"),
    [
        ("press 4 now", "en", "Press four now."),
        ("press four now", "en", "Press 4 now."),
        ("...to reset your volume", "en", "To reset your volume."),
        ('the "lower-case" being', "en", "The lowercase being."),
        ("8. The press yard.", "en", "Eight. The press yard."),
        ("Dr. Smith lives in the U.S.", "en", "Doctor Smith lives in the US."),
        ("they do not know", "en", "They don't know."),
        ("what a colour", "en", "What a color."),
        ("it costs twenty dollars", "en", "It costs $20."),
        ("a raise of 12%", "en", "A raise of twelve percent."),
        ("Am 3. Mai um 10:30 Uhr", "de", "Am dritten Mai um zehn Uhr dreißig."),
        ("mit z. B. 25 € & mehr", "de", "Mit z. B. 25 € und mehr."),
        ("el 1º de mayo", "es", "El primero de mayo."),
        ("Il a 21 ans", "fr", "Il a vingt et un ans."),
        ("Ему 25 лет", "ru", "Ему двадцать пять лет."),
    ],
)
def test_a_text_is_written_otherwise(text: str, language: str, wanted: str) -> None:
    assert wanted in [spelling.text for spelling in spell_otherwise(text, language, limit=50)]


@pytest.mark.parametrize(
    ("text", "language", "wanted"),
    [
        ("他二十五岁。", "zh", ["他25岁。"]),
        ("他25岁", "zh", ["他二十五岁"]),
        ("千九百八十四年と25", "ja", ["1984年と25", "千九百八十四年と二十五"]),
        ("我们一起走", "zh", []),
    ],
)
def test_numerals_are_written_otherwise_in_scripts_without_spaces(text: str, language: str, wanted: list[str]) -> None:
    assert [spelling.text for spelling in spell_otherwise(text, language)] == wanted


def test_pieces_of_several_characters_are_told_as_finely_as_both_are_cut() -> None:
    spelling = spell_otherwise("他二十五岁了", "zh")[0]
    assert spelling.text == "他25岁了"
    assert spelling.group(["他", "二", "十五", "岁了"], ["他25", "岁", "了"]) == [
        (("他", "二", "十五"), range(0, 1)),
        (("岁了",), range(1, 3)),
    ]
    assert spelling.group(["他"], ["他25", "岁", "了"]) is None


def test_what_is_written_as_a_recogniser_writes_has_no_other_spelling() -> None:
    assert spell_otherwise("The dog sees a ball.", "en") == []


@given(texts(), st.sampled_from(LANGUAGES), st.lists(st.integers(0, 12), max_size=3))
def test_spellings_are_few_and_cover_the_text(text: str, language: str | None, doubted: list[int]) -> None:
    found = spell_otherwise(text, language, doubted=doubted)
    assert found == spell_otherwise(text, language, doubted=doubted)
    assert len(found) <= MAX_SPELLINGS
    assert len({spelling.text for spelling in found} | {text}) == len(found) + 1
    for spelling in found:
        assert spelling.words
        assert all(spelling.words)
        assert sum(given for given, _ in spelling.runs) == len(
            text.split() if spelling.joint else "".join(text.split())
        )
        assert sum(own for _, own in spelling.runs) == len(spelling.words)
        assert all(given and own for given, own in spelling.runs)


def test_long_texts_take_little_time() -> None:
    spell_otherwise("", "en")
    began = time.perf_counter()
    spell_otherwise("25 Dr. & twenty five " * 500, "en", doubted=range(100))
    assert time.perf_counter() - began < 5  # quadratic time would be more


@pytest.mark.parametrize("language", ["en", "de", "zh", None])
@pytest.mark.parametrize(
    "text", ["9" * 5000, "0" * 5000, ",".join(["123"] * 2000), "1." + "3" * 50_000, "$" + "9" * 5000, "\u4e07" * 3000]
)
def test_numbers_of_thousands_of_digits_are_no_error(text: str, language: str | None) -> None:
    began = time.perf_counter()
    for spelling in spell_otherwise(f"{text} {text}", language, doubted=[0]):
        assert spelling.text
    assert time.perf_counter() - began < 5


@pytest.mark.parametrize(("digits", "wanted"), [("10000", "10,000"), ("02139", "02139"), ("9" * 16, "9" * 16)])
def test_what_is_no_amount_is_not_grouped(digits: str, wanted: str) -> None:
    assert group_digits(digits, "en") == wanted


@given(texts(), st.sampled_from(LANGUAGES))
def test_forms_never_overlap_and_differ_from_what_stands_there(text: str, language: str | None) -> None:
    words = text.split()
    before = 0
    for span in find_forms(words, language):
        assert before <= span.start < span.stop <= len(words)
        assert 1 <= len(span.forms) <= MAX_FORMS
        assert " ".join(words[span.start : span.stop]) not in span.forms
        before = span.stop


@given(texts())
def test_tidying_twice_changes_nothing(text: str) -> None:
    once = [word for word in tidy_words(text.split()) if word]
    assert [word for word in tidy_words(once) if word] == once


@given(st.text(max_size=12).filter(lambda word: not any(char.isspace() for char in word)))
def test_a_word_is_split_without_loss(word: str) -> None:
    assert "".join(split_edges(word)) == word


def test_the_words_of_a_spelling_are_told_by_the_given_ones() -> None:
    given = ["(3)", "25", "dogs", "ran", "fast"]
    spelling = write_runs(given, [(0, 1, []), (1, 2, ["twenty", "five"]), (3, 5, ["sped"])])
    assert spelling.text == "twenty five dogs sped"
    assert spelling.group(given, spelling.words) == [
        (("(3)",), range(0, 1)),
        (("25",), range(1, 2)),
        (("dogs",), range(2, 3)),
        (("ran", "fast"), range(3, 4)),
    ]


def test_a_spelling_of_a_spelling_is_told_by_the_given_words() -> None:
    first = write_runs(["it", "is", "25%"], [(2, 3, ["25", "percent"])])
    second = chain_runs(first, [(0, 2, ["It's"]), (2, 3, ["twenty", "five"])])
    assert second.text == "It's twenty five percent"
    assert second.runs == ((2, 1), (1, 3))
