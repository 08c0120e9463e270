"""Words that were run together are set apart; long words stay whole."""

from __future__ import annotations

import pytest

from mmcheck.metrics.joined_words import find_joined, find_underscores, split_joined


@pytest.mark.parametrize(
    ("text", "language", "apart"),
    [
        ("asmallchildboughtsevengreenbottles", "en", "a small child bought seven green bottles"),
        ("Thankyouverymuch for it", None, "Thank you very much for it"),
        ("TheCaptainHidTheBicycle", None, "The Captain Hid The Bicycle"),
        ("the_captain_hid__it", None, "the captain hid it"),
        ("lamaestrajovencompr\u00f3unmapaviejo", "es", "la maestra joven compr\u00f3 un mapa viejo"),
        ("la jeunefemmeaachet\u00e9unevieillecarte", "fr-FR", "la jeune femme a achet\u00e9 une vieille carte"),
    ],
)
def test_joined_words_are_set_apart(text: str, language: str | None, apart: str) -> None:
    assert split_joined(text, language) == apart


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("internationalization", "en"),
        ("electroencephalographically", "en"),
        ("Donaudampfschifffahrtsgesellschaftskapit\u00e4n", "de"),
        ("lentokonesuihkuturbiinimoottoriapumekaanikko", "fi"),
        ("anticonstitutionnellement", "fr"),
        ("JavaScript OpenAI McDonald YouTube iPhone", "en"),
        ("abcdefghijklmnopqrstuvwxyz", "en"),
        ("thecaptainhidtheyellowbicycle", "xx"),
        ("_leading and trailing_ __", "en"),
    ],
)
def test_long_words_stay_whole(text: str, language: str) -> None:
    assert find_joined(text, language) == []
    assert split_joined(text, language) == text


def test_places_and_words_are_those_of_the_text() -> None:
    (found,) = find_joined("so THANKYOUVERYMUCH")
    assert (found.start, found.stop, found.words) == (3, 19, ("THANK", "YOU", "VERY", "MUCH"))
    assert find_underscores("the_old man_") == ["the_old"]
