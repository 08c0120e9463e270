"""Grammar of the synthetic speech world: what the bundled tiny Whisper can hear.

A few hundred everyday words in short templates keep the task small enough for a three-million-parameter
recogniser trained for an hour on one core. Random word strings are mixed in so that its decoder has to
listen: a grammar alone would let it guess. Words with an equal-sounding twin in the vocabulary were left
out (no "to", "for", "sea"), because no recogniser could tell them apart.

A sentence is either training or held-out material, decided by a checksum of its words, so a test sentence
can never have been heard in training, whatever the seed.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random

NAMES = (
    "Anna Ben Clara David Emma Frank Grace Henry Ivan Julia Kevin Laura Martin Nina Oscar Peter Rosa Simon "
    "Tom Victor Wendy Maria Lucas Sarah"
).split()
ACTORS = (
    "dog cat horse bird rabbit mouse fox lion tiger cow sheep goat duck chicken frog monkey elephant "
    "dolphin turtle man woman boy girl teacher doctor farmer driver singer painter baker soldier student "
    "uncle sister brother mother father king queen nurse pilot captain"
).split()
OBJECTS = (
    "apple bread butter cheese banana orange lemon cake egg soup bottle glass cup plate spoon knife table "
    "chair lamp window door key box basket book letter paper pencil picture map clock phone camera radio "
    "guitar piano drum ball kite hammer ladder rope bucket brush candle mirror pillow blanket jacket hat "
    "shirt umbrella bicycle truck boat wagon ticket coin stone flower"
).split()
PLACES = (
    "garden kitchen school office church market station airport harbor bridge river lake mountain forest "
    "island beach village city castle tower museum library hospital hotel restaurant theater factory park "
    "street road farm barn field valley desert cave corner roof hall"
).split()
COLORS = "red green yellow black white brown purple pink gray golden silver".split()
QUALITIES = (
    "small large heavy old new young happy angry hungry tired clean dirty empty full broken quiet loud warm "
    "cold wet soft hard sharp round long tall strange famous wooden expensive"
).split()
TRANSITIVE = (
    "found lost carried opened closed painted bought washed dropped moved noticed ordered packed pulled "
    "pushed repaired stole touched watched wanted borrowed brought covered counted forgot needed received "
    "remembered took"
).split()
INTRANSITIVE = "walked slept danced laughed waited jumped worked lived arrived stopped stayed smiled shouted".split()
COUNTS = (
    "two three four five six seven eight nine ten eleven twelve thirteen fifteen sixteen twenty thirty forty "
    "fifty sixty hundred"
).split()
PLURALS = (
    "dogs cats horses birds rabbits cows apples bottles cups chairs windows keys boxes books letters pictures "
    "phones guitars candles flowers coins stones hats boats trucks tickets children people"
).split()
TIMES = (
    "yesterday today tomorrow Monday Tuesday Wednesday Thursday Friday Saturday Sunday January April August "
    "October December"
).split()
SEASONS = "morning evening night summer winter spring".split()
MANNERS = "slowly quickly quietly carefully again together alone early".split()
LINKS = "behind near under beside above between across through inside outside".split()
OTHERS = (
    "the a an my your his her our this that every and but because when after before with without in on "
    "at from is was were are will can never always often very not there where who what why how he she they "
    "we you it does"
).split()

VOCABULARY: tuple[str, ...] = tuple(
    dict.fromkeys(
        NAMES
        + ACTORS
        + OBJECTS
        + PLACES
        + COLORS
        + QUALITIES
        + TRANSITIVE
        + INTRANSITIVE
        + COUNTS
        + PLURALS
        + TIMES
        + SEASONS
        + MANNERS
        + LINKS
        + OTHERS
    )
)
"""Every word of the world, each once, names and dates capitalised."""

SUBSTITUTES: tuple[list[str], ...] = (
    NAMES,
    ACTORS,
    OBJECTS,
    PLACES,
    COLORS,
    QUALITIES,
    TRANSITIVE,
    INTRANSITIVE,
    COUNTS,
    PLURALS,
    MANNERS,
)
"""Word classes inside which one word can stand for another and the sentence stays grammatical."""

_PRONOUNS = "he she they we you".split()
_OWNERS = "my your his her our".split()
_QUESTION_WORDS = frozenset("where who what why how is was were are will can does".split())
_HELD_OUT_IN = 8


def _with_article(rng: random.Random, words: str) -> str:
    """Returns the noun phrase with a determiner in front, "an" before a vowel letter."""
    roll = rng.random()
    if roll < 0.45:
        return f"the {words}"
    if roll < 0.65:
        return ("an " if words[0] in "aeiou" and not words.startswith("uni") else "a ") + words
    if roll < 0.95:
        return f"{rng.choice(_OWNERS)} {words}"
    return f"{rng.choice(('this', 'that', 'every'))} {words}"


def _noun(rng: random.Random, nouns: list[str]) -> str:
    """Returns a determined noun, about half the time with an adjective."""
    roll = rng.random()
    noun = rng.choice(nouns)
    if roll < 0.25:
        noun = f"{rng.choice(COLORS)} {noun}"
    elif roll < 0.5:
        noun = f"{rng.choice(QUALITIES)} {noun}"
    return _with_article(rng, noun)


def _actor(rng: random.Random) -> str:
    roll = rng.random()
    if roll < 0.35:
        return rng.choice(NAMES)
    if roll < 0.5:
        return rng.choice(_PRONOUNS)
    return _noun(rng, ACTORS)


def _thing(rng: random.Random) -> str:
    roll = rng.random()
    if roll < 0.2:
        return f"{rng.choice(COUNTS)} {rng.choice(PLURALS)}"
    if roll < 0.25:
        return f"{rng.choice(COLORS)} {rng.choice(PLURALS)}"
    if roll < 0.35:
        return _noun(rng, ACTORS)
    return _noun(rng, OBJECTS)


def _where(rng: random.Random) -> str:
    link = rng.choice([*LINKS, "in", "in", "at", "at", "on", "from"])
    return f"{link} the {rng.choice(PLACES)}" if rng.random() < 0.8 else f"{link} {_noun(rng, PLACES)}"


def _when(rng: random.Random) -> str:
    roll = rng.random()
    if roll < 0.5:
        return rng.choice(TIMES)
    if roll < 0.75:
        return f"every {rng.choice(SEASONS)}"
    return f"in the {rng.choice(SEASONS)}"


def grammar_words(rng: random.Random) -> list[str]:
    """Returns the words of one grammatical sentence, 3 to about 13 of them, without punctuation."""
    form = rng.randrange(11)
    if form <= 2:
        text = f"{_actor(rng)} {rng.choice(TRANSITIVE)} {_thing(rng)}"
        if rng.random() < 0.5:
            text += " " + rng.choice((_where, _when))(rng)
    elif form == 3:
        text = f"{_actor(rng)} {rng.choice(INTRANSITIVE)} {rng.choice(MANNERS)} {_where(rng)}"
    elif form == 4:
        text = f"{_actor(rng)} {rng.choice(INTRANSITIVE)} {_where(rng)} {_when(rng)}"
    elif form == 5:
        verb = rng.choice(("is", "was"))
        degree = rng.choice(("", "very ", "not ", "always ", "never ", "often "))
        text = f"{_noun(rng, OBJECTS + ACTORS + PLACES)} {verb} {degree}{rng.choice(QUALITIES + COLORS)}"
    elif form == 6:
        text = f"there {rng.choice(('are', 'were'))} {rng.choice(COUNTS)} {rng.choice(PLURALS)} {_where(rng)}"
    elif form == 7:
        verb = rng.choice(("is", "was", "will be"))
        text = f"{_noun(rng, OBJECTS)} {verb} {_where(rng)}".replace("will be", "is always")
    elif form == 8:
        question = rng.choice(("where is", "where was", "who " + rng.choice(TRANSITIVE), "what is inside"))
        text = f"{question} {_noun(rng, OBJECTS)}"
        if rng.random() < 0.4:
            text += " " + _where(rng)
    elif form == 9:
        link = rng.choice(("because", "when", "after", "before", "and", "but"))
        text = f"{_actor(rng)} {rng.choice(INTRANSITIVE)} {link}"
        text += f" {_actor(rng)} {rng.choice(TRANSITIVE)} {_thing(rng)}"
    else:
        text = f"{_when(rng)} {_actor(rng)} {rng.choice(TRANSITIVE)} {_thing(rng)} with {rng.choice(NAMES)}"
    return text.split()


def random_words(rng: random.Random) -> list[str]:
    """Returns 2 to 7 words drawn evenly from the vocabulary, in no grammatical order."""
    return [rng.choice(VOCABULARY) for _ in range(rng.randint(2, 7))]


def is_held_out(words: list[str]) -> bool:
    """Returns whether these words belong to the held-out eighth of all sentences."""
    return zlib.crc32(" ".join(words).lower().encode()) % _HELD_OUT_IN == 0


def draw_words(rng: random.Random, *, held_out: bool, random_share: float = 0.25) -> list[str]:
    """Returns the words of one sentence from the wanted side of the training/held-out split.

    Args:
        rng: Source of all chance.
        held_out: Whether to draw from the sentences that training never sees.
        random_share: Chance of a random word string in place of a grammatical sentence, 0 to 1.
    """
    while True:
        words = random_words(rng) if rng.random() < random_share else grammar_words(rng)
        if is_held_out(words) == held_out:
            return words


def write_text(words: list[str], *, sentence_case: bool) -> str:
    """Returns the words as text in one of the two styles of the world.

    Args:
        words: The words, names and dates capitalised.
        sentence_case: True for a capital first letter and a final period or question mark, False for
            lower case without punctuation.
    """
    if not sentence_case:
        return " ".join(words).lower()
    text = " ".join(words)
    return text[0].upper() + text[1:] + ("?" if words[0] in _QUESTION_WORDS else ".")
