"""How much a caption tells: "a picture of something" fits every image, so no model can find it wrong.

Score: each word carries information, and ``specificity = 1 - exp(-information / 2)``.

- a function word (the, of, with, very) carries 0
- a word about pictures or about nothing (image, photo, untitled, something, stuff) carries 0
- a generic word (person, standing, outside, nice, view, room) carries 0.25
- every other word carries 1: colours, objects, names, numbers (a number alone 0.5)

So "a dog" has 0.39, "a person standing outside" 0.31, "a picture of something" 0, "a red ball on a table" 0.78.

The lists are English. A word that is in none of them carries 1 whatever its language, so a caption in another language
can only be called vague for being short, never for lack of English words; where the language is known not to be English
the lists are not consulted at all. Text without spaces carries 1 a word, as estimated from its characters.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from mmcheck.core.languages import primary_code
from mmcheck.metrics.caption_words import count_words, split_words
from mmcheck.metrics.text_normalization import is_continuous_char

_GENERIC_INFORMATION = 0.25  # content words that a general word is worth; our own choice: a quarter
_NUMBER_INFORMATION = 0.5  # content words that a number is worth; our own choice: a half
_SCALE = 2.0
"""Content words at which specificity is 0.63. Our own choice: a second content word still adds much, a sixth little."""

FUNCTION_WORDS = frozenset(
    """
    a an the this that these those here there it its it's he she they them their his her hers him we us our you your i
    me my mine who whom whose which what when where why how and or nor but so yet if then than as at by for from in
    into of off on onto out over to toward towards under up upon with within without about above across after against
    along among around before behind below beneath beside besides between beyond down during inside near next through
    throughout is are was were be been being am has have had having do does did doing can could will would shall should
    may might must not no yes all any both each few many more most much other another others own same several some such
    too very just only also even still again once ever never always often really quite rather perhaps maybe while
    because since until unless though although per via etc s t
    """.split()
)
EMPTY_WORDS = frozenset(
    """
    image images img picture pictures pic pics photo photos photograph photographs photography snapshot shot shots
    screenshot screen figure fig thumbnail wallpaper clipart stock footage frame frames visual graphic graphics
    illustration untitled unnamed unknown undefined none null nan n/a na test caption captions description alt text
    title placeholder sample example default file download attachment something anything nothing everything someone
    anyone somebody anybody everyone thing things stuff item items object objects subject kind kinds sort sorts type
    types depicting depicts depicted showing shows shown featuring features containing contains taken captured
    displayed displaying displays seen various different certain random generic
    """.split()
)
GENERIC_WORDS = frozenset(
    """
    person persons people man men woman women human humans guy guys lady individual individuals group groups
    crowd couple pair lot lots bunch number part parts piece pieces place places area areas location spot scene scenes
    scenery view views background backgrounds foreground setting environment outside outdoor outdoors indoor indoors
    room space surface side sides front back top bottom left right middle center centre close closeup up-close
    close-up far away distance day time moment life world way ways nice beautiful pretty lovely good great best
    cool amazing awesome interesting wonderful cute big large small little huge tiny long short new old young simple
    plain colorful colourful colored coloured color colors colour colours dark light bright full empty high low stand
    stands standing sit sits sitting look looks looking walk walks walking pose poses posing going moving holding
    hold holds wearing wear wears using use make makes making get gets go goes come comes one two ones portrait detail
    details design art artwork work style modern typical common general usual activity action event
    """.split()
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Specificity:
    """What ``measure_specificity`` found."""

    score: float
    """0 (fits any image) to below 1."""
    num_content_words: int
    """Words that carry full information."""
    generic_words: tuple[str, ...]
    """Generic and empty words met, lower case, in order of the text, at most 12: the evidence for people."""


def measure_specificity(text: str, *, language: str | None = None) -> Specificity:
    """Return how specific ``text`` is as a description.

    Args:
        text: A caption.
        language: Language code if it is known; the English lists are left out for others than English.
    """
    use_lists = language is None or primary_code(language) in ("en", "eng", "english")
    information = 0.0
    num_content_words = 0
    generic: list[str] = []
    for word in split_words(text):
        if any(is_continuous_char(char) for char in word):
            count = count_words(word)
            information += count
            num_content_words += count
            continue
        lower = word.lower().replace("\u2019", "'").removesuffix("'s")
        if lower.isdigit():
            information += _NUMBER_INFORMATION
        elif not use_lists:
            information += 1.0
            num_content_words += 1
        elif lower in EMPTY_WORDS:
            generic.append(lower)
        elif lower in GENERIC_WORDS:
            generic.append(lower)
            information += _GENERIC_INFORMATION
        elif lower not in FUNCTION_WORDS and not (len(lower) == 1 and lower.isascii()):
            information += 1.0
            num_content_words += 1
    return Specificity(
        score=1.0 - math.exp(-information / _SCALE),
        num_content_words=num_content_words,
        generic_words=tuple(generic[:12]),
    )
