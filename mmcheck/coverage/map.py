"""The map of a set as an HTML fragment: points, names and what a point shows, without anything from outside.

The drawing is plain SVG, so that it is there in print and without scripts; the page's script only adds pictures,
search, zoom and keys. Pictures travel in sheets of 256 tiles: thousands of single JPEGs would be three times the
bytes. What a manifest says stands in the fragment as text, never as markup or script.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow.compute as pc
from markupsafe import Markup

from mmcheck.core.types import Sample
from mmcheck.coverage.cover import VIEWS
from mmcheck.coverage.summary import FOLDER, CoverageSummary, ViewSummary
from mmcheck.report.page import asset, environment
from mmcheck.report.picture_sheets import COLUMNS, TILE, make_sheets
from mmcheck.report.shown_text import format_count, show_plain
from mmcheck.store.run_folder import RunFolder, StoredShard, read_part
from mmcheck.store.schema import table_to_samples

WIDTH, HEIGHT = 1000, 640
"""Size of the drawing in SVG units. Our own choice: it fits a laptop's window."""
PACKAGE = "mmcheck.coverage"
MAX_THUMBNAILS = 3500
"""Pictures on one map. Our own choice: bounds the size of the page."""
_MARGIN = 26  # space at the edges, in SVG units; our own choice: looks
NUM_COLOURS = 12
"""Colours that clusters are told apart by, in turn. Our own choice: more cannot be told apart."""
_TEXT = 220  # characters of a point's text; our own choice: bounds the size of the page
_LETTER, _LINE = 8.0, 16.0  # width of a letter and height of a line of a name, in SVG units; given by the page's font


@dataclass(frozen=True, slots=True, kw_only=True)
class MapPoint:
    """One sample on the map."""

    number: int
    """Its place in the page's data."""
    x: float
    """Across."""
    y: float
    """Down."""
    classes: str
    """Colour and marks, as CSS classes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MapLabel:
    """The name of a cluster."""

    cluster: int
    """Its number."""
    text: str
    """Its name, safe to show."""
    x: float
    """Its middle."""
    y: float
    """Its base line."""
    is_minor: bool
    """Whether there is no room for it until the map is enlarged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverageMap:
    """The map of one view, ready for the template."""

    view: str
    """``image``, ``text`` or ``audio``."""
    title: str
    """What it shows, in one sentence."""
    method: str
    """``t-SNE`` or ``PCA``."""
    wrong_word: str
    """``misaligned`` or ``quarantined``."""
    radius: float
    """Of a point."""
    points: tuple[MapPoint, ...]
    """Points, those to be seen drawn last."""
    labels: tuple[MapLabel, ...]
    """Names of clusters."""
    sheets: tuple[str, ...]
    """``data:`` URIs of pictures."""
    data: Markup
    """JSON on the points, escaped for HTML text."""
    left_out: int
    """Samples of the set that are not drawn."""
    width: int = WIDTH
    """Of the drawing, SVG units."""
    height: int = HEIGHT
    """Of the drawing, SVG units."""


def map_style() -> str:
    """Return the style that a map needs, beside ``report.css``."""
    return asset("page.css", PACKAGE)


def map_script() -> str:
    """Return the script that makes every map on a page answer."""
    return asset("page.js", PACKAGE)


def render_map(drawing: CoverageMap) -> Markup:
    """Return a map as HTML, for a page that has ``map_style`` and ``map_script``."""
    template = environment(PACKAGE).from_string(
        '{% from "map.html.j2" import coverage_map %}{{ coverage_map(drawing) }}'
    )
    return Markup(template.render(drawing=drawing))


def draw_map(
    run: RunFolder,
    view: str,
    summary: CoverageSummary,
    *,
    max_thumbnails: int = MAX_THUMBNAILS,
    advance: Callable[[], None] = lambda: None,
) -> CoverageMap | None:
    """Return the map of one view from the tables in ``coverage/``, or None if the view has none.

    Args:
        run: A run for which ``mmcheck coverage`` was called.
        view: ``image``, ``text`` or ``audio``.
        summary: The contents of ``coverage/summary.json``.
        max_thumbnails: Points that get a picture, read from the media; 0: no medium is opened.
        advance: Called for each picture.

    Raises:
        RunError: If a table is missing or damaged.
    """
    kind = VIEWS[view].kind
    part = summary.views.get(view)
    if part is None or part.state != "clustered":
        return None
    table = read_part(run.path / FOLDER / "samples.parquet")
    own = table.filter(pc.equal(table["view"].cast("string"), view))
    mapped = own.filter(own["is_mapped"])
    rows = mapped.select(["index", "cluster", "x", "y", "misaligned", "is_vague", "is_lonely"]).to_pylist()
    samples = load_samples(run, [row["index"] for row in rows])
    names = [show_plain(cluster.name, 60) for cluster in part.clusters]
    wanted = _thumbnail_rows(part, rows, max_thumbnails) if kind.is_seen else []
    tiles, sheets = make_sheets(run, [kind.medium_of(samples[index]) for index in wanted], advance)
    tile_of = {index: tile for index, tile in zip(wanted, tiles, strict=True) if tile is not None}
    places = _places(rows)
    points = [
        MapPoint(number=n, x=x, y=y, classes=_classes(row))
        for n, (row, (x, y)) in enumerate(zip(rows, places, strict=True))
    ]
    texts = [
        [
            show_plain(samples[row["index"]].id, 120),
            _text(kind.text_of(samples[row["index"]])),
            f"{show_plain(samples[row['index']].manifest.rstrip('/').rsplit('/', 1)[-1], 60)}:"
            f"{samples[row['index']].row_number}",
            row["cluster"],
            tile_of.get(row["index"]),
        ]
        for row in rows
    ]
    return CoverageMap(
        view=view,
        title=f"Map of {format_count(len(rows))} of {format_count(part.rows)} {view}s in {len(names)} clusters",
        method=part.map,
        wrong_word=summary.wrong_word,
        radius=round(min(6.0, max(2.6, 150 / max(len(rows), 1) ** 0.5)), 2),
        points=tuple(sorted(points, key=lambda point: ("m1" in point.classes, point.number))),
        labels=tuple(_labels(names, rows, places)),
        sheets=tuple(sheets),
        data=_embed({"names": names, "points": texts, "tile": TILE, "columns": COLUMNS}),
        left_out=part.rows - len(rows),
    )


