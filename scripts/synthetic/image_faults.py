"""The image half of the demo data: rendered scenes, true captions, and faults planted on purpose.

Faults are dealt out before anything is drawn, so that a wrong caption can be checked against the scene it
lands on: every planted caption fault is really false (or really empty of meaning) for its picture.
"""

from __future__ import annotations

import io
import json
import random
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from scripts.synthetic.captions import VAGUE, Claim, alter_claim, false_claims, full_claim, word
from scripts.synthetic.scenes import Scene, make_scene, render

IMAGE_FAULTS: dict[str, float] = {
    "caption_shuffled": 0.045,
    "caption_shifted": 0.04,
    "attribute_changed": 0.055,
    "caption_vague": 0.03,
    "caption_boilerplate": 0.025,
    "caption_filename": 0.02,
    "caption_empty": 0.015,
    "image_duplicate": 0.02,
    "image_near_duplicate": 0.02,
    "image_truncated": 0.015,
    "image_missing": 0.015,
    "image_blank": 0.015,
}
"""Fault to its share of the rows; a little under 0.32 together."""
MIN_IMAGES = 40
MIN_SHIFTED = 8
CHANGED_ATTRIBUTES = ("colour", "object", "count", "relation")
BOILERPLATE = "Shop our new collection online today and get free delivery on every order"
_VAGUE = (*VAGUE, "nice!", "just a picture", "one of my photos")
_PIXELS = 192
_QUALITY = (82, 90)


@dataclass(slots=True, kw_only=True)
class _Row:
    name: str
    fault: str | None = None
    scene: Scene
    caption: str = ""
    copied_from: int | None = None


def write_image_caption(out_dir: Path, count: int, rng: random.Random) -> list[tuple[str, str | None]]:
    """Write an imagefolder with planted faults.

    Args:
        out_dir: Becomes the imagefolder: metadata.jsonl and images/.
        count: Rows of the manifest, MIN_IMAGES or more.
        rng: Decides everything; equal state gives equal bytes.

    Returns:
        Id and fault (None for a clean pair) of each row, in manifest order.

    Raises:
        ValueError: `count` is too small to hold each fault.
    """
    if count < MIN_IMAGES:
        raise ValueError(f"{count} images asked for, but every fault needs its rows: at least {MIN_IMAGES}")
    rows = _plan(count, rng)
    _write_captions(rows, rng)
    (out_dir / "images").mkdir(parents=True, exist_ok=True)
    _write_images(rows, out_dir, rng)
    with (out_dir / "metadata.jsonl").open("w", encoding="utf-8", newline="\n") as file:
        for row in rows:
            record = {
                "id": row.name,
                "file_name": f"images/{row.name}.jpg",
                "text": row.caption,
                "source": rng.choice(("album-a", "album-b", "album-c")),
                "license": "CC0-1.0",
                "width": _PIXELS,
                "height": _PIXELS,
            }
            file.write(json.dumps(record, ensure_ascii=False) + "\n")
    return [(row.name, row.fault) for row in rows]


def _plan(count: int, rng: random.Random) -> list[_Row]:
    rows = [_Row(name=f"img-{index + 1:05d}", scene=make_scene(rng)) for index in range(count)]
    shifted = max(MIN_SHIFTED, round(IMAGE_FAULTS["caption_shifted"] * count))
    start = rng.randrange(2, count - shifted - 1)
    block = list(range(start, start + shifted))
    for index in block:
        rows[index].fault = "caption_shifted"
    # The last of the block meets its first one's caption, so those two must differ as well.
    for place, index in enumerate(block):
        last = rows[block[0]].scene if place == shifted - 1 else None
        while not _is_apart(rows[index].scene, rows[index - 1].scene, last):
            rows[index].scene = make_scene(rng)
    free = [index for index in range(count) if rows[index].fault is None]
    rng.shuffle(free)
    copies: list[int] = []
    for fault, share in IMAGE_FAULTS.items():
        if fault == "caption_shifted":
            continue
        lowest = 2 if fault in ("caption_shuffled", "caption_boilerplate") else 1
        lowest = len(CHANGED_ATTRIBUTES) if fault == "attribute_changed" else lowest
        for _ in range(max(lowest, round(share * count))):
            index = free.pop()
            rows[index].fault = fault
            if fault in ("image_duplicate", "image_near_duplicate"):
                copies.append(index)
    _choose_originals(rows, copies, rng)
    return rows


def _choose_originals(rows: list[_Row], copies: list[int], rng: random.Random) -> None:
    originals = [index for index, row in enumerate(rows) if row.fault is None]
    for index in copies:
        earlier = [original for original in originals if original < index]
        if not earlier:
            # A copy stands after its original; this one came before every clean row: it swaps with one.
            clean = originals.pop()
            rows[clean].fault, rows[index].fault = rows[index].fault, None
            earlier, index = [index], clean
        original = rng.choice(earlier)
        if original in originals:
            originals.remove(original)
        rows[index].copied_from = original
        rows[index].scene = rows[original].scene


