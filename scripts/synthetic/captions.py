"""Captions of the synthetic image world: what one claims, whether it is true, and how it is worded.

A claim is the meaning of a caption and its wording is drawn separately, so that truth never depends on
words. Styles range from full sentences to tags; a claim that says nothing at all is worded vaguely.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

from scripts.synthetic.scenes import BACKGROUNDS, COLOURS, MAX_COUNT, NOUNS, OPPOSITE, SIZES, Group, Scene

STYLES: tuple[str, ...] = (
    "plain",
    "photo",
    "there",
    "place_first",
    "sentence",
    "verb",
    "tags",
    "two_sentences",
)
PLURALS: dict[str, str] = {noun: {"butterfly": "butterflies", "fish": "fish"}.get(noun, noun + "s") for noun in NOUNS}
SIZE_WORDS: dict[str, tuple[str, ...]] = {
    "small": ("small", "little", "tiny"),
    "large": ("large", "big", "huge"),
}
COUNT_WORDS: tuple[tuple[str, ...], ...] = (("one",), ("two", "2"), ("three", "3"), ("four", "4"))
RELATION_WORDS: dict[str, tuple[str, ...]] = {
    "left": ("to the left of", "left of"),
    "right": ("to the right of", "right of"),
    "above": ("above", "over"),
    "below": ("below", "under"),
}
PLACES: dict[str, tuple[str, ...]] = {
    "brick": ("in front of a brick wall", "on a brick wall", "against a brick wall"),
    "grass": ("on the grass", "on a lawn", "in the grass"),
    "night": ("in the night sky", "against a starry sky", "under the stars at night"),
    "sand": ("on the sand", "on a sandy beach", "in the sand"),
    "snow": ("in the snow", "on the snow", "on a snowy field"),
    "tiles": ("on a tiled floor", "on checkered tiles", "on the tiles"),
    "water": ("in the water", "on the sea", "on gentle waves"),
    "wood": ("on a wooden table", "on wooden boards", "on a wood floor"),
}
PLACE_NOUNS: dict[str, tuple[str, ...]] = {
    "brick": ("brick wall",),
    "grass": ("grass", "lawn"),
    "night": ("night sky", "starry sky"),
    "sand": ("sand", "sandy beach"),
    "snow": ("snow", "snowy field"),
    "tiles": ("tiled floor", "checkered tiles"),
    "water": ("water", "sea"),
    "wood": ("wooden table", "wooden boards"),
}
MASS_NOUNS: tuple[str, ...] = ("grass", "sand", "snow", "checkered tiles", "water", "wooden boards")
VAGUE: tuple[str, ...] = (
    "a picture of something",
    "an object outside",
    "a nice photo",
    "an image",
    "some things",
    "a photo",
    "something in a picture",
    "a nice picture of an object",
    "a photo of a thing",
    "this is an image of something",
    "an interesting picture",
    "a view of some objects",
    "a photo of some things outside",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupClaim:
    """What a caption says about one group; None says nothing."""

    noun: str | None = None
    """A noun of NOUNS, or None for an unnamed object."""
    colour: str | None = None
    """A colour of COLOURS."""
    count: int | None = None
    """How many."""
    size: str | None = None
    """One of SIZES."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a caption says about a scene."""

    background: str | None = None
    """One of BACKGROUNDS."""
    groups: tuple[GroupClaim, ...] = ()
    """At most two; none at all makes a caption of the background only, or a vague one."""
    relation: str | None = None
    """Where the first claimed group lies as seen from the second."""


def full_claim(scene: Scene, rng: random.Random | None = None) -> Claim:
    """Return the claim that says all about a scene; with `rng`, a pair may be told from either side."""
    groups = tuple(
        GroupClaim(noun=group.noun, colour=group.colour, count=group.count, size=group.size) for group in scene.groups
    )
    relation = scene.relation
    if relation is not None and rng is not None and rng.random() < 0.5:
        groups, relation = groups[::-1], OPPOSITE[relation]
    return Claim(background=scene.background, groups=groups, relation=relation)


