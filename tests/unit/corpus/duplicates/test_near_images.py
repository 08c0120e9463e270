from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmcheck.config import DuplicatesConfig
from mmcheck.corpus.duplicates import near_images
from mmcheck.corpus.duplicates.near_images import ImageItems, NearImages, colour_distance, count_bits, near_hashes
from mmcheck.corpus.neighbour_index import NeighbourIndex

COLOURS = np.random.default_rng(0).integers(60, 180, 48)


def look(bits=0, colour=0, degrees=0.0, *, hashed=True, seen=True):
    """Return an image that differs from the plain one in so many bits, levels of one field, and degrees."""
    return bits, colour, degrees, hashed, seen


def near(*looks, **options):
    """Return the likeness of the second image to the first (NaN: no near-duplicate), both ways, and the pairs found."""
    index, place, vectors = NeighbourIndex(2, len(looks)), [], []
    for *_, degrees, _, seen in looks:
        place.append(len(vectors) if seen else -1)
        if seen:
            vectors.append([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))])
    index.add(np.array(vectors, dtype=np.float32).reshape(-1, 2))
    colours = np.repeat(COLOURS[None], len(looks), axis=0)
    colours[:, 7] += [one[1] for one in looks]
    items = ImageItems(
        phash=np.array([2**63 + 2 ** one[0] - 1 for one in looks], dtype=np.uint64),
        colours=colours.astype(np.uint8),
        views=np.zeros((len(looks), 224), dtype=np.uint8),
        has_hash=np.array([one[3] for one in looks]),
        place=np.array(place),
        index=index,
    )
    finder = NearImages(items, DuplicatesConfig(**options))
    one, other = (finder.compare(np.array(a), np.array(b))[0] for a, b in (([0], [1]), ([1], [0])))
    np.testing.assert_allclose(one, other, atol=1e-6)
    left, _ = finder.find_pairs()
    assert (len(left) > 0) == (not np.isnan(one)), "what is near is found, and nothing else"
    return float(one)


def test_all_signs_must_agree():
    ten = pytest.approx(np.cos(np.radians(10)), abs=1e-5)
    assert near(look(), look(bits=10, colour=20, degrees=10)) == ten
    assert np.isnan(near(look(), look(bits=12, degrees=10)))
    assert np.isnan(near(look(), look(colour=40, degrees=10)))
    assert np.isnan(near(look(), look(degrees=30)))
    # A crop turns many bits; then the model must be surer.
    assert near(look(), look(bits=20, degrees=5)) > 0.99
    assert np.isnan(near(look(), look(bits=22, degrees=5)))


def test_one_sign_alone_must_be_clearer():
    blind, unhashed = {"seen": False}, {"hashed": False}
    assert near(look(**blind), look(bits=6, colour=10, **blind)) == pytest.approx(1 - 6 / 64)
    assert near(look(), look(bits=6, colour=10, **blind)) == pytest.approx(1 - 6 / 64)
    assert np.isnan(near(look(**blind), look(bits=7, **blind)))
    assert np.isnan(near(look(**blind), look(colour=20, **blind)))
    assert near(look(**unhashed), look(degrees=7, **unhashed)) > 0.99
    assert np.isnan(near(look(**unhashed), look(degrees=10, **unhashed)))
    assert np.isnan(near(look(**unhashed), look(**blind))), "nothing that both have"


def even(level: int, bits: int, degrees: float | None):
    """Return hash, colours and direction of a nearly uniform picture."""
    colours = np.full(48, level)
    colours[5] += 3
    return 2**63 + 2**bits - 1, colours, degrees


