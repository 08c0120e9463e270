"""Scenes of the synthetic image world: what is in one, how it is drawn, how one attribute is changed.

A scene is a small fully known world: a background and one or two groups of drawn objects. Because it is
known, every caption's truth can be computed, which is what training, demo data and evaluation stand on.
Pixels come from Pillow polygons and cheap noise: quick enough to draw tens of thousands on one core, far
from photographs.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from PIL import Image, ImageDraw

from scripts.synthetic.shapes import SHAPES

Colour = tuple[int, int, int]

NOUNS: tuple[str, ...] = tuple(SHAPES)
COLOURS: dict[str, Colour] = {
    "black": (34, 34, 38),
    "blue": (38, 88, 222),
    "green": (44, 168, 62),
    "orange": (246, 138, 24),
    "pink": (250, 138, 190),
    "purple": (136, 52, 188),
    "red": (218, 34, 38),
    "white": (244, 244, 244),
    "yellow": (248, 222, 48),
}
BACKGROUNDS: tuple[str, ...] = ("brick", "grass", "night", "sand", "snow", "tiles", "water", "wood")
MAX_COUNT = 4
SIZES: tuple[str, ...] = ("small", "large")
RELATIONS: tuple[str, ...] = ("left", "right", "above", "below")
OPPOSITE: dict[str, str] = {"left": "right", "right": "left", "above": "below", "below": "above"}
ATTRIBUTES: tuple[str, ...] = ("colour", "object", "count", "background", "size", "relation", "binding")


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Equal objects of one scene."""

    noun: str
    """A key of SHAPES."""
    colour: str
    """A key of COLOURS."""
    count: int = 1
    """How many, 1 to MAX_COUNT."""
    size: str | None = None
    """One of SIZES where it is a stated attribute (single objects), else None."""
    places: tuple[tuple[float, float, float], ...] = ()
    """Centre x, centre y and half width of each object, as fractions of the canvas."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Everything that decides the pixels of one picture."""

    background: str
    """One of BACKGROUNDS."""
    groups: tuple[Group, ...]
    """One or two groups."""
    relation: str | None = None
    """Where the first group lies as seen from the second, one of RELATIONS; None with one group."""
    seed: int = 0
    """Seeds texture and jitter, so that a sibling scene differs in one attribute only."""


def make_scene(rng: random.Random, *, kind: str | None = None) -> Scene:
    """Return a random scene.

    Args:
        rng: Source of chance.
        kind: `single`, `many` or `pair`; None draws one (0.45, 0.3, 0.25).
    """
    kind = kind or rng.choices(("single", "many", "pair"), (0.45, 0.3, 0.25))[0]
    background = rng.choice(BACKGROUNDS)
    seed = rng.getrandbits(32)
    noun, colour = rng.choice(NOUNS), rng.choice(tuple(COLOURS))
    if kind == "pair":
        other = Group(noun=_other(rng, NOUNS, noun), colour=_other(rng, tuple(COLOURS), colour))
        relation = rng.choice(RELATIONS)
        first, second = _place_pair(rng, relation)
        return Scene(
            background=background,
            groups=(Group(noun=noun, colour=colour, places=(first,)), replace(other, places=(second,))),
            relation=relation,
            seed=seed,
        )
    if kind == "many":
        count = rng.randint(2, MAX_COUNT)
        group = Group(noun=noun, colour=colour, count=count, places=_place_many(rng, count))
    else:
        size = rng.choice(SIZES)
        group = Group(noun=noun, colour=colour, size=size, places=(_place_one(rng, size),))
    return Scene(background=background, groups=(group,), seed=seed)


def changeable(scene: Scene) -> tuple[str, ...]:
    """Return the attributes of ATTRIBUTES that `change_attribute` can change in this scene."""
    if scene.relation is not None:
        return ("colour", "object", "background", "relation", "binding")
    sizes = ("size",) if scene.groups[0].size else ()
    return ("colour", "object", "count", "background", *sizes)


