"""Outlines of the nouns of the synthetic image world, as polygons in a unit box.

Kept apart from the renderer because it is a table and nothing else. Each noun has a silhouette of its own,
since the tiny model has to tell all of them apart at about twenty pixels; curves are polygons, so that
turning, mirroring and stretching an object is one matrix product.
"""

from __future__ import annotations

import math
from typing import NamedTuple

Point = tuple[float, float]


class Part(NamedTuple):
    """One filled polygon of an object; x runs right, y runs down, both within -1..1."""

    role: str
    """Which paint it takes: body, dark, light, ink, white or beak."""
    points: tuple[Point, ...]


def _polygon(role: str, *points: Point) -> Part:
    return Part(role, points)


def _box(role: str, left: float, top: float, right: float, bottom: float) -> Part:
    return Part(role, ((left, top), (right, top), (right, bottom), (left, bottom)))


def _arc(role: str, x: float, y: float, rx: float, ry: float, start: float, stop: float) -> Part:
    steps = 20
    angles = (math.radians(start + (stop - start) * step / steps) for step in range(steps + 1))
    return Part(role, tuple((x + rx * math.cos(angle), y + ry * math.sin(angle)) for angle in angles))


def _oval(role: str, x: float, y: float, rx: float, ry: float) -> Part:
    return _arc(role, x, y, rx, ry, 0.0, 360.0)


def _star(role: str, points: int, outer: float, inner: float) -> Part:
    corners: list[Point] = []
    for index in range(2 * points):
        radius = outer if index % 2 == 0 else inner
        angle = math.pi * index / points - math.pi / 2
        corners.append((radius * math.cos(angle), radius * math.sin(angle)))
    return Part(role, tuple(corners))


def _heart(role: str) -> Part:
    corners: list[Point] = []
    for index in range(28):
        turn = 2 * math.pi * index / 28
        x = math.sin(turn) ** 3
        y = -(13 * math.cos(turn) - 5 * math.cos(2 * turn) - 2 * math.cos(3 * turn) - math.cos(4 * turn)) / 16
        corners.append((x, y))
    return Part(role, tuple(corners))


def _ring(role: str, x: float, y: float, outer: float, inner: float) -> Part:
    outside = _arc(role, x, y, outer, outer, 0.0, 360.0).points
    inside = _arc(role, x, y, inner, inner, 360.0, 0.0).points
    return Part(role, outside + inside)