def pairs_of(*pictures):
    index = NeighbourIndex(2, len(pictures))
    angles = [np.radians(degrees) for *_, degrees in pictures if degrees is not None]
    index.add(np.array([[np.cos(one), np.sin(one)] for one in angles], dtype=np.float32).reshape(-1, 2))
    place = np.full(len(pictures), -1)
    place[[number for number, one in enumerate(pictures) if one[2] is not None]] = np.arange(len(angles))
    items = ImageItems(
        phash=np.array([one[0] for one in pictures], dtype=np.uint64),
        colours=np.array([one[1] for one in pictures], dtype=np.uint8),
        views=np.zeros((len(pictures), 224), dtype=np.uint8),
        has_hash=np.ones(len(pictures), dtype=bool),
        place=place,
        index=index,
    )
    left, right = NearImages(items, DuplicatesConfig()).find_pairs()
    return {tuple(sorted(pair)) for pair in zip(left.tolist(), right.tolist(), strict=True)}


def test_nearly_uniform_pictures_are_told_by_the_model_alone():
    """A hash of next to nothing is noise: two such pictures may show different things."""
    grey, white = even(128, 0, None), even(131, 2, None)
    assert pairs_of(grey, white) == set()
    assert pairs_of(grey, even(128, 0, None)) == set()
    seen, copy, other = even(128, 0, 0.0), even(130, 3, 4.0), even(128, 1, 60.0)
    assert pairs_of(seen, copy, other) == {(0, 1)}
    assert pairs_of(seen, copy, grey) == {(0, 1)}, "one that the model has not looked at is near none"
    clear = (2**63, COLOURS, None)
    assert pairs_of(grey, clear, white, (2**63 + 1, COLOURS, None)) == {(1, 3)}


def test_limits_come_from_the_options():
    assert np.isnan(near(look(), look(bits=4, degrees=10), image_hash_distance=3))
    assert near(look(), look(bits=4, degrees=30), image_similarity=0.8) > 0.8
    assert near(look(), look(colour=40, degrees=10), image_colour_distance=50) > 0.9


@pytest.mark.parametrize("exact", [20_000, 10])
@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 7))
def test_hashes_within_a_distance(exact, seed, distance):
    rng = np.random.default_rng(seed)
    hashes = rng.integers(0, 2**64, 60, dtype=np.uint64)
    for row in range(30, 60):
        hashes[row] = hashes[row - 30]
        for bit in rng.choice(64, rng.integers(0, 10), replace=False).tolist():
            hashes[row] ^= np.uint64(1) << np.uint64(bit)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(near_images, "_EXACT_HASHES", exact)
        found = near_hashes(hashes, distance)
    pairs = {frozenset((a, b)) for left, right in found for a, b in zip(left.tolist(), right.tolist(), strict=True)}
    away = count_bits((hashes[:, None] ^ hashes[None]).ravel()).reshape(60, 60)
    wanted = {frozenset((a, b)) for a, b in zip(*np.nonzero(np.triu(away <= distance, 1)), strict=True)}
    # Equal hashes hang on one of them, so pairs are compared by what they connect.
    same = {row: int(np.flatnonzero(hashes == hashes[row])[0]) for row in range(60)}
    assert {frozenset(same[one] for one in pair) for pair in pairs} == {
        frozenset(same[one] for one in pair) for pair in wanted
    }


def test_a_shared_hash_costs_no_more_than_a_line():
    found = near_hashes(np.zeros(50_000, dtype=np.uint64), 5)
    assert sum(len(left) for left, _ in found) == 49_999


def test_colours_without_brightness():
    rng = np.random.default_rng(1)
    first = rng.integers(20, 150, (50, 48)).astype(np.uint8)
    brighter = np.rint(first * 1.2).astype(np.uint8)
    other = rng.integers(20, 150, (50, 48)).astype(np.uint8)
    assert colour_distance(first, brighter).max() < 1.5
    assert colour_distance(first, other).min() > 24
    np.testing.assert_allclose(colour_distance(first, other), colour_distance(other, first))
    black = np.zeros((1, 48), dtype=np.uint8)
    assert colour_distance(black, black + np.uint8(255)).tolist() == [255]