def change_attribute(scene: Scene, attribute: str, rng: random.Random) -> Scene:
    """Return a sibling of the scene in which exactly one attribute is different.

    Raises:
        ValueError: The scene has no such attribute.
    """
    if attribute not in changeable(scene):
        raise ValueError(f"attribute is {attribute!r}, but this scene can change {changeable(scene)}")
    index = rng.randrange(len(scene.groups))
    group = scene.groups[index]
    if attribute == "background":
        return replace(scene, background=_other(rng, BACKGROUNDS, scene.background))
    if attribute == "relation":
        first, second = scene.groups
        swapped = (replace(first, places=second.places), replace(second, places=first.places))
        return replace(scene, groups=swapped, relation=OPPOSITE[scene.relation or "left"])
    if attribute == "binding":
        first, second = scene.groups
        return replace(scene, groups=(replace(first, colour=second.colour), replace(second, colour=first.colour)))
    taken = {other.colour for other in scene.groups}, {other.noun for other in scene.groups}
    if attribute == "colour":
        group = replace(group, colour=_other(rng, tuple(COLOURS), *taken[0]))
    elif attribute == "object":
        group = replace(group, noun=_other(rng, NOUNS, *taken[1]))
    elif attribute == "size":
        size = "small" if group.size == "large" else "large"
        group = replace(group, size=size, places=(_place_one(rng, size),))
    else:
        count = rng.choice([value for value in range(1, MAX_COUNT + 1) if value != group.count])
        if count == 1:
            size = rng.choice(SIZES)
            group = replace(group, count=1, size=size, places=(_place_one(rng, size),))
        else:
            group = replace(group, count=count, size=None, places=_place_many(rng, count))
    groups = tuple(group if place == index else other for place, other in enumerate(scene.groups))
    return replace(scene, groups=groups)


def mirror(scene: Scene) -> Scene:
    """Return the scene as seen in a mirror: left and right change places."""
    groups = tuple(
        replace(group, places=tuple((1.0 - x, y, half) for x, y, half in group.places)) for group in scene.groups
    )
    relation = scene.relation
    if relation in ("left", "right"):
        relation = OPPOSITE[relation]
    return replace(scene, groups=groups, relation=relation)


def render(scene: Scene, *, size: int = 192, oversample: int = 2) -> Image.Image:
    """Return the picture of a scene.

    Args:
        scene: What to draw.
        size: Width and height in pixels.
        oversample: Drawn this many times larger and reduced, against jagged edges.

    Returns:
        An RGB image of size x size.
    """
    rng = random.Random(scene.seed)
    canvas = _paint_background(scene.background, size * oversample, rng)
    draw = ImageDraw.Draw(canvas)
    for group in scene.groups:
        for x, y, half in group.places:
            _paint_object(draw, group, (x, y, half), size * oversample, rng)
    if oversample > 1:
        canvas = canvas.reduce(oversample)
    grain = _grain(size, rng) * rng.uniform(2.0, 7.0)
    pixels = np.asarray(canvas, dtype=np.float32) * rng.uniform(0.88, 1.08) + grain[:, :, None]
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def _other(rng: random.Random, choices: tuple[str, ...], *taken: str) -> str:
    return rng.choice([choice for choice in choices if choice not in taken])


def _place_one(rng: random.Random, size: str) -> tuple[float, float, float]:
    half = rng.uniform(0.11, 0.15) if size == "small" else rng.uniform(0.26, 0.36)
    margin = half + 0.03
    return rng.uniform(margin, 1 - margin), rng.uniform(margin, 1 - margin), half


