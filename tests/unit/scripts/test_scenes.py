"""The synthetic image world: scenes are what they say, and captions' truth is known."""

from __future__ import annotations

import random
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from scripts.synthetic.captions import (
    STYLES,
    VAGUE,
    Claim,
    GroupClaim,
    alter_claim,
    false_claims,
    full_claim,
    holds,
    random_claim,
    word,
)
from scripts.synthetic.scenes import (
    ATTRIBUTES,
    BACKGROUNDS,
    COLOURS,
    NOUNS,
    Group,
    Scene,
    change_attribute,
    changeable,
    make_scene,
    mirror,
    render,
)

SEEDS = st.integers(min_value=0, max_value=2**32)


def single(noun: str = "star", colour: str = "red", background: str = "grass") -> Scene:
    group = Group(noun=noun, colour=colour, size="large", places=((0.5, 0.5, 0.35),))
    return Scene(background=background, groups=(group,), seed=3)


def differing(one: Scene, other: Scene) -> set[str]:
    names = set()
    if one.background != other.background:
        names.add("background")
    if one.relation != other.relation:
        names.add("relation")
    first, second = one.groups, other.groups
    if [group.noun for group in first] != [group.noun for group in second]:
        names.add("object")
    if sorted(group.colour for group in first) != sorted(group.colour for group in second):
        names.add("colour")
    elif [group.colour for group in first] != [group.colour for group in second]:
        names.add("binding")
    if [group.count for group in first] != [group.count for group in second]:
        names.add("count")
    elif [group.size for group in first] != [group.size for group in second]:
        names.add("size")
    return names


def test_equal_scenes_give_equal_pixels_and_a_new_seed_other_ones() -> None:
    scene = make_scene(random.Random(5))
    first, second = np.asarray(render(scene)), np.asarray(render(scene))
    assert first.shape == (192, 192, 3)
    assert np.array_equal(first, second)
    assert not np.array_equal(first, np.asarray(render(replace(scene, seed=scene.seed + 1))))


@pytest.mark.parametrize("noun", NOUNS)
def test_each_noun_shows_its_colour_and_a_shape_of_its_own(noun: str) -> None:
    red = np.asarray(render(single(noun, "red")), dtype=int)
    blue = np.asarray(render(single(noun, "blue")), dtype=int)
    painted = np.abs(red - blue).sum(axis=2) > 120
    assert 0.02 < painted.mean() < 0.5
    for other in NOUNS:
        if other != noun:
            other_red = np.asarray(render(single(other, "red")), dtype=int)
            assert (np.abs(red - other_red).sum(axis=2) > 120).mean() > 0.01


@pytest.mark.parametrize("background", BACKGROUNDS)
def test_each_background_looks_different_from_the_others(background: str) -> None:
    picture = np.asarray(render(single(background=background)), dtype=float)[:30].mean(axis=(0, 1))
    for other in BACKGROUNDS:
        if other != background:
            far = np.asarray(render(single(background=other)), dtype=float)[:30].mean(axis=(0, 1))
            assert np.abs(picture - far).sum() > 12, other


@given(SEEDS)
@settings(max_examples=60, deadline=None)
def test_objects_lie_inside_apart_and_large_enough_to_see(seed: int) -> None:
    scene = make_scene(random.Random(seed))
    places = [place for group in scene.groups for place in group.places]
    assert len(places) == sum(group.count for group in scene.groups)
    for index, (x, y, half) in enumerate(places):
        assert half * 2 * 96 > 20
        assert half * 0.9 <= x <= 1 - half * 0.9
        assert half * 0.9 <= y <= 1 - half * 0.9
        for a, b, other in places[:index]:
            assert max(abs(x - a), abs(y - b)) > half + other


@given(SEEDS)
@settings(max_examples=60, deadline=None)
def test_relations_are_where_they_say_also_in_the_mirror(seed: int) -> None:
    scene = make_scene(random.Random(seed), kind="pair")
    for seen in (scene, mirror(scene)):
        (x, y, _), (a, b, _) = (group.places[0] for group in seen.groups)
        found = {"left": x < a, "right": x > a, "above": y < b, "below": y > b}
        assert found[seen.relation or ""]
    assert mirror(mirror(scene)).relation == scene.relation


@given(SEEDS)
@settings(max_examples=60, deadline=None)
def test_a_sibling_differs_in_the_named_attribute_only(seed: int) -> None:
    rng = random.Random(seed)
    scene = make_scene(rng)
    for attribute in changeable(scene):
        sibling = change_attribute(scene, attribute, rng)
        assert differing(scene, sibling) == {attribute}
        assert not holds(full_claim(sibling), scene)


def test_an_attribute_that_the_scene_lacks_is_an_error() -> None:
    with pytest.raises(ValueError, match="'relation'"):
        change_attribute(single(), "relation", random.Random(0))


@given(SEEDS)
@settings(max_examples=150, deadline=None)
def test_claims_are_true_until_one_attribute_is_altered(seed: int) -> None:
    rng = random.Random(seed)
    scene = make_scene(rng)
    for claim in (full_claim(scene, rng), random_claim(scene, rng)):
        assert holds(claim, scene)
        for attribute in false_claims(claim, scene):
            assert attribute in ATTRIBUTES
            assert not holds(alter_claim(claim, scene, attribute, rng), scene), attribute


@pytest.mark.parametrize("style", STYLES)
def test_every_style_says_all_that_is_claimed(style: str) -> None:
    claim = Claim(background="snow", groups=(GroupClaim(noun="fish", colour="blue", count=3),))
    for seed in range(20):
        text = word(claim, random.Random(seed), style=style).lower()
        assert "blue fish" in text
        assert "snow" in text
        assert "three" in text or "3" in text


def test_wording_fits_number_article_and_emptiness() -> None:
    rng = random.Random(1)
    apple = Claim(groups=(GroupClaim(noun="apple", count=1),))
    texts = {word(apple, rng, style="plain").lower().rstrip(".") for _ in range(60)}
    assert texts == {"an apple", "one apple"}
    butterflies = Claim(groups=(GroupClaim(noun="butterfly", count=4),))
    assert {word(butterflies, rng, style="there").lower().rstrip(".") for _ in range(60)} == {
        "there are four butterflies",
        "there are 4 butterflies",
    }
    assert word(Claim(), rng).lower().rstrip(".") in VAGUE


def test_no_colour_word_means_a_background() -> None:
    rng = random.Random(2)
    for background in BACKGROUNDS:
        for _ in range(40):
            text = word(Claim(background=background, groups=(GroupClaim(noun="key", count=1),)), rng)
            words = set(text.lower().replace("-", " ").replace(",", " ").replace(".", " ").split())
            assert words.isdisjoint(COLOURS)