def load_samples(run: RunFolder, indices: Sequence[int]) -> dict[int, Sample]:
    """Return samples by their number in the run."""
    found: dict[int, Sample] = {}
    wanted = np.unique(np.array(list(indices), dtype=np.int64))
    for shard in run.shards():
        own = wanted[np.searchsorted(wanted, shard.start) : np.searchsorted(wanted, shard.stop)]
        if len(own):
            samples = table_to_samples(StoredShard(run, shard).samples().take(own - shard.start))
            found.update(zip(own.tolist(), samples, strict=True))
    return found


def _thumbnail_rows(part: ViewSummary, rows: Sequence[Mapping[str, Any]], count: int) -> list[int]:
    """Return which points get a picture: typical ones of each cluster first, then whatever the set's order gives."""
    typical = {entry.index for cluster in part.clusters for entry in cluster.typical}
    order = [row["index"] for row in rows]
    return [*(i for i in order if i in typical), *(i for i in order if i not in typical)][:count]


def _places(rows: Sequence[Mapping[str, Any]]) -> list[tuple[float, float]]:
    """Return the points in SVG units; each axis is stretched to the frame, since neither has a meaning of its own."""
    points = np.array([[row["x"], row["y"]] for row in rows], dtype=np.float64).reshape(-1, 2)
    low, high = points.min(axis=0), points.max(axis=0)
    span = np.where(high - low > 1e-9, high - low, 1.0)
    room = np.array([WIDTH - 2 * _MARGIN, HEIGHT - 2 * _MARGIN])
    placed = _MARGIN + (points - low) / span * room
    return [(round(x, 1), round(y, 1)) for x, y in placed.tolist()]


def _classes(row: Mapping[str, Any]) -> str:
    marks = [f"k{row['cluster'] % NUM_COLOURS}"]
    if row["misaligned"] is not None:
        marks.append("m1" if row["misaligned"] else "m0")
    if row["is_vague"]:
        marks.append("v1")
    if row["is_lonely"]:
        marks.append("l1")
    return " ".join(marks)


def _text(text: str | None) -> str:
    return "(no text)" if not text else show_plain(text, _TEXT)


def _labels(
    names: Sequence[str], rows: Sequence[Mapping[str, Any]], places: Sequence[tuple[float, float]]
) -> list[MapLabel]:
    """Return a name on the middle of each cluster, moved a little where it would lie on another."""
    clusters = np.array([row["cluster"] for row in rows])
    points = np.array(places)
    taken: list[tuple[float, float, float]] = []
    labels = []
    for cluster, name in enumerate(names):
        own = points[clusters == cluster]
        if not len(own):
            continue
        # The middle of a cluster in two pieces is in neither; the point nearest to it is in one.
        middle = own[np.linalg.norm(own - np.median(own, axis=0), axis=1).argmin()]
        half = _LETTER * len(name) / 2
        x = float(np.clip(middle[0], half + 4, WIDTH - half - 4))
        tries = [float(middle[1]) + shift * _LINE for shift in (-0.6, 0.9, -1.6, 1.9)]
        free = [
            y for y in tries if _LINE < y < HEIGHT - 4 and not any(_overlap((x, y, half), other) for other in taken)
        ]
        y = free[0] if free else float(np.clip(tries[0], _LINE, HEIGHT - 4))
        if free:
            taken.append((x, y, half))
        labels.append(MapLabel(cluster=cluster, text=name, x=round(x, 1), y=round(y, 1), is_minor=not free))
    return labels


def _overlap(one: tuple[float, float, float], other: tuple[float, float, float]) -> bool:
    return abs(one[0] - other[0]) < one[2] + other[2] + 4 and abs(one[1] - other[1]) < _LINE


def _embed(value: object) -> Markup:
    """Return JSON that may stand as text in HTML: no character of it can open or close markup."""
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"))
    for character in "&<>":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)