def _place_many(rng: random.Random, count: int) -> tuple[tuple[float, float, float], ...]:
    while True:
        half = rng.uniform(0.12, {2: 0.2, 3: 0.17, 4: 0.155}[count])
        margin = half + 0.02
        places: list[tuple[float, float, float]] = []
        for _ in range(60):
            x, y = rng.uniform(margin, 1 - margin), rng.uniform(margin, 1 - margin)
            if all(max(abs(x - a), abs(y - b)) > 2.2 * half for a, b, _ in places):
                places.append((x, y, half * rng.uniform(0.93, 1.05)))
            if len(places) == count:
                return tuple(places)


def _place_pair(rng: random.Random, relation: str) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    halves = rng.uniform(0.14, 0.21), rng.uniform(0.14, 0.21)
    gap = halves[0] + halves[1] + rng.uniform(0.04, 0.12)
    low = rng.uniform(halves[0] + 0.02, 1 - gap - halves[1] - 0.02)
    high = low + gap
    across = rng.uniform(0.25, 0.75)
    drift = min(max(across + rng.uniform(-0.14, 0.14), 0.23), 0.77)
    if relation in ("right", "below"):
        low, high = 1 - low, 1 - high
    if relation in ("left", "right"):
        return (low, across, halves[0]), (high, drift, halves[1])
    return (across, low, halves[0]), (drift, high, halves[1])


@cache
def _noise_field() -> np.ndarray:
    return np.random.default_rng(7).standard_normal((1024, 1024)).astype(np.float32)


def _grain(size: int, rng: random.Random) -> np.ndarray:
    field = _noise_field()
    top, left = rng.randrange(1024 - size), rng.randrange(1024 - size)
    return field[top : top + size, left : left + size]


def _mottle(size: int, cells: int, rng: random.Random) -> np.ndarray:
    coarse = Image.fromarray(_grain(cells, rng))
    return np.asarray(coarse.resize((size, size), Image.Resampling.BILINEAR))


_BASE: dict[str, tuple[Colour, float]] = {
    "brick": ((150, 84, 66), 9.0),
    "grass": ((112, 150, 84), 14.0),
    "night": ((16, 20, 52), 5.0),
    "sand": ((218, 192, 146), 9.0),
    "snow": ((226, 234, 244), 6.0),
    "tiles": ((196, 202, 196), 5.0),
    "water": ((96, 156, 186), 10.0),
    "wood": ((156, 112, 72), 8.0),
}