def _write_captions(rows: list[_Row], rng: random.Random) -> None:
    for row in rows:
        row.caption = word(full_claim(row.scene, rng), rng)
    true_captions = [row.caption for row in rows]
    shuffled = [index for index, row in enumerate(rows) if row.fault == "caption_shuffled"]
    for index, source in _derange(shuffled, rows, rng).items():
        rows[index].caption = true_captions[source]
    shifted = [index for index, row in enumerate(rows) if row.fault == "caption_shifted"]
    for index in shifted:
        rows[index].caption = true_captions[index - 1 if index > shifted[0] else shifted[-1]]
    changed = [row for row in rows if row.fault == "attribute_changed"]
    for turn, row in enumerate(changed):
        row.caption = word(_falsify(row, CHANGED_ATTRIBUTES[turn % len(CHANGED_ATTRIBUTES)], rng), rng)
    endings = ("", "", " ", "\n")
    for row in rows:
        if row.fault == "caption_vague":
            row.caption = rng.choice(_VAGUE)
        elif row.fault == "caption_boilerplate":
            row.caption = BOILERPLATE
        elif row.fault == "caption_filename":
            row.caption = _filename(rng)
        elif row.fault == "caption_empty":
            row.caption = rng.choice(endings)
        elif row.fault == "image_duplicate" and row.copied_from is not None:
            # The same file under another caption would be one image with two captions, which is no fault.
            row.caption = rows[row.copied_from].caption


def _derange(indices: list[int], rows: list[_Row], rng: random.Random) -> dict[int, int]:
    """Return whose caption each index takes; scenes are made anew until a full exchange is possible."""
    while True:
        for _ in range(200):
            sources = indices[:]
            rng.shuffle(sources)
            pairs = dict(zip(indices, sources, strict=True))
            if all(_is_apart(rows[index].scene, rows[source].scene) for index, source in pairs.items()):
                return pairs
        for index in indices:
            rows[index].scene = make_scene(rng)
            rows[index].caption = word(full_claim(rows[index].scene, rng), rng)


def _falsify(row: _Row, attribute: str, rng: random.Random) -> Claim:
    claim = full_claim(row.scene, rng)
    while attribute not in false_claims(claim, row.scene):
        row.scene = make_scene(rng)
        claim = full_claim(row.scene, rng)
    return alter_claim(claim, row.scene, attribute, rng)


def _is_apart(scene: Scene, *others: Scene | None) -> bool:
    nouns = {group.noun for group in scene.groups}
    return all(nouns.isdisjoint(group.noun for group in other.groups) for other in others if other is not None)


def _filename(rng: random.Random) -> str:
    number = rng.randrange(10_000)
    day = f"2024{rng.randint(1, 12):02d}{rng.randint(1, 28):02d}"
    return rng.choice(
        (
            f"IMG_{number:04d}.JPG",
            f"DSC{number:05d}.jpg",
            f"IMG_{day}_{rng.randrange(240_000):06d}.jpg",
            f"image-{number:05d}.png",
            f"photo_{number}_final(2).jpeg",
        )
    )


def _write_images(rows: list[_Row], out_dir: Path, rng: random.Random) -> None:
    files: list[bytes] = []
    for row in rows:
        data = _encode(render(row.scene, size=_PIXELS), rng.randint(*_QUALITY))
        files.append(data)
    for index, row in enumerate(rows):
        data = files[index]
        if row.fault == "image_missing":
            continue
        if row.fault == "image_duplicate" and row.copied_from is not None:
            data = files[row.copied_from]
        elif row.fault == "image_near_duplicate" and row.copied_from is not None:
            data = _near_copy(files[row.copied_from], rng)
        elif row.fault == "image_truncated":
            data = data[: int(len(data) * rng.uniform(0.2, 0.7))]
        elif row.fault == "image_blank":
            grey = rng.choice((0, 128, 255))
            data = _encode(Image.new("RGB", (_PIXELS, _PIXELS), (grey, grey, grey)), 85)
        (out_dir / "images" / f"{row.name}.jpg").write_bytes(data)


def _near_copy(data: bytes, rng: random.Random) -> bytes:
    image = Image.open(io.BytesIO(data)).convert("RGB")
    left, top, right, bottom = (rng.randint(0, 4) for _ in range(4))
    cropped = image.crop((left, top, _PIXELS - right, _PIXELS - bottom))
    return _encode(cropped.resize((_PIXELS, _PIXELS), Image.Resampling.BICUBIC), rng.randint(60, 72))


def _encode(image: Image.Image, quality: int) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()
