"""Altered copies of real pictures: which of them stand in one group with their original, without a model.

Each picture gets one copy of one kind beside it, and `mmcheck scan --probes media` looks for near-duplicates. The same
stored hashes are compared once more without the further looks, which is what a plain perceptual hash tells.
"""

from __future__ import annotations

import json
import random
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageOps

import mmcheck
from mmcheck.config.analyses import DuplicatesConfig
from mmcheck.corpus.duplicates.near_images import ImageItems, NearImages
from mmcheck.corpus.neighbour_index import NeighbourIndex
from mmcheck.store.media_columns import IMAGE_COLOURS, IMAGE_HASH, IMAGE_VIEWS
from mmcheck.store.run_folder import RunFolder, read_part
from mmcheck.store.schema import read_bytes
from scripts.benchmarks.quality_parts.tables import number, table
from scripts.benchmarks.real_parts.intervals import wilson
from scripts.benchmarks.real_parts.recordings import NoRealDataError

Log = Callable[[str], None]
Edit = Callable[[Image.Image, random.Random], Image.Image]

_FOLDER = "real-images"
_BORDER = 0.08
"""Width of a border, as a share of the shorter side."""
_BAND = 0.125
"""Height of a band of writing, as a share of the picture's height."""
_LETTERS = (0.25, 0.4, 0.6)
"""Heights of letters, as shares of the band's."""
_LETTERBOX = 16 / 9
_WORDS = "Image courtesy of the archive, reprinted with permission"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What was found of one kind of copy."""

    how: str
    num_copies: int
    by_hash: int
    """Copies that the plain hash alone tells."""
    found: int
    """Copies in one group with their original."""
    other: int
    """Rows in one group with a row of another picture, beyond those of the pictures by themselves."""


def measure(data: Path, log: Log, *, most: int | None = None) -> list[Outcome]:
    """Return what was found, by kind of copy.

    Args:
        data: Folder that holds `real-images`.
        log: Told what is being done.
        most: So many pictures only.

    Raises:
        NoRealDataError: If the pictures are absent.
    """
    manifest = data / _FOLDER / "metadata.jsonl"
    if not manifest.is_file():
        raise NoRealDataError(f"{manifest} is absent")
    rows = [json.loads(line) for line in manifest.read_text("utf-8").splitlines()]
    pictures = [manifest.parent / row["file_name"] for row in rows][:most]
    with tempfile.TemporaryDirectory() as scratch:
        joined = _other_joined(_scan(Path(scratch) / "originals", pictures, None))
        found = []
        for how, edit in EDITS.items():
            log(f"images: {how}")
            run = _scan(Path(scratch) / how.replace(" ", "-").replace("%", ""), pictures, edit)
            group = _groups(run)
            pairs = [(f"{number:04}a", f"{number:04}b") for number in range(len(pictures))]
            together = [group.get(one) is not None and group.get(one) == group.get(other) for one, other in pairs]
            found.append(
                Outcome(
                    how=how,
                    num_copies=len(pairs),
                    by_hash=_told_by_hash(run, pairs),
                    found=sum(together),
                    other=len(_other_joined(run) - joined),
                )
            )
    return found


def write_images(outcomes: Sequence[Outcome]) -> str:
    """Return the markdown of the part."""
    lines = []
    for one in outcomes:
        low, high = wilson(one.found, one.num_copies)
        plain = number(one.by_hash / one.num_copies)
        share = f"{number(one.found / one.num_copies)} ({number(low)} to {number(high)})"
        lines.append([one.how, plain, share, str(one.other)])
    head = ["copy", "plain hash alone", "with the further looks (95 % interval)", "pictures joined besides"]
    return f"{outcomes[0].num_copies} pictures.\n\n{table(head, lines)}"


def plain(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """Return the outcomes fit for JSON."""
    return [asdict(one) for one in outcomes]


def _scan(folder: Path, pictures: Sequence[Path], edit: Edit | None) -> RunFolder:
    """Scan pictures (`0000a`, `0001a` ...) and a copy of each (`0000b` ...), if an edit makes one."""
    folder.mkdir()
    rows = []
    for place, path in enumerate(pictures):
        # One generator a picture: what is drawn does not depend on the others.
        rng = random.Random(place)
        with Image.open(path) as opened:
            picture = ImageOps.exif_transpose(opened).convert("RGB")
        made = {"a": picture} | ({"b": edit(picture, rng)} if edit else {})
        for side, image in made.items():
            name = f"{place:04}{side}.jpg"
            image.save(folder / name, "JPEG", quality=90 if side == "a" else 85)
            rows.append(json.dumps({"id": f"{place:04}{side}", "image": name, "caption": f"picture {place}"}))
    (folder / "pairs.jsonl").write_text("\n".join(rows) + "\n", "utf-8")
    run = mmcheck.scan(folder / "pairs.jsonl", folder / "run", config="default", probes=["media"])
    return RunFolder(run.path)


def _groups(run: RunFolder) -> dict[str, int]:
    table_ = mmcheck.open_run(run.path).samples().to_arrow()
    numbers = table_["duplicates.image_group"].to_pylist()
    return {key: int(group) for key, group in zip(table_["id"].to_pylist(), numbers, strict=True) if group is not None}


def _other_joined(run: RunFolder) -> set[tuple[str, str]]:
    """Return pairs of pictures that share a group, though they are other ones."""
    members: dict[int, set[str]] = {}
    for key, group in _groups(run).items():
        members.setdefault(group, set()).add(key[:4])
    return {(one, other) for group in members.values() for one in group for other in group if one < other}


def _told_by_hash(run: RunFolder, pairs: Sequence[tuple[str, str]]) -> int:
    """Return how many copies are near-duplicates of their originals where no further look is taken."""
    ids: list[str] = []
    blocks: list[list[np.ndarray[Any, Any]]] = []
    for shard in run.shards():
        ids += read_part(run.samples_part(shard), ["id"])["id"].to_pylist()
        media = read_part(run.measurements_part("media", shard))
        blocks.append([read_bytes(media, column, media.num_rows)[1] for column in (IMAGE_HASH, IMAGE_COLOURS)])
    phash, colours = (np.concatenate([block[place] for block in blocks]) for place in (0, 1))
    items = ImageItems(
        phash=np.ascontiguousarray(phash).view(">u8")[:, 0].astype(np.uint64),
        colours=colours,
        views=np.zeros((len(ids), IMAGE_VIEWS.size), dtype=np.uint8),
        has_hash=np.ones(len(ids), dtype=bool),
        place=np.full(len(ids), -1, dtype=np.int64),
        index=NeighbourIndex(1, 0),
    )
    at = {key: row for row, key in enumerate(ids)}
    first, second = (np.array([at[pair[side]] for pair in pairs]) for side in (0, 1))
    return int(np.isfinite(NearImages(items, DuplicatesConfig()).compare(first, second)).sum())


def _mirrored(picture: Image.Image, rng: random.Random) -> Image.Image:
    return ImageOps.mirror(picture)


def _bordered(picture: Image.Image, rng: random.Random) -> Image.Image:
    width = max(1, round(_BORDER * min(picture.size)))
    return ImageOps.expand(picture, width, rng.choice(("white", "black", "gray")))


def _letterboxed(picture: Image.Image, rng: random.Random) -> Image.Image:
    width, height = picture.size
    size = (width, round(width * _LETTERBOX)) if width >= height else (round(height * _LETTERBOX), height)
    return ImageOps.pad(picture, size, color="black")


def _captioned(picture: Image.Image, rng: random.Random) -> Image.Image:
    band = max(12, round(_BAND * picture.height))
    made = Image.new("RGB", (picture.width, picture.height + band), "white")
    made.paste(picture)
    letters = max(8, round(band * rng.choice(_LETTERS)))
    top = picture.height + (band - letters) // 2
    ImageDraw.Draw(made).text((8, top), _WORDS, fill="black", font_size=letters)
    return made


def _crop(share: float) -> Edit:
    def cropped(picture: Image.Image, rng: random.Random) -> Image.Image:
        width, height = picture.size
        left, right = (round(rng.uniform(0.0, share) * width) for _ in range(2))
        top, bottom = (round(rng.uniform(0.0, share) * height) for _ in range(2))
        return picture.crop((left, top, width - right, height - bottom))

    return cropped


def _saved(picture: Image.Image, rng: random.Random) -> Image.Image:
    return picture.resize((max(1, picture.width // 2), max(1, picture.height // 2)))


def _two_edits(picture: Image.Image, rng: random.Random) -> Image.Image:
    return _bordered(_mirrored(picture, rng), rng)


EDITS: dict[str, Edit] = {
    "mirrored": _mirrored,
    "bordered": _bordered,
    "letterboxed": _letterboxed,
    "with a caption below": _captioned,
    "cropped by up to 2 % a side": _crop(0.02),
    "cropped by up to 5 % a side": _crop(0.05),
    "cropped by up to 10 % a side": _crop(0.10),
    "half the size, saved again": _saved,
    "mirrored and bordered": _two_edits,
}
"""Ways to alter a picture."""
