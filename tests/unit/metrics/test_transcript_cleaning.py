"""Cleaning takes out what nobody says and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmcheck.metrics.transcript_cleaning import clean_transcript, count_repeats, read_transcript

SAID = "the captain hid the yellow bicycle"

RESIDUE = [
    ("the cap\u00adtain \u00adhid the yell\u00adow bicycle", "invisible_characters"),
    ("the captain hid the yellow bicycle\u200b\ufeff", "invisible_characters"),
    ("the\u2060 captain hid the \u202ayellow\u202c bicycle", "invisible_characters"),
    ("the&nbsp;captain&nbsp;hid the yellow bicycle &amp;&#39;", "entities"),
    ("the&amp;nbsp;captain hid the yellow bicycle", "entities"),
    ("the_captain_hid_the_yellow_bicycle", "underscores"),
    ("\u2581the \u2581captain \u2581hid \u2581the \u2581yellow \u2581bicycle", "underscores"),
    ("thecaptainhidtheyellowbicycle", "missing_spaces"),
    ("<|startoftranscript|><|en|><|transcribe|> the captain hid the yellow bicycle<|endoftext|>", "control_tokens"),
    ("<s> the captain hid the yellow bicycle </s>", "control_tokens"),
    ("1\n00:00:00,000 --> 00:00:03,500\nthe captain hid the yellow bicycle\n", "timestamps"),
    ("WEBVTT\n\n00:00.000 --> 00:03.500 align:start\nthe captain hid the yellow bicycle", "timestamps"),
    ("[00:12.34] the captain hid the yellow bicycle", "timestamps"),
    ("<i>the captain</i> hid the yellow bicycle", "markup"),
    ("{\\an8}the captain hid the yellow bicycle", "markup"),
    ("[noise] the captain hid the yellow bicycle <unk> (laughter)", "event_marks"),
    ("\u266a the captain hid the yellow bicycle \u266a", "event_marks"),
    ("[MUSIC PLAYING] the captain hid the yellow bicycle *coughs*", "event_marks"),
    ("SPEAKER_01: the captain hid the yellow bicycle", "speaker_marks"),
    ("[Speaker 2] the captain hid the yellow bicycle", "speaker_marks"),
    ("MR. SMITH: the captain hid the yellow bicycle", "speaker_marks"),
    (">> the captain hid the yellow bicycle", "speaker_marks"),
    ("- the captain hid the yellow bicycle", "speaker_marks"),
]


@pytest.mark.parametrize(("text", "kind"), RESIDUE)
def test_residue_is_named_and_taken_out(text: str, kind: str) -> None:
    found = read_transcript(text, "en")
    assert list(found.residue) == [kind]
    assert found.text == SAID


PLAIN = [
    "Dr. Smith said: bring R & B records, AT&T is on the phone.",
    "I <3 you, and 3 < 5 > 2",
    "At 12:30 we left; the score was 3:16.",
    "He said [the] thing (which was true), and then *really* meant it.",
    "WARNING: do not enter.",
    "well-known - or not - as I said",
    "JavaScript and McDonald's, iPhone, YouTube",
    "internationalization and antidisestablishmentarianism",
    "It takes 1_000? No.".replace("1_000", "1000"),
    "no no no no no no",
    "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645 \u0628\u0631\u0648\u0645",  # Persian with joiners
    "\u0939\u093f\u0928\u094d\u200d\u0926\u0940 \u092e\u0947\u0902",  # Hindi with a joiner
    "\u05e9\u05dc\u05d5\u05dd\u200f, \u05de\u05d4 \u05e9\u05dc\u05d5\u05de\u05da?",  # Hebrew with a direction mark
    "\u0e2a\u0e27\u0e31\u0e2a\u200b\u0e14\u0e35\u0e04\u0e23\u0e31\u0e1a",  # Thai with a word break
    "\u771f\u3063\u663c\u9593\u306a\u306e\u306b\u96fb\u7403\u304c\u3068\u3082\u3063\u3066\u3044\u305f",
    "Rindfleischetikettierungs\u00fcberwachungsaufgaben\u00fcbertragungsgesetz",
    "\u00ab\u00a0Bonjour\u00a0!\u00a0\u00bb dit-il.",
    "\u00bfQu\u00e9 pasa? \u00a1Nada!",
    "\u00c6ble og \u00f8l, \u00e5h nej",
    "  two  blanks  stay ",
    "",
]


@pytest.mark.parametrize("text", PLAIN)
def test_plain_text_comes_back_to_the_character(text: str) -> None:
    found = read_transcript(text, None)
    assert found.text == text
    assert found.residue == {}


@pytest.mark.parametrize("text", ["null", "NA", "none", "NaN", "n/a", " None ", "<NA>", "#N/A"])
def test_words_for_nothing_are_named_and_kept(text: str) -> None:
    found = read_transcript(text)
    assert list(found.residue) == ["missing_value"]
    assert found.text == text


@pytest.mark.parametrize("text", ["12", "-3.5", "1,000", "true", "False"])
def test_bare_values_are_named(text: str) -> None:
    assert list(read_transcript(text).residue) == ["bare_value"]


@pytest.mark.parametrize("text", ["none of them came", "nan bread", "twelve", "that is true", "12 men"])
def test_words_among_others_are_no_values(text: str) -> None:
    assert read_transcript(text).residue == {}


@pytest.mark.parametrize(
    "text",
    [
        "/\u00f0\u026as l\u0251\u02d0di h\u026ad \u0259 t\u0283e\u0259/",
        "[h\u0259\u02c8l\u0259\u028a]",
        "HH AH0 L OW1 W ER1",
    ],
)
def test_phonetic_script_is_named(text: str) -> None:
    assert list(read_transcript(text).residue) == ["phonetic_script"]


@pytest.mark.parametrize(
    "text", ["Nu\u014b le nye \u0256e eme, \u0254 \u025b", "\u00dea\u00f0 er gott", "A B C D E", "/usr/bin"]
)
def test_living_alphabets_are_not_phonetic(text: str) -> None:
    assert read_transcript(text).residue == {}


def test_text_said_again_is_named_and_stays() -> None:
    text = f"{SAID}. {SAID.capitalize()}."
    found = read_transcript(text)
    assert list(found.residue) == ["repeated_text"]
    assert found.text == text
    assert count_repeats(" ".join([SAID] * 3)) == 3
    assert count_repeats("bye bye bye bye") == count_repeats(SAID) == count_repeats("") == 0


def test_marks_alone_leave_nothing() -> None:
    assert clean_transcript("[Music] (applause)") == ""


def test_several_kinds_stand_in_the_order_of_what_tells_most() -> None:
    found = read_transcript("SPEAKER_00: <b>yes</b> &amp; no\u200b [noise]")
    assert list(found.residue) == ["markup", "entities", "invisible_characters", "event_marks", "speaker_marks"]
    assert found.text == "yes & no"


@pytest.mark.parametrize(
    "text", ["&amp;" * 20_000, "<" * 50_000 + "a>" * 50_000, "[" * 100_000, "a_" * 50_000, "x" * 200_000]
)
def test_huge_residue_is_read(text: str) -> None:
    assert isinstance(clean_transcript(text), str)


MARKS = st.sampled_from(
    "&amp; &nbsp; & < > <i> <|en|> [noise] ( ) \u00ad \u200b _ SPEAKER_1: JOHN: a the - >> 00:00:01 * laughs : "
    "\u0627 \u4e00 theoldmaninthehouseofthe".split()
) | st.sampled_from([" ", "\n"])


@settings(max_examples=200)
@given(st.lists(MARKS, max_size=12).map("".join) | st.text(max_size=60))
def test_cleaning_twice_changes_nothing(text: str) -> None:
    once = clean_transcript(text)
    assert clean_transcript(once) == once


@given(st.text(alphabet=st.characters(categories=["Ll", "Lo", "Lu"], max_codepoint=0x24F), max_size=12))
def test_a_short_word_of_any_letters_is_left_alone(word: str) -> None:
    if len(word) < 8:
        assert clean_transcript(word) == word