def random_claim(scene: Scene, rng: random.Random) -> Claim:
    """Return a true claim that leaves some of the scene unsaid: about half say nearly all, 4 % are vague."""
    claim = full_claim(scene, rng)
    fate = rng.random()
    if fate < 0.04:
        return Claim()
    if fate < 0.50:
        groups = tuple(replace(group, size=group.size if rng.random() < 0.7 else None) for group in claim.groups)
        return replace(claim, groups=groups)
    if fate < 0.53:
        return Claim(background=scene.background)
    groups = claim.groups
    if len(groups) == 2 and rng.random() < 0.3:
        groups = (groups[rng.randrange(2)],)
    groups = tuple(
        GroupClaim(
            noun=group.noun if rng.random() < 0.96 else None,
            colour=group.colour if rng.random() < 0.6 else None,
            count=group.count,
            size=group.size if rng.random() < 0.5 else None,
        )
        for group in groups
    )
    return Claim(
        background=scene.background if rng.random() < 0.5 else None,
        groups=groups,
        relation=claim.relation if len(groups) == 2 and rng.random() < 0.75 else None,
    )


def holds(claim: Claim, scene: Scene) -> bool:
    """Return whether everything that is claimed is true of the scene."""
    if claim.background is not None and claim.background != scene.background:
        return False
    if not claim.groups:
        return True
    if len(claim.groups) == 1:
        return any(_fits(claim.groups[0], group) for group in scene.groups)
    if len(scene.groups) == 1:
        return False
    (one, two), (first, second) = claim.groups, scene.groups
    straight = claim.relation in (None, scene.relation) and _fits(one, first) and _fits(two, second)
    reverse = OPPOSITE.get(scene.relation or "")
    crossed = claim.relation in (None, reverse) and _fits(one, second) and _fits(two, first)
    return straight or crossed


def false_claims(claim: Claim, scene: Scene) -> tuple[str, ...]:
    """Return the attributes `alter_claim` can falsify in this claim (those it mentions)."""
    names: list[str] = []
    if claim.background:
        names.append("background")
    if claim.groups:
        if any(group.noun for group in claim.groups):
            names.append("object")
        if any(group.colour for group in claim.groups):
            names.append("colour")
        if len(claim.groups) == 1 and claim.groups[0].count and len(scene.groups) == 1:
            names.append("count")
        if claim.groups[0].size:
            names.append("size")
    if claim.relation:
        names.append("relation")
    if len(claim.groups) == 2 and all(group.colour and group.noun for group in claim.groups):
        names.append("binding")
    return tuple(names)


def alter_claim(claim: Claim, scene: Scene, attribute: str, rng: random.Random) -> Claim:
    """Return the claim with one attribute made false; `attribute` is one of `false_claims(claim, scene)`."""
    if attribute == "background":
        return replace(claim, background=_other(rng, BACKGROUNDS, scene.background))
    if attribute == "relation":
        return replace(claim, relation=OPPOSITE[claim.relation or "left"])
    if attribute == "binding":
        one, two = claim.groups
        return replace(claim, groups=(replace(one, colour=two.colour), replace(two, colour=one.colour)))
    if attribute == "count":
        wrong = rng.choice([value for value in range(1, MAX_COUNT + 1) if value != scene.groups[0].count])
        return replace(claim, groups=(replace(claim.groups[0], count=wrong, size=None),))
    if attribute == "size":
        return replace(claim, groups=(replace(claim.groups[0], size=_other(rng, SIZES, claim.groups[0].size)),))
    field, choices = ("colour", tuple(COLOURS)) if attribute == "colour" else ("noun", NOUNS)
    taken = [getattr(group, field) for group in scene.groups]
    index = rng.choice([place for place, group in enumerate(claim.groups) if getattr(group, field)])
    value = _other(rng, choices, *taken)
    group = claim.groups[index]
    changed = replace(group, colour=value) if field == "colour" else replace(group, noun=value)
    return replace(claim, groups=tuple(changed if place == index else g for place, g in enumerate(claim.groups)))