def _paint_background(name: str, size: int, rng: random.Random) -> Image.Image:
    base, strength = _BASE[name]
    tint = np.array([value + rng.uniform(-12, 12) for value in base], dtype=np.float32)
    field = _mottle(size // 4, rng.randint(4, 10), rng) * strength
    small = np.clip(tint + field[:, :, None], 0, 255).astype(np.uint8)
    image = Image.fromarray(small).resize((size, size), Image.Resampling.BILINEAR)
    draw = ImageDraw.Draw(image)
    unit = size / 96

    def shade(factor: float) -> Colour:
        red, green, blue = (int(min(max(value * factor, 0), 255)) for value in tint)
        return red, green, blue

    if name == "brick":
        high, wide = rng.uniform(7, 11) * unit, rng.uniform(15, 22) * unit
        mortar, width = shade(1.35), max(1, round(unit))
        top, row = -rng.uniform(0, high), 0
        while top < size:
            draw.line((0, top, size, top), fill=mortar, width=width)
            left = -rng.uniform(0, 2) + (row % 2) * wide / 2
            while left < size:
                draw.line((left, top, left, top + high), fill=mortar, width=width)
                left += wide
            top, row = top + high, row + 1
    elif name == "grass":
        for _ in range(110):
            x, y, long = rng.uniform(0, size), rng.uniform(0, size), rng.uniform(3, 7) * unit
            lean = rng.uniform(-2, 2) * unit
            draw.line((x, y, x + lean, y - long), fill=shade(rng.uniform(0.6, 1.3)), width=max(1, round(unit * 0.8)))
    elif name == "night":
        for _ in range(rng.randint(25, 45)):
            x, y, radius = rng.uniform(0, size), rng.uniform(0, size), rng.uniform(0.3, 0.7) * unit
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=(230, 230, 210))
    elif name == "sand":
        for _ in range(120):
            x, y, radius = rng.uniform(0, size), rng.uniform(0, size), rng.uniform(0.3, 0.6) * unit
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=shade(rng.uniform(0.7, 0.9)))
    elif name == "snow":
        for _ in range(6):
            x, y, wide = rng.uniform(0, size), rng.uniform(0, size), rng.uniform(10, 30) * unit
            draw.arc(
                (x - wide, y - 3 * unit, x + wide, y + 6 * unit),
                190,
                350,
                fill=shade(0.88),
                width=max(1, round(unit)),
            )
    elif name == "tiles":
        side, offset = rng.uniform(15, 22) * unit, rng.uniform(0, 15) * unit
        for column in range(-1, int(size / side) + 2):
            for row in range(-1, int(size / side) + 2):
                if (column + row) % 2:
                    x, y = column * side + offset, row * side + offset
                    draw.rectangle((x, y, x + side, y + side), fill=shade(0.72))
    elif name == "water":
        for _ in range(26):
            x, y, wide = rng.uniform(0, size), rng.uniform(0, size), rng.uniform(4, 9) * unit
            draw.arc(
                (x - wide, y - 2 * unit, x + wide, y + 2 * unit),
                200,
                340,
                fill=shade(1.4),
                width=max(1, round(unit)),
            )
    else:
        high, top = rng.uniform(13, 20) * unit, -rng.uniform(0, 10) * unit
        while top < size:
            draw.line((0, top, size, top), fill=shade(0.55), width=max(1, round(1.2 * unit)))
            for _ in range(4):
                x, y = rng.uniform(0, size), top + rng.uniform(0.2, 0.8) * high
                draw.line((x, y, x + rng.uniform(8, 30) * unit, y), fill=shade(0.8), width=max(1, round(0.7 * unit)))
            top += high
    return image


def _paint_object(
    draw: ImageDraw.ImageDraw, group: Group, place: tuple[float, float, float], size: int, rng: random.Random
) -> None:
    x, y, half = (value * size for value in place)
    angle = math.radians(rng.uniform(-12, 12))
    wide, high = half * rng.uniform(0.9, 1.02), half * rng.uniform(0.9, 1.02)
    flip = rng.choice((-1.0, 1.0))
    shear = rng.uniform(-0.08, 0.08)
    cos, sin = math.cos(angle), math.sin(angle)

    def spot(point: tuple[float, float]) -> tuple[float, float]:
        a, b = (point[0] * flip + shear * point[1]) * wide, point[1] * high
        return x + a * cos - b * sin, y + a * sin + b * cos

    paints = _paints(group.colour, rng)
    parts = [(part.role, [spot(point) for point in part.points]) for part in SHAPES[group.noun]]
    width = max(2, round(size / 96 * 2))
    for _, points in parts:
        draw.line([*points, points[0]], fill=paints["outline"], width=width, joint="curve")
    for role, points in parts:
        draw.polygon(points, fill=paints[role])


def _paints(name: str, rng: random.Random) -> dict[str, Colour]:
    red, green, blue = (value + rng.uniform(-12, 12) for value in COLOURS[name])

    def paint(factor: float, lift: float = 0.0) -> Colour:
        first, second, third = (int(min(max(value * factor + lift, 0), 255)) for value in (red, green, blue))
        return first, second, third

    is_dark = name == "black"
    return {
        "body": paint(1.0),
        "dark": paint(0.74) if not is_dark else paint(1.0, 34),
        "light": paint(0.62, 98),
        "ink": (120, 122, 128) if is_dark else (42, 40, 44),
        "white": (236, 236, 232) if name != "white" else (176, 180, 190),
        "beak": (120, 122, 128) if is_dark else (214, 120, 40),
        "outline": (214, 214, 216) if is_dark else (24, 24, 28),
    }