SHAPES: dict[str, tuple[Part, ...]] = {
    "apple": (
        _polygon("ink", (-0.06, -0.5), (0.12, -1.0), (0.26, -0.95), (0.1, -0.4)),
        _oval("body", -0.36, 0.2, 0.56, 0.74),
        _oval("body", 0.36, 0.2, 0.56, 0.74),
        _oval("light", -0.5, -0.1, 0.14, 0.24),
    ),
    "bell": (
        _oval("ink", 0.0, 0.78, 0.22, 0.2),
        _polygon(
            "body",
            (-0.2, -0.8),
            (0.2, -0.8),
            (0.45, -0.5),
            (0.55, 0.2),
            (0.95, 0.7),
            (-0.95, 0.7),
            (-0.55, 0.2),
            (-0.45, -0.5),
        ),
        _oval("body", 0.0, -0.85, 0.14, 0.14),
        _box("dark", -0.6, 0.25, 0.6, 0.4),
    ),
    "boat": (
        _box("ink", -0.06, -1.0, 0.06, 0.4),
        _polygon("body", (0.12, -0.95), (0.9, 0.2), (0.12, 0.2)),
        _polygon("white", (-0.12, -0.75), (-0.12, 0.2), (-0.7, 0.2)),
        _polygon("body", (-1.0, 0.35), (1.0, 0.35), (0.65, 0.9), (-0.65, 0.9)),
    ),
    "book": (
        _polygon("white", (0.0, -0.5), (0.95, -0.72), (0.95, 0.55), (0.0, 0.75), (-0.95, 0.55), (-0.95, -0.72)),
        _polygon(
            "body",
            (-1.0, -0.62),
            (-0.86, -0.62),
            (-0.86, 0.5),
            (0.0, 0.7),
            (0.86, 0.5),
            (0.86, -0.62),
            (1.0, -0.62),
            (1.0, 0.7),
            (0.0, 0.95),
            (-1.0, 0.7),
        ),
        _polygon("body", (-0.75, -0.5), (-0.1, -0.34), (-0.1, 0.48), (-0.75, 0.34)),
        _polygon("body", (0.75, -0.5), (0.1, -0.34), (0.1, 0.48), (0.75, 0.34)),
    ),
    "bottle": (
        _box("ink", -0.2, -1.0, 0.2, -0.82),
        _polygon(
            "body",
            (-0.16, -0.82),
            (0.16, -0.82),
            (0.16, -0.4),
            (0.42, -0.1),
            (0.42, 1.0),
            (-0.42, 1.0),
            (-0.42, -0.1),
            (-0.16, -0.4),
        ),
        _box("white", -0.42, 0.2, 0.42, 0.6),
    ),
    "butterfly": (
        _oval("body", -0.55, -0.4, 0.45, 0.5),
        _oval("body", 0.55, -0.4, 0.45, 0.5),
        _oval("body", -0.45, 0.45, 0.36, 0.42),
        _oval("body", 0.45, 0.45, 0.36, 0.42),
        _oval("light", -0.58, -0.42, 0.18, 0.2),
        _oval("light", 0.58, -0.42, 0.18, 0.2),
        _oval("ink", 0.0, 0.05, 0.1, 0.72),
    ),
    "car": (
        _polygon("body", (-0.55, -0.1), (-0.3, -0.6), (0.35, -0.6), (0.6, -0.1)),
        _polygon("white", (-0.4, -0.12), (-0.22, -0.46), (0.0, -0.46), (0.0, -0.12)),
        _polygon("white", (0.08, -0.12), (0.08, -0.46), (0.28, -0.46), (0.44, -0.12)),
        _polygon("body", (-1.0, -0.1), (0.8, -0.1), (1.0, 0.1), (1.0, 0.45), (-1.0, 0.45)),
        _oval("ink", -0.55, 0.45, 0.26, 0.26),
        _oval("ink", 0.55, 0.45, 0.26, 0.26),
    ),
    "cat": (
        _polygon("body", (-0.85, -1.0), (-0.2, -0.5), (-0.75, -0.05)),
        _polygon("body", (0.85, -1.0), (0.2, -0.5), (0.75, -0.05)),
        _oval("body", 0.0, 0.15, 0.88, 0.75),
        _oval("white", -0.35, 0.0, 0.2, 0.2),
        _oval("white", 0.35, 0.0, 0.2, 0.2),
        _oval("ink", -0.35, 0.02, 0.1, 0.17),
        _oval("ink", 0.35, 0.02, 0.1, 0.17),
        _polygon("ink", (-0.14, 0.35), (0.14, 0.35), (0.0, 0.52)),
    ),
    "chair": (
        _box("body", -0.7, -1.0, -0.42, 1.0),
        _box("body", -0.7, 0.0, 0.7, 0.26),
        _box("body", 0.44, 0.26, 0.7, 1.0),
        _box("dark", -0.42, 0.0, 0.7, 0.08),
    ),
    "clock": (
        _polygon("ink", (-0.75, 1.0), (-0.45, 0.5), (-0.25, 0.65)),
        _polygon("ink", (0.75, 1.0), (0.45, 0.5), (0.25, 0.65)),
        _oval("body", -0.55, -0.7, 0.3, 0.26),
        _oval("body", 0.55, -0.7, 0.3, 0.26),
        _oval("body", 0.0, 0.05, 0.82, 0.82),
        _oval("white", 0.0, 0.05, 0.58, 0.58),
        _box("ink", -0.06, -0.42, 0.06, 0.1),
        _box("ink", -0.06, 0.0, 0.4, 0.12),
    ),
    "crown": (
        _polygon(
            "body",
            (-0.9, -0.65),
            (-0.45, 0.0),
            (0.0, -0.9),
            (0.45, 0.0),
            (0.9, -0.65),
            (0.8, 0.75),
            (-0.8, 0.75),
        ),
        _box("dark", -0.8, 0.5, 0.8, 0.75),
        _oval("light", 0.0, 0.25, 0.14, 0.14),
    ),
    "duck": (
        _polygon("body", (0.6, 0.1), (1.0, -0.25), (0.85, 0.5)),
        _oval("body", 0.1, 0.35, 0.8, 0.5),
        _oval("body", -0.45, -0.45, 0.4, 0.4),
        _polygon("beak", (-0.8, -0.6), (-1.1, -0.35), (-0.78, -0.25)),
        _oval("ink", -0.52, -0.55, 0.09, 0.09),
        _oval("dark", 0.25, 0.3, 0.38, 0.2),
    ),
    "fish": (
        _polygon("body", (0.4, 0.0), (1.0, -0.6), (0.85, 0.0), (1.0, 0.6)),
        _polygon("dark", (-0.2, -0.35), (0.3, -0.8), (0.3, -0.2)),
        _oval("body", -0.2, 0.0, 0.78, 0.5),
        _oval("white", -0.62, -0.12, 0.14, 0.14),
        _oval("ink", -0.62, -0.12, 0.07, 0.07),
    ),
    "flower": (
        _box("ink", -0.06, 0.1, 0.06, 1.0),
        _polygon("ink", (0.0, 0.8), (0.5, 0.5), (0.35, 0.85)),
        *(
            _oval(
                "body",
                0.42 * math.cos(index * math.pi / 3),
                -0.38 + 0.42 * math.sin(index * math.pi / 3),
                0.25,
                0.25,
            )
            for index in range(6)
        ),
        _oval("white", 0.0, -0.38, 0.22, 0.22),
    ),
    "hat": (
        _oval("body", 0.0, 0.55, 1.0, 0.24),
        _polygon("body", (-0.52, -0.8), (0.52, -0.8), (0.46, 0.5), (-0.46, 0.5)),
        _box("white", -0.48, 0.1, 0.48, 0.36),
    ),
    "heart": (_heart("body"), _oval("light", -0.5, -0.45, 0.18, 0.14)),
    "house": (
        _box("body", -0.7, -0.1, 0.7, 0.95),
        _polygon("dark", (-1.0, -0.1), (0.0, -1.0), (1.0, -0.1)),
        _box("white", -0.5, 0.15, -0.1, 0.5),
        _box("ink", 0.12, 0.3, 0.46, 0.95),
    ),
    "key": (
        _ring("body", -0.58, 0.0, 0.42, 0.17),
        _box("body", -0.2, -0.12, 1.0, 0.12),
        _box("body", 0.5, 0.1, 0.64, 0.45),
        _box("body", 0.82, 0.1, 0.98, 0.52),
    ),
    "ladder": (
        _box("body", -0.5, -1.0, -0.3, 1.0),
        _box("body", 0.3, -1.0, 0.5, 1.0),
        *(_box("body", -0.4, y - 0.09, 0.4, y + 0.09) for y in (-0.7, -0.23, 0.23, 0.7)),
    ),
    "mug": (
        _ring("body", 0.6, 0.05, 0.42, 0.22),
        _box("body", -0.75, -0.7, 0.5, 0.8),
        _oval("dark", -0.125, -0.7, 0.62, 0.16),
    ),
    "mushroom": (
        _polygon("white", (-0.25, 0.0), (0.25, 0.0), (0.36, 0.95), (-0.36, 0.95)),
        _arc("body", 0.0, 0.15, 1.0, 1.0, 180.0, 360.0),
        _oval("white", -0.45, -0.25, 0.17, 0.15),
        _oval("white", 0.1, -0.5, 0.17, 0.15),
        _oval("white", 0.5, -0.1, 0.15, 0.13),
    ),
    "plane": (
        _polygon(
            "body",
            (-0.05, -0.2),
            (0.2, -0.2),
            (0.95, 0.35),
            (0.95, 0.5),
            (-0.95, 0.5),
            (-0.95, 0.35),
            (-0.2, -0.2),
        ),
        _polygon("body", (0.0, 0.65), (0.42, 0.95), (-0.42, 0.95)),
        _oval("body", 0.0, 0.0, 0.18, 1.0),
        _oval("white", 0.0, -0.7, 0.09, 0.12),
    ),
    "star": (_star("body", 5, 1.0, 0.42),),
    "umbrella": (
        _box("ink", -0.06, -0.95, 0.06, 0.8),
        _arc("ink", 0.2, 0.75, 0.26, 0.24, 0.0, 180.0),
        _arc("body", 0.0, 0.15, 1.0, 0.95, 180.0, 360.0),
        _oval("dark", 0.0, 0.12, 0.3, 0.12),
        _oval("dark", -0.66, 0.12, 0.3, 0.12),
        _oval("dark", 0.66, 0.12, 0.3, 0.12),
    ),
}
"""Noun to its parts, drawn in this order; tree is left out on purpose (at twenty pixels it is a mushroom)."""