def word(claim: Claim, rng: random.Random, *, style: str | None = None) -> str:
    """Return the claim in words.

    Args:
        claim: What to say.
        rng: Chooses the words.
        style: One of STYLES; None draws one.
    """
    if not claim.groups:
        if claim.background is None:
            text = rng.choice(VAGUE)
        else:
            noun = rng.choice(PLACE_NOUNS[claim.background])
            text = rng.choice((f"a photo of {noun}", f"{noun} background", noun))
        return _finish(text, rng)
    style = style or rng.choice(STYLES)
    if style == "tags":
        return _tags(claim, rng)
    subject = _subject(claim, rng)
    is_many = len(claim.groups) == 1 and (claim.groups[0].count or 1) > 1
    place = rng.choice(PLACES[claim.background]) if claim.background else ""
    tail = f" {place}" if place else ""
    be = "are" if is_many else "is"
    if style == "photo":
        text = f"{rng.choice(('a photo of', 'a picture of', 'an image of'))} {subject}{tail}"
    elif style == "there":
        text = f"there {be} {subject}{tail}"
    elif style == "place_first" and place:
        text = f"{place}, {rng.choice((f'there {be} ', ''))}{subject}"
    elif style == "verb" and len(claim.groups) == 1:
        verb = rng.choice(("sit", "can be seen", "lie") if is_many else ("sits", "can be seen", "lies"))
        text = f"{subject} {verb}{tail}"
    elif style == "two_sentences" and claim.background:
        noun = rng.choice(PLACE_NOUNS[claim.background])
        article = "" if noun in MASS_NOUNS else "a "
        text = f"{rng.choice(('a photo of ', ''))}{subject}. the background is {article}{noun}"
    elif style == "sentence":
        text = f"{rng.choice(('the picture shows', 'we can see', 'this is a picture of'))} {subject}{tail}"
    else:
        text = f"{subject}{tail}"
    return _finish(text, rng)


def _fits(claim: GroupClaim, group: Group) -> bool:
    return (
        claim.noun in (None, group.noun)
        and claim.colour in (None, group.colour)
        and claim.count in (None, group.count)
        and claim.size in (None, group.size)
    )


def _other(rng: random.Random, choices: tuple[str, ...], *taken: str | None) -> str:
    return rng.choice([choice for choice in choices if choice not in taken])


def _subject(claim: Claim, rng: random.Random) -> str:
    phrases = [_phrase(group, rng) for group in claim.groups]
    if len(phrases) == 1:
        return phrases[0]
    if claim.relation is None:
        rng.shuffle(phrases)
        return " and ".join(phrases)
    return f"{phrases[0]} {rng.choice(RELATION_WORDS[claim.relation])} {phrases[1]}"


def _phrase(group: GroupClaim, rng: random.Random) -> str:
    words = []
    if group.size:
        words.append(rng.choice(SIZE_WORDS[group.size]))
    if group.colour:
        words.append(group.colour)
    count = group.count or 1
    if count == 1:
        words.append(group.noun or rng.choice(("object", "thing")))
        article = "an" if words[0][0] in "aeiou" else "a"
        return " ".join([rng.choices((article, "one"), (0.9, 0.1))[0], *words])
    words.append(PLURALS[group.noun] if group.noun else rng.choice(("objects", "things")))
    return " ".join([rng.choice(COUNT_WORDS[count - 1]), *words])


def _tags(claim: Claim, rng: random.Random) -> str:
    tags: list[str] = []
    for group in claim.groups:
        words = [rng.choice(SIZE_WORDS[group.size])] if group.size else []
        if group.colour:
            words.append(group.colour)
        if (group.count or 1) > 1:
            words.insert(0, rng.choice(COUNT_WORDS[(group.count or 1) - 1]))
            words.append(PLURALS[group.noun] if group.noun else "objects")
        else:
            words.append(group.noun or "object")
        tags.append(" ".join(words))
    if claim.relation:
        tags = [f" {rng.choice(RELATION_WORDS[claim.relation])} ".join(tags)]
    if claim.background:
        tags.append(rng.choice(PLACE_NOUNS[claim.background]))
    return ", ".join(tags)


def _finish(text: str, rng: random.Random) -> str:
    if rng.random() < 0.7:
        text = ". ".join(part[0].upper() + part[1:] for part in text.split(". "))
    return text + "." if rng.random() < 0.5 else text
